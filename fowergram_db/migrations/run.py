"""What every run does that changes a database: plan and check its steps, run them, and describe the outcome."""

import re
from collections.abc import Generator, Sequence
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

import psycopg

from fowergram_db.database.connection import Connection, connect_safely, require_primary
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import (
    may_have_citus,
    may_have_event_triggers,
    reads_standard_strings,
    settings_of_role,
)
from fowergram_db.errors import FowergramError, Refused
from fowergram_db.migrations.alignment import align
from fowergram_db.migrations.engine.checks import CheckedStep, DownScripts, check_all, for_server
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.groups import LARGEST_BATCH, GroupKind, TransactionScope, group_steps
from fowergram_db.migrations.engine.lock import Backend
from fowergram_db.migrations.events import StepResult
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import History, require_own
from fowergram_db.migrations.history_table import read_history
from fowergram_db.migrations.migration_states import migration_states
from fowergram_db.migrations.other_tools.histories import mark_known
from fowergram_db.migrations.plan import plan_up
from fowergram_db.migrations.same_directory import require_same_directory
from fowergram_db.migrations.script.modes import DEFAULT
from fowergram_db.migrations.status import describe_applied
from fowergram_db.migrations.version import Version

# A script that makes the extension names it.
_CITUS = re.compile("citus", re.IGNORECASE)
_EVENT_TRIGGER = re.compile(r"\bevent\s+trigger\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UpgradeTarget:
    """How far ``migrate`` goes: up to and including version ``to``, or to the end.

    ``instead_of`` is given if a database is built next to another one, to be compared with it: the other one's name.
    ``only_own``: no option names the migrations, so they are not for a database with tables of others.
    """

    to: Version | str | None = None
    out_of_order: bool = False
    transaction_scope: TransactionScope = TransactionScope.PER_MIGRATION
    instead_of: str | None = None
    only_own: bool = False


def plan_and_check(
    files: Sequence[MigrationFile], history: History, upgrade_target: UpgradeTarget
) -> tuple[CheckedStep, ...]:
    """Return the steps that reach the upgrade target, checked. Raises what forbids them; runs nothing."""
    require_own(history)
    require_same_directory(files, history)
    # What is built only to be compared is never rolled back.
    down_scripts = DownScripts.CHECKED if upgrade_target.instead_of is None else DownScripts.SKIPPED
    steps = check_all(
        plan_up(files, history, to=upgrade_target.to, out_of_order=upgrade_target.out_of_order), down_scripts
    )
    if upgrade_target.transaction_scope is TransactionScope.WHOLE_RUN:
        _require_one_transaction(steps)
    return steps


def _require_one_transaction(steps: Sequence[CheckedStep]) -> None:
    """Raise Refused if one of the steps cannot share its transaction with the others."""
    alone = next((c.step for c in steps if not c.directives.transactional), None)
    if alone:
        raise Refused(
            f"{alone.filename} runs without a transaction, and --atomic means one transaction for all; nothing was run",
            hint=f"Migrate up to it first: --to {alone.version} without --atomic.",
        )
    special = next((c.step for c in steps if c.directives.modes != DEFAULT), None)
    if special and len(steps) > 1:
        raise Refused(
            f"{special.filename} sets the mode of its own transaction, and --atomic means one transaction for all; "
            "nothing was run",
            hint="Migrate without --atomic.",
        )


def run_and_report(
    context: RunContext,
    steps: Sequence[CheckedStep],
    transaction_scope: TransactionScope = TransactionScope.PER_MIGRATION,
) -> None:
    """Run the steps, and report each once it is committed.

    An error from one of them carries a note that says what is applied and what is not.
    """
    if steps:
        require_primary(context.connection)
    _await_orphans(context, steps)
    try:
        with closing(run_steps(context, steps, transaction_scope)) as results:
            for result in results:
                context.on_event(result)
    except FowergramError as error:
        error.add_note(_describe(context, steps))
        raise
    except BaseException:
        with suppress(FowergramError):
            _flush(context.connection)
        raise


def _await_orphans(context: RunContext, steps: Sequence[CheckedStep]) -> None:
    """Wait for statements outside a transaction that a killed run has left at work."""
    for checked in steps:
        progress = checked.step.progress
        if context.lock and progress and progress.running:
            backend = Backend(progress.application, progress.pid, progress.since)
            context.lock.await_end_of(backend, context.policy.wait_s, context.on_event)


def run_steps(
    context: RunContext,
    steps: Sequence[CheckedStep],
    transaction_scope: TransactionScope = TransactionScope.PER_MIGRATION,
) -> Generator[StepResult, None, None]:
    """Run checked steps, group by group; yield the result of each once it is committed.

    If they have made what looks like another tool's history (as a dump of an old database does), it is marked as
    known: it says nothing of what is to come. Raises MigrationFailed, LockTimeout or LockLost.
    """
    if not steps:
        return
    from fowergram_db.migrations.engine.batch import run_batches
    from fowergram_db.migrations.engine.transaction import run_transaction

    context, steps = _adapt_to_server(context, steps)
    largest_batch = 1 if context.on_citus or context.has_event_triggers else LARGEST_BATCH
    with settings_of_role(context.connection):
        groups = group_steps(steps, transaction_scope, largest_batch)
        for kind, of_kind in groupby(groups, attrgetter("kind")):
            match kind:
                case GroupKind.BATCH:
                    yield from run_batches(context, of_kind)
                case GroupKind.TRANSACTION:
                    for group in of_kind:
                        yield from run_transaction(context, group)
                case GroupKind.NO_TRANSACTION:
                    from fowergram_db.migrations.engine.no_transaction import run_without_transaction

                    for group in of_kind:
                        yield from run_without_transaction(context, group)
    _mark_histories_made_by(steps, context.connection)


def _adapt_to_server(context: RunContext, steps: Sequence[CheckedStep]) -> tuple[RunContext, tuple[CheckedStep, ...]]:
    r"""Return the steps without what this server would refuse, and the context with what the server has.

    Raises Refused if the server reads ``'\'`` otherwise than the SQL standard, and so than ``check`` did.
    """
    connection = context.connection
    if not reads_standard_strings(connection):
        raise Refused(
            "standard_conforming_strings is off here: a backslash could hide a COMMIT from the checks; nothing was run",
            hint="Remove the setting from the database, the role or the server's configuration.",
        )
    steps = tuple(for_server(checked, connection.info.server_version) for checked in steps)
    if context.guard is not None:
        steps = context.guard.admitted(steps, connection.info.dbname, context.on_event)
    texts = [checked.script.text for checked in steps]
    on_citus = may_have_citus(connection) or any(map(_CITUS.search, texts))
    has_event_triggers = may_have_event_triggers(connection) or any(map(_EVENT_TRIGGER.search, texts))
    return replace(context, on_citus=on_citus, has_event_triggers=has_event_triggers), steps


def _mark_histories_made_by(steps: Sequence[CheckedStep], connection: Connection) -> None:
    """Mark what these steps have made as known, if the role owns our table; else the next run asks."""
    with suppress(psycopg.Error):
        mark_known(connection, [checked.script.text for checked in steps])


def _describe(context: RunContext, steps: Sequence[CheckedStep]) -> str:
    """Make sure of what was committed before a failure, and say what it is, as the database itself says."""
    lost = context.connection.closed
    try:
        with connect_safely(context.target) if lost else nullcontext(context.connection) as connection:
            try:
                unsafe = ""
                _flush(connection)
            except FowergramError as error:
                unsafe = f"{error.message}: the server has committed, but would lose these commits if it crashed now.\n"
            _mark_histories_made_by(steps, connection)
            migrations = migration_states(*align(context.files, read_history(connection)))
    except (FowergramError, psycopg.Error):
        return "Which migrations are applied now could not be read from the server: run `fowergram-db status`."
    return f"{unsafe}{describe_applied(migrations)}"


def _flush(connection: Connection) -> None:
    """Make every commit of this run safe from a crash: the log is written in order, so one commit that waits is enough.

    Raises the tool's errors if the server is gone.
    """
    with translate_errors("write the commits to disk"):
        connection.execute("SELECT pg_catalog.pg_logical_emit_message(true, 'fowergram-db', '')")
