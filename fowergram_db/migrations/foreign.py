"""What other migration tools have recorded: find it, read it, and match it with the files. Writes nothing."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection, message_of, reported
from fowergram_db.database.ownership import Relation, find_relations, require_trusted
from fowergram_db.database.sql import load
from fowergram_db.errors import ForeignHistory, UnknownVersion, UntrustedHistory, UsageError
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history_row import LenientBinaryText, LenientMoment

_NUMBER = re.compile(r"([0-9]{1,19})(?:\.0+)*")
# The folder of diesel's own first migration: version 0 there, and 1 among the files.
_DIESEL_SETUP = re.compile(r"0[0-]*_")
_LONGEST_NAME = 300
_TABLE_KINDS = ("r", "p")
_SHA256 = re.compile(r"\s*([0-9a-f]{64})(?![^\s])", re.IGNORECASE)


class Tool(StrEnum):
    """The tools whose histories can be read."""

    RUN_MIGRATIONS_SH = "run-migrations.sh"
    GOLANG_MIGRATE = "golang-migrate"
    DBMATE = "dbmate"
    RAILS = "rails"
    SQL_MIGRATE = "sql-migrate"
    GOOSE = "goose"
    FLYWAY = "flyway"
    DIESEL = "diesel"
    SQLX = "sqlx"
    SQITCH = "sqitch"


class _Mark(NamedTuple):
    """What gives a tool's table away: its name, columns that it has, whether these are all, and the query for it."""

    tool: Tool
    table: str
    columns: frozenset[str]
    exact: bool
    query: str


def _mark(tool: Tool, table: str, columns: str, query: str, *, exact: bool = False) -> _Mark:
    return _Mark(tool, table, frozenset(columns.split()), exact, f"foreign/{query}")


_OWN_NAME = "schema_migrations"
_RAILS_TABLE = "ar_internal_metadata"
_SQITCH_TABLES = ("changes", "dependencies", "events", "projects", "releases", "tags")
_MARKS = (
    _mark(Tool.RUN_MIGRATIONS_SH, _OWN_NAME, "id filename executed_at checksum", "run_migrations_sh", exact=True),
    _mark(Tool.GOLANG_MIGRATE, _OWN_NAME, "version dirty", "golang_migrate", exact=True),
    _mark(Tool.DBMATE, _OWN_NAME, "version", "dbmate", exact=True),
    _mark(Tool.SQL_MIGRATE, "gorp_migrations", "id applied_at", "sql_migrate"),
    _mark(Tool.GOOSE, "goose_db_version", "id version_id is_applied tstamp", "goose"),
    _mark(Tool.FLYWAY, "flyway_schema_history", "installed_rank version type success", "flyway"),
    _mark(Tool.DIESEL, "__diesel_schema_migrations", "version run_on", "diesel"),
    _mark(Tool.SQLX, "_sqlx_migrations", "version description success", "sqlx"),
    _mark(Tool.SQITCH, "changes", "change_id change project committed_at planned_at", "sqitch"),
)
_VERSIONS_ONLY = (Tool.DBMATE, Tool.RAILS)
# What a tool keeps beside the table that is read.
_BESIDE = {Tool.RAILS: (_RAILS_TABLE,), Tool.SQITCH: _SQITCH_TABLES}


class ForeignRow(NamedTuple):
    """One row of another tool's history, in its own words.

    ``ok`` is false for what has failed; ``covers`` tells that all versions below count as applied, too.
    ``checksum`` is that of the file, where the tool keeps one that means something to others.
    """

    version: str | None
    name: str | None
    filename: str | None
    executed_at: datetime | None
    ok: bool
    covers: bool
    checksum: str | None = None

    def __str__(self) -> str:
        """Name the migration as the tool does, its name cut where it is longer than any file's."""
        named = self.filename or self.version or self.name or "?"
        return named if len(named) <= _LONGEST_NAME else f"{named[:_LONGEST_NAME]}…"


@dataclass(frozen=True, slots=True)
class ForeignRecords:
    """Another tool's history.

    ``tables`` are all that it and other tools keep here, as "schema.name"; ``own_schema`` is the schema that holds
    nothing else, or "".
    """

    tool: Tool
    schema: str
    table: str
    rows: tuple[ForeignRow, ...]
    tables: tuple[str, ...]
    own_schema: str = ""

    @property
    def is_in_our_place(self) -> bool:
        """Tell whether its table has the name that ours is to have."""
        return (self.schema, self.table) == ("public", _OWN_NAME)


