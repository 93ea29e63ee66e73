"""Apply all migrations to an empty database that no other process uses."""

from collections.abc import Sequence
from contextlib import closing

from fowergram_db.database.creation import require_only_trusted
from fowergram_db.database.target import Target
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.context import DEFAULT_WAIT_POLICY, RunContext
from fowergram_db.migrations.engine.server_guard import MissingRoles, ServerGuard
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import History
from fowergram_db.migrations.history_table import create_history
from fowergram_db.migrations.partitions import maintain_partitions
from fowergram_db.migrations.run import UpgradeTarget, plan_and_check, run_steps
from fowergram_db.migrations.session import open_session
from fowergram_db.migrations.version import type_of


def steps_of(files: Sequence[MigrationFile]) -> tuple[CheckedStep, ...]:
    """Return the steps that apply all migrations, checked. Raises what forbids them."""
    return plan_and_check(files, History(), UpgradeTarget())


def build(target: Target, steps: Sequence[CheckedStep], on_event: OnEvent, database: str | None = None) -> None:
    """Do what a fresh ``migrate`` does, without its lock, and without saying where a failure has left the database.

    What the scripts say of the whole server is done only as far as roles are missing; ``database`` is the name of the
    database that they are written for, the target's where none is given. Raises UntrustedOwner, before anything runs,
    where the database has objects of untrusted roles from template1.
    """
    with open_session(target, on_event) as connection:
        require_only_trusted(connection)
        history = create_history(connection, type_of(checked.step.version for checked in steps))
        guard = ServerGuard.begin(connection, MissingRoles.MADE, database or target.dbname)
        policy = DEFAULT_WAIT_POLICY
        context = RunContext(target, (), policy, on_event, connection, trusted=history.trusted, guard=guard)
        with closing(run_steps(context, steps)) as results:
            for result in results:
                on_event(result)
        maintain_partitions(connection, policy.locks, on_event)
