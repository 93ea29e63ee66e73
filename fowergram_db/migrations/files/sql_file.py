"""Read one file: turn its bytes into text that can be run, with a checksum and what its header says."""

import hashlib
from bisect import bisect_left
from codecs import iterdecode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fowergram_db.errors import FileFault, Location, MigrationFailed
from fowergram_db.migrations.files.directives import Directives, parse_directives
from fowergram_db.migrations.files.stable_file import CHUNK, StableFile, with_lf_ends
from fowergram_db.migrations.script.positions import Gap, position

if TYPE_CHECKING:
    from fowergram_db.redaction.psql_variables import Change

__all__ = ["Gap", "SqlFile", "decode", "location_in", "read_file"]

OnData = Callable[[Iterator[str]], Iterator[str]]
_LARGEST_IN_MEMORY = 8 << 20
_NONE = Directives()


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file as it is on disk: ``text`` without BOM and with LF line ends, and what its header says.

    In a large file the data of COPY blocks is not in the text; ``gaps`` says where it would be, and ``opened`` is the
    file that it is read from. ``checksum`` is the SHA-256 of the whole text, in hexadecimal: the same for CRLF and LF
    checkouts; ``raw_checksum`` is that of the bytes. By default both are computed from the text.
    """

    path: Path
    text: str
    directives: Directives
    gaps: tuple[Gap, ...] = ()
    checksum: str = ""
    raw_checksum: str = field(default="", compare=False)
    opened: StableFile | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        checksum = self.checksum or _sha256(self.text.encode())
        object.__setattr__(self, "checksum", checksum)
        object.__setattr__(self, "raw_checksum", self.raw_checksum or checksum)

    def data(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the data of a COPY block, the characters from ``start`` to ``end`` of the text, in chunks.

        Chunks have at most 256 KB, line ends are LF. It is for a script that runs: raises MigrationFailed, before it
        yields anything wrong, if the data has to be read from the file and that was changed.
        """
        try:
            yield from self._data(start, end)
        except FileFault as error:
            raise MigrationFailed(error.message, hint=error.hint, location=error.location) from error

    def _data(self, start: int, end: int) -> Iterator[bytes]:
        number = bisect_left(self.gaps, start, key=lambda gap: gap.at)
        if self.opened and start == end and number < len(self.gaps) and self.gaps[number].at == start:
            gap = self.gaps[number]
            # One byte less, because a CR that was held back is added.
            yield from with_lf_ends(self.opened.chunks(gap.begin, gap.end, CHUNK - 1))
            return
        characters = CHUNK // 4
        for at in range(start, end, characters):
            yield self.text[at : min(end, at + characters)].encode()

    def whole_text(self) -> str:
        """Return the text with all COPY data in it. Raises FileFault if the file was changed meanwhile."""
        return "".join(self.parts())

    def recordable_text(self) -> str:
        """Return the text to record as a down script: with no-transaction added if the file says that in another way.

        Raises FileFault as ``whole_text`` does.
        """
        text = self.whole_text()
        if self.directives.transactional or not parse_directives(str(self.path), text).transactional:
            return text
        return f"-- fowergram: no-transaction\n{text}"

    def parts(self, changes: "Sequence[Change]" = (), on_data: OnData = iter) -> Iterator[str]:
        """Yield the whole text in parts, COPY data in small ones. Raises FileFault as ``whole_text`` does.

        Makes ``changes`` in the text, and passes what is read from the file through ``on_data``.
        """
        at = 0
        for gap in self.gaps:
            yield _changed(self.text, at, gap.at, changes)
            part = ""
            for part in filter(None, on_data(iterdecode(self._data(gap.at, gap.at), "utf-8"))):
                yield part
            if not part.endswith("\n"):
                yield "\n"
            at = gap.at
        yield _changed(self.text, at, len(self.text), changes)

    def position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column in the file of an offset in the text."""
        return position(self.text, offset, self.gaps)


def read_file(path: Path, *, in_memory: int = _LARGEST_IN_MEMORY) -> SqlFile:
    """Read one file; if it has more than ``in_memory`` bytes, its COPY data stays on disk.

    Raises FileFault if it cannot be read, is not UTF-8 or holds a NUL byte, or if its header is wrong.
    """
    file = read_without_header(path, in_memory=in_memory)
    directives = parse_directives(str(path), file.text)
    return file if directives == _NONE else replace(file, directives=directives)


def read_without_header(path: Path, *, in_memory: int = _LARGEST_IN_MEMORY) -> SqlFile:
    """Read one file as ``read_file`` does, but not what its header says."""
    try:
        opened = StableFile(path)
    except OSError as error:
        raise FileFault(
            f"{path.name} cannot be read: {error.strerror}",
            hint="Make it a file that this user may read.",
            location=location_in(path),
        ) from error
    if opened.size <= in_memory:
        raw = b"".join(opened.chunks())
        return SqlFile(path, decode(path, raw), _NONE, raw_checksum=_sha256(raw))
    from fowergram_db.migrations.files.copy_streaming import read_large

    found = read_large(opened)
    return SqlFile(path, found.text, _NONE, found.gaps, found.checksum, found.raw_checksum, opened)


def _changed(text: str, start: int, end: int, changes: "Sequence[Change]") -> str:
    if not changes:
        return text[start:end]
    from fowergram_db.redaction.psql_variables import changed

    return changed(text, start, end, changes)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def decode(path: Path, raw: bytes) -> str:
    """Turn a file's bytes into text without BOM and with LF line ends.

    Raises FileFault, with the line, for invalid UTF-8 and for a NUL byte (the server would silently drop
    everything after it).
    """
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        # Without the BOM, as the error counts.
        before = error.object[: error.start].decode(errors="replace").replace("\r\n", "\n")
        raise FileFault(
            f"{path.name} is not UTF-8: byte 0x{error.object[error.start]:02x}",
            hint="Save the file as UTF-8.",
            location=location_in(path, before, len(before)),
        ) from error
    if (nul := text.find("\0")) >= 0:
        raise FileFault(
            f"{path.name} contains a NUL byte",
            hint="Remove it. If the file is in UTF-16, save it as UTF-8.",
            location=location_in(path, text, nul),
        )
    return text


def location_in(path: Path, text: str = "", offset: int | None = None, gaps: tuple[Gap, ...] = ()) -> Location:
    """Return the location of a file, or of an offset in its text."""
    return Location(str(path)) if offset is None else Location(str(path), *position(text, offset, gaps))
