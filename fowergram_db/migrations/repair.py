"""Write into the history what a person has decided of a migration that is edited, or half done."""

from collections.abc import Sequence

from fowergram_db.database.citus import require_coordinator
from fowergram_db.database.connection import Connection, connect_safely, reported
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import UnknownVersion, raise_faults
from fowergram_db.migrations.alignment import align, prepare_table
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import read_history, require_own, require_safe_to_write
from fowergram_db.migrations.history_sql import values_of
from fowergram_db.migrations.plan import Direction, Migration, State, recorded_down, survey
from fowergram_db.migrations.same_directory import require_same_directory
from fowergram_db.migrations.version import Version, find_version


def repair(
    target: Target, files: Sequence[MigrationFile], version: Version | str | None, on_event: OnEvent, wait_s: float
) -> tuple[Migration, ...]:
    """Record every changed migration as its file is now, every partial one as done; or only that of one version.

    Return them as they were before. Writes the history in one transaction, under the migration lock. Raises
    UnknownVersion for a version that needs no repair.
    """
    with connect_safely(target) as connection, migration_lock(target, wait_s, on_event):
        require_coordinator(connection)
        history = read_history(connection)
        require_own(history)
        files, history = align(files, history)
        require_same_directory(files, history)
        broken = [m for m in survey(files, history) if m.state in (State.CHANGED, State.PARTIAL)]
        wanted = None if version is None else find_version(version, (m.version for m in broken))
        chosen = tuple(m for m in broken if version is None or m.version == wanted)
        if version is not None and wanted is None:
            raise UnknownVersion(
                f"version {version} is neither changed nor partial",
                hint="`fowergram-db status` shows what is wrong.",
            )
        raise_faults([m.file.down_fault for m in chosen if m.file and m.file.down_fault])
        if chosen:
            prepare_table(connection, files, history)
        with reported("repair the history", Situation.HISTORY), connection.transaction():
            require_safe_to_write(connection)
            for migration in chosen:
                _repair(connection, migration)
        return chosen


def _repair(connection: Connection, migration: Migration) -> None:
    row, file = migration.applied, migration.file
    if row is not None and row.state == "partial":
        down = row.progress is not None and row.progress.direction == Direction.DOWN
        done = row.progress.total if row.progress else row.statements_done
        elapsed_ms = row.progress.elapsed_ms if row.progress else row.duration_ms
        values = values_of(row.version) | {"statements_done": done, "duration_ms": elapsed_ms}
        connection.execute(load("bookkeeping/forget" if down else "bookkeeping/finish"), values)
    if file is not None:
        recorded = values_of(file.version) | {
            "filename": file.filename,
            "name": file.name,
            "checksum": file.checksum,
            "down_sql": recorded_down(file),
        }
        connection.execute(load("bookkeeping/rewrite"), recorded)
