"""Read files whose names begin with a number: our own, and those of most other tools."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.listing import Listing
from fowergram_db.migrations.files.migration import MigrationFile, clash, mixture, outside_transaction, parse_version
from fowergram_db.migrations.files.sections import OPTIONAL, Sections, cut
from fowergram_db.migrations.files.source import SqlFile, place, read_file

TOOL = ""
NAME = re.compile(r"([0-9]+)_([^.].*?)(\.up|\.down|\.citus)?\.sql", re.IGNORECASE | re.DOTALL)
_NAMES = "Name it NNN_name.sql with NNN_name.down.sql, or NNN_name.up.sql with NNN_name.down.sql."
# sqlx wants this at the very beginning of a file.
_NO_TRANSACTION = re.compile(r"-- no-transaction(?!\S)")


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the files whose names begin with a number."""
    return tuple(path for path in listing.sql if NAME.fullmatch(path.name))


def read(listing: Listing) -> Iterator[MigrationFile]:
    """Read the files whose names begin with a number: a file for each direction, or one with a section for each."""
    whole: dict[int, tuple[str, SqlFile, Sections | None]] = {}
    downs: dict[int, tuple[str, SqlFile]] = {}
    tool: tuple[str, Path] | None = None
    for path, version, name, direction in _named(listing.sql):
        those = downs if direction == ".down" else whole
        if version in those:
            raise clash(version, those[version][1].path, path)
        file = _plain(read_file(path))
        sections = cut(file, one_way=bool(direction))
        style = (sections.tool if sections else "", path)
        tool = tool if tool and (tool[0] or style[0] not in OPTIONAL) else style
        if (style[0] != tool[0] and (style[0] or tool[0] not in OPTIONAL)) or (sections and direction == ".down"):
            raise mixture(tool[1], path)
        if direction == ".down":
            downs[version] = (name, file)
        else:
            whole[version] = (name, file, sections)
    _check_partners(whole, downs)
    for version, (name, file, sections) in whole.items():
        if sections:
            yield MigrationFile(version, name, file.checksum, sections.up, sections.down)
        else:
            yield MigrationFile(version, name, file.checksum, file, downs[version][1] if version in downs else None)


def _plain(file: SqlFile) -> SqlFile:
    return outside_transaction(file) if _NO_TRANSACTION.match(file.text) else file


def _named(paths: Iterable[Path]) -> Iterator[tuple[Path, int, str, str]]:
    """Yield each path with the version, the name and the direction that its file name says."""
    for path in paths:
        match = NAME.fullmatch(path.name)
        if not match:
            raise FileFault(f"{path.name} is not the name of a migration", hint=_NAMES, location=place(path))
        digits, name, direction = match[1], match[2], (match[3] or "").lower()
        if direction == ".citus":
            raise FileFault(
                f"{path.name}: names that end in .citus.sql are reserved", hint=_NAMES, location=place(path)
            )
        yield path, parse_version(path, digits), name, direction


def _check_partners(
    ups: dict[int, tuple[str, SqlFile, Sections | None]], downs: dict[int, tuple[str, SqlFile]]
) -> None:
    for version, (name, down) in sorted(downs.items()):
        if version not in ups:
            raise FileFault(
                f"{down.path.name} has no migration that it would undo",
                hint=f"Add the file that does version {version}, or remove this one.",
                location=place(down.path),
            )
        other, up, _ = ups[version]
        if other != name:
            raise FileFault(
                f"{down.path.name} and {up.path.name} have one version but two names",
                hint="Give both the same name.",
                location=place(down.path),
            )
