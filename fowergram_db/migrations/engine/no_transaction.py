"""Run a script without a transaction around it: statement by statement, each recorded, so that a later run continues.

A statement that can run in a transaction runs in one together with its record. One that cannot is recorded before and
after: if a run ends in between, the next finds out what the statement has done.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import psycopg

from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.simple_query import roll_back
from fowergram_db.errors import FowergramError, Location, Refused
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.clean_session import CHECK_CONSTRAINTS, can_be_repeated, is_setting, keeping
from fowergram_db.migrations.engine.concurrent_recovery import (
    PreviousAttempt,
    indexes_before,
    leaves_nothing,
    left_to_run,
)
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.engine.groups import Group
from fowergram_db.migrations.engine.progress_record import SHARED_DISCARDS, ProgressRecord
from fowergram_db.migrations.engine.retry import attempts
from fowergram_db.migrations.engine.script_runner import run_piece
from fowergram_db.migrations.engine.transaction import run_following
from fowergram_db.migrations.engine.transaction_preamble import BEGIN, preamble
from fowergram_db.migrations.engine.watch import Watch
from fowergram_db.migrations.events import StatementReached, StepResult
from fowergram_db.migrations.script.scanner import Piece, Statement, Trait

# These may end transactions themselves, or refuse to run in one, depending on their arguments.
_BARE = ("CALL", "CLUSTER", "DISCARD", "DO", "REINDEX")
_BARE_PAIRS = (("ALTER", "DATABASE"), *((verb, "SUBSCRIPTION") for verb in ("ALTER", "CREATE", "DROP")))
_CODE = ("CALL", "DO")
_ENDS_TRANSACTIONS = ("2D000", "25001")
_FOR_A_TRANSACTION = (("LOCAL",), ("TRANSACTION",), ("CONSTRAINTS",))


def run_without_transaction(context: RunContext, group: Group) -> Iterator[StepResult]:
    """Run the statements of a group's one step one after the other, from where an earlier run has stopped.

    Yields the result once all of them are recorded. Raises MigrationFailed or LockTimeout; the history then says which
    statement of the step is the next.
    """
    (checked,) = group.steps
    context.report(group.started(0))
    if context.is_pooled:
        _require_fit_for_pooler(context, checked)
    record = ProgressRecord(context, checked)
    record.begin()
    script = _ScriptRun(context, checked, record)
    try:
        script.set_again()
        for statement in checked.script.statements[len(record.progress.done) :]:
            watch = script.reach(statement)
            if script.has_run_guarded(statement, watch):
                continue
            if not _is_bare(statement):
                for attempt in attempts(context, checked.step, watch):
                    with attempt:
                        script.run_in_transaction(statement, watch)
                continue
            for attempt in attempts(context, checked.step, watch):
                with attempt:
                    script.run_bare(statement, watch)
            # By itself: if others keep the record waiting, what is done must not run again.
            for attempt in attempts(context, checked.step, watch):
                with attempt:
                    record.write()
        run_following(context, checked)
        duration_ms = record.finish()
    except BaseException:
        script.record_failure()
        raise
    yield StepResult(checked.step, duration_ms)


def _require_fit_for_pooler(context: RunContext, checked: CheckedStep) -> None:
    """Raise Refused if a statement would set or need something in a session that other clients use too."""
    if kept := keeping(checked.script):
        does = "changes a setting" if is_setting(kept[0]) else f"leaves something in its session ({kept[0].label})"
        raise Refused(
            f"{checked.step.filename} runs without a transaction and {does}: with a pooler, this would reach other "
            "clients",
            hint="Connect to the server directly, or write SET LOCAL into a file that runs in a transaction.",
            location=Location(checked.step.source, *checked.step.sql.position(kept[0].start)),
        )
    if not any(map(_is_bare, checked.script.statements)):
        return
    with translate_errors("read default_transaction_read_only"):
        # By a cursor that sets nothing: as the statement itself will find it.
        said = psycopg.Cursor(context.connection).execute("SHOW default_transaction_read_only").fetchone()
    if said == ("on",):
        raise Refused(
            f"{checked.step.filename} runs without a transaction, and default_transaction_read_only is on: "
            "behind a pooler, this cannot be changed for its statements alone",
            hint="Connect to the server directly, or remove the setting from the role or the database.",
            location=Location(checked.step.source),
        )


@dataclass(slots=True)
class _ScriptRun:
    """The statements of one script. ``is_begun``: the current statement was tried before, by this run or an earlier."""

    context: RunContext
    checked: CheckedStep
    record: ProgressRecord
    is_begun: bool = False

    def set_again(self) -> None:
        """Set in this session what the statements that have run have set in theirs."""
        watch = Watch(self.context, self.checked)
        for statement in self.checked.script.statements[: len(self.record.progress.done)]:
            is_repeated = can_be_repeated(statement, self.checked.text_of(statement))
            if is_repeated and statement.words[1:2] not in _FOR_A_TRANSACTION:
                run_piece(self.context, self.checked, self._piece(statement), watch)

    def reach(self, statement: Statement) -> Watch:
        """Report that a statement is the next to run."""
        # The record names no statement once one has run.
        self.is_begun = bool(self.record.progress.label)
        self.record.reach(statement)
        watch = Watch(self.context, self.checked)
        if (total := len(self.checked.script.statements)) > 1:
            number = len(self.record.progress.done) + 1
            self.context.on_event(StatementReached(self.checked.step, number, total))
        return watch

    def has_run_guarded(self, statement: Statement, watch: Watch) -> bool:
        """Run code that must not change the server in a transaction, so that it can be rolled back.

        Return False if it is no such code, or cannot run in a transaction.
        """
        if self.context.guard is None or _verb(statement) not in _CODE:
            return False
        try:
            for attempt in attempts(self.context, self.checked.step, watch):
                with attempt:
                    self.run_in_transaction(statement, watch)
        except FowergramError as error:
            if error.server is None or error.server.sqlstate not in _ENDS_TRANSACTIONS:
                raise
            return False
        return True

    def run_in_transaction(self, statement: Statement, watch: Watch) -> None:
        """Run a statement in a transaction with its record, so that both are there or neither."""
        before = (BEGIN, preamble(self.context, self.checked.directives))
        try:
            run_piece(self.context, self.checked, self._piece(statement), watch, before)
            self._check_server()
            # A pooler may provide another session for the next statement, and this one to another client.
            undo = f"{CHECK_CONSTRAINTS} {SHARED_DISCARDS}" if self.context.is_pooled else ""
            self.record.commit_with(statement, undo)
        except BaseException:
            roll_back(self.context.connection)
            raise

    def _check_server(self) -> None:
        if self.context.guard is None:
            return
        query = f"{CHECK_CONSTRAINTS} {self.record.own_settings()}"
        try:
            self.context.guard.check(self.context.connection, self.checked, query, self.context.on_event)
        except psycopg.Error as error:
            raise failure(self.context, self.checked, error, None) from error

    def run_bare(self, statement: Statement, watch: Watch) -> None:
        """Run a statement outside a transaction, after a record of its beginning; that of its end is written later."""
        if limits := self._limits(statement):
            self.record.send(limits)
        piece = self._piece(statement)
        if Trait.CONCURRENT in statement.traits:
            if not self.is_begun:
                self.record.note_indexes(indexes_before(self.context.connection, piece.text))
            progress = self.record.progress
            previous = PreviousAttempt(self.is_begun, progress.running, progress.invalid or ())
            piece = replace(piece, text=left_to_run(self.context, self.checked.step, piece.text, previous))
        if piece.text:
            self.record.write_running()
            self.is_begun = True
            try:
                run_piece(self.context, self.checked, piece, watch)
            except FowergramError:
                if not self.context.connection.closed:
                    self.record.has_failed()
                raise
        self.record.has_run(statement)

    def _limits(self, statement: Statement) -> str:
        """Return what sets the limits of a statement outside a transaction; "" in a session that other clients use too.

        What runs concurrently waits for other transactions on purpose, and blocks no other session meanwhile.
        """
        if self.context.is_pooled:
            return ""
        lock_ms, statement_ms = self.context.policy.locks.of(self.checked.directives)
        concurrent = Trait.CONCURRENT in statement.traits
        query = f"SET lock_timeout = {0 if concurrent else lock_ms};"
        if statement_ms is not None:
            query += f"SET statement_timeout = {statement_ms};"
        return query

    def _piece(self, statement: Statement) -> Piece:
        """Return a statement as a piece of its own, with the data of its COPY: the blocks are in their order."""
        script, data = self.checked.script, None
        if Trait.COPIES_FROM_CLIENT in statement.traits:
            copies = [s.start for s in script.statements if Trait.COPIES_FROM_CLIENT in s.traits]
            data = script.data[copies.index(statement.start)]
        return Piece(statement.start, self.checked.text_of(statement), data)

    def record_failure(self) -> None:
        """Record how far the step is, if the server still answers: what was interrupted may have completed.

        If nothing was done, the history is as it was before.
        """
        with suppress(psycopg.Error, FowergramError):
            self.record.reset_session()
            self.record.write_failure(nothing_done=self._has_done_nothing())

    def _has_done_nothing(self) -> bool:
        """Return whether the first statement has failed and has left nothing; of an earlier run, that is not known."""
        progress = self.record.progress
        if progress.done or progress.running or self.checked.step.progress is not None:
            return False
        first = next(iter(self.checked.script.statements), None)
        if first is None or not progress.label or not _is_bare(first):
            return True
        text = self.checked.text_of(first)
        return leaves_nothing(self.context.connection, first, text, progress.invalid or ())


def _verb(statement: Statement) -> str:
    """Return the first word of a statement, "" if it has none, which the server will refuse."""
    return statement.words[0] if statement.words else ""


def _is_bare(statement: Statement) -> bool:
    """Return whether a statement has to run outside a transaction, or may have to."""
    first, pair = _verb(statement), statement.words[:2]
    return Trait.NEEDS_NO_TRANSACTION in statement.traits or first in _BARE or pair in _BARE_PAIRS
