"""Keep a file open, so that later reads return the same bytes as the first."""

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from fowergram_db.errors import FileFault, Location

CHUNK = 1 << 18
# Linux records times in steps of at most 10 ms: within one, a second change of a file does not show.
_STEP_NS = 20_000_000
_State = tuple[int, int, int]
_NEVER: _State = (-1, -1, -1)
_AGAIN = "Run the command again, and do not change the file meanwhile."


class StableFile:
    """A file that was opened for reading; it is closed when no code refers to it any more.

    Its name may be removed or given to another file meanwhile. Raises FileFault if the file itself changes.
    """

    __slots__ = ("_digest", "_fd", "_seen", "path", "size")

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError, and FileFault if it is no regular file: a directory, a pipe, a device."""
        self.path = path
        self._fd = -1
        self._digest = ""
        # Without O_NONBLOCK, opening a pipe waits for a writer.
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        found = os.fstat(self._fd)
        if not stat.S_ISREG(found.st_mode):
            raise self._fault("cannot be read: it is not a regular file", "Rename or remove it.")
        self._seen = _state_of(found)
        self.size = found.st_size

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def chunks(self, begin: int = 0, end: int | None = None, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the bytes from one offset to another, by default all, in chunks of at most ``size``.

        Raises FileFault before it yields bytes that changed after the file was opened, and for a file whose size is
        not what the system says, such as those in /proc and /sys.
        """
        stop = self.size if end is None else end
        while begin < stop:
            chunk = self._read(min(size, stop - begin), begin)
            self._require_unchanged()
            if not chunk:
                raise self._fault("cannot be read: it ends before its size")
            yield chunk
            begin += len(chunk)
        if end is None and self._read(1, self.size):
            self._require_unchanged()
            raise self._fault(
                f"cannot be read: it contains more than its size of {self.size} bytes", "Copy it to a file on a disk."
            )

    def seal(self, digest: str) -> None:
        """Take the SHA-256 of all its bytes: from now on it decides, if a time shows that the file may have changed.

        Renaming a file changes such a time, too; and a program can set the modification time.
        """
        self._digest = digest
        if _is_fresh(self._seen):
            self._seen = _NEVER

    def _read(self, size: int, begin: int) -> bytes:
        try:
            return os.pread(self._fd, size, begin)
        except OSError as error:
            raise self._fault(f"cannot be read: {error.strerror}") from error

    def _require_unchanged(self) -> None:
        state = self._state()
        if state == self._seen:
            return
        if not self._digest or self._digest_now() != self._digest:
            raise self._fault("was changed while it was in use")
        self._seen = _NEVER if _is_fresh(state) else state

    def _digest_now(self) -> str:
        digest, at = hashlib.sha256(), 0
        while chunk := self._read(CHUNK, at):
            digest.update(chunk)
            at += len(chunk)
        return digest.hexdigest()

    def _state(self) -> _State:
        return _state_of(os.fstat(self._fd))

    def _fault(self, fact: str, hint: str = _AGAIN) -> FileFault:
        return FileFault(
            f"{self.path.name} {fact}",
            hint=hint,
            location=Location(str(self.path)),
        )


def _state_of(found: os.stat_result) -> _State:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_fresh(state: _State) -> bool:
    """Return whether the last change is so new that another one might not show."""
    return time.time_ns() - state[2] < _STEP_NS


def with_lf_ends(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Turn CRLF line ends into LF, also one that two chunks share.

    >>> list(with_lf_ends([b"a\r", b"\nb\r\n", b"\r"]))
    [b'a', b'\nb\n', b'\r']
    """
    held = b""
    for chunk in chunks:
        if not held and b"\r" not in chunk:  # most files: this takes no time
            yield chunk
            continue
        whole = held + chunk
        held = b"\r" if whole.endswith(b"\r") else b""
        if ready := whole.removesuffix(held).replace(b"\r\n", b"\n"):
            yield ready
    if held:
        yield held
