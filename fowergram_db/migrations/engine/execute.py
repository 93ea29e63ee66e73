"""Run scripts in transactions, together with their bookkeeping rows."""

import time
from collections.abc import Callable, Sequence
from enum import StrEnum, auto
from functools import partial

import psycopg
from psycopg import pq

from fowergram_db.database.connection import Connection, translate_errors
from fowergram_db.database.session_settings import UNLIMITED, own_again, reads_standard_strings
from fowergram_db.errors import Location, MigrationFailed, Refused
from fowergram_db.migrations.engine.batch import batch_of
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.clean_session import Found, Looks, resets, savepoint
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.engine.prepared_statements import PreparedStatements
from fowergram_db.migrations.engine.script_runner import run_piece
from fowergram_db.migrations.engine.simple_query import roll_back, run
from fowergram_db.migrations.engine.transaction_preamble import READ_ONLY, Place, begin, compose, preamble
from fowergram_db.migrations.engine.worker import Watch, Worker, patiently
from fowergram_db.migrations.events import StepResult
from fowergram_db.migrations.history import Lock, guarded, require_trusted_table
from fowergram_db.migrations.history_sql import load_for
from fowergram_db.migrations.plan import Direction, Step
from fowergram_db.migrations.script.scanner import Piece

END = "COMMIT;"
END_LATER = "SET LOCAL synchronous_commit = off; COMMIT;"
"""A COMMIT that does not wait for the disk: it is safe from a crash of the server with a later one of the same run."""
_BOOKKEEPING = {Direction.UP: "bookkeeping/insert", Direction.DOWN: "bookkeeping/delete"}


class TransactionScope(StrEnum):
    """What one transaction holds: each migration by itself, or all that run."""

    PER_MIGRATION = auto()
    WHOLE_RUN = auto()


def require_standard_strings(connection: Connection) -> None:
    r"""Raise Refused where the server reads ``'\'`` otherwise than the SQL standard, and so than ``check`` did."""
    if not reads_standard_strings(connection):
        raise Refused(
            "standard_conforming_strings is off here: a backslash could hide a COMMIT from the checks; nothing was run",
            hint="Take the setting away from the database, the role or the server's configuration.",
        )


def apply(
    worker: Worker, steps: Sequence[CheckedStep], transaction_scope: TransactionScope, on_begin: Callable[[Step], None]
) -> None:
    """Run steps and commit them with their bookkeeping; tell of each once it is committed.

    ``on_begin`` is called with each before its script is sent. Only the last commit waits for the server's disk.
    Raises MigrationFailed or LockTimeout, the open transaction rolled back.
    """
    if transaction_scope is TransactionScope.WHOLE_RUN:
        _apply_together(worker, steps, on_begin, END)
        return
    at, prepared = 0, PreparedStatements(worker)
    batch = batch_of(worker, prepared, steps, 0)
    while at < len(steps):
        if batch is not None:
            following = batch.send(on_begin, partial(batch_of, worker, prepared, steps, batch.end))
            at += batch.done
            if at == batch.end:
                batch = following
                continue
            prepared = PreparedStatements(worker)
        # What has failed in a batch is run again by itself: there it says why, and others are waited for.
        is_last = at + 1 == len(steps)
        _apply_together(worker, steps[at : at + 1], on_begin, END if is_last or worker.on_citus else END_LATER)
        at += 1
        prepared = PreparedStatements(worker)
        batch = batch_of(worker, prepared, steps, at)


def _apply_together(worker: Worker, steps: Sequence[CheckedStep], on_begin: Callable[[Step], None], end: str) -> None:
    """Run steps in one transaction and commit it: all of them or, where one fails, none.

    A lock that is not to be had in time rolls all back and begins it again. Two round trips a step: the script goes
    to the server whole, which cuts it itself; then the bookkeeping with the COMMIT, so that a server whose client
    has died in between commits nothing.
    """
    first = steps[0]
    watch = Watch(worker, first.step, worker.lock_policy.of(first.directives)[0])
    for result in patiently(worker, first.step, watch, lambda: _attempt(worker, steps, watch, on_begin, end)):
        worker.on_event(result)


