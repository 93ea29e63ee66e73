"""Refresh the planner's statistics table by table, then report how big and how fresh every table is."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import psycopg
from psycopg import sql

from fowergram_db.database.citus import require_coordinator
from fowergram_db.database.connection import Connection
from fowergram_db.database.query import fetch_all, set_local
from fowergram_db.database.relations import find_relation
from fowergram_db.database.server_errors import LOCK_NOT_AVAILABLE, message_of, statement_hint, translate_errors
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.errors import UsageError

LOCK_TIMEOUT_S = 5
"""How long one table may keep the rest waiting: ANALYZE waits for DDL, VACUUM and another ANALYZE."""

_ASYNCHRONOUS_STATISTICS = 150000
_COLLECTOR_DELAY_S = 0.6
_MAINTAIN_PRIVILEGE = 170000


class TableKind(StrEnum):
    """What can be analyzed."""

    TABLE = "table"
    PARTITIONED_TABLE = "partitioned table"
    MATERIALIZED_VIEW = "materialized view"


class AnalyzeOutcome(StrEnum):
    """What happened to a table: analyzed, skipped (no right to it, or dropped), locked too long, or refused."""

    DONE = "done"
    SKIPPED = "skipped"
    LOCKED = "locked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TableResult:
    """The result of one table and its time in ms; if not analyzed, why and what to do (else empty strings)."""

    schema: str
    name: str
    outcome: AnalyzeOutcome
    duration_ms: float
    reason: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class AnalyzeProgress:
    """The ``number``-th of ``total`` tables (from 1) begins, or has ended if there is a ``result``."""

    schema: str
    name: str
    number: int
    total: int
    result: TableResult | None = None


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table; a partitioned one stands for its partitions and shows their sums.

    ``total_bytes`` = ``heap_bytes`` (with its maps) + ``index_bytes`` + ``toast_bytes`` (with its index);
    all None while another session holds an exclusive lock, since measuring would wait for it. ``rows`` is
    the planner's estimate, None where it has none. ``last_analyzed`` (UTC) is by hand or by autovacuum, None
    for never; of a partitioned table it is when it was itself analyzed, which autovacuum never does, and on
    PostgreSQL 13, which does not record that, when the oldest of its partitions was.
    """

    schema: str
    name: str
    kind: TableKind
    total_bytes: int | None
    heap_bytes: int | None
    index_bytes: int | None
    toast_bytes: int | None
    rows: int | None
    dead_rows: int
    last_analyzed: datetime | None


@dataclass(frozen=True, slots=True)
class AnalyzeReport:
    """What was done, in order, and the tables as they are now, largest first (of unknown size last)."""

    results: tuple[TableResult, ...]
    tables: tuple[TableReport, ...]


@dataclass(frozen=True, slots=True)
class _AnalyzedTable:
    """A row of analyze_tables.sql."""

    oid: int
    schema: str
    name: str
    kind: str
    owner: str
    role: str
    permitted: bool
    is_partition: bool
    total_bytes: int | None
    heap_bytes: int | None
    index_bytes: int | None
    toast_bytes: int | None
    rows: int | None
    dead_rows: int
    last_analyzed: datetime | None


def analyze(
    connection: Connection, tables: Sequence[str], on_progress: Callable[[AnalyzeProgress], None]
) -> AnalyzeReport:
    """Run ANALYZE on these tables, or on all outside the system's schemas, the largest first; then report.

    Names are read as PostgreSQL reads them: ``name``, ``schema.name``, quoted where they have capitals. A
    partitioned table is analyzed with all its partitions. Each table is a transaction of its own that waits
    at most ``LOCK_TIMEOUT_S`` for its locks; what cannot be analyzed is reported, and the others continue.
    Raises UsageError, before anything is analyzed, if a name is no table; DatabaseError if the session is
    lost or the catalog cannot be read.
    """
    require_coordinator(connection)
    oids = _find_oids(connection, tables) if tables else None
    relations = _read_relations(connection, oids)
    if oids is not None:
        _refuse_unknown(connection, tables, oids, relations)
    results = tuple(_analyze_all(connection, relations, on_progress))
    _await_collector(connection)
    measured = _read_relations(connection, oids)
    # A partition that the user did not name is listed only for its result: its parent's figures include its own.
    asked_for = [each for each in measured if (each.oid in oids if oids else not each.is_partition)]
    return AnalyzeReport(results, tuple(_report(relation) for relation in asked_for))


def _find_oids(connection: Connection, names: Sequence[str]) -> list[int | None]:
    with translate_errors("find the tables"):
        return [_oid_of(connection, name) for name in names]


def _oid_of(connection: Connection, name: str) -> int | None:
    """Let the server parse the name: what it cannot parse it answers with NULL or, mostly, with an error."""
    if name.isdecimal():  # which to_regclass takes for an oid from 16 on
        return None
    try:
        found = find_relation(connection, name, of_script=False)
    except (psycopg.errors.SyntaxError, psycopg.errors.InvalidName, psycopg.errors.FeatureNotSupported):
        return None
    return found.oid if found else None


