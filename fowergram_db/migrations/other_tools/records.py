"""Find and read what other migration tools have recorded, and match it with the files. Writes nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import Cursor, sql

from fowergram_db.database.connection import Connection, message_of, translate_errors
from fowergram_db.database.ownership import find_relations, require_trusted
from fowergram_db.database.sql import load
from fowergram_db.errors import ForeignHistory, UntrustedHistory, UsageError
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history_row import LenientBinaryText, LenientMoment
from fowergram_db.migrations.other_tools.histories import OtherHistory, escaped, find_candidates
from fowergram_db.migrations.other_tools.tables import FoundTable, Tool, kept_by, known_tools
from fowergram_db.migrations.version import Version, find_version, is_below, order_of, require_version

_LONGEST_NAME = 300
_SHA256 = re.compile(r"\s*([0-9a-f]{64})(?![^\s])", re.IGNORECASE)


# The tools that have a query of their own; the others share by_column.sql.
_QUERIES = {
    Tool.RUN_MIGRATIONS_SH: "run_migrations_sh",
    Tool.GOLANG_MIGRATE: "golang_migrate",
    Tool.DBMATE: "dbmate",
    Tool.RAILS: "dbmate",
    Tool.SQL_MIGRATE: "sql_migrate",
    Tool.GOOSE: "goose",
    Tool.FLYWAY: "flyway",
    Tool.DIESEL: "diesel",
    Tool.SQLX: "sqlx",
    Tool.SQITCH: "sqitch",
    Tool.PRISMA: "prisma",
}
_BY_FILENAME = (Tool.NODE_PG_MIGRATE, Tool.PGMIGRATE)
_BY_HIGHEST_VERSION = (Tool.TERN,)
_VERSIONS_ONLY = (Tool.DBMATE, Tool.RAILS)


class ToolRecord(NamedTuple):
    """One row of another tool's history, as that tool writes it.

    ``ok`` is false for what has failed; ``covers``: all versions below count as applied, too.
    ``checksum`` is that of the file, if the tool keeps one that other tools can use.
    """

    version: str | None
    name: str | None
    filename: str | None
    executed_at: datetime | None
    ok: bool
    covers: bool
    checksum: str | None = None

    def __str__(self) -> str:
        """Name the migration as the tool does, truncated if the name is longer than a file name can be."""
        named = self.filename or self.version or self.name or "?"
        return named if len(named) <= _LONGEST_NAME else f"{named[:_LONGEST_NAME]}…"


@dataclass(frozen=True, slots=True)
class ToolRecords:
    """Another tool's history."""

    tool: Tool
    table: FoundTable
    rows: tuple[ToolRecord, ...]

    @property
    def is_in_our_place(self) -> bool:
        """Return whether its table has the name of ours."""
        return self.table.is_in_our_place


class Kept(NamedTuple):
    """The tables that other tools keep, as "schema.name", and the schemas that hold nothing else."""

    tables: tuple[str, ...]
    schemas: tuple[str, ...]


class RecordedMigration(NamedTuple):
    """A migration recorded as applied: its file, when (None if unknown), and the file name in that record.

    ``edited``: the recorded SHA-256 is that of another text.
    """

    file: MigrationFile
    executed_at: datetime | None = None
    recorded_as: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class RecordedMigrations:
    """Which of our migrations are recorded as applied, in order of version; which failed; which have no file."""

    applied: tuple[RecordedMigration, ...] = ()
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def tool_named(name: str) -> str:
    """Return the tool of this name. Raises UsageError, which lists all tools, if there is none."""
    if name.lower() in known_tools():
        return name.lower()
    raise UsageError(
        f"histories of {name!r} are not known",
        hint=f"Those that can be matched with files are of {', '.join(Tool)}. Of the others only the tables are known.",
    )


