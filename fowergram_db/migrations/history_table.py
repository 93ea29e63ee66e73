"""Read and create the table ``public.schema_migrations``, and distinguish it from another tool's."""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import cache
from itertools import pairwise

import psycopg

from fowergram_db.database.connection import Connection
from fowergram_db.database.ownership import (
    CatalogRelation,
    Trusted,
    find_relations,
    load_with_ownership,
    require_trusted,
)
from fowergram_db.database.query import set_local
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import may_have_citus
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.errors import HistoryInconsistent, UntrustedHistory
from fowergram_db.migrations.history import AppliedMigration, History, MigrationProgress, RecordedState, require_own
from fowergram_db.migrations.history_row import HistoryRow, LenientText, text_or_null
from fowergram_db.migrations.history_sql import ChangedMeanwhile, load_with_version, set_version_type
from fowergram_db.migrations.other_tools.histories import (
    find_candidates,
    in_our_place,
    read_in_our_place,
    read_other_histories,
)
from fowergram_db.migrations.version import TextVersion, Version, VersionType, order_of

TABLE = "schema_migrations"
_PROGRESS = "progress"
# Our columns, with the names that PostgreSQL's catalog has for their types. The oldest tables lack the last.
_TYPES = {
    "id": "int8",
    "filename": "text",
    "executed_at": "timestamptz",
    "checksum": "text",
    "version": "int8",
    "name": "text",
    "state": "text",
    "duration_ms": "float8",
    "executed_by": "text",
    "tool_version": "text",
    "down_sql": "text",
    "statements_done": "int4",
    _PROGRESS: "jsonb",
}
_POSITION = "position"
# The columns of a table whose versions are texts.
_TEXT_TYPES = {"version": "text", _POSITION: "text"}
_MOST_MISSING = 3


Claim = Callable[[Connection], object]
"""What a transaction that writes the history begins with: what makes another migrator wait for its end."""


def no_claim(_: Connection) -> None:
    """Begin a transaction in a database that no other migrator can know."""


class TableLock(StrEnum):
    """Which lock a session takes on the table: READ to read it; WRITE also prevents others from creating triggers."""

    READ = "ACCESS SHARE"
    WRITE = "ROW EXCLUSIVE"


def read_history(connection: Connection) -> History:
    """Read the history. Writes nothing; two round trips, one if there is no table, one more for each other tool's.

    Raises UntrustedHistory if reading it would run what an untrusted role owns, and HistoryInconsistent, which names
    row and column, if someone has written what the tool cannot have written.
    """
    with translate_errors("read the history in public.schema_migrations", Situation.HISTORY):
        try:
            return _read(connection)
        except ChangedMeanwhile:
            pass
        try:
            return _read(connection)
        except ChangedMeanwhile as error:
            raise HistoryInconsistent(
                "public.schema_migrations was altered while it was read", hint="Run the command again."
            ) from error


def _read(connection: Connection) -> History:
    table, found = find_candidates(connection)
    if table is None:
        return History(others=read_other_histories(connection, found, ""))
    require_trusted(connection, str(table), table.untrusted, UntrustedHistory)
    if not _is_own(table):
        in_place = read_in_our_place(connection, table, found)
        others = read_other_histories(connection, found, "")
        return History(exists=True, other_tool=in_place.shown_tool, others=(in_place, *others))
    _require_own_shape(table)
    version_type = _version_type(table)
    applied = _read_rows(connection, table, version_type)
    was_adopted = any(not row.duration_ms for row in applied)
    others = read_other_histories(connection, found, table.comment, has_rows=bool(applied), was_adopted=was_adopted)
    return History(applied, exists=True, trusted=table.trusted, others=others, version_type=version_type)


def require_no_other_tool(connection: Connection) -> None:
    """Raise as ``require_own`` does, and UntrustedHistory if the table's owner is not trusted.

    One round trip, which reads no rows, unless another tool's table is here.
    """
    with translate_errors("look for public.schema_migrations", Situation.HISTORY):
        table, found = find_candidates(connection)
        if table is not None:
            require_trusted(connection, str(table), table.untrusted, UntrustedHistory)
    if found or (table and not _is_own(table)):
        require_own(read_history(connection))


