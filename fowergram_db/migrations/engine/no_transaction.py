"""Run a script without a transaction around it: statement by statement, each recorded, so that a later run goes on.

A statement that can run in a transaction runs in one together with its record. One that cannot is recorded before and
after: where a run ends in between, the next finds out what became of it.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace

import psycopg
from psycopg.types.json import Jsonb

from fowergram_db.database.connection import translate_errors
from fowergram_db.database.session_settings import RESETS, UNLIMITED, discards, kept_again, own_again
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.errors import FowergramError, HistoryInconsistent, Location, Refused
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.clean_session import CHECK_CONSTRAINTS, can_be_repeated, is_setting, keeping
from fowergram_db.migrations.engine.concurrent_recovery import (
    PreviousAttempt,
    indexes_before,
    leaves_nothing,
    left_to_run,
    transient_indexes,
)
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.engine.groups import Group
from fowergram_db.migrations.engine.lock import lock_lost
from fowergram_db.migrations.engine.retry import wait_to_retry
from fowergram_db.migrations.engine.script_runner import run_piece
from fowergram_db.migrations.engine.simple_query import has_failed, roll_back, send
from fowergram_db.migrations.engine.transaction import run_behind
from fowergram_db.migrations.engine.transaction_preamble import BEGIN, compose, guard, preamble
from fowergram_db.migrations.engine.watch import Watch
from fowergram_db.migrations.events import Resumed, StatementReached, StepResult
from fowergram_db.migrations.history import Lock, MigrationProgress, guarded, require_trusted_table
from fowergram_db.migrations.history_sql import load_for
from fowergram_db.migrations.plan import Direction
from fowergram_db.migrations.script.scanner import Piece, Statement, Trait

# These may end transactions themselves, or refuse to run in one, as their arguments will have it.
_BARE = ("CALL", "CLUSTER", "DISCARD", "DO", "REINDEX")
_BARE_PAIRS = (("ALTER", "DATABASE"), *((verb, "SUBSCRIPTION") for verb in ("ALTER", "CREATE", "DROP")))
_CODE = ("CALL", "DO")
_ENDS_TRANSACTIONS = ("2D000", "25001")
_FOR_A_TRANSACTION = (("LOCAL",), ("TRANSACTION",), ("CONSTRAINTS",))
_HASH_DIGITS = 16
_SHARED_DISCARDS = discards(prepared=False, locked=False)
# The bookkeeping is the tool's own, whoever the script has become; only for the transaction at hand.
# DEFAULT is the role that the session began as: ALTER ROLE … SET role may have made it another than who logged in.
_OWN_RIGHTS = "SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL role TO DEFAULT;"


def run_without_transaction(context: RunContext, group: Group) -> Iterator[StepResult]:
    """Run the statements of a group's one step one after the other, from where an earlier run has stopped.

    Raises MigrationFailed or LockTimeout; the history then says at which statement it stands.
    """
    (checked,) = group.steps
    context.tell(group.started(0))
    if context.is_pooled and (kept := keeping(checked.script)):
        does = "sets something" if is_setting(kept[0]) else f"keeps something in its session ({kept[0].label})"
        raise Refused(
            f"{checked.step.filename} runs without a transaction and {does}: a pooler would give it to others",
            hint="Connect to the server directly, or write SET LOCAL into a file that runs in a transaction.",
            location=Location(checked.step.source, *checked.step.sql.position(kept[0].start)),
        )
    if context.is_pooled and any(map(_is_bare, checked.script.statements)):
        _require_read_write(context, checked)
    yield _Run(context, checked).carry_out()


def _require_read_write(context: RunContext, checked: CheckedStep) -> None:
    """Raise Refused where a statement outside a transaction would be read-only, and nothing can be set for it alone."""
    with translate_errors("ask for default_transaction_read_only"):
        # By a cursor that sets nothing: as the statement itself will find it.
        said = psycopg.Cursor(context.connection).execute("SHOW default_transaction_read_only").fetchone()
    if said == ("on",):
        raise Refused(
            f"{checked.step.filename} runs without a transaction, and default_transaction_read_only is on: "
            "behind a pooler that cannot be changed for its statements alone",
            hint="Connect to the server directly, or take the setting away from the role or the database.",
            location=Location(checked.step.source),
        )


@dataclass(slots=True)
class _Run:
    """One run of one script.

    ``progress`` is what the history says, or has to say next; ``begun``: the statement at hand was tried before.
    """

    context: RunContext
    checked: CheckedStep
    progress: MigrationProgress = field(init=False)
    begun: bool = field(init=False)
    began: float = field(init=False)

    def carry_out(self) -> StepResult:
        step, script = self.checked.step, self.checked.script
        self.began = time.perf_counter()
        self.progress = self._resume()
        self.begun = bool(self.progress.label)
        try:
            self._set_again()
            for number in range(len(self.progress.done), len(script.statements)):
                self._run_statement(number)
            run_behind(self.context, self.checked)
            duration_ms = self._elapsed_ms()
            self._finish(duration_ms)
        except BaseException:
            self._note_the_end()
            raise
        return StepResult(step, duration_ms)

    def _resume(self) -> MigrationProgress:
        """Record the beginning, or find the place to go on at; what has run must stand in the script as it was."""
        step, script = self.checked.step, self.checked.script
        found = step.progress or MigrationProgress(str(step.direction), (), 0)
        for number, (statement, recorded) in enumerate(zip(script.statements, found.done, strict=False)):
            if not recorded.startswith(self._hash(statement)):
                raise self._edited(number)
        self._require_restorable(script.statements[: len(found.done)])
        if len(found.done) > len(script.statements):
            raise self._edited(len(script.statements) - 1)
        pooled = self.context.is_pooled
        with translate_errors("record the beginning of the migration", Situation.HISTORY):
            self.context.connection.execute(load("bookkeeping/progress_column"))
            pid, since = self.context.connection.execute(load("sessions/backend")).fetchone() or (0, "")
        progress = replace(
            found,
            total=len(script.statements),
            application=self.context.application,
            pid=0 if pooled else int(str(pid)),
            since="" if pooled else str(since),
            invalid=self._invalid_before(found),
        )
        if step.progress is not None:
            self.context.on_event(Resumed(step, len(found.done) + 1, len(script.statements)))
        query = "bookkeeping/begin" if step.direction is Direction.UP else "bookkeeping/progress"
        self._write(load_for(query, step.version), progress)
        return progress

    def _require_restorable(self, done: Sequence[Statement]) -> None:
        """Raise HistoryInconsistent where a statement that has run has left more in its session than can be set again.

        Without its temporary table, say, the next one would take the table of that name for it.
        """
        # A block of code may have let go of the lock that it took.
        kept = (s for s in keeping(self.checked.script) if s in done and _verb(s) not in _CODE)
        lost = next((s for s in kept if not self._is_repeated(s)), None)
        if lost and len(done) < len(self.checked.script.statements):
            step = self.checked.step
            raise HistoryInconsistent(
                f"{step.filename} stopped midway, and what {lost.label} had left in its session is gone with it",
                hint="Finish it by hand, from that statement on, and say so with "
                f"`fowergram-db repair --version {step.version}`.",
                location=Location(step.source, *step.sql.position(lost.start)),
            )

    def _invalid_before(self, found: MigrationProgress) -> tuple[int, ...] | None:
        """Return the transient indexes that are not ours, as recorded or, before the first of ours, as they are now."""
        if found.invalid is None and any(map(_rebuilds_concurrently, self.checked.script.statements)):
            return transient_indexes(self.context.connection)
        return found.invalid

    def _set_again(self) -> None:
        """Set in this session what the statements that have run have set in theirs."""
        watch = self._watch()
        for statement in self.checked.script.statements[: len(self.progress.done)]:
            if self._is_repeated(statement) and statement.words[1:2] not in _FOR_A_TRANSACTION:
                run_piece(self.context, self.checked, self._piece(statement), watch)

    def _is_repeated(self, statement: Statement) -> bool:
        return can_be_repeated(statement, self._text(statement))

    def _watch(self) -> Watch:
        return Watch(self.context, self.checked)

    def _edited(self, number: int) -> HistoryInconsistent:
        step, script = self.checked.step, self.checked.script
        at = script.statements[number].start if script.statements else 0
        return HistoryInconsistent(
            f"{step.filename} stopped midway, and its statement {number + 1}, which has run, is not what it was",
            hint="Restore the statements that have run; those behind them may be changed. Or finish it by hand and say "
            f"so with `fowergram-db repair --version {step.version}`.",
            location=Location(step.source, *step.sql.position(at)),
        )

    def _hash(self, statement: Statement) -> str:
        """Tell a statement from an edited one. All that have run are written with each: the shorter, the faster."""
        return hashlib.sha256(self._text(statement).encode()).hexdigest()[:_HASH_DIGITS]

    def _run_statement(self, number: int) -> None:
        statement = self.checked.script.statements[number]
        line, _ = self.checked.step.sql.position(statement.start)
        self.progress = replace(self.progress, label=statement.label, line=line)
        watch = self._watch()
        if (total := len(self.checked.script.statements)) > 1:
            self.context.on_event(StatementReached(self.checked.step, number + 1, total))
        if self.context.guard is not None and _verb(statement) in _CODE and self._ran_guarded(statement, watch):
            pass
        elif _is_bare(statement):
            self._patiently(watch, lambda: self._run_bare(statement, watch))
            # By itself: where others keep the record waiting, what is done must not run again.
            self._patiently(watch, lambda: self._write(load("bookkeeping/progress"), self.progress))
        else:
            self._patiently(watch, lambda: self._run_with_its_record(statement, watch))
        self.begun = False

    def _ran_guarded(self, statement: Statement, watch: Watch) -> bool:
        """Run code in a transaction, so that what it does to the server can be undone; tell whether it could run so."""
        try:
            self._patiently(watch, lambda: self._run_with_its_record(statement, watch))
        except FowergramError as error:
            if error.server is None or error.server.sqlstate not in _ENDS_TRANSACTIONS:
                raise
            return False
        return True

    def _patiently(self, watch: Watch, attempt: Callable[[], None]) -> None:
        for number in self.context.policy.locks.attempts:
            self.context.require_lock()
            try:
                attempt()
            except FowergramError as error:
                if not wait_to_retry(self.context, self.checked.step, watch, error, number):
                    raise
            else:
                return

    def _after(self, statement: Statement) -> MigrationProgress:
        done = (*self.progress.done, self._hash(statement))
        return replace(self.progress, done=done, running=False, elapsed_ms=self._elapsed_ms(), label="", line=0)

    def _run_with_its_record(self, statement: Statement, watch: Watch) -> None:
        """Run a statement in a transaction with its record, so that both are there or neither."""
        connection = self.context.connection
        before = (BEGIN, preamble(self.context, self.checked.directives))
        try:
            run_piece(self.context, self.checked, self._piece(statement), watch, before)
            if self.context.guard is not None:
                self._check_server()
            after = self._after(statement)
            # A pooler may lend another session for the next statement, and this one to somebody else.
            undo = f"{CHECK_CONSTRAINTS} {_SHARED_DISCARDS}" if self.context.is_pooled else ""
            self._send(f"{undo} {self._own()} {self._composed(load('bookkeeping/progress'), after)} COMMIT;")
        except BaseException:
            roll_back(connection)
            raise
        self.progress = after

    def _check_server(self) -> None:
        assert self.context.guard is not None  # noqa: S101 - its caller has looked
        query = f"{CHECK_CONSTRAINTS} {self._own()}"
        try:
            self.context.guard.check(self.context.connection, self.checked, query, self.context.on_event)
        except psycopg.Error as error:
            raise failure(self.context, self.checked, error, None) from error

    def _run_bare(self, statement: Statement, watch: Watch) -> None:
        """Run a statement outside a transaction, behind a record of its beginning; that of its end comes later."""
        self._set_limits(statement)
        piece = self._piece(statement)
        if Trait.CONCURRENT in statement.traits:
            if not self.begun and (known := indexes_before(self.context.connection, piece.text)):
                self.progress = replace(self.progress, invalid=(*(self.progress.invalid or ()), *known))
            previous = PreviousAttempt(self.begun, self.progress.running, self.progress.invalid or ())
            piece = replace(piece, text=left_to_run(self.context, self.checked.step, piece.text, previous))
        if piece.text:
            begun = replace(self.progress, running=True)
            self._write(load("bookkeeping/progress"), begun)
            self.progress, self.begun = begun, True
            try:
                run_piece(self.context, self.checked, piece, watch)
            except FowergramError:
                if not self.context.connection.closed:
                    self.progress = replace(self.progress, running=False)
                raise
        self.progress = self._after(statement)

    def _set_limits(self, statement: Statement) -> None:
        """Set the limits of a statement outside a transaction: of a session that is ours alone, else not at all.

        What runs concurrently waits for other transactions on purpose, and blocks nobody meanwhile.
        """
        if self.context.is_pooled:
            return
        lock_ms, statement_ms = self.context.policy.locks.of(self.checked.directives)
        concurrent = Trait.CONCURRENT in statement.traits
        query = f"SET lock_timeout = {0 if concurrent else lock_ms};"
        if statement_ms is not None:
            query += f"SET statement_timeout = {statement_ms};"
        self._send(query)

    def _piece(self, statement: Statement) -> Piece:
        """Return a statement as a piece of its own, with the data of its COPY: the blocks stand in their order."""
        script, data = self.checked.script, None
        if Trait.COPIES_FROM_CLIENT in statement.traits:
            copies = [s.start for s in script.statements if Trait.COPIES_FROM_CLIENT in s.traits]
            data = script.data[copies.index(statement.start)]
        return Piece(statement.start, self._text(statement), data)

    def _text(self, statement: Statement) -> str:
        return self.checked.script.text[statement.start : statement.end]

    def _finish(self, duration_ms: float) -> None:
        step = self.checked.step
        query = "bookkeeping/finish" if step.direction is Direction.UP else "bookkeeping/delete_no_transaction"
        bookkeeping = self._composed(load(query), self.progress, duration_ms)
        self._send(f"{BEGIN} {self._resets()} {self._own()} {bookkeeping} COMMIT;")

    def _note_the_end(self) -> None:
        """Record where it stands, where the server still listens: what was interrupted may have come to its end.

        Where nothing was done the history is as it was before.
        """
        with suppress(psycopg.Error, FowergramError):
            roll_back(self.context.connection)
            self._send(self._resets())
            if not self._has_done_nothing():
                query = "bookkeeping/progress"
            elif self.checked.step.direction is Direction.UP:
                query = "bookkeeping/delete_no_transaction"
            else:
                query = "bookkeeping/restore"
            self._write(load(query), self.progress)

    def _has_done_nothing(self) -> bool:
        """Tell whether the first statement has failed and has left nothing; of an earlier run, that is not known."""
        if self.progress.done or self.progress.running or self.checked.step.progress is not None:
            return False
        first = next(iter(self.checked.script.statements), None)
        if first is None or not self.progress.label or not _is_bare(first):
            return True
        return leaves_nothing(self.context.connection, first, self._text(first), self.progress.invalid or ())

    def _write(self, query: str, progress: MigrationProgress) -> None:
        # Behind it may come a statement that no transaction can guard.
        begin = f"{BEGIN} {guard(self.context)}"
        self._send(f"{self._own()} {self._composed(query, progress)} COMMIT;", begin)

    def _own(self) -> str:
        """Return what makes the rights and settings for the tool's own queries, in the transaction at hand."""
        return f"{UNLIMITED} {_OWN_RIGHTS} {own_again(self.context.connection)}"

    def _resets(self) -> str:
        """Return what undoes what a script has set; through a pooler it may set nothing, and others' settings stay."""
        connection = self.context.connection
        return _SHARED_DISCARDS if self.context.is_pooled else f"{RESETS} {kept_again(connection)} {discards()}"

    def _composed(self, query: str, progress: MigrationProgress, duration_ms: float = 0.0) -> str:
        return compose(self.context.connection, guarded(query, Lock.WRITE), self._values(progress, duration_ms))

    def _values(self, progress: MigrationProgress, duration_ms: float) -> dict[str, object]:
        return self.checked.row | {
            "duration_ms": duration_ms,
            "statements_done": len(progress.done),
            "statements_before": self.checked.step.statements_done,
            # Not asdict(), which copies what is done already: that would make each statement slower than the last.
            "progress": Jsonb({field.name: getattr(progress, field.name) for field in fields(progress)}),
        }

    def _send(self, query: str, begin: str = "") -> None:
        """Send a query, behind a BEGIN with the guard: the second result is the guard's."""
        connection = self.context.connection
        try:
            results = send(connection, f"{begin} {query}", lambda: None)
            if has_failed(results):
                raise psycopg.errors.error_from_result(results[-1])
        except psycopg.Error as error:
            roll_back(connection)
            if isinstance(error, psycopg.errors.DivisionByZero):  # else the history's row is gone
                if begin and len(results) == 2:  # noqa: PLR2004 - BEGIN, and the guard
                    raise lock_lost() from error
                require_trusted_table(connection)
            raise failure(self.context, self.checked, error, None, doing="could not be recorded") from error

    def _elapsed_ms(self) -> float:
        before = self.checked.step.progress.elapsed_ms if self.checked.step.progress else 0.0
        return before + (time.perf_counter() - self.began) * 1000


def _verb(statement: Statement) -> str:
    """Return the first word of a statement, "" where it has none, which the server will refuse."""
    return statement.words[0] if statement.words else ""


def _rebuilds_concurrently(statement: Statement) -> bool:
    return _verb(statement) == "REINDEX" and Trait.CONCURRENT in statement.traits


def _is_bare(statement: Statement) -> bool:
    """Tell whether a statement has to run outside a transaction, or may have to."""
    first, pair = _verb(statement), statement.words[:2]
    return Trait.NEEDS_NO_TRANSACTION in statement.traits or first in _BARE or pair in _BARE_PAIRS
