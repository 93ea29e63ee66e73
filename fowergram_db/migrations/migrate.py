"""The use cases: migrate, rollback, status, reset. Each reads as its own algorithm."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from itertools import groupby

import psycopg

from fowergram_db.database.connection import Connection, connect, require_primary, server_version
from fowergram_db.database.lifecycle import Sessions, create_database, replace_database
from fowergram_db.database.protection import is_protected
from fowergram_db.database.redaction import mask_passwords
from fowergram_db.database.target import Target
from fowergram_db.errors import ConnectionFailed, DatabaseMissing, FowergramError, Refused
from fowergram_db.migrations.checked import CheckedStep, check
from fowergram_db.migrations.events import Connected, DatabaseCreated, Notice, OnEvent, StepStarted
from fowergram_db.migrations.execute import Extent, apply, flush, require_standard_strings
from fowergram_db.migrations.files import MigrationFile
from fowergram_db.migrations.history import (
    AppliedMigration,
    History,
    create_history,
    read_down_scripts,
    read_history,
    require_own,
)
from fowergram_db.migrations.lock import Backend, fresh_name, migration_lock
from fowergram_db.migrations.plan import Direction, Migration, State, Step, Undo, plan_down, plan_up, survey, to_undo
from fowergram_db.migrations.worker import Limits, Worker

_MOST_LISTED = 12
_BELIEF_S = 20.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Goal:
    """How far ``migrate`` goes: up to and including version ``to``, or to the end."""

    to: int | None = None
    out_of_order: bool = False
    extent: Extent = Extent.EACH


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run waits for another migrator, in seconds, and each step for others' locks."""

    wait_s: float = 60.0
    limits: Limits = field(default_factory=Limits)


PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands, by version."""

    applied: tuple[int, ...]
    pending: tuple[int, ...]

    def __str__(self) -> str:
        """Say it in a line.

        >>> str(Standing((1, 2, 3), (4, 5))), str(Standing((), ()))
        ('at version 3: 3 applied, 2 pending', 'at version 0: 0 applied, 0 pending')
        """
        newest = self.applied[-1] if self.applied else 0
        return f"at version {newest}: {len(self.applied)} applied, {len(self.pending)} pending"


@dataclass(frozen=True, slots=True)
class Status:
    """Every migration with its state. ``foreign`` names the other tool that keeps the history, or is ""."""

    migrations: tuple[Migration, ...]
    database_exists: bool
    foreign: str = ""

    @property
    def standing(self) -> Standing:
        """Return what is applied and what is not."""
        return _standing(self.migrations)


def status(target: Target, files: Sequence[MigrationFile], on_event: OnEvent) -> Status:
    """Hold the files against the database's history. Writes nothing; a missing database is all pending."""
    try:
        with _session(target, on_event) as connection:
            history = read_history(connection)
    except DatabaseMissing:
        return Status(survey(files, History()), database_exists=False)
    return Status(survey(files, history), database_exists=True, foreign=history.foreign)


def preview_migrate(
    target: Target, files: Sequence[MigrationFile], goal: Goal, on_event: OnEvent
) -> tuple[CheckedStep, ...]:
    """Return the steps that ``migrate`` would take, checked as it would check them. Writes nothing."""
    try:
        with _session(target, on_event) as connection:
            history = read_history(connection)
    except DatabaseMissing:
        history = History()
    return _prepare(files, history, goal)


def migrate(
    target: Target, files: Sequence[MigrationFile], goal: Goal, on_event: OnEvent, patience: Patience = PATIENCE
) -> Standing:
    """Create the database where it is missing, then apply what is pending, each in its own transaction.

    All scripts are checked before the first statement runs, and all runs under the migration lock; where there
    is nothing to do, it is not taken. Raises the tool's errors; one from a step carries a note that says what is
    applied and what is not.
    """
    with _session_created(target, on_event, otherwise=lambda: _prepare(files, History(), goal)) as connection:
        history = read_history(connection)
        if _is_done(files, history, goal):
            return _standing(survey(files, history))
        with migration_lock(target, patience.wait_s, on_event) as lock:
            history = read_history(connection)
            steps = _prepare(files, history, goal)
            if steps and not history.exists:
                create_history(connection)
            worker = Worker(connection, patience.limits, on_event, lock)
            _carry_out(worker, target, files, steps, goal.extent, patience)
            return _after(files, history, steps)