class Claimed(NamedTuple):
    """A migration that is said to be applied: when (None: nobody knows), the file name it was recorded under.

    ``edited``: what was recorded with it is the SHA-256 of another text.
    """

    file: MigrationFile
    executed_at: datetime | None = None
    recorded_as: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What of our migrations is said to be applied, in order of version; what failed; what no file is there for."""

    applied: tuple[Claimed, ...] = ()
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def tool_named(name: str) -> Tool:
    """Return the tool of this name. Raises UsageError, which lists all, where there is none."""
    try:
        return Tool(name.lower())
    except ValueError as error:
        raise UsageError(f"histories of {name!r} cannot be read", hint=f"The tools are {', '.join(Tool)}.") from error


def read_foreign(connection: Connection, tool: Tool | None = None) -> ForeignRecords | None:
    """Read another tool's history, the wanted one's or the only one that is there; None: there is none.

    Raises UsageError where the wanted one is not there, or several are and none is wanted; UntrustedHistory where
    reading it would run what an untrusted role owns.
    """
    tables = _find_tables(connection)
    found = dict(_recognised(tables))
    chosen = _chosen(found, tool)
    if chosen is None:
        return None
    mark, schema = found[chosen]
    own_schema = schema if chosen is Tool.SQITCH and schema != "public" else ""
    rows = read_rows(connection, chosen, schema, mark.table)
    return ForeignRecords(tool or chosen, schema, mark.table, rows, tuple(_kept_by(found, tables)), own_schema)


def _find_tables(connection: Connection) -> tuple[Relation, ...]:
    names = sorted({mark.table for mark in _MARKS} | {_RAILS_TABLE, *_SQITCH_TABLES})
    with reported("look for the histories of other tools"):
        return tuple(table for table in find_relations(connection, names) if table.kind in _TABLE_KINDS)


def read_rows(connection: Connection, tool: Tool, schema: str, table: str) -> tuple[ForeignRow, ...]:
    """Read the rows of a tool's table, in its order. Lock it until the end of the transaction at hand, if there is one.

    Raises UntrustedHistory as ``read_foreign`` does, and ForeignHistory where the rows make no sense.
    """
    query = next(mark.query for mark in _MARKS if mark.tool is tool or {mark.tool, tool} == set(_VERSIONS_ONLY))
    name = sql.Identifier(schema, table)
    with reported(f"read the history of {tool}"), connection.transaction(), connection.cursor(binary=True) as cursor:
        # The lock keeps the name with the table that is looked at next: whoever owns the schema could swap it.
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(name))
        for found in find_relations(connection, [table], schema):
            require_trusted(connection, str(found), found.untrusted, UntrustedHistory)
        cursor.adapters.register_loader("text", LenientBinaryText)
        cursor.adapters.register_loader("timestamptz", LenientMoment)
        try:
            cursor.execute(sql.SQL(load(query)).format(table=name))
            return tuple(ForeignRow(*row) for row in cursor)  # type: ignore[arg-type]  # the query's header says the types
        except (psycopg.DataError, psycopg.ProgrammingError) as error:
            if isinstance(error, psycopg.errors.InsufficientPrivilege):
                raise
            raise ForeignHistory(
                f"{schema}.{table} does not hold what {tool} keeps there: {message_of(error)}",
                hint="It was altered by hand. Alter it back, or say what is applied yourself: rename the table, then "
                "`fowergram-db adopt --to VERSION`.",
            ) from error


def _recognised(tables: Sequence[Relation]) -> Iterator[tuple[Tool, tuple[_Mark, str]]]:
    """Yield each tool's mark and schema; the last wins: a trusted one if there is one, in public if there is one."""
    rails = {table.schema for table in tables if table.name == _RAILS_TABLE}
    trusted_first = sorted(tables, key=lambda table: table.untrusted is not None)
    for table in reversed(trusted_first):
        names = frozenset(table.columns)
        for mark in _MARKS:
            if mark.table == table.name and (names == mark.columns if mark.exact else names >= mark.columns):
                is_rails = mark.tool is Tool.DBMATE and table.schema in rails
                yield Tool.RAILS if is_rails else mark.tool, (mark, table.schema)