def read_records(
    connection: Connection, wanted: str | None = None, others: Sequence[OtherHistory] = ()
) -> ToolRecords | None:
    """Read another tool's history: that of the ``wanted`` tool, or the only one of ``others``.

    None if there is none, or the tool's history cannot be matched with files. Raises UsageError if the wanted one is
    not there, or if there are several and none is wanted. Raises UntrustedHistory if reading it would run what an
    untrusted role owns.
    """
    with translate_errors("look for the histories of other tools"):
        found = _histories(connection, others)
    counting = {other.table for other in others if other.stops} or {other.table for other in others}
    here = [table for table in found if str(table.relation) in counting] or list(found)
    chosen = _chosen({table.tool for table in here}, {table.tool for table in found}, wanted)
    if chosen not in tuple(Tool):
        return None
    table = min((t for t in (*here, *found) if t.tool == chosen), key=lambda t: t.relation.untrusted is not None)
    tool = Tool(wanted or chosen)
    return ToolRecords(tool, table, read_rows(connection, tool, table))


def find_kept(connection: Connection, others: Sequence[OtherHistory]) -> Kept:
    """Return the tables and schemas that other tools keep here, also empty ones: no migration of ours creates them."""
    with translate_errors("look for the histories of other tools"):
        tables = kept_by(_histories(connection, others))
        rows = connection.execute(load("other_tools/kept"), {"relations": list(tables)}).fetchall() if tables else ()
    of_kind = {kind: tuple(str(name) for k, name in rows if k == kind) for kind in ("table", "schema")}
    return Kept(of_kind["table"], of_kind["schema"])


def read_rows(connection: Connection, tool: Tool, found: FoundTable) -> tuple[ToolRecord, ...]:
    """Read the rows of a tool's table, in its order. Lock it until the end of the current transaction, if there is one.

    Raises UntrustedHistory as ``read_records`` does, and ForeignHistory if the rows are not what the tool writes.
    """
    schema, table = found.relation.schema, found.relation.name
    name = sql.Identifier(schema, table)
    with (
        translate_errors(f"read the history of {tool}"),
        connection.transaction(),
        connection.cursor(binary=True) as cursor,
    ):
        # The lock keeps the name on the table that is checked next: the owner of the schema could replace it.
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(name))
        for relation in find_relations(connection, [table], schema):
            require_trusted(connection, str(relation), relation.untrusted, UntrustedHistory)
        cursor.adapters.register_loader("text", LenientBinaryText)
        cursor.adapters.register_loader("timestamptz", LenientMoment)
        try:
            _select(cursor, tool, found, name)
            return tuple(ToolRecord(*row) for row in cursor)  # type: ignore[arg-type]  # the query's header says the types
        except (psycopg.DataError, psycopg.ProgrammingError) as error:
            if isinstance(error, psycopg.errors.InsufficientPrivilege):
                raise
            raise ForeignHistory(
                f"{schema}.{table} does not hold what {tool} keeps there: {message_of(error)}",
                hint="It was altered by hand. Alter it back, or say what is applied yourself: rename the table, then "
                "`fowergram-db adopt --to VERSION`.",
            ) from error


def _histories(connection: Connection, others: Sequence[OtherHistory]) -> tuple[FoundTable, ...]:
    """Return the tables of ``others``, and those that can only be a history, even if they are empty."""
    known = {other.table for other in others}
    _, found = find_candidates(connection)
    return tuple(table for table in found if table.is_unmistakable or str(table.relation) in known)


def _select(cursor: Cursor[object], tool: Tool, found: FoundTable, name: sql.Identifier) -> None:
    if tool in _QUERIES:
        cursor.execute(sql.SQL(load(f"other_tools/{_QUERIES[tool]}")).format(table=name))
        return
    ignored, _, value = found.shape.ignored.partition("=")
    label = found.column(found.shape.label)
    parameters = {
        "version": "" if tool in _BY_FILENAME else label,
        "filename": label if tool in _BY_FILENAME else "",
        "moment": found.column(found.shape.moment),
        "ignored": found.column(ignored),
        "ignored_value": value or " ",
        "covers": tool in _BY_HIGHEST_VERSION,
    }
    query = sql.SQL(load("other_tools/by_column")).format(table=escaped(name, cursor))
    cursor.execute(query, parameters)


