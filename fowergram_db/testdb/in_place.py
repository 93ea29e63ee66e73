"""Make a database anew where no other can be made to take its place: drop what is in it, and migrate."""

from collections.abc import Sequence

from fowergram_db.database.connection import translate_errors
from fowergram_db.database.protection import kept_unmarked
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.build import steps_of
from fowergram_db.migrations.engine.execute import TransactionScope
from fowergram_db.migrations.engine.server_guard import MissingRoles, ServerGuard
from fowergram_db.migrations.engine.worker import Worker
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import create_history
from fowergram_db.migrations.partitions import maintain_partitions
from fowergram_db.migrations.run import DEFAULT_WAIT_POLICY, run_and_report
from fowergram_db.migrations.session import open_session


def rebuild_in_place(target: Target, oid: int, files: Sequence[MigrationFile], on_event: OnEvent) -> None:
    """Drop all that the role owns in the target's database, in one transaction; then apply all migrations.

    What could not run is refused before anything is dropped; an error of a step carries notes that say what is applied
    now. What others own stays, and may be in the way of a migration. Raises Refused, with all as it was, where the
    database is not the one of the ``oid`` any more, or is marked as production before the transaction ends.
    """
    steps = steps_of(files)
    with open_session(target, on_event) as connection:
        with translate_errors("drop what is in the database"), kept_unmarked(connection, oid):
            connection.execute("SET LOCAL search_path = ''; SET LOCAL lock_timeout = '5s'")
            connection.execute("SET LOCAL client_min_messages = error")
            connection.execute(load("testdb/drop_everything"))
        try:
            create_history(connection)
            guard = ServerGuard.begin(connection, MissingRoles.MADE, target.dbname)
            worker = Worker(connection, DEFAULT_WAIT_POLICY.locks, on_event, guard=guard)
            run_and_report(worker, target, files, steps, TransactionScope.PER_MIGRATION, DEFAULT_WAIT_POLICY)
            maintain_partitions(connection, DEFAULT_WAIT_POLICY.locks, on_event)
        except FowergramError as error:
            error.add_note("What was in the database before had been dropped.")
            raise
