"""Read the directories of diesel."""

import re
from collections.abc import Iterator
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.listing import Listing, require_printable
from fowergram_db.migrations.files.migration import MigrationFile, outside_transaction, read_down
from fowergram_db.migrations.files.sql_file import SqlFile, location_in, read_file
from fowergram_db.migrations.version import TextVersion, number_of

TOOL = "diesel"
TOOLS = (TOOL,)
_DATED = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[0-9-]*_")
_DIESEL = re.compile(r"([0-9][0-9-]*)_(.+)", re.DOTALL)


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the directories each of which is a migration."""
    return tuple(filter(_is_migration, listing.others))


def version_of(tool: str, filename: str) -> TextVersion | None:  # noqa: ARG001 - the same in all layouts
    """Return the version of a file in its folder, None if the folder is none of diesel's."""
    match = _DIESEL.fullmatch(filename.partition("/")[0])
    return _version(match[1]) if match else None


def read(listing: Listing, faults: Faults) -> Iterator[MigrationFile]:
    """Read ``VERSION_name/up.sql`` with ``down.sql`` and ``metadata.toml``."""
    for path in listing.others:
        if _DATED.match(path.name) and path.is_dir() and not _is_migration(path):
            hint = "Restore the file, or remove the folder."
            faults.add(FileFault(f"{path.name} has no up.sql", hint=hint, location=location_in(path)))
    yield from faults.read_each(found(listing), _read_folder)


def _read_folder(path: Path) -> MigrationFile:
    require_printable(path)
    match = _DIESEL.fullmatch(path.name)
    if match is None:
        raise ValueError(path)
    read_script = _read_out_of_transaction if _runs_outside(path / "metadata.toml") else read_file
    down, fault = read_down(path / "down.sql", read_script)
    up = read_script(path / "up.sql")
    return MigrationFile(_version(match[1]), match[2], up.checksum, up, down, path.name, TOOL, fault)


def _is_migration(path: Path) -> bool:
    if not _DIESEL.fullmatch(path.name):
        return False
    # A down.sql without up.sql may be one of Prisma's, next to its migration.sql.
    return (path / "up.sql").exists() or ((path / "down.sql").exists() and not (path / "migration.sql").exists())


def _version(written: str) -> TextVersion:
    """Return a version: its digits, which diesel compares as text.

    >>> _version("2024-01-01-120000") < _version("202401011200001") < _version("3"), _version("000").number
    (True, 0)
    """
    digits = written.replace("-", "")
    return TextVersion(digits, digits, number_of(digits))


def _read_out_of_transaction(path: Path) -> SqlFile:
    return outside_transaction(read_file(path))


def _runs_outside(path: Path) -> bool:
    if not path.exists():
        return False
    import tomllib

    try:
        said = tomllib.loads(read_file(path).text).get("run_in_transaction", True)
    except tomllib.TOMLDecodeError as error:
        said = error
    if not isinstance(said, bool):
        raise FileFault(
            f"{path.parent.name}/{path.name} does not say whether to run in a transaction: {said}",
            hint="Write `run_in_transaction = false` or `run_in_transaction = true`, and only TOML.",
            location=location_in(path),
        )
    return not said
