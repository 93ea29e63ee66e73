"""Run scripts in a transaction, together with their rows in the history."""

import time
from collections.abc import Iterator

import psycopg
from psycopg import pq

from fowergram_db.database.settings_sql import UNLIMITED, own_settings_again
from fowergram_db.database.simple_query import raise_failure, roll_back, send
from fowergram_db.errors import Location, MigrationFailed
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.clean_session import Found, SessionChecks, resets, savepoint
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.engine.groups import Group
from fowergram_db.migrations.engine.retry import attempts
from fowergram_db.migrations.engine.script_runner import run_piece
from fowergram_db.migrations.engine.transaction_preamble import READ_ONLY, Place, begin, compose, preamble
from fowergram_db.migrations.engine.watch import Watch
from fowergram_db.migrations.events import StepResult
from fowergram_db.migrations.history_sql import load_for
from fowergram_db.migrations.history_table import TableLock, guarded, require_trusted_table
from fowergram_db.migrations.plan import Direction
from fowergram_db.migrations.script.scanner import Piece

END = "COMMIT;"
END_LATER = "SET LOCAL synchronous_commit = off; COMMIT;"
"""A COMMIT that does not wait for the disk: it is safe from a crash of the server with a later one of the same run."""
_BOOKKEEPING = {Direction.UP: "bookkeeping/insert", Direction.DOWN: "bookkeeping/delete"}


def run_transaction(context: RunContext, group: Group) -> Iterator[StepResult]:
    """Run the steps of a group in one transaction, and yield their results once it is committed.

    All of them are applied or, if one fails, none. A lock timeout rolls all back, and all is retried. Two round trips a
    step: the script goes to the server whole, which splits it itself; then the bookkeeping with the COMMIT, so that a
    server whose client has died in between commits nothing. Raises MigrationFailed or LockTimeout, the transaction
    rolled back.
    """
    first = group.steps[0]
    watch = Watch(context, first)
    for attempt in attempts(context, first.step, watch):
        with attempt:
            results = _run_once(context, group, watch)
    yield from results


def _run_once(context: RunContext, group: Group, watch: Watch) -> list[StepResult]:
    results: list[StepResult] = []
    found = Found()
    end = END if group.waits_for_disk or context.on_citus else END_LATER
    try:
        for index, checked in enumerate(group.steps):
            context.report(group.started(index))
            watch.step = checked.step
            began = time.perf_counter()
            # Later in the transaction there is nothing of others to be found but what was put back.
            checks = SessionChecks(context.is_pooled, group.steps) if index == 0 else None
            before = _before_script(context, checked, checks)
            pieces = checked.script.pieces()
            opened = run_piece(context, checked, next(pieces, Piece(0, "")), watch, before)
            for piece in pieces:
                run_piece(context, checked, piece, watch)
            run_following(context, checked)
            if checks is not None:
                found = checks.found(opened[1 : 1 + len(checks.queries)])
            duration_ms = (time.perf_counter() - began) * 1000
            results.append(StepResult(checked.step, duration_ms))
            preamble_result = opened[len(before) - (2 if checked.directives.modes.read_only else 1)]
            row = checked.row | {"transaction": _last_column(preamble_result), "duration_ms": duration_ms}
            _record(context, checked, row, found, end if index + 1 == len(group.steps) else "")
    except BaseException as error:
        # An interrupt does not stop a COMMIT that is on its way: with that done, no transaction is open any more.
        is_idle = context.connection.info.transaction_status is pq.TransactionStatus.IDLE
        if isinstance(error, KeyboardInterrupt) and len(results) == len(group.steps) and is_idle:
            context.report(results)
        roll_back(context.connection)
        raise
    return results


def _before_script(context: RunContext, checked: CheckedStep, checks: SessionChecks | None) -> tuple[str, ...]:
    """Return the statements that go before a script. If there are ``checks``, they begin the transaction.

    The last of them is the preamble, whose last column is the number of the transaction; after it is only what makes a
    script read only.
    """
    modes = checked.directives.modes
    number = "pg_catalog.pg_current_xact_id()::pg_catalog.text"
    place = Place.LATER if checks is None else Place.BEGIN
    beginning = () if checks is None else (begin(modes), *checks.queries)
    named = filter(None, (savepoint(checked)[0],))
    read_only = (READ_ONLY,) if modes.read_only else ()
    return (*beginning, *named, preamble(context, checked.directives, number, place=place), *read_only)


def _last_column(result: pq.abc.PGresult) -> str:
    return (result.get_value(0, result.nfields - 1) or b"").decode()


def run_following(context: RunContext, checked: CheckedStep) -> None:
    """Run what follows a script. Raises MigrationFailed or LockTimeout."""
    for statement in checked.statements_after:
        try:
            raise_failure(send(context.connection, statement))
        except psycopg.Error as error:
            raise failure(context, checked, error, None) from error


def _record(context: RunContext, checked: CheckedStep, row: dict[str, object], found: Found, end: str) -> None:
    """Write the step's row after its script, as one query with the COMMIT that may end it.

    Before that, the query resets what the script may have done to the session.
    """
    step = checked.step
    try:
        reset = resets(context, checked, found, is_last=bool(end)) if _may_have_kept(context, checked) else ""
        before = f"{savepoint(checked)[1]} {reset} {UNLIMITED} {own_settings_again(context.connection)}"
        if context.guard is not None and _may_have_kept(context, checked):
            context.guard.check(context.connection, checked, before, context.on_event)
            before = ""
        query = load_for(_BOOKKEEPING[step.direction], step.version)
        bookkeeping = compose(context.connection, guarded(query, TableLock.WRITE), row)
        raise_failure(send(context.connection, f"{before} {bookkeeping} {end}"))
    except psycopg.errors.DivisionByZero as error:
        roll_back(context.connection)
        require_trusted_table(context.connection)
        raise MigrationFailed(
            f"{step.filename} has ended the transaction that it runs in, or its row in the history was changed",
            hint="Check what it has changed, and remove the transaction control from the file.",
            location=Location(step.source),
        ) from error
    except psycopg.Error as error:
        raise failure(context, checked, error, None, doing="could not be committed") from error


def _may_have_kept(context: RunContext, checked: CheckedStep) -> bool:
    """Return whether a script may have left something in its session."""
    return checked.script.runs_code or context.has_event_triggers
