"""The record of a step without a transaction: what of it has run, so that a later run continues there."""

import hashlib
import time
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from fowergram_db.database.query import fetch_one
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import kept_settings_again
from fowergram_db.database.settings_sql import RESETS, UNLIMITED, discards, own_settings_again
from fowergram_db.database.simple_query import Results, raise_failure, roll_back, send
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.errors import HistoryInconsistent, Location
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.clean_session import can_be_repeated, keeping
from fowergram_db.migrations.engine.concurrent_recovery import transient_indexes
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.engine.lock import lock_lost
from fowergram_db.migrations.engine.transaction_preamble import BEGIN, compose, guard
from fowergram_db.migrations.events import Resumed
from fowergram_db.migrations.history import MigrationProgress
from fowergram_db.migrations.history_sql import load_for
from fowergram_db.migrations.history_table import TableLock, guarded, require_trusted_table
from fowergram_db.migrations.plan import Direction
from fowergram_db.migrations.script.scanner import Statement, Trait

SHARED_DISCARDS = discards(prepared=False, locked=False)
"""What removes what a statement has left in a session of a pooler: what other clients have there stays."""
_CODE = (("CALL",), ("DO",))
_HASH_DIGITS = 16
_GUARD_RESULTS = 2  # those of BEGIN and of the guard
# The bookkeeping runs with the tool's own rights, whatever role the script has set; only for this transaction.
# DEFAULT is the role that the session began as: ALTER ROLE … SET role may have made it another than who logged in.
_OWN_RIGHTS = "SET LOCAL SESSION AUTHORIZATION DEFAULT; SET LOCAL role TO DEFAULT;"


class _BackendRow(NamedTuple):
    """The row of backend.sql."""

    pid: int
    since: str


@dataclass(slots=True)
class ProgressRecord:
    """What the history says of a step, or has to say next: ``progress``. Each run of a script has one."""

    context: RunContext
    checked: CheckedStep
    progress: MigrationProgress = field(init=False)
    _row: dict[str, object] = field(init=False)
    _began: float = field(init=False, default_factory=time.perf_counter)

    def begin(self) -> None:
        """Record the beginning, or find the statement to continue at.

        Raises HistoryInconsistent if what has run is not in the script as it was, or has left more in its session
        than can be set again.
        """
        step, statements = self.checked.step, self.checked.script.statements
        found = step.progress or MigrationProgress(str(step.direction), (), 0)
        _require_unchanged(self.checked, found)
        _require_restorable(self.checked, found)
        with translate_errors("record the beginning of the migration", Situation.HISTORY):
            self.context.connection.execute(load("bookkeeping/progress_column"))
            backend = fetch_one(self.context.connection, _BackendRow, load("sessions/backend"))
        if backend is None or self.context.is_pooled:
            backend = _BackendRow(0, "")
        self.progress = replace(
            found,
            total=len(statements),
            application=self.context.application,
            pid=backend.pid,
            since=backend.since,
            invalid=self._invalid_before(found),
        )
        if step.progress is not None:
            self.context.on_event(Resumed(step, len(found.done) + 1, len(statements)))
        self._row = self.checked.row
        query = "bookkeeping/begin" if step.direction is Direction.UP else "bookkeeping/progress"
        self._write(load_for(query, step.version), self.progress)

    def _invalid_before(self, found: MigrationProgress) -> tuple[int, ...] | None:
        """Return the transient indexes that are not ours, as recorded or, before the first of ours, as they are now."""
        if found.invalid is None and any(map(_rebuilds_concurrently, self.checked.script.statements)):
            return transient_indexes(self.context.connection)
        return found.invalid

    def reach(self, statement: Statement) -> None:
        """Note that a statement is the next to run; nothing is written yet."""
        line, _ = self.checked.step.sql.position(statement.start)
        self.progress = replace(self.progress, label=statement.label, line=line)

    def note_indexes(self, known: tuple[int, ...]) -> None:
        """Note indexes that were there before the current statement; nothing is written yet."""
        if known:
            self.progress = replace(self.progress, invalid=(*(self.progress.invalid or ()), *known))

    def write_running(self) -> None:
        """Write that the current statement begins, outside a transaction."""
        progress = replace(self.progress, running=True)
        self._write(load("bookkeeping/progress"), progress)
        self.progress = progress

    def has_failed(self) -> None:
        """Note that the server has ended the current statement with an error."""
        self.progress = replace(self.progress, running=False)

    def has_run(self, statement: Statement) -> None:
        """Note that a statement has run; nothing is written yet."""
        self.progress = self._after(statement)

    def write(self) -> None:
        """Write the progress in a transaction of its own."""
        self._write(load("bookkeeping/progress"), self.progress)

    def commit_with(self, statement: Statement, resets: str) -> None:
        """Write that a statement has run, in its own transaction and after ``resets``, and commit it."""
        progress = self._after(statement)
        self.send(f"{resets} {self.own_settings()} {self._composed(load('bookkeeping/progress'), progress)} COMMIT;")
        self.progress = progress

    def finish(self) -> float:
        """Record the step as done, and return how long it took, in ms."""
        duration_ms = self._elapsed_ms()
        is_up = self.checked.step.direction is Direction.UP
        query = "bookkeeping/finish" if is_up else "bookkeeping/delete_no_transaction"
        bookkeeping = self._composed(load(query), self.progress, duration_ms)
        self.send(f"{BEGIN} {self._resets()} {self.own_settings()} {bookkeeping} COMMIT;")
        return duration_ms

    def reset_session(self) -> None:
        """Roll back what is open, and reset what the script has set in its session."""
        roll_back(self.context.connection)
        self.send(self._resets())

    def write_failure(self, *, nothing_done: bool) -> None:
        """Write where the step has failed; if nothing was done, make the history as it was before."""
        if not nothing_done:
            query = "bookkeeping/progress"
        elif self.checked.step.direction is Direction.UP:
            query = "bookkeeping/delete_no_transaction"
        else:
            query = "bookkeeping/restore"
        self._write(load(query), self.progress)

    def own_settings(self) -> str:
        """Return what makes the rights and settings for the tool's own queries, in the current transaction."""
        return f"{UNLIMITED} {_OWN_RIGHTS} {own_settings_again(self.context.connection)}"

    def send(self, query: str, begin: str = "") -> None:
        """Send a query, after a BEGIN with the guard: the second result is the guard's.

        Raises LockLost if the migration lock is lost, else MigrationFailed or LockTimeout.
        """
        connection = self.context.connection
        results: Results = []
        try:
            results = send(connection, f"{begin} {query}")
            raise_failure(results)
        except psycopg.Error as error:
            roll_back(connection)
            if isinstance(error, psycopg.errors.DivisionByZero):  # else the history's row is gone
                if begin and len(results) == _GUARD_RESULTS:
                    raise lock_lost() from error
                require_trusted_table(connection)
            raise failure(self.context, self.checked, error, None, doing="could not be recorded") from error

    def _after(self, statement: Statement) -> MigrationProgress:
        done = (*self.progress.done, _hash(self.checked.text_of(statement)))
        return replace(self.progress, done=done, running=False, elapsed_ms=self._elapsed_ms(), label="", line=0)

    def _elapsed_ms(self) -> float:
        before = self.checked.step.progress.elapsed_ms if self.checked.step.progress else 0.0
        return before + (time.perf_counter() - self._began) * 1000

    def _write(self, query: str, progress: MigrationProgress) -> None:
        # A statement may follow that no transaction can guard.
        begin = f"{BEGIN} {guard(self.context)}"
        self.send(f"{self.own_settings()} {self._composed(query, progress)} COMMIT;", begin)

    def _resets(self) -> str:
        """Return what resets what a script has set; through a pooler it may set nothing, and others' settings stay."""
        connection = self.context.connection
        return SHARED_DISCARDS if self.context.is_pooled else f"{RESETS} {kept_settings_again(connection)} {discards()}"

    def _composed(self, query: str, progress: MigrationProgress, duration_ms: float = 0.0) -> str:
        values = self._row | {
            "duration_ms": duration_ms,
            "statements_done": len(progress.done),
            "statements_before": self.checked.step.statements_done,
            # Not asdict(), which copies what is done already: that would make each statement slower than the last.
            "progress": Jsonb({each.name: getattr(progress, each.name) for each in fields(progress)}),
        }
        return compose(self.context.connection, guarded(query, TableLock.WRITE), values)


