"""Read files whose names begin with a number: our own, and those of tools that put markers inside the files.

The files of golang-migrate, sqlx and goose are named as our own, in the order of their numbers; dbmate, sql-migrate
and supabase order their files by name.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.listing import Listing
from fowergram_db.migrations.files.migration import MigrationFile, clash, mixture, outside_transaction
from fowergram_db.migrations.files.sections import (
    DBMATE,
    GOOSE,
    NODE_PG_MIGRATE,
    OPTIONAL,
    SQL_MIGRATE,
    TERN,
    Sections,
    split_sections,
)
from fowergram_db.migrations.files.sql_file import SqlFile, location_in, read_file
from fowergram_db.migrations.files.transactions import as_sent
from fowergram_db.migrations.files.unread import with_all_faults
from fowergram_db.migrations.version import TextVersion, Version, natural, number_of, numbered, order_of

TOOL = ""
SUPABASE = "supabase"
TOOLS = (TOOL, GOOSE, DBMATE, SQL_MIGRATE, NODE_PG_MIGRATE, TERN, SUPABASE)
# A date with hyphens is no number: only its year would count.
NAME = re.compile(r"([0-9]+)(?:_|-(?![0-9]))([^.].*?)(\.up|\.down|\.citus)?\.sql", re.IGNORECASE | re.DOTALL)
# Names that these tools accept in addition.
_LOOSE_NAMES = {
    DBMATE: re.compile(r"([0-9]+)[_-]?(.*)()\.sql", re.IGNORECASE | re.DOTALL),
    SQL_MIGRATE: re.compile(r"([0-9]*)[_-]?(.*)()\.sql", re.IGNORECASE | re.DOTALL),
}
_DIGITS = re.compile("[0-9]+")
_NAMES = "Name it NNN_name.sql with NNN_name.down.sql, or NNN_name.up.sql with NNN_name.down.sql."
_DUMPS = {"structure.sql": "Rails", "schema.sql": "dbmate"}
# sqlx requires this at the very beginning of a file.
_NO_TRANSACTION = re.compile(r"-- no-transaction(?!\S)")


class _NumberedFile(NamedTuple):
    """One file: the match of its name, if that follows our rules, and its sections.

    A down file that cannot be read has a fault instead.
    """

    match: re.Match[str] | None
    path: Path
    file: SqlFile | None
    sections: Sections | None
    fault: FileFault | None = None


class _Numbered(NamedTuple):
    """One file with the version and the name that are in its file name."""

    version: Version
    name: str
    script: _NumberedFile


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the first file whose name begins with a number; nothing if a journal lists the files."""
    first = None if listing.journal else next((path for path in listing.sql if NAME.fullmatch(path.name)), None)
    return (first,) if first else ()


def version_of(tool: str, filename: str) -> TextVersion | None:
    """Return the version in a file name, as a tool reads it; None if there is none."""
    found = _LOOSE_NAMES.get(tool, NAME).fullmatch(filename)
    if not found:
        return None
    version = _version(tool, filename, found[1])
    return numbered(found[1]) if isinstance(version, int) else version


def _version(tool: str, filename: str, digits: str) -> Version:
    """Return a version: a number if the tool orders by numbers and a bigint holds it."""
    number = number_of(digits) if digits else None
    match tool:
        case "dbmate" | "supabase":
            return TextVersion(filename, digits, number)
        case "sql-migrate":
            # Files without a number come last. Files with the same number are ordered by name.
            first = natural(digits) if digits else "~"
            return TextVersion(f"{first} {filename}", filename[: -len(".sql")], number)
        case "node-pg-migrate":
            return TextVersion(f"{natural(_moment(digits))} {_collated(filename)}", filename[: -len(".sql")], number)
        case _:
            return numbered(digits) if number is None else number


