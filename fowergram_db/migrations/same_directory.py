"""Decide whether a database was migrated from the given directory, or from another one. Pure."""

import re
from collections.abc import Iterable, Sequence

from fowergram_db.errors import Location, WrongDirectory
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import AppliedMigration, History

_MOST_LISTED = 3
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def is_other_directory(files: Sequence[MigrationFile], history: History) -> bool:
    """Return whether the recorded migrations are not those of the files.

    A recorded migration is known if any file has its checksum or its name, so also after the file was renamed, edited
    or renumbered. Compares the rows that have a version in common with a file; if none has, all rows. The name alone
    is not enough: two projects may both begin with ``001_init.sql``.
    """
    by_version = {file.version: file for file in files}
    rows = [row for row in history.applied if row.version in by_version] or list(history.applied)
    if not rows:
        return False
    known_by = _KnownFiles(files)
    same, known = sum(map(known_by.by_checksum, rows)), sum(map(known_by.at_all, rows))
    return 2 * known < len(rows) or (same == 0 and len(rows) > 1 and 2 * known == len(rows))


def has_lost_its_file(files: Sequence[MigrationFile], history: History) -> bool:
    """Return whether there is one recorded migration, whose file may just be gone: no file has its version.

    Its recorded down script can roll it back nevertheless.
    """
    return len(history.applied) == 1 and all(file.version != history.applied[0].version for file in files)


def require_same_directory(files: Sequence[MigrationFile], history: History) -> None:
    """Raise WrongDirectory if the recorded migrations are not those of the files."""
    if is_other_directory(files, history):
        raise wrong_directory(files, history)


def wrong_directory(files: Sequence[MigrationFile], history: History) -> WrongDirectory:
    """Return the error that names the first recorded migrations and the first files."""
    what, names = difference(files, history).split("\n", 1)
    return WrongDirectory(
        f"{what}; nothing was done\n{names}",
        hint="Name the right directory with --migrations-dir or MIGRATIONS_DIR. If this is the right one, its files "
        "were renamed and edited: give them the recorded names again.",
        location=Location(str(files[0].up.path.parent)),
    )


def difference(files: Sequence[MigrationFile], history: History) -> str:
    """Return the text of that error: it names the first recorded migrations and the first files."""
    recorded = _listed(row.filename for row in history.applied)
    found = _listed(file.filename for file in files)
    return f"this database was migrated from another directory\nrecorded are {recorded}\nthe files are {found}"


class _KnownFiles:
    """The checksums and names of the files."""

    def __init__(self, files: Sequence[MigrationFile]) -> None:
        self._checksums = {checksum for file in files for checksum in (file.checksum, file.up.raw_checksum)}
        self._names = {_words(file.name) for file in files} - {""}

    def by_checksum(self, row: AppliedMigration) -> bool:
        return row.checksum in self._checksums

    def at_all(self, row: AppliedMigration) -> bool:
        return self.by_checksum(row) or _words(row.name) in self._names


def _words(name: str) -> str:
    return _BETWEEN_WORDS.sub("_", name.casefold()).strip("_")


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    return ", ".join(found[:_MOST_LISTED]) + (f" and {len(found) - _MOST_LISTED} more" if found[_MOST_LISTED:] else "")