def _attempt(
    worker: Worker, steps: Sequence[CheckedStep], watch: Watch, on_begin: Callable[[Step], None], end: str
) -> tuple[StepResult, ...]:
    results = []
    found = Found()
    try:
        for number, checked in enumerate(steps, start=1):
            on_begin(checked.step)
            watch.step = checked.step
            began = time.perf_counter()
            # Later in the transaction there is nothing of others to be found but what was put back.
            look = Looks(worker.is_pooled, steps) if number == 1 else None
            transaction, looked = _run(worker, checked, watch, look)
            found = looked or found
            duration_ms = (time.perf_counter() - began) * 1000
            results.append(StepResult(checked.step, duration_ms))
            row = checked.row | {"transaction": transaction, "duration_ms": duration_ms}
            _record(worker, checked, row, found, end if number == len(steps) else "")
    except BaseException as error:
        # An interrupt does not stop a COMMIT that is on its way: with that done, no transaction is open any more.
        is_idle = worker.connection.info.transaction_status is pq.TransactionStatus.IDLE
        if isinstance(error, KeyboardInterrupt) and len(results) == len(steps) and is_idle:
            for result in results:
                worker.on_event(result)
        roll_back(worker.connection)
        raise
    return tuple(results)


def _run(worker: Worker, checked: CheckedStep, watch: Watch, look: Looks | None) -> tuple[str, Found | None]:
    """Send what opens a transaction, where there is a ``look``, settings and script.

    Return the transaction's number, and what the look has found.
    """
    pieces = checked.script.pieces()
    number = "pg_catalog.pg_current_xact_id()::pg_catalog.text"
    place = Place.LATER if look is None else Place.BEGIN
    modes = checked.directives.modes
    beginning = () if look is None else (begin(modes), *look.queries)
    own = preamble(worker, checked.directives, number, place=place)
    before = (*beginning, *filter(None, (savepoint(checked)[0],)), own, *((READ_ONLY,) if modes.read_only else ()))
    results = run_piece(worker, checked, next(pieces, Piece(0, "")), watch, before)
    for piece in pieces:
        run_piece(worker, checked, piece, watch)
    run_behind(worker, checked)
    opened = results[before.index(own)]
    found = None if look is None else look.found(results[1 : len(beginning)])
    return (opened.get_value(0, opened.nfields - 1) or b"").decode(), found


def run_behind(worker: Worker, checked: CheckedStep) -> None:
    """Run what goes behind a script. Raises MigrationFailed or LockTimeout."""
    for statement in checked.behind:
        try:
            run(worker.connection, statement)
        except psycopg.Error as error:
            raise failure(worker, checked, error, None) from error


def _record(worker: Worker, checked: CheckedStep, row: dict[str, object], found: Found, end: str) -> None:
    """Write the step's row behind its script, as one query with the COMMIT that may end it.

    It goes behind what undoes what the script may have done to the session.
    """
    step = checked.step
    try:
        undo = resets(worker, checked, found, is_last=bool(end)) if _may_have_kept(worker, checked) else ""
        before = f"{savepoint(checked)[1]} {undo} {UNLIMITED} {own_again(worker.connection)}"
        if worker.guard is not None and _may_have_kept(worker, checked):
            worker.guard.check(worker.connection, checked, before, worker.on_event)
            before = ""
        query = load_for(_BOOKKEEPING[step.direction], step.version)
        bookkeeping = compose(worker.connection, guarded(query, Lock.WRITE), row)
        run(worker.connection, f"{before} {bookkeeping} {end}")
    except psycopg.errors.DivisionByZero as error:
        roll_back(worker.connection)
        require_trusted_table(worker.connection)
        raise MigrationFailed(
            f"{step.filename} has ended its own transaction, or its row in the history is not where it was",
            hint="Look at what it has done, and take the transaction control out of it.",
            location=Location(step.source),
        ) from error
    except psycopg.Error as error:
        raise failure(worker, checked, error, None, doing="could not be committed") from error


def _may_have_kept(worker: Worker, checked: CheckedStep) -> bool:
    """Tell whether a script may have left something in its session."""
    return checked.script.runs_code or worker.has_event_triggers


def flush(connection: Connection) -> None:
    """Make every commit of this run safe from a crash: the log is written in order, so one commit that waits will do.

    Raises the tool's errors where the server is gone.
    """
    with translate_errors("make sure of what was committed"):
        connection.execute("SELECT pg_catalog.pg_logical_emit_message(true, 'fowergram-db', '')")