def require_trusted_table(connection: Connection) -> None:
    """Raise UntrustedHistory if a use of the table, whatever its shape, would run what an untrusted role owns."""
    with translate_errors("look for public.schema_migrations", Situation.HISTORY):
        _find(connection)


def require_safe_to_write(connection: Connection) -> CatalogRelation | None:
    """Lock the table in the current transaction, and raise unless it is ours: it may have changed since the check."""
    connection.execute("LOCK TABLE public.schema_migrations IN ROW EXCLUSIVE MODE")
    with translate_errors("look for public.schema_migrations", Situation.HISTORY):
        table = _find(connection)
    if table and not _is_own(table):
        require_own(History(exists=True, others=(in_our_place(table, ()),)))
    return table


def create_history(
    connection: Connection, version_type: VersionType = VersionType.NUMBER, claim: Claim = no_claim
) -> History:
    """Create the history, for versions of a type, if it is missing; return it without its rows.

    In a transaction of its own, which ``claim`` begins and which does not wait for the disk, except with Citus. Raises
    UntrustedHistory or ForeignHistory if another session has created the table meanwhile, and it is not trusted or not
    ours.
    """
    with translate_errors("create public.schema_migrations", Situation.HISTORY), connection.transaction():
        claim(connection)
        if not may_have_citus(connection):
            set_local(connection, {"synchronous_commit": "off"})
        connection.execute(load("bookkeeping/create"))
        table = require_safe_to_write(connection)
        if version_type is VersionType.TEXT:
            set_version_type(connection, version_type)
    return History(exists=True, trusted=table.trusted if table else Trusted.ALL, version_type=version_type)


def _find(connection: Connection) -> CatalogRelation | None:
    table = next(iter(find_relations(connection, [TABLE], "public")), None)
    if table is not None:
        require_trusted(connection, str(table), table.untrusted, UntrustedHistory)
    return table


def _is_own(table: CatalogRelation) -> bool:
    """Return whether a table with our name has our shape; a few columns may be missing, if it was altered."""
    return table.kind == "r" and len(_missing(frozenset(table.columns))) <= _MOST_MISSING


def _missing(names: frozenset[str]) -> tuple[str, ...]:
    return tuple(column for column in _TYPES if column not in names and column != _PROGRESS)


def _require_own_shape(table: CatalogRelation) -> None:
    """Raise HistoryInconsistent if a column is not as the tool made it: it could not be read, or written."""
    if fault := next(_faults(table, _version_type(table)), ""):
        raise HistoryInconsistent(
            f"public.schema_migrations is not as fowergram-db made it: {fault}",
            hint="The table was altered by hand: undo that change.",
        )


def _version_type(table: CatalogRelation) -> VersionType:
    has_text = ("version", "text") in zip(table.columns, table.types, strict=True)
    return VersionType.TEXT if has_text and _POSITION in table.columns else VersionType.NUMBER


def _faults(table: CatalogRelation, version_type: VersionType) -> Iterator[str]:
    types = _TYPES | _TEXT_TYPES if version_type is VersionType.TEXT else _TYPES
    yield from (f"its column {column} is missing" for column in _missing(frozenset(table.columns)))
    for column, found in zip(table.columns, table.types, strict=True):
        expected = types.get(column, found)
        if found != expected:
            yield f"its column {column} is of type {found}, not {expected}"
    yield from (f"its column {column} is generated" for column in table.computed if column in types)
    for column in table.required:
        if column not in types:
            yield f"its column {column} is NOT NULL and has no default, so no row can be written"


