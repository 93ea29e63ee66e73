"""Run scripts in one transaction together with their bookkeeping rows."""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import LiteralString

import psycopg
from psycopg import pq

from fowergram_db import __version__
from fowergram_db.database.connection import Connection, reported
from fowergram_db.database.sql import load
from fowergram_db.errors import Location, MigrationFailed, Refused
from fowergram_db.migrations.checks import read_script
from fowergram_db.migrations.directives import Directives, parse_directives
from fowergram_db.migrations.events import StepResult
from fowergram_db.migrations.failure import failure
from fowergram_db.migrations.lock import LOCK_SPACE, WORKER_KEY
from fowergram_db.migrations.plan import Direction, Step
from fowergram_db.migrations.script import Piece, Script
from fowergram_db.migrations.wire import is_copying, send, send_data
from fowergram_db.migrations.worker import Watch, Worker, patiently

_BOOKKEEPING = {Direction.UP: "bookkeeping/insert", Direction.DOWN: "bookkeeping/delete"}
# What a script may have SET for the whole session must not reach the bookkeeping or the next migration.
_RESETS = "RESET SESSION AUTHORIZATION; RESET ALL;"
_OFFERS_CONNECTION_CHECK = 140000
_CANCEL_S = 5.0


class Durability(StrEnum):
    """When a commit has to be safe from a crash of the server: at once, or with a later one of the same run."""

    NOW = auto()
    LATER = auto()


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step whose script was read and found fit to run."""

    step: Step
    script: Script
    directives: Directives


def check(step: Step) -> CheckedStep:
    """Read a step's script, that which would undo it included. Raises FileFault; runs nothing."""
    if step.down_sql is not None:
        read_script(step.down_source, step.down_sql, parse_directives(step.down_source, step.down_sql))
    directives = step.sql.directives
    return CheckedStep(step, read_script(step.source, step.sql.text, directives, step.sql.gaps), directives)


def require_standard_strings(connection: Connection) -> None:
    r"""Raise Refused where the server reads ``'\'`` otherwise than the SQL standard, and so than ``check`` did."""
    if connection.info.parameter_status("standard_conforming_strings") == "off":
        raise Refused(
            "standard_conforming_strings is off here: a backslash could hide a COMMIT from the checks; nothing was run",
            hint="Take the setting away from the database, the role or the server's configuration.",
        )


def apply(worker: Worker, batch: Sequence[CheckedStep], durability: Durability) -> tuple[StepResult, ...]:
    """Run steps in one transaction and commit them with their bookkeeping: all of them or, where one fails, none.

    A lock that is not to be had in time rolls all back and begins again. Two round trips a step: the script goes
    to the server whole, which cuts it itself; then the bookkeeping with the COMMIT, so that a server whose client
    has died in between commits nothing. Raises MigrationFailed or LockTimeout, the transaction rolled back.
    """
    first = batch[0]
    watch = Watch(worker, first.step, worker.limits.of(first.directives)[0])
    return patiently(worker, first.step, watch, lambda: _attempt(worker, batch, durability, watch))


def _attempt(
    worker: Worker, batch: Sequence[CheckedStep], durability: Durability, watch: Watch
) -> tuple[StepResult, ...]:
    results = []
    try:
        for number, checked in enumerate(batch, start=1):
            began = time.perf_counter()
            transaction = _run(worker, checked, watch, begin=number == 1)
            duration_ms = (time.perf_counter() - began) * 1000
            results.append(StepResult(checked.step, duration_ms))
            end = _end(durability) if number == len(batch) else ""
            _record(worker, checked, _row(checked, transaction, duration_ms), end)
    except BaseException:
        roll_back(worker.connection)
        raise
    return tuple(results)


def _run(worker: Worker, checked: CheckedStep, watch: Watch, *, begin: bool) -> str:
    """Send BEGIN, settings and script; return the transaction's number."""
    opening = (*(("BEGIN;",) if begin else ()), *settings(worker, checked.directives))
    opening = (*opening, "SELECT pg_catalog.pg_current_xact_id()::text;")
    transaction = ""
    for piece in checked.script.pieces() or (Piece(0, ""),):
        results = run_piece(worker, checked, piece, watch, opening)
        if opening:
            transaction = (results[len(opening) - 1].get_value(0, 0) or b"").decode()
        opening = ()
    return transaction


def settings(worker: Worker, directives: Directives) -> Iterator[str]:
    """Yield what a worker's transaction begins with: settings for it alone, and the lock that shows it is at work.

    Through a pooler, any other setting would reach somebody else.
    """
    lock_timeout_ms, statement_timeout_ms = worker.limits.of(directives)
    yield f"SET LOCAL lock_timeout = {lock_timeout_ms};"
    if statement_timeout_ms is not None:
        yield f"SET LOCAL statement_timeout = {statement_timeout_ms};"
    if worker.lock is None:
        return
    if worker.lock.server_is_linux and worker.connection.info.server_version >= _OFFERS_CONNECTION_CHECK:
        # A server whose client was killed stops in the middle of a statement, not at its end.
        yield "SET LOCAL client_connection_check_interval = 2000;"
    yield f"SELECT pg_catalog.pg_advisory_xact_lock({LOCK_SPACE}, {WORKER_KEY});"