def _require_unchanged(checked: CheckedStep, found: MigrationProgress) -> None:
    """Raise HistoryInconsistent if a statement that has run is not in the script as it was."""
    statements, done = checked.script.statements, found.done
    same = zip(statements, done, strict=False)
    edited = (number for number, (one, hashed) in enumerate(same) if not hashed.startswith(_hash(checked.text_of(one))))
    number = next(edited, len(statements) - 1 if len(done) > len(statements) else None)
    if number is None:
        return
    step = checked.step
    raise HistoryInconsistent(
        f"{step.filename} stopped midway, and its statement {number + 1}, which has run, is not the same any more",
        hint="Restore the statements that have run; you may change those after them. Or finish the migration by hand "
        f"and record that with `fowergram-db repair --version {step.version}`.",
        location=Location(step.source, *step.sql.position(statements[number].start if statements else 0)),
    )


def _require_restorable(checked: CheckedStep, found: MigrationProgress) -> None:
    """Raise HistoryInconsistent if a statement that has run has left more in its session than can be set again.

    Without its temporary table, say, the next one would take the table of that name for it.
    """
    done = checked.script.statements[: len(found.done)]
    # A block of code may have released the lock that it acquired.
    kept = (s for s in keeping(checked.script) if s in done and s.words[:1] not in _CODE)
    lost = next((s for s in kept if not can_be_repeated(s, checked.text_of(s))), None)
    if lost and len(done) < len(checked.script.statements):
        step = checked.step
        raise HistoryInconsistent(
            f"{step.filename} stopped midway, and what {lost.label} had set up in its session is lost",
            hint="Finish the migration by hand, from that statement on, and record that with "
            f"`fowergram-db repair --version {step.version}`.",
            location=Location(step.source, *step.sql.position(lost.start)),
        )


def _rebuilds_concurrently(statement: Statement) -> bool:
    return statement.words[:1] == ("REINDEX",) and Trait.CONCURRENT in statement.traits


def _hash(text: str) -> str:
    """Return what identifies a statement. Each record has those of all that have run: the shorter, the faster."""
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]