def _read_relations(connection: Connection, oids: Sequence[int | None] | None) -> list[_AnalyzedTable]:
    with translate_errors("read the tables and their sizes"), _short_of_locks(connection):
        return fetch_all(connection, _AnalyzedTable, load("operations/analyze_tables"), {"oids": oids})


@contextmanager
def _short_of_locks(connection: Connection) -> Iterator[None]:
    """Wait for no lock for long: SET LOCAL, since a SET would outlive the session in PgBouncer."""
    with connection.transaction():
        set_local(connection, {"lock_timeout": f"{LOCK_TIMEOUT_S}s"})
        yield


def _refuse_unknown(
    connection: Connection, names: Sequence[str], oids: Sequence[int | None], relations: Sequence[_AnalyzedTable]
) -> None:
    known = {relation.oid for relation in relations}
    unknown = [name for name, oid in zip(names, oids, strict=True) if oid not in known]
    if unknown:
        raise UsageError(
            f'database "{connection.info.dbname}" has no such table or materialized view: {", ".join(unknown)}',
            hint='Names are read as in SQL: schema.table, with "Capitals" in double quotes.',
        )


def _analyze_all(
    connection: Connection, relations: Sequence[_AnalyzedTable], on_progress: Callable[[AnalyzeProgress], None]
) -> Iterator[TableResult]:
    for number, relation in enumerate(relations, 1):
        place = (relation.schema, relation.name, number, len(relations))
        on_progress(AnalyzeProgress(*place))
        run = _analyze_one if relation.permitted else _forbidden
        result = run(connection, relation)
        on_progress(AnalyzeProgress(*place, result))
        yield result


def _forbidden(connection: Connection, relation: _AnalyzedTable) -> TableResult:
    """Say so without trying: ANALYZE only warns of a missing right, in the server's language."""
    fix = f"Run the command as {relation.owner}, the owner"
    if connection.info.server_version >= _MAINTAIN_PRIVILEGE:
        grant = sql.SQL("GRANT MAINTAIN ON {} TO {};")
        granted = grant.format(_quoted(relation), sql.Identifier(relation.role))
        fix += f", or: {granted.as_string(connection)}"
    return TableResult(relation.schema, relation.name, AnalyzeOutcome.SKIPPED, 0.0, "the role may not analyze it", fix)


def _quoted(relation: _AnalyzedTable) -> sql.Identifier:
    return sql.Identifier(relation.schema, relation.name)


def _analyze_one(connection: Connection, relation: _AnalyzedTable) -> TableResult:
    outcome, reason, fix = AnalyzeOutcome.DONE, "", ""
    started = time.perf_counter()
    try:
        with _short_of_locks(connection):
            connection.execute(sql.SQL("ANALYZE {}").format(_quoted(relation)))
    except psycopg.Error as error:
        if connection.closed:
            with translate_errors(f"analyze {relation.schema}.{relation.name}", Situation.ANALYZING):
                raise
        outcome, reason, fix = _gone(connection, relation) or _explained(error)
    return TableResult(relation.schema, relation.name, outcome, (time.perf_counter() - started) * 1000, reason, fix)


def _gone(connection: Connection, relation: _AnalyzedTable) -> tuple[AnalyzeOutcome, str, str] | None:
    """Ask the catalog: "does not exist" may also come from a function that an index calls."""
    query = "SELECT /* fowergram-db */ FROM pg_catalog.pg_class WHERE oid = %s::oid"
    with translate_errors("find the table"):
        still_there = connection.execute(query, [relation.oid]).fetchone() is not None
    return None if still_there else (AnalyzeOutcome.SKIPPED, "it was dropped meanwhile", "")


def _explained(error: psycopg.Error) -> tuple[AnalyzeOutcome, str, str]:
    state = error.sqlstate or ""
    if state == LOCK_NOT_AVAILABLE:
        reason = f"another session kept it, or a partition of it, locked for more than {LOCK_TIMEOUT_S} s"
        return AnalyzeOutcome.LOCKED, reason, "Analyze it again when that session is done."
    return (
        AnalyzeOutcome.FAILED,
        message_of(error),
        error.diag.message_hint or statement_hint(error, Situation.ANALYZING),
    )


def _await_collector(connection: Connection) -> None:
    """Up to PostgreSQL 14, wait for the statistics collector, whose figures are up to half a second old."""
    if connection.info.server_version < _ASYNCHRONOUS_STATISTICS:
        time.sleep(_COLLECTOR_DELAY_S)


def _report(relation: _AnalyzedTable) -> TableReport:
    analyzed = relation.last_analyzed
    return TableReport(
        schema=relation.schema,
        name=relation.name,
        kind=TableKind(relation.kind),
        total_bytes=relation.total_bytes,
        heap_bytes=relation.heap_bytes,
        index_bytes=relation.index_bytes,
        toast_bytes=relation.toast_bytes,
        rows=relation.rows,
        dead_rows=relation.dead_rows,
        last_analyzed=analyzed.astimezone(UTC) if analyzed else None,
    )