def _chosen(here: set[str], everywhere: set[str], wanted: str | None) -> str | None:
    if wanted is None:
        if len(here) > 1:
            raise UsageError(
                f"the histories of several tools are here: {', '.join(sorted(here))}",
                hint="Say with --from which one counts.",
            )
        return next(iter(here), None)
    same = _VERSIONS_ONLY if wanted in _VERSIONS_ONLY else (wanted,)
    for tools in (here, everywhere):
        if match := next((tool for tool in sorted(tools) if tool in same), None):
            return match
    raise UsageError(
        f"there is no history of {wanted} in this database",
        hint=f"Here is that of {', '.join(sorted(everywhere))}."
        if everywhere
        else "Leave --from out, and name the baseline with --to.",
    )


def match_files(
    records: ToolRecords | None,
    files: Sequence[MigrationFile],
    to: Version | str | None,
    unmatched: OtherHistory | None = None,
) -> RecordedMigrations:
    """Return which migrations are applied according to a tool's records, or, without them, all up to ``to``.

    With both, what is above ``to`` does not count, and what has failed up to it counts: the user has finished it by
    hand. If the records name none of the files, ``to`` alone counts. ``unmatched`` is a history that is here, but
    cannot be matched with files. Raises UnknownVersion for a ``to`` that no file has, and UsageError if there are
    neither records nor ``to``.
    """
    last = None if to is None else require_version(to, (file.version for file in files))
    if records is None:
        if last is None:
            raise UsageError(
                f"{unmatched.table}, the history of {unmatched.shown_tool}, cannot be matched with SQL files"
                if unmatched
                else "no other tool's history is here, and nothing says what is applied",
                hint="Name the newest migration that this database has: fowergram-db adopt --to VERSION. "
                "For an empty database, run `fowergram-db migrate`.",
            )
        return RecordedMigrations(_up_to(files, last))
    recorded_by_tool = _matched(records, files, last)
    if last is not None and not recorded_by_tool.applied and not recorded_by_tool.failed:
        # The files are not those that the tool has run, such as a dump in their place: the schema has to decide.
        return RecordedMigrations(_up_to(files, last))
    return recorded_by_tool


def _up_to(files: Sequence[MigrationFile], last: Version) -> tuple[RecordedMigration, ...]:
    return tuple(RecordedMigration(file) for file in files if order_of(file.version) <= order_of(last))


def _matched(records: ToolRecords, files: Sequence[MigrationFile], to: Version | None) -> RecordedMigrations:
    applied: dict[Version, RecordedMigration] = {}
    failed, unknown = [], []
    for row in records.rows:
        file = _file_of(row, files)
        if file is None:
            unknown += [] if _is_diesel_setup(records.tool, row) else [str(row)]
        elif not row.ok and (to is None or order_of(file.version) > order_of(to)):
            failed.append(str(row))
        else:
            applied[file.version] = RecordedMigration(file, row.executed_at, row.filename or "", _is_edited(file, row))
        if row.covers:
            for below in files:
                if is_below(below.version, row.version or ""):
                    applied.setdefault(below.version, RecordedMigration(below))
    ordered = sorted(applied, key=order_of)
    kept = (applied[version] for version in ordered if to is None or order_of(version) <= order_of(to))
    return RecordedMigrations(tuple(kept), tuple(failed), tuple(unknown))


def _file_of(row: ToolRecord, files: Sequence[MigrationFile]) -> MigrationFile | None:
    """Return the file of a row: by its file name, else by its number, else by its name."""
    if row.filename is not None:
        return next((f for f in files if row.filename in _names_of(f)), None)
    if row.version is not None:
        version = find_version(row.version, (file.version for file in files))
        return next((file for file in files if file.version == version), None)
    return next((f for f in files if f.name == row.name), None)


def _names_of(file: MigrationFile) -> tuple[str, ...]:
    """Return the names that a tool may record for a file: its own, that of its folder, or without the ending."""
    return (file.filename, file.up.path.name, file.up.path.stem, file.folder or file.filename)


def _is_edited(file: MigrationFile, row: ToolRecord) -> bool:
    """Return whether a row has the SHA-256 of another text. A checksum of another kind is ignored."""
    found = _SHA256.match(row.checksum or "")
    return found is not None and not file.is_recorded_by(found[1].lower())


def _is_diesel_setup(tool: Tool, row: ToolRecord) -> bool:
    """Return whether a row is diesel's own first one, whose file a directory need not have."""
    return tool is Tool.DIESEL and row.version is not None and not row.version.strip("0")