def run_piece(
    worker: Worker, checked: CheckedStep, piece: Piece, watch: Watch, opening: Sequence[str] = ()
) -> list[pq.abc.PGresult]:
    """Send a piece of a script behind an opening, and the data that its COPY waits for; return the results.

    Raises MigrationFailed or LockTimeout at the place of the statement that failed; what was open stays so.
    """
    query = "".join((*opening, piece.text))
    try:
        results = send(worker.connection, query, watch.tick)
        if is_copying(results):
            results[-1:] = _feed(worker.connection, checked, piece, results[-1], watch)
    except psycopg.Error as error:
        raise failure(checked.step, checked.script, error, None) from error
    if results[-1].status == pq.ExecStatus.FATAL_ERROR:
        said = psycopg.errors.error_from_result(results[-1])
        done = len(results) - 1 - len(opening)
        at = _reported_offset(worker.connection, said, query)
        shift = piece.start - (len(query) - len(piece.text))
        offset = _start_of(checked.script, piece, done) if at is None else max(0, at + shift)
        raise failure(checked.step, checked.script, said, offset) from said
    return results


def _feed(
    connection: Connection, checked: CheckedStep, piece: Piece, waiting: pq.abc.PGresult, watch: Watch
) -> list[pq.abc.PGresult]:
    if piece.data is None or waiting.status != pq.ExecStatus.COPY_IN:
        connection.close()
        raise psycopg.NotSupportedError("the server asks for COPY data where the file has none")
    return send_data(connection, checked.step.sql.data(*piece.data), watch.tick)


def _reported_offset(connection: Connection, error: psycopg.Error, query: str) -> int | None:
    """Return the offset in a query that the server reports: in characters, but in bytes where it knows none."""
    if not error.diag.statement_position:
        return None
    at = int(error.diag.statement_position) - 1
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        at = len(query.encode()[:at].decode(errors="ignore"))
    return at


def _start_of(script: Script, piece: Piece, done: int) -> int | None:
    """Return the start of the statement of a piece that comes after ``done`` others; None behind the last."""
    before = bisect_left(script.statements, piece.start, key=lambda statement: statement.start)
    number = before + max(0, done)
    return script.statements[number].start if number < len(script.statements) else None


def _row(checked: CheckedStep, transaction: str, duration_ms: float) -> dict[str, object]:
    step = checked.step
    return {
        "version": step.version,
        "name": step.name,
        "filename": step.filename,
        "checksum": step.checksum,
        "down_sql": step.down_sql,
        "duration_ms": duration_ms,
        "statements_done": len(checked.script.statements),
        "tool_version": __version__,
        "transaction": transaction,
    }


def _end(durability: Durability) -> str:
    return "COMMIT;" if durability is Durability.NOW else "SET LOCAL synchronous_commit = off; COMMIT;"


def _record(worker: Worker, checked: CheckedStep, row: dict[str, object], end: str) -> None:
    """Write the step's row behind its script, as one query with the COMMIT that may end it."""
    step = checked.step
    try:
        if worker.connection.info.encoding != "utf-8":
            # The query below would be read as the script has left it.
            worker.connection.execute("RESET client_encoding")
        bookkeeping = compose(worker.connection, load(_BOOKKEEPING[step.direction]), row)
        limit = f"SET LOCAL lock_timeout = {worker.limits.of(checked.directives)[0]};"
        results = send(worker.connection, f"{_RESETS} {limit} {bookkeeping} {end}", lambda: None)
        if results[-1].status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(results[-1])
    except psycopg.errors.DivisionByZero as error:
        raise MigrationFailed(
            f"{step.filename} has ended its own transaction, or its row in the history is not where it was",
            hint="Look at what it has done, and take the transaction control out of it.",
            location=Location(step.source),
        ) from error
    except psycopg.Error as error:
        raise failure(step, checked.script, error, None, doing="could not be committed") from error


def compose(connection: Connection, query: LiteralString, values: dict[str, object]) -> str:
    """Return a query with its values written into it as literals, quoted by psycopg."""
    return psycopg.ClientCursor(connection).mogrify(query, values)


def roll_back(connection: Connection) -> None:
    """Roll back what is left of a failed step. A lost connection has done so itself."""
    try:
        if connection.info.transaction_status is pq.TransactionStatus.ACTIVE:
            # An interrupt just before the wait for the server: the script is still running there.
            connection.cancel_safe(timeout=_CANCEL_S)
        connection.rollback()
    except psycopg.Error:
        connection.close()


def flush(connection: Connection) -> None:
    """Make every commit of this run safe from a crash: the log is written in order, so one commit that waits will do.

    Raises the tool's errors where the server is gone.
    """
    with reported("make sure of what was committed"):
        connection.execute("SELECT pg_catalog.pg_logical_emit_message(true, 'fowergram-db', '')")
