"""A file that stays open, so that what is read from it later is what was read from it first."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fowergram_db.errors import FileFault, Location

CHUNK = 1 << 18


class OpenedFile:
    """A file that was opened for reading; closed when nobody has it any more.

    Its name may be taken away or given to another file meanwhile. Raises FileFault where the file itself changes.
    """

    __slots__ = ("_fd", "_seen", "path", "size")

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError."""
        self.path = path
        self._fd = -1
        self._fd = os.open(path, os.O_RDONLY)
        self._seen = self._state()
        self.size = self._seen[0]

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def chunks(self, begin: int = 0, end: int | None = None, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the bytes from one offset to another, by default all, in chunks of at most ``size``.

        Raises FileFault before it yields what is not as it was when the file was opened.
        """
        end = self.size if end is None else end
        while begin < end:
            try:
                chunk = os.pread(self._fd, min(size, end - begin), begin)
            except OSError as error:
                raise self._fault(f"cannot be read: {error.strerror}") from error
            if not chunk or self._state() != self._seen:
                raise self._fault("was changed while it was in use")
            yield chunk
            begin += len(chunk)

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self._fd)
        return found.st_size, found.st_mtime_ns

    def _fault(self, fact: str) -> FileFault:
        return FileFault(
            f"{self.path.name} {fact}",
            hint="Run the command again, and leave the file alone meanwhile.",
            location=Location(str(self.path)),
        )


def without_cr(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Turn CRLF line ends into LF, one that the end of a chunk has cut too.

    >>> list(without_cr([b"a\r", b"\nb\r\n", b"\r"]))
    [b'a', b'\nb\n', b'\r']
    """
    held = b""
    for chunk in chunks:
        whole = held + chunk
        held = b"\r" if whole.endswith(b"\r") else b""
        if ready := whole.removesuffix(held).replace(b"\r\n", b"\n"):
            yield ready
    if held:
        yield held