def _moment(digits: str) -> str:
    """Return the milliseconds since 1970 that 17 digits mean to node-pg-migrate, whose file names may have either.

    >>> _moment("20200513070724505"), _moment("1589353644505")
    ('1589353644505', '1589353644505')
    """
    if len(digits) != 17:  # noqa: PLR2004 - year to millisecond
        return digits
    try:
        moment = datetime.strptime(f"{digits}000", "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        return digits
    return str((moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))


def _collated(name: str) -> str:
    """Return a text that sorts as node-pg-migrate sorts names: by letters and numbers first, then lower case first.

    >>> sorted(["B10", "b10", "b-9", "Add", "ada"], key=_collated)
    ['ada', 'Add', 'b-9', 'b10', 'B10']
    """
    letters = "".join(filter(str.isalnum, unicodedata.normalize("NFD", name))).casefold()
    return f"{_DIGITS.sub(lambda digits: natural(digits[0]), letters)} {name.swapcase()}"


def tool_of(directory: Path) -> str:
    """Return the tool of a directory whose files do not show it: supabase, or "" for ours."""
    inside = directory.absolute()
    return SUPABASE if (inside.parent.name, inside.name) == (SUPABASE, "migrations") else TOOL


def read(listing: Listing, faults: Faults) -> Iterator[MigrationFile]:
    """Read a file for each direction, or files with a section for each."""
    tool, scripts, broken = _read_scripts(listing, faults)
    whole: dict[str, _Numbered] = {}
    downs: dict[str, _Numbered] = {}
    for script in scripts:
        with faults:
            version, name, direction = _named(script.path, tool, script.match)
            those = downs if direction == ".down" else whole
            text = str(version)
            if text in those:
                raise clash(version, those[text].script.path, script.path)
            those[text] = _Numbered(version, name, script)
    unread = {str(known) for path in broken if (known := version_of(tool, path.name))}
    _check_partners(whole, downs, unread, faults)
    for text, (version, name, script) in whole.items():
        up, sections = script.file, script.sections
        if up is None:
            raise ValueError(text)
        down = downs[text].script.file if text in downs else None
        fault = downs[text].script.fault if text in downs else None
        if sections:
            yield MigrationFile(version, name, up.checksum, sections.up, sections.down, tool=tool)
        elif _is_up(script.match):  # golang-migrate sends what is in the file, and sqlx lets it end its transaction
            yield MigrationFile(
                version, name, up.checksum, as_sent(up), down and as_sent(down), tool=tool, down_fault=fault
            )
        else:
            yield MigrationFile(version, name, up.checksum, up, down, tool=tool, down_fault=fault)


def _read_scripts(listing: Listing, faults: Faults) -> tuple[str, list[_NumberedFile], list[Path]]:
    """Return the tool, its files (none if they are those of two tools), and the files that cannot be read."""
    scripts: list[_NumberedFile] = []
    broken: list[Path] = []
    tool: tuple[str, Path] | None = None
    is_mixed = False
    for path in listing.sql:
        with faults:
            script = _read_script(path, tool[0] if tool else None)
            sections = script.sections
            style = (sections.tool if sections else "", path)
            tool = tool if tool and (tool[0] or style[0] not in OPTIONAL) else style
            scripts.append(script)
            is_other = style[0] != tool[0] and (style[0] or tool[0] not in OPTIONAL)
            if is_other or (sections and _is_down(script.match)):
                faults.add(mixture(tool[1], path))
                is_mixed = True
        if not faults.is_clean:
            broken.append(path)
    if is_mixed:
        return "", [], []
    return (tool[0] if tool else "") or tool_of(listing.directory), scripts, broken


def _read_script(path: Path, tool: str | None) -> _NumberedFile:
    match = _match(path, tool)
    try:
        file = _plain(read_file(path))
        return _NumberedFile(match, path, file, split_sections(file, one_way=bool(match and match[3])))
    except FileFault as fault:
        if not _is_down(match):
            raise
        return _NumberedFile(match, path, None, None, with_all_faults(fault, path, undoes=True))


def _is_down(match: re.Match[str] | None) -> bool:
    return bool(match and match[3] and match[3].lower() == ".down")


def _is_up(match: re.Match[str] | None) -> bool:
    """Return whether a file is an up file of golang-migrate or sqlx, for which the number alone makes a pair."""
    return bool(match and match[3] and match[3].lower() == ".up")


def _plain(file: SqlFile) -> SqlFile:
    return outside_transaction(file) if _NO_TRANSACTION.match(file.text) else file


def _match(path: Path, tool: str | None) -> re.Match[str] | None:
    """Match a file name with our rules; None if it does not match, and the file's content may show another tool."""
    match = NAME.fullmatch(path.name)
    if match is None and tool is not None and tool not in _LOOSE_NAMES:
        raise _misnamed(path)
    if match and (match[3] or "").lower() == ".citus":
        raise FileFault(
            f"{path.name}: names that end in .citus.sql are reserved", hint=_NAMES, location=location_in(path)
        )
    return match


def _named(path: Path, tool: str, match: re.Match[str] | None) -> tuple[Version, str, str]:
    """Return the version, the name and the direction that are in a file name."""
    match = match or (_LOOSE_NAMES[tool].fullmatch(path.name) if tool in _LOOSE_NAMES else None)
    if match is None:
        raise _misnamed(path)
    return _version(tool, path.name, match[1]), match[2] or match[1], (match[3] or "").lower()


def _misnamed(path: Path) -> FileFault:
    hint = _NAMES
    if tool := _DUMPS.get(path.name):
        hint = (
            f"It looks like the dump of a whole schema that {tool} writes. To use it as the first migration, copy "
            f"it to a directory of its own as 001_schema.sql, without the table schema_migrations and its rows; "
            "`fowergram-db adopt --to 1` then takes over a database that has this schema."
        )
    return FileFault(f"{path.name} is not the name of a migration", hint=hint, location=location_in(path))


def _check_partners(whole: dict[str, _Numbered], downs: dict[str, _Numbered], broken: set[str], faults: Faults) -> None:
    """Find the down files without a migration; ``broken`` are the versions whose files cannot be read."""
    for text, (version, name, script) in sorted(downs.items(), key=lambda item: order_of(item[1].version)):
        path = script.path
        if text not in whole and text not in broken:
            faults.add(
                FileFault(
                    f"{path.name} has no migration to roll back",
                    hint=f"Add the up file of version {version}, or remove this one.",
                    location=location_in(path),
                )
            )
        elif text in whole and whole[text].name != name and not _is_up(whole[text].script.match):
            faults.add(
                FileFault(
                    f"{path.name} and {whole[text].script.path.name} have the same version, but different names",
                    hint="Give both the same name.",
                    location=location_in(path),
                )
            )
