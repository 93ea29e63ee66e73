"""Read one file: its bytes become text that is fit to run, with a checksum and what its header says."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fowergram_db.errors import FileFault, Location
from fowergram_db.migrations.directives import Directives, parse_directives
from fowergram_db.migrations.script import position


@dataclass(frozen=True, slots=True)
class Gap:
    """COPY data that is too large to be kept in memory: left out of the text at ``at``, read again from the file.

    ``begin`` and ``end`` are its bytes in the file, ``lines`` how many lines they are.
    """

    at: int
    begin: int
    end: int
    lines: int


@dataclass(frozen=True, slots=True)
class SqlFile:
    """One file as it is on disk: ``text`` without BOM and with LF line ends, and what its header says.

    In a large file the data of COPY blocks is not in the text; ``gaps`` says where it would be.
    """

    path: Path
    text: str
    directives: Directives
    gaps: tuple[Gap, ...] = ()

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of the text, in hexadecimal: the same for CRLF and LF checkouts."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def read_file(path: Path) -> SqlFile:
    """Read one file. Raises FileFault where it cannot be read, is not UTF-8 or holds a NUL byte."""
    try:
        raw = path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise FileFault(
            f"{path.name} cannot be read: {error.strerror}",
            hint="Make it a file that this user may read.",
            location=place(path),
        ) from error
    if raw is None:
        raise FileFault(f"{path.name} cannot be read: it is no file", hint="Rename or remove it.", location=place(path))
    text = decode(path, raw)
    return SqlFile(path, text, parse_directives(str(path), text))


def decode(path: Path, raw: bytes) -> str:
    """Turn a file's bytes into text without BOM and with LF line ends.

    Raises FileFault, with the line, for invalid UTF-8 and for a NUL byte (the server would silently drop
    everything behind it).
    """
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
        raise FileFault(
            f"{path.name} is not UTF-8: byte 0x{raw[error.start]:02x}",
            hint="Save the file as UTF-8.",
            location=place(path, before, len(before)),
        ) from error
    if (nul := text.find("\0")) >= 0:
        raise FileFault(
            f"{path.name} contains a NUL byte",
            hint="Remove it; a file in UTF-16 has to be saved as UTF-8.",
            location=place(path, text, nul),
        )
    return text


def place(path: Path, text: str = "", offset: int | None = None) -> Location:
    """Return the location of a file, or of an offset in its text."""
    return Location(str(path)) if offset is None else Location(str(path), *position(text, offset))
