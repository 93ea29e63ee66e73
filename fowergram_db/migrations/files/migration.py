"""Describe one migration of a directory, in the layout of any tool."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.sql_file import SqlFile, location_in, read_file
from fowergram_db.migrations.files.unread import with_all_faults
from fowergram_db.migrations.version import Version


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One migration of the checkout: the file that applies it and, if there is one, the file that rolls it back.

    Both may be sections of one file. ``checksum`` is that of the file as it is on disk. ``folder`` is its folder
    below the migrations directory, "" for the directory itself. ``tool`` names the tool whose layout it has, "" for
    our own. ``down_fault`` is what is wrong with a down file that cannot be read: only its use raises the fault.
    """

    version: Version
    name: str
    checksum: str
    up: SqlFile
    down: SqlFile | None = None
    folder: str = ""
    tool: str = ""
    down_fault: FileFault | None = field(default=None, compare=False)

    @property
    def reversible(self) -> bool:
        """Return whether it can be rolled back."""
        return self.down is not None

    def is_recorded_by(self, checksum: str) -> bool:
        """Return whether a recorded checksum is that of this file: of its text or, for other tools, of its bytes.

        It does not matter which tool wrote a row. Both checksums are the same if the bytes of the file are the text
        that this tool runs.
        """
        return checksum in (self.checksum, self.up.raw_checksum)

    @property
    def filename(self) -> str:
        """Return the unique name of the file within its directory."""
        return f"{self.folder}/{self.up.path.name}" if self.folder else self.up.path.name


def read_down(
    path: Path, read: Callable[[Path], SqlFile] = read_file, *, is_sent: bool = False
) -> tuple[SqlFile | None, FileFault | None]:
    """Return the down file, or all that is wrong with it; neither if there is none.

    ``is_sent``: its tool sends it unchanged, so that it may begin and end transactions.
    """
    if not path.exists():
        return None, None
    try:
        return read(path), None
    except FileFault as fault:
        return None, with_all_faults(fault, path, undoes=True, is_sent=is_sent)


def clash(version: Version, first: Path, second: Path) -> FileFault:
    """Return the error for two files that have one version."""
    names = (first.name, second.name) if first.parent == second.parent else (first, second)
    return FileFault(
        f"two files have version {version}: {names[0]} and {names[1]}",
        hint="Renumber the newer of them.",
        location=location_in(second),
    )


def mixture(first: Path, second: Path) -> FileFault:
    """Return the error for a directory with the files of two tools."""
    return FileFault(
        f"{first.name} and {second.name} belong to the layouts of two different tools",
        hint="Use one layout in a directory.",
        location=location_in(second),
    )


def folder_of(directory: Path, path: Path) -> str:
    """Return the folder of a file below the migrations directory, "" for the directory itself."""
    folder = path.parent.relative_to(directory).as_posix()
    return "" if folder == "." else folder


def outside_transaction(file: SqlFile) -> SqlFile:
    """Return the file as one that does not run in a transaction."""
    return replace(file, directives=replace(file.directives, transactional=False))
