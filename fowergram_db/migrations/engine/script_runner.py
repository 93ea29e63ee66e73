"""Send a piece of a script to the server, and the data that it waits for; find the position of an error."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial

import psycopg
from psycopg import pq

from fowergram_db.database.connection import Connection
from fowergram_db.database.simple_query import Results, has_failed, is_copying, send, send_data
from fowergram_db.database.statement_log import about, script_sql
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.engine.lock import lock_lost
from fowergram_db.migrations.engine.watch import Watch
from fowergram_db.migrations.script.scanner import Piece, Script


def run_piece(
    context: RunContext, checked: CheckedStep, piece: Piece, watch: Watch, before: Sequence[str] = ()
) -> Results:
    """Send a piece after the statements that open its transaction, and the data that its COPY waits for.

    Return the results. Raises MigrationFailed or LockTimeout with the position of the statement that failed, and
    LockLost if the preamble finds the migration lock lost; an open transaction stays open.
    """
    try:
        sent, first = "".join((*before, piece.text)), _first_of(checked.script, piece)
        on_result = partial(watch.reach, checked, first - len(before))
        shown = checked.script.text, checked.script.data, piece.start, piece.start + len(piece.text)
        with about(context.connection, checked.step.source, partial(script_sql, *shown)):
            results = send(context.connection, sent, watch.tick, kept=len(before), on_result=on_result)
            if is_copying(results):
                results[-1:] = _feed(context.connection, checked, piece, results[-1], watch)
    except psycopg.Error as error:
        raise failure(context, checked, error, None) from error
    if has_failed(results):
        said = psycopg.errors.error_from_result(results[-1])
        if len(results) <= len(before) and isinstance(said, psycopg.errors.DivisionByZero):
            raise lock_lost() from said
        at = _reported_offset(context.connection, said, (*before, piece.text))
        if at is None:
            offset = _start_of(checked.script, piece, len(results) - 1 - len(before))
        else:
            offset = max(0, at + piece.start - sum(map(len, before)))
        raise failure(context, checked, said, offset) from said
    return results


def _feed(
    connection: Connection, checked: CheckedStep, piece: Piece, waiting: pq.abc.PGresult, watch: Watch
) -> Results:
    if piece.data is None or waiting.status != pq.ExecStatus.COPY_IN:
        connection.close()
        raise psycopg.NotSupportedError("the server asks for COPY data, and the file has none there")
    return send_data(connection, checked.step.sql.data(*piece.data), watch.tick)


def _reported_offset(connection: Connection, error: psycopg.Error, sent: Sequence[str]) -> int | None:
    """Return the offset in what was sent that the server reports: in characters, but in bytes where it knows none."""
    if not error.diag.statement_position:
        return None
    at = int(error.diag.statement_position) - 1
    if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
        at = len("".join(sent).encode()[:at].decode(errors="ignore"))
    return at


def _start_of(script: Script, piece: Piece, done: int) -> int | None:
    """Return the start of the statement of a piece that comes after ``done`` others; None after the last."""
    number = _first_of(script, piece) + max(0, done)
    return script.statements[number].start if number < len(script.statements) else None


def _first_of(script: Script, piece: Piece) -> int:
    """Return the number, from 0, of the first statement of a piece."""
    return bisect_left(script.statements, piece.start, key=lambda statement: statement.start)
