"""Read the directories of diesel."""

import re
from collections.abc import Iterator
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.listing import Listing, require_printable
from fowergram_db.migrations.files.migration import MigrationFile, outside_transaction, parse_version
from fowergram_db.migrations.files.source import SqlFile, place, read_file

TOOL = "diesel"
_DIESEL = re.compile(r"([0-9][0-9-]*)_(.+)", re.DOTALL)


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the directories that are a migration each."""
    return tuple(filter(_is_migration, listing.others))


def diesel_version(path: Path, digits: str) -> int:
    """Return the version of a diesel migration: its digits as one number; 0, diesel's own first one, becomes 1.

    >>> diesel_version(Path("x"), "2024-01-01-120000"), diesel_version(Path("x"), "00000000000000")
    (20240101120000, 1)
    """
    digits = digits.replace("-", "")
    return 1 if not digits.strip("0") else parse_version(path, digits)


def _is_migration(path: Path) -> bool:
    return bool(_DIESEL.fullmatch(path.name)) and ((path / "up.sql").exists() or (path / "down.sql").exists())


def read(listing: Listing) -> Iterator[MigrationFile]:
    """Read ``VERSION_name/up.sql`` with ``down.sql`` and ``metadata.toml``."""
    for path in found(listing):
        require_printable(path)
        match = _DIESEL.fullmatch(path.name)
        if match is None:
            raise ValueError(path)
        read_script = _read_out_of_transaction if _runs_outside(path / "metadata.toml") else read_file
        down = read_script(path / "down.sql") if (path / "down.sql").exists() else None
        up = read_script(path / "up.sql")
        yield MigrationFile(diesel_version(path, match[1]), match[2], up.checksum, up, down, path.name)


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
            hint="Write `run_in_transaction = false` or true, and nothing that is not TOML.",
            location=place(path),
        )
    return not said