def _read_rows(
    connection: Connection, table: CatalogRelation, version_type: VersionType
) -> tuple[AppliedMigration, ...]:
    read = load_with_version("bookkeeping/read", version_type)
    query = psycopg.ClientCursor(connection).mogrify(read, {"oid": table.oid})
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("text", LenientText)
        try:
            cursor.execute(query.encode())
        except psycopg.errors.DivisionByZero as error:
            raise HistoryInconsistent(
                "public.schema_migrations was replaced by another table while it was read",
                hint="Find out which session did that, and run the command again.",
            ) from error
        except psycopg.errors.UndefinedColumn as error:
            raise ChangedMeanwhile from error
        while cursor.nextset():
            pass
        names = [column.name for column in cursor.description or ()]
        rows = [HistoryRow(dict(zip(names, map(text_or_null, cells), strict=True))) for cells in cursor]
    return _in_order(rows, version_type)


def _in_order(rows: Sequence[HistoryRow], version_type: VersionType) -> tuple[AppliedMigration, ...]:
    found = [(_applied(row, version_type), row) for row in rows]
    found.sort(key=lambda pair: order_of(pair[0].version))
    for (before, _), (migration, row) in pairwise(found):
        if before.version == migration.version:
            row.refuse("version", str(migration.version), "which another row has, too")
    return tuple(migration for migration, _ in found)


def _applied(row: HistoryRow, version_type: VersionType) -> AppliedMigration:
    row.whole_number("id")
    progress = row.progress(_PROGRESS)
    return AppliedMigration(
        version=_version(row, version_type),
        name=row.text("name"),
        filename=row.text("filename", may_be_empty=False),
        checksum=row.text("checksum"),
        state=RecordedState(row.word("state", tuple(RecordedState))),
        executed_at=row.moment("executed_at"),
        duration_ms=row.duration_ms("duration_ms"),
        statements_done=row.whole_number("statements_done", least=0),
        reversible=row.flag("reversible"),
        progress=None if progress is None else MigrationProgress(**progress),
    )


def _version(row: HistoryRow, version_type: VersionType) -> Version:
    if version_type is VersionType.NUMBER:
        try:
            return row.whole_number("version")
        except ValueError as error:
            raise ChangedMeanwhile from error
    return TextVersion(row.text(_POSITION, may_be_empty=False), row.text("version", may_be_empty=False))


def guarded(query: str, lock: TableLock, trusted: Trusted = Trusted.ALL, check: str = "") -> str:
    """Return a query on the table, after the lock and the check that prevent it from running what other roles own.

    Send them as one query, in one transaction. It divides by zero if the check fails. ``check`` executes ``guard()``,
    if that is prepared.
    """
    return f"LOCK TABLE public.schema_migrations IN {lock} MODE; {check or guard(trusted)} {query}"


@cache
def guard(trusted: Trusted) -> str:
    """Return the query that does the check."""
    return load_with_ownership("bookkeeping/guard", trusted).as_string()


def read_durations(connection: Connection, versions: Sequence[Version]) -> dict[Version, float]:
    """Return the duration in ms of each of these versions that is recorded."""
    with translate_errors("read the history in public.schema_migrations", Situation.HISTORY):
        found = _read_guarded(connection, load("bookkeeping/durations"), versions)
        return {version: float(ms) for version, ms in found.items()}


def read_down_scripts(connection: Connection, versions: Sequence[Version]) -> dict[Version, str]:
    """Return the recorded down script of each of these versions, as the table has them, if it has one."""
    with translate_errors("read the recorded down scripts", Situation.HISTORY):
        return _read_guarded(connection, load("bookkeeping/down_scripts"), versions)


def _read_guarded(connection: Connection, query: str, versions: Sequence[Version]) -> dict[Version, str]:
    """Return what a query finds, by version; both of its columns are texts."""
    named = {str(version): version for version in versions}
    text = psycopg.ClientCursor(connection).mogrify(guarded(query, TableLock.READ), {"versions": list(named)})
    with connection.cursor() as cursor:
        cursor.adapters.register_loader("text", LenientText)
        cursor.execute(text.encode())
        while cursor.nextset():
            pass
        return {named[str(version)]: str(found) for version, found in cursor}