def preview_rollback(
    target: Target, files: Sequence[MigrationFile], undo: Undo, on_event: OnEvent
) -> tuple[CheckedStep, ...]:
    """Return the steps that ``rollback`` would take. Writes nothing."""
    with _session(target, on_event) as connection:
        return _prepare_down(connection, read_history(connection), files, undo)


def rollback(  # noqa: PLR0913, PLR0917 - what it works on, how far, who listens, who confirms, how long it waits
    target: Target,
    files: Sequence[MigrationFile],
    undo: Undo,
    on_event: OnEvent,
    confirm: Callable[[str], bool],
    patience: Patience = PATIENCE,
) -> Standing:
    """Undo the newest migrations, newest first, each in its own transaction.

    ``confirm`` is asked, with a question, before more than one is undone in a production database. Raises
    the tool's errors; one from a step carries a note that says what is applied and what is not.
    """
    with _session(target, on_event) as connection, migration_lock(target, patience.wait_s, on_event) as lock:
        history = read_history(connection)
        steps = _prepare_down(connection, history, files, undo)
        question = f'undo {len(steps)} migrations in the production database "{target.dbname}"'
        if len(steps) > 1 and is_protected(connection) and not confirm(question):
            raise Refused(
                f"not confirmed: {question}",
                hint="Roll back one step at a time, or confirm at a terminal.",
            )
        worker = Worker(connection, patience.limits, on_event, lock)
        _carry_out(worker, target, files, steps, Extent.EACH, patience)
        return _after(files, history, steps)


def reset(target: Target, files: Sequence[MigrationFile], sessions: Sessions, on_event: OnEvent) -> Standing:
    """Put a fresh database, migrated and empty of data, in the place of the target's.

    The old one stays untouched until the new one is complete. Whether it may be done at all is for the
    caller to have asked.
    """
    steps = _prepare(files, History(), Goal())
    with suppress(DatabaseMissing), _session(target, on_event) as connection:
        require_own(read_history(connection))

    def build(fresh: Target) -> None:
        with _session(fresh, on_event) as connection:
            create_history(connection)
            _take(Worker(connection, Limits(), on_event), steps, Extent.EACH)

    try:
        replace_database(target, build, sessions)
    except FowergramError as error:
        error.add_note(f'Database "{target.dbname}" is as it was.')
        raise
    return Standing(tuple(file.version for file in files), ())


def _prepare(files: Sequence[MigrationFile], history: History, goal: Goal) -> tuple[CheckedStep, ...]:
    require_own(history)
    steps = tuple(map(check, plan_up(files, history, to=goal.to, out_of_order=goal.out_of_order)))
    alone = next((c.step for c in steps if not c.directives.transactional), None)
    if goal.extent is Extent.ALL and alone:
        raise Refused(
            f"{alone.filename} runs without a transaction, and --atomic means one transaction for all; nothing was run",
            hint=f"Migrate up to it first: --to {alone.version} without --atomic.",
        )
    return steps


def _is_done(files: Sequence[MigrationFile], history: History, goal: Goal) -> bool:
    """Tell whether nothing is pending. What is wrong now may be another run at work: that is for the lock to tell."""
    require_own(history)
    migrations = survey(files, history)
    if any(migration.state is not State.APPLIED for migration in migrations):
        return False
    return not plan_up(files, history, to=goal.to)


def _prepare_down(
    connection: Connection, history: History, files: Sequence[MigrationFile], undo: Undo
) -> tuple[CheckedStep, ...]:
    require_own(history)
    rows: tuple[AppliedMigration, ...] = to_undo(files, history, undo)
    recorded = read_down_scripts(connection, [row.version for row in rows]) if rows else {}
    return tuple(map(check, plan_down(files, rows, recorded)))


def _carry_out(  # noqa: PLR0913, PLR0917 - who works where, with which files, on what, how
    worker: Worker,
    target: Target,
    files: Sequence[MigrationFile],
    steps: Sequence[CheckedStep],
    extent: Extent,
    patience: Patience,
) -> None:
    if steps:
        require_primary(worker.connection)
    _await_orphans(worker, steps, patience)
    try:
        _take(worker, steps, extent)
    except FowergramError as error:
        error.add_note(_whereabouts(worker, target, files))
        raise
    except BaseException:
        with suppress(FowergramError):
            flush(worker.connection)
        raise


