"""What every run does that changes a database: prepare its steps, take them, and say where it was left."""

import re
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field, replace
from itertools import groupby

import psycopg

from fowergram_db.database.connection import Connection, connect_safely, require_primary
from fowergram_db.database.session_settings import may_have_citus, may_have_event_triggers, settings_of_role
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError, Refused
from fowergram_db.lexer import holds_statement
from fowergram_db.migrations.alignment import align
from fowergram_db.migrations.engine.checks import CheckedStep, DownScripts, check_all, for_server
from fowergram_db.migrations.engine.execute import TransactionScope, apply, flush, require_standard_strings
from fowergram_db.migrations.engine.lock import Backend
from fowergram_db.migrations.engine.worker import LockPolicy, Worker
from fowergram_db.migrations.events import Notice, StepStarted
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import History, read_history, require_own
from fowergram_db.migrations.other_tools.histories import mark_known
from fowergram_db.migrations.plan import Step, migration_states, plan_up
from fowergram_db.migrations.same_directory import require_same_directory
from fowergram_db.migrations.script.modes import DEFAULT
from fowergram_db.migrations.status import describe_applied
from fowergram_db.migrations.version import Version


@dataclass(frozen=True, slots=True)
class UpgradeTarget:
    """How far ``migrate`` goes: up to and including version ``to``, or to the end.

    ``instead_of`` is given where a database is built beside another one, to be compared with it: that one's name.
    ``only_own``: nothing names the migrations, so that they are not for a database with tables of others.
    """

    to: Version | str | None = None
    out_of_order: bool = False
    transaction_scope: TransactionScope = TransactionScope.PER_MIGRATION
    instead_of: str | None = None
    only_own: bool = False


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """How long a run waits for another migrator, in seconds, and each step for others' locks."""

    wait_s: float = 60.0
    locks: LockPolicy = field(default_factory=LockPolicy)


DEFAULT_WAIT_POLICY = WaitPolicy()
# A script that makes the extension names it.
_CITUS = re.compile("citus", re.IGNORECASE)
_EVENT_TRIGGER = re.compile(r"\bevent\s+trigger\b", re.IGNORECASE)


def plan_and_check(
    files: Sequence[MigrationFile], history: History, upgrade_target: UpgradeTarget
) -> tuple[CheckedStep, ...]:
    """Return the steps that reach the upgrade target, checked. Raises what forbids them; runs nothing."""
    require_own(history)
    require_same_directory(files, history)
    # What is built to be compared with keeps no record that could undo it.
    down_scripts = DownScripts.CHECKED if upgrade_target.instead_of is None else DownScripts.PASSED_OVER
    steps = check_all(
        plan_up(files, history, to=upgrade_target.to, out_of_order=upgrade_target.out_of_order), down_scripts
    )
    alone = next((c.step for c in steps if not c.directives.transactional), None)
    if upgrade_target.transaction_scope is TransactionScope.WHOLE_RUN and alone:
        raise Refused(
            f"{alone.filename} runs without a transaction, and --atomic means one transaction for all; nothing was run",
            hint=f"Migrate up to it first: --to {alone.version} without --atomic.",
        )
    special = next((c.step for c in steps if c.directives.modes != DEFAULT), None)
    if upgrade_target.transaction_scope is TransactionScope.WHOLE_RUN and special and len(steps) > 1:
        raise Refused(
            f"{special.filename} says how its transaction runs, and --atomic means one transaction for all; "
            "nothing was run",
            hint="Migrate without --atomic.",
        )
    return steps


def run_and_report(  # noqa: PLR0913, PLR0917 - who works where, with which files, on what, how
    worker: Worker,
    target: Target,
    files: Sequence[MigrationFile],
    steps: Sequence[CheckedStep],
    transaction_scope: TransactionScope,
    wait_policy: WaitPolicy,
) -> None:
    """Take the steps. An error from one of them carries a note that says what is applied and what is not."""
    if steps:
        require_primary(worker.connection)
    _await_orphans(worker, steps, wait_policy)
    try:
        run_steps(worker, steps, transaction_scope)
    except FowergramError as error:
        error.add_note(_describe(worker, target, files, steps))
        raise
    except BaseException:
        with suppress(FowergramError):
            flush(worker.connection)
        raise


def _await_orphans(worker: Worker, steps: Sequence[CheckedStep], wait_policy: WaitPolicy) -> None:
    """Wait for statements outside a transaction that a killed run has left at work."""
    for checked in steps:
        progress = checked.step.progress
        if worker.lock and progress and progress.running:
            backend = Backend(progress.application, progress.pid, progress.since)
            worker.lock.await_end_of(backend, wait_policy.wait_s, worker.on_event)


def run_steps(worker: Worker, steps: Sequence[CheckedStep], transaction_scope: TransactionScope) -> None:
    """Take the steps, those between two without a transaction together.

    Where they have made what looks like another tool's history (as a dump of an old database does), it is marked as
    known: it says nothing of what is to come.
    """
    if not steps:
        return
    require_standard_strings(worker.connection)
    steps = tuple(for_server(checked, worker.connection.info.server_version) for checked in steps)
    if worker.guard is not None:
        steps = worker.guard.admitted(steps, worker.connection.info.dbname, worker.on_event)
    if may_have_citus(worker.connection) or any(_CITUS.search(checked.script.text) for checked in steps):
        worker = replace(worker, on_citus=True)
    if may_have_event_triggers(worker.connection) or any(_EVENT_TRIGGER.search(c.script.text) for c in steps):
        worker = replace(worker, has_event_triggers=True)
    numbers = {checked.step.version: number for number, checked in enumerate(steps, start=1)}

    nothing = {checked.step.version for checked in steps if not holds_statement(checked.script.text)}

    def begin(step: Step) -> None:
        worker.on_event(StepStarted(step, numbers[step.version], len(steps)))
        if step.version in nothing:
            worker.on_event(Notice("WARNING", f"{step.filename} holds no statement: it is recorded, and does nothing"))

    with settings_of_role(worker.connection):
        for transactional, those in groupby(steps, lambda checked: checked.directives.transactional):
            if transactional:
                apply(worker, tuple(those), transaction_scope, begin)
                continue
            from fowergram_db.migrations.engine.no_transaction import run_without_transaction

            for checked in those:
                begin(checked.step)
                worker.on_event(run_without_transaction(worker, checked))
    _mark_histories_made_by(steps, worker.connection)


def _mark_histories_made_by(steps: Sequence[CheckedStep], connection: Connection) -> None:
    """Mark what these steps have made as known, where the role owns our table; the next run asks otherwise."""
    with suppress(psycopg.Error):
        mark_known(connection, [checked.script.text for checked in steps])


def _describe(worker: Worker, target: Target, files: Sequence[MigrationFile], steps: Sequence[CheckedStep]) -> str:
    """Make sure of what was committed before a failure, and say what it is, as the database itself tells it."""
    lost = worker.connection.closed
    try:
        with connect_safely(target) if lost else nullcontext(worker.connection) as connection:
            unsafe = _flush(connection)
            _mark_histories_made_by(steps, connection)
            migrations = migration_states(*align(files, read_history(connection)))
    except (FowergramError, psycopg.Error):
        return "What is applied now could not be asked: look at `fowergram-db status`."
    return f"{unsafe}{describe_applied(migrations)}"


def _flush(connection: Connection) -> str:
    """Make sure of what was committed; return a line that says why that failed, where it did."""
    try:
        flush(connection)
    except FowergramError as error:
        return f"{error.message}: the server has it, and would lose it if it crashed at once.\n"
    return ""
