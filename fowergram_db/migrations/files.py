"""Find, read and check migration files."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fowergram_db.errors import ConfigurationError, FileFault
from fowergram_db.migrations.source import SqlFile, place, read_file

GREATEST_VERSION = 2**63 - 1
_NAME = re.compile(r"([0-9]+)_([^.].*?)(\.up|\.down|\.citus)?\.sql", re.IGNORECASE | re.DOTALL)
_NAMES = "Name it NNN_name.sql with NNN_name.down.sql, or NNN_name.up.sql with NNN_name.down.sql."


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One migration of the checkout: the file that does it and, where there is one, that which undoes it."""

    version: int
    name: str
    checksum: str
    up: SqlFile
    down: SqlFile | None = None

    @property
    def reversible(self) -> bool:
        """Tell whether it can be undone."""
        return self.down is not None


def read_migrations(directory: Path) -> tuple[MigrationFile, ...]:
    """Read every migration of a directory, in order of version.

    Raises ConfigurationError where there is no such directory or nothing in it, and FileFault for the first
    file whose name, encoding, header or partner is wrong. Executes nothing.
    """
    ups: dict[int, tuple[str, SqlFile]] = {}
    downs: dict[int, tuple[str, SqlFile]] = {}
    for path, version, name, direction in _named(_listed(directory)):
        found = downs if direction == ".down" else ups
        if version in found:
            raise FileFault(
                f"two files have version {version}: {found[version][1].path.name} and {path.name}",
                hint="Renumber the newer of them.",
                location=place(path),
            )
        found[version] = (name, read_file(path))
    _check_partners(ups, downs)
    return tuple(_migration(version, name, up, downs.get(version)) for version, (name, up) in sorted(ups.items()))


def versions_in(directory: Path) -> tuple[tuple[int, int], ...]:
    """Return the version of each migration in a directory, with the number of digits it is written in."""
    found = (_NAME.fullmatch(path.name) for path in directory.iterdir())
    return tuple((int(match[1]), len(match[1])) for match in found if match)


def _listed(directory: Path) -> Iterable[Path]:
    try:
        paths = sorted(path for path in directory.iterdir() if path.name.lower().endswith(".sql"))
    except OSError as error:
        raise ConfigurationError(
            f"the migrations directory {str(directory)!r} cannot be read: {error.strerror}",
            hint="Name the right one with --migrations-dir or MIGRATIONS_DIR.",
        ) from error
    if not paths:
        raise ConfigurationError(
            f"there are no migrations in {str(directory)!r}",
            hint="Name the right directory with --migrations-dir or MIGRATIONS_DIR, or write the first "
            "migration with `fowergram-db new NAME`.",
        )
    return paths


def _named(paths: Iterable[Path]) -> Iterator[tuple[Path, int, str, str]]:
    """Yield each path with the version, the name and the direction that its file name says."""
    for path in paths:
        if not path.name.isprintable():
            raise FileFault(f"the name {path.name!a} holds characters that cannot be shown", hint="Rename the file.")
        match = _NAME.fullmatch(path.name)
        if not match:
            raise FileFault(f"{path.name} is not the name of a migration", hint=_NAMES, location=place(path))
        digits, name, direction = match[1], match[2], (match[3] or "").lower()
        if direction == ".citus":
            raise FileFault(
                f"{path.name}: names that end in .citus.sql are reserved", hint=_NAMES, location=place(path)
            )
        version = int(digits) if len(digits) < 40 else GREATEST_VERSION + 1  # noqa: PLR2004 - int() is quadratic
        if not 0 < version <= GREATEST_VERSION:
            raise FileFault(
                f"{path.name}: a version is a number from 1 to {GREATEST_VERSION}",
                hint="Renumber the file.",
                location=place(path),
            )
        yield path, version, name, direction


def _check_partners(ups: dict[int, tuple[str, SqlFile]], downs: dict[int, tuple[str, SqlFile]]) -> None:
    for version, (name, down) in sorted(downs.items()):
        if version not in ups:
            raise FileFault(
                f"{down.path.name} has no migration that it would undo",
                hint=f"Add the file that does version {version}, or remove this one.",
                location=place(down.path),
            )
        other, up = ups[version]
        if other != name:
            raise FileFault(
                f"{down.path.name} and {up.path.name} have one version but two names",
                hint="Give both the same name.",
                location=place(down.path),
            )


def _migration(version: int, name: str, up: SqlFile, found: tuple[str, SqlFile] | None) -> MigrationFile:
    down = found[1] if found else None
    if down and up.directives.irreversible:
        raise FileFault(
            f"{up.path.name} says that it is irreversible, and {down.path.name} undoes it",
            hint="Remove the directive or the file.",
            location=place(up.path),
        )
    return MigrationFile(version, name, up.checksum, up, down)
