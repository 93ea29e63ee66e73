"""Find and read what other migration tools have recorded. Writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import Cursor, sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.ownership import find_relations, require_trusted
from fowergram_db.database.server_errors import message_of, translate_errors
from fowergram_db.database.sql import load
from fowergram_db.errors import ForeignHistory, UntrustedHistory, UsageError
from fowergram_db.migrations.history_row import LenientBinaryText, LenientMoment
from fowergram_db.migrations.other_tools.histories import OtherHistory, escaped, find_candidates
from fowergram_db.migrations.other_tools.shapes import Tool, known_tools
from fowergram_db.migrations.other_tools.tables import FoundTable, kept_by

_LONGEST_NAME = 300

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


def tool_named(name: str) -> str:
    """Return the tool of this name. Raises UsageError, which lists all tools, if there is none."""
    if name.lower() in known_tools():
        return name.lower()
    raise UsageError(
        f"{name!r} is not a tool whose history is known",
        hint=f"Those that can be matched with files are of {', '.join(Tool)}. Of other tools, only the tables are "
        "known.",
    )


def read_records(
    connection: Connection, wanted: str | None = None, others: Sequence[OtherHistory] = ()
) -> ToolRecords | None:
    """Read another tool's history: that of the ``wanted`` tool, or the only one of ``others``.

    None if there is none, or the tool's history cannot be matched with files. Raises UsageError if the wanted one is
    not there, or if there are several and none is wanted. Raises UntrustedHistory if reading it would run what an
    untrusted role owns.
    """
    with translate_errors("find the histories of other tools"):
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
    with translate_errors("find the histories of other tools"):
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
                f"{schema}.{table} does not contain what {tool} writes there: {message_of(error)}",
                hint="The table was altered by hand. Undo that change; or rename the table, and name the newest "
                "applied migration with `fowergram-db adopt --to VERSION`.",
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
                f"this database has the histories of several tools: {', '.join(sorted(here))}",
                hint="Name the one to adopt with --from.",
            )
        return next(iter(here), None)
    same = _VERSIONS_ONLY if wanted in _VERSIONS_ONLY else (wanted,)
    for tools in (here, everywhere):
        if match := next((tool for tool in sorted(tools) if tool in same), None):
            return match
    raise UsageError(
        f"there is no history of {wanted} in this database",
        hint=f"The database has the history of {', '.join(sorted(everywhere))}."
        if everywhere
        else "Leave --from out, and name the baseline with --to.",
    )
