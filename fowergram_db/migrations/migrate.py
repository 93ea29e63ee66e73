"""The use cases that change a database by its migrations. Each reads as its own algorithm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fowergram_db.database.citus import require_coordinator
from fowergram_db.database.connection import Connection
from fowergram_db.database.connection_values import require_creatable
from fowergram_db.database.ownership import untrusted_writers
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.situations import Situation
from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseMissing, Refused, UntrustedHistory
from fowergram_db.migrations.alignment import align, prepare_table, table_changes
from fowergram_db.migrations.engine.checks import CheckedStep, check_all, for_server
from fowergram_db.migrations.engine.context import DEFAULT_WAIT_POLICY, LockPolicy, RunContext, WaitPolicy
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import AppliedMigration, History, require_own
from fowergram_db.migrations.history_table import TABLE, read_down_scripts, read_history
from fowergram_db.migrations.migration_states import State, migration_states
from fowergram_db.migrations.packaged import require_no_tables
from fowergram_db.migrations.partitions import keeps_partitions, maintain_partitions
from fowergram_db.migrations.plan import RollbackTarget, migrations_to_roll_back, plan_down, plan_up
from fowergram_db.migrations.run import UpgradeTarget, plan_and_check, run_and_report
from fowergram_db.migrations.same_directory import has_lost_its_file, require_same_directory
from fowergram_db.migrations.session import create_and_open, open_session
from fowergram_db.migrations.status import Summary, summarize, summary_after

if TYPE_CHECKING:
    from fowergram_db.migrations.engine.server_guard import ServerGuard
    from fowergram_db.migrations.psql_script import Run


def preview_migrate(
    target: Target,
    files: Sequence[MigrationFile],
    upgrade_target: UpgradeTarget,
    on_event: OnEvent,
    lock_policy: LockPolicy = DEFAULT_WAIT_POLICY.locks,
) -> "Run":
    """Return what ``migrate`` would do, checked as it would check it. Writes nothing."""
    from fowergram_db.migrations.psql_script import Run

    keeps = is_missing = False
    server_version = 0  # whatever it is, what it may not know is left out
    try:
        with open_session(target, on_event) as connection:
            history, server_version = read_history(connection), connection.info.server_version
            _require_own_database(connection, history, upgrade_target)
            with translate_errors("find the function that maintains partitions"):
                keeps = keeps_partitions(connection)
    except DatabaseMissing:
        require_creatable(target.dbname, target.port)
        history, is_missing = History(), True
    files, history = align(files, history)
    steps = tuple(for_server(checked, server_version) for checked in plan_and_check(files, history, upgrade_target))
    keeps = keeps or any("maintain_partitions" in checked.script.text for checked in steps)
    return Run(
        steps,
        lock_policy,
        upgrade_target.transaction_scope,
        creates_database=is_missing,
        table_changes=table_changes(files, history),
        keeps_partitions=keeps,
    )


def migrate(
    target: Target,
    files: Sequence[MigrationFile],
    upgrade_target: UpgradeTarget,
    on_event: OnEvent,
    policy: WaitPolicy = DEFAULT_WAIT_POLICY,
) -> Summary:
    """Create the database if it is missing, then apply what is pending, each in its own transaction.

    All scripts are checked before the first statement runs, and all run under the migration lock, which is not acquired
    if there is nothing to do. At the end partitions are created in advance, if the database has a function for it.
    Raises the tool's errors; one from a step carries a note that says what is applied and what is not.
    """
    try:
        connection = open_session(target, on_event)
    except DatabaseMissing:
        require_creatable(target.dbname, target.port)
        plan_and_check(files, History(), upgrade_target)
        connection = create_and_open(target, on_event)
    with connection:
        require_coordinator(connection)
        history = read_history(connection)
        if _is_done(*align(files, history), upgrade_target):
            summary = summarize(migration_states(*align(files, history)))
        else:
            with migration_lock(target, policy.wait_s, on_event) as lock:
                files, history = align(files, read_history(connection))
                steps = plan_and_check(files, history, upgrade_target)
                _require_own_database(connection, history, upgrade_target)
                if steps:
                    history = prepare_table(connection, files, history, lock.claim)
                guard = _guard(connection, upgrade_target)
                context = RunContext(target, files, policy, on_event, connection, lock, history.trusted, guard)
                run_and_report(context, steps, upgrade_target.transaction_scope)
                summary = summary_after(files, history, (checked.step for checked in steps))
        maintain_partitions(connection, policy.locks, on_event)
        return summary


def _guard(connection: Connection, upgrade_target: UpgradeTarget) -> "ServerGuard | None":
    """Return what keeps the build of a database next to another one from changing their server."""
    if upgrade_target.instead_of is None:
        return None
    from fowergram_db.migrations.engine.server_guard import MissingRoles, ServerGuard

    return ServerGuard.begin(connection, MissingRoles.REFUSED, upgrade_target.instead_of)


def _require_own_database(connection: Connection, history: History, upgrade_target: UpgradeTarget) -> None:
    if upgrade_target.only_own:
        require_own(history)
        require_no_tables(connection, history)


def preview_rollback(
    target: Target,
    files: Sequence[MigrationFile],
    rollback_target: RollbackTarget,
    on_event: OnEvent,
    lock_policy: LockPolicy = DEFAULT_WAIT_POLICY.locks,
) -> "Run":
    """Return what ``rollback`` would do. Writes nothing."""
    from fowergram_db.migrations.psql_script import Run

    with open_session(target, on_event) as connection:
        files, history = align(files, read_history(connection))
        steps = _prepare_down(connection, history, files, rollback_target)
        return Run(steps, lock_policy, table_changes=table_changes(files, history))


@dataclass(frozen=True, slots=True)
class RollbackPolicy:
    """How a rollback waits for others, and whom it asks.

    ``confirm`` is asked, with a question, before more than one migration is rolled back in a production database, or if
    ``environ`` is declared to be production.
    """

    confirm: Callable[[str], bool]
    waits: WaitPolicy = DEFAULT_WAIT_POLICY
    environ: Mapping[str, str] = field(default_factory=dict)


def rollback(
    target: Target,
    files: Sequence[MigrationFile],
    rollback_target: RollbackTarget,
    on_event: OnEvent,
    policy: RollbackPolicy,
) -> Summary:
    """Roll back the newest migrations, newest first, each in its own transaction.

    Raises the tool's errors, and Refused if it is not confirmed; one from a step carries a note that says what is
    applied and what is not.
    """
    waits = policy.waits
    with open_session(target, on_event) as connection, migration_lock(target, waits.wait_s, on_event) as lock:
        require_coordinator(connection)
        files, history = align(files, read_history(connection))
        steps = _prepare_down(connection, history, files, rollback_target)
        _require_confirmation(connection, target, steps, policy)
        if steps:
            history = prepare_table(connection, files, history, lock.claim)
        run_and_report(RunContext(target, files, waits, on_event, connection, lock, history.trusted), steps)
        return summary_after(files, history, (checked.step for checked in steps))


def _require_confirmation(
    connection: Connection, target: Target, steps: Sequence[CheckedStep], policy: RollbackPolicy
) -> None:
    from fowergram_db.database.protection import is_production, is_protected

    question = f'roll back {len(steps)} migrations in the production database "{target.dbname}"'
    is_risky = len(steps) > 1 and (is_production(policy.environ) or is_protected(connection))
    if is_risky and not policy.confirm(question):
        raise Refused(
            f"not confirmed: {question}",
            hint="Roll back one step at a time, or confirm at a terminal.",
        )


def _is_done(files: Sequence[MigrationFile], history: History, upgrade_target: UpgradeTarget) -> bool:
    """Return whether nothing is pending. A problem now may be another run at work: the lock will show that."""
    require_own(history)
    migrations = migration_states(files, history)
    if any(migration.state is not State.APPLIED for migration in migrations):
        return False
    return not plan_up(files, history, to=upgrade_target.to)


def _prepare_down(
    connection: Connection, history: History, files: Sequence[MigrationFile], rollback_target: RollbackTarget
) -> tuple[CheckedStep, ...]:
    require_own(history)
    if not has_lost_its_file(files, history):
        require_same_directory(files, history)
    rows: tuple[AppliedMigration, ...] = migrations_to_roll_back(files, history, rollback_target)
    recorded = {row.recorded_version: row.version for row in rows}
    scripts = read_down_scripts(connection, tuple(recorded)) if rows else {}
    steps = plan_down(files, rows, {recorded[version]: script for version, script in scripts.items()})
    if found := next((step for step in steps if not step.is_file), None):
        _require_own_scripts(connection, str(found.source))
    return check_all(steps)


def _require_own_scripts(connection: Connection, source: str) -> None:
    """Raise UntrustedHistory where another role could have written a recorded script, which is code. One round trip."""
    with translate_errors("read which roles may write to public.schema_migrations", Situation.HISTORY):
        writers = untrusted_writers(connection, "public", TABLE)
    if writers:
        names = ", ".join(name if name == "PUBLIC" else f'"{name}"' for name in writers)
        raise UntrustedHistory(
            f"{source} is not run: {names} may write to public.schema_migrations, and could have written that script",
            hint="Check out the version of the code that contains the down file. Or read the recorded script (column "
            "down_sql), and REVOKE INSERT, UPDATE ON public.schema_migrations (or pg_write_all_data) FROM that role.",
        )