def _kept_by(found: Mapping[Tool, tuple[_Mark, str]], tables: Sequence[Relation]) -> Iterator[str]:
    """Yield the tables that these tools keep, "schema.name": those that are there."""
    for tool, (mark, schema) in found.items():
        names = {mark.table, *_BESIDE.get(tool, ())}
        yield from (str(table) for table in tables if table.schema == schema and table.name in names)


def _chosen(found: Iterable[Tool], wanted: Tool | None) -> Tool | None:
    there = sorted(found)
    if wanted is None:
        if len(there) > 1:
            raise UsageError(
                f"the histories of several tools are here: {', '.join(there)}",
                hint="Say with --from which one counts.",
            )
        return there[0] if there else None
    same = _VERSIONS_ONLY if wanted in _VERSIONS_ONLY else (wanted,)
    if match := next((tool for tool in there if tool in same), None):
        return match
    raise UsageError(
        f"there is no history of {wanted} in this database",
        hint=f"Here is that of {', '.join(there)}." if there else "Leave --from out, and name the baseline with --to.",
    )


def claim_of(records: ForeignRecords | None, files: Sequence[MigrationFile], to: int | None) -> Claim:
    """Say which migrations are applied by a tool's word, or, without one, by the user's: all up to ``to``.

    Where both speak, what is above ``to`` does not count, and what has failed up to it counts: somebody has finished
    it by hand. Raises UnknownVersion for a ``to`` that no file has, and
    UsageError where nobody says anything.
    """
    if to is not None and all(file.version != to for file in files):
        known = ", ".join(str(file.version) for file in files[-20:])
        raise UnknownVersion(f"no migration has version {to}", hint=f"The versions are {known}.")
    if records is None:
        if to is None:
            raise UsageError(
                "no other tool's history is here, and nothing says what is applied",
                hint="Name the newest migration that this database has: fowergram-db adopt --to VERSION. "
                "For an empty database, run `fowergram-db migrate`.",
            )
        return Claim(tuple(Claimed(file) for file in files if file.version <= to))
    return _matched(records, files, to)


def _matched(records: ForeignRecords, files: Sequence[MigrationFile], to: int | None) -> Claim:
    applied: dict[int, Claimed] = {}
    failed, unknown = [], []
    for row in records.rows:
        file = _file_of(row, files)
        if file is None:
            unknown += [] if _is_diesel_setup(records.tool, row) else [str(row)]
        elif not row.ok and (to is None or file.version > to):
            failed.append(str(row))
        else:
            applied[file.version] = Claimed(file, row.executed_at, row.filename or "", _is_edited(file, row))
        if row.covers and (number := _number(row)) is not None:
            for below in files:
                if below.version < number:
                    applied.setdefault(below.version, Claimed(below))
    kept = (applied[version] for version in sorted(applied) if to is None or version <= to)
    return Claim(tuple(kept), tuple(failed), tuple(unknown))


def _file_of(row: ForeignRow, files: Sequence[MigrationFile]) -> MigrationFile | None:
    """Return the file of a row: by its file name, else by its number, else by its name."""
    if row.filename is not None:
        return next((f for f in files if row.filename in (f.filename, f.up.path.name)), None)
    if row.version is not None:
        number = _number(row)
        return next((f for f in files if f.version == number or (number == 0 and _DIESEL_SETUP.match(f.folder))), None)
    return next((f for f in files if f.name == row.name), None)


def _is_edited(file: MigrationFile, row: ForeignRow) -> bool:
    """Tell whether a row has the SHA-256 of another text. What is no SHA-256 tells nothing."""
    found = _SHA256.match(row.checksum or "")
    return found is not None and not file.is_recorded_by(found[1].lower())


def _number(row: ForeignRow) -> int | None:
    """Return the number that a version is.

    >>> [_number(ForeignRow(text, None, None, None, True, False)) for text in ("0012", "3.0", "1.2")]
    [12, 3, None]
    """
    match = _NUMBER.fullmatch(row.version or "")
    return int(match[1]) if match else None


def _is_diesel_setup(tool: Tool, row: ForeignRow) -> bool:
    """Tell whether a row is diesel's own first one, which a directory can do without."""
    return tool is Tool.DIESEL and _number(row) == 0