def _await_orphans(worker: Worker, steps: Sequence[CheckedStep], patience: Patience) -> None:
    """Wait for statements outside a transaction that a killed run has left at work."""
    for checked in steps:
        progress = checked.step.progress
        if worker.lock and progress and progress.running:
            backend = Backend(progress.application, progress.pid, progress.since)
            worker.lock.await_end_of(backend, patience.wait_s, worker.on_event)


def _take(worker: Worker, steps: Sequence[CheckedStep], extent: Extent) -> None:
    """Take the steps, those between two without a transaction together."""
    if not steps:
        return
    require_standard_strings(worker.connection)
    numbers = {checked.step.version: number for number, checked in enumerate(steps, start=1)}

    def begin(step: Step) -> None:
        worker.on_event(StepStarted(step, numbers[step.version], len(steps)))

    for transactional, those in groupby(steps, lambda checked: checked.directives.transactional):
        if transactional:
            apply(worker, tuple(those), extent, begin)
            continue
        from fowergram_db.migrations.stepwise import apply_stepwise

        for checked in those:
            begin(checked.step)
            worker.on_event(apply_stepwise(worker, checked))


def _standing(migrations: Sequence[Migration]) -> Standing:
    pending = (State.PENDING, State.OUT_OF_ORDER)
    return Standing(
        tuple(m.version for m in migrations if m.state not in pending),
        tuple(m.version for m in migrations if m.state in pending),
    )


def _after(files: Sequence[MigrationFile], history: History, steps: Sequence[CheckedStep]) -> Standing:
    """Return where a run leaves the database that has taken all of its steps."""
    applied = {row.version for row in history.applied}
    for checked in steps:
        (applied.add if checked.step.direction is Direction.UP else applied.discard)(checked.step.version)
    return Standing(tuple(sorted(applied)), tuple(sorted({file.version for file in files} - applied)))


def _whereabouts(worker: Worker, target: Target, files: Sequence[MigrationFile]) -> str:
    """Make sure of what was committed before a failure, and say what it is, as the database itself tells it."""
    lost = worker.connection.closed
    try:
        with connect(target) if lost else nullcontext(worker.connection) as connection:
            unsafe = _flush(connection)
            migrations = survey(files, read_history(connection))
    except (FowergramError, psycopg.Error):
        return "What is applied now could not be asked: look at `fowergram-db status`."
    standing = _standing(migrations)
    partial = tuple(m.version for m in migrations if m.state is State.PARTIAL)
    applied = tuple(version for version in standing.applied if version not in partial)
    midway = f" Stopped midway: {_versions(partial)}." if partial else ""
    return f"{unsafe}Applied now: {_versions(applied)}.{midway} Not applied: {_versions(standing.pending)}."


def _flush(connection: Connection) -> str:
    """Make sure of what was committed; return a line that says why that failed, where it did."""
    try:
        flush(connection)
    except FowergramError as error:
        return f"{error.message}: the server has it, and would lose it if it crashed at once.\n"
    return ""


def _versions(versions: Sequence[int]) -> str:
    """List versions, the long way while they are few.

    >>> _versions((1, 2, 3)), _versions(()), _versions(range(1, 100))
    ('1, 2, 3', 'none', '1 to 99 (99 migrations)')
    """
    if len(versions) > _MOST_LISTED:
        return f"{versions[0]} to {versions[-1]} ({len(versions)} migrations)"
    return ", ".join(map(str, versions)) or "none"


def _session(target: Target, on_event: OnEvent) -> Connection:
    """Connect, and pass on what the server says; to be used in a ``with`` statement, which closes it."""
    connection = connect(target, application=fresh_name())
    on_event(Connected(server_version(connection)))
    connection.add_notice_handler(lambda said: on_event(_notice(said)))
    return connection


def _notice(said: psycopg.errors.Diagnostic) -> Notice:
    return Notice(said.severity or "NOTICE", mask_passwords(said.message_primary or ""))


def _session_created(target: Target, on_event: OnEvent, otherwise: Callable[[], object]) -> Connection:
    """Connect, creating the database where it is missing; ``otherwise`` raises what forbids it then."""
    try:
        return _session(target, on_event)
    except DatabaseMissing:
        otherwise()
        create_database(target)
        on_event(DatabaseCreated(target.dbname))
        return _first_session(target, on_event)


def _first_session(target: Target, on_event: OnEvent) -> Connection:
    """Connect to a database that has just been made: a pooler may not believe in it for a while."""
    deadline = time.monotonic() + _BELIEF_S
    while True:
        try:
            return _session(target, on_event)
        except ConnectionFailed:
            if time.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)
