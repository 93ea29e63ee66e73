"""Read directories of Prisma and of newer versions of drizzle-kit: a folder for each migration, in order of name."""

import re
from collections.abc import Iterator
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.listing import Listing, require_printable
from fowergram_db.migrations.files.migration import MigrationFile, read_down
from fowergram_db.migrations.files.sql_file import location_in, read_file
from fowergram_db.migrations.files.statement_breaks import without_breaks
from fowergram_db.migrations.files.transactions import as_sent
from fowergram_db.migrations.version import TextVersion, number_of

TOOL = "Prisma or drizzle"
TOOLS = (TOOL,)
_FILE = "migration.sql"
_LOCK = "migration_lock.toml"
_DATED = re.compile(r"[0-9]{8,}_")
_NAME = re.compile(r"([0-9]+)[_-](.+)", re.DOTALL)
_PROVIDER = re.compile(r"^\s*provider\s*=\s*[\"']([^\"'\n]*)[\"']", re.MULTILINE)


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the folders each of which is a migration."""
    return tuple(path for path in listing.others if (path / _FILE).is_file())


def version_of(tool: str, filename: str) -> TextVersion:  # noqa: ARG001 - the same in all layouts
    """Return the version of a file in its folder: the folder's name."""
    folder = filename.partition("/")[0]
    match = _NAME.fullmatch(folder)
    return TextVersion(folder, folder, number_of(match[1]) if match else None)


def read(listing: Listing, faults: Faults) -> Iterator[MigrationFile]:
    """Read ``NAME/migration.sql`` with ``down.sql`` if there is one."""
    _require_postgresql(listing.directory / _LOCK)
    for path in listing.others:
        if _DATED.match(path.name) and path.is_dir() and not (path / _FILE).is_file():
            raise FileFault(
                f"{path.name} has no {_FILE}",
                hint="Restore the file, or remove the folder.",
                location=location_in(path),
            )
    yield from faults.read_each(found(listing), _read_folder)


def _read_folder(path: Path) -> MigrationFile:
    require_printable(path)
    match = _NAME.fullmatch(path.name)
    up = read_file(path / _FILE)
    down, fault = read_down(path / "down.sql", is_sent=True)
    version, name = version_of(TOOL, f"{path.name}/{_FILE}"), match[2] if match else path.name
    return MigrationFile(
        version, name, up.checksum, as_sent(without_breaks(up)), down and as_sent(down), path.name, TOOL, fault
    )


def _require_postgresql(path: Path) -> None:
    provider = _PROVIDER.search(read_file(path).text) if path.exists() else None
    if provider and provider[1] != "postgresql":
        raise FileFault(
            f"{path.name} says that these migrations are for {provider[1] or 'no database'}, not for postgresql",
            hint="Name the directory that was made for PostgreSQL with --migrations-dir.",
            location=location_in(path),
        )
