"""Write into the history what a person has decided about a migration that is changed, partial, pending or missing."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from fowergram_db.database.citus import require_coordinator
from fowergram_db.database.connection import Connection, connect_safely
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import Refused, UnknownVersion, UsageError, raise_faults
from fowergram_db.migrations.alignment import align, prepare_table
from fowergram_db.migrations.engine.checks import CheckedStep, check
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import require_own
from fowergram_db.migrations.history_sql import load_for, values_of
from fowergram_db.migrations.history_table import read_history, require_safe_to_write
from fowergram_db.migrations.migration_states import Migration, State, migration_states
from fowergram_db.migrations.plan import Direction, step_up
from fowergram_db.migrations.same_directory import has_lost_its_file, require_same_directory
from fowergram_db.migrations.version import Version, find_version, require_version

_BROKEN = (State.CHANGED, State.PARTIAL)
_TO_APPLY = (State.PENDING, State.OUT_OF_ORDER)
_NOT_APPLIED = {
    State.APPLIED: "There is nothing to do: its row already agrees with its file.",
    State.CHANGED: "Record the edited file with `fowergram-db repair --version {0}`.",
    State.PARTIAL: "Finish it by hand, then record that with `fowergram-db repair --version {0}`.",
    State.MISSING: "It has a row, but no file: `fowergram-db repair --forget {0}` deletes the row.",
}
_NOT_FORGOTTEN = {
    State.PENDING: "There is nothing to do: it has no row.",
    State.OUT_OF_ORDER: "There is nothing to do: it has no row.",
    State.PARTIAL: "Its file exists: run the command that it stopped in again, or finish it by hand and record that "
    "with `fowergram-db repair --version {0}`.",
}
_HAS_FILE = "Its file exists: `fowergram-db rollback` rolls it back. Only a row whose file is missing can be deleted."


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person has decided; by default, that all changed and partial migrations are correct as they are.

    ``version`` names the one that is changed or partial, ``applied`` a pending one whose changes the database has,
    ``forgotten`` a recorded one whose file is gone.
    """

    version: Version | str | None = None
    applied: Version | str | None = None
    forgotten: Version | str | None = None

    @property
    def is_of_all(self) -> bool:
        """Return whether it names no version."""
        return self.version is None and self.applied is None and self.forgotten is None


@dataclass(frozen=True, slots=True)
class _Chosen:
    repaired: tuple[Migration, ...]
    applied: Migration | None
    forgotten: Migration | None

    @property
    def all(self) -> tuple[Migration, ...]:
        return (*self.repaired, *filter(None, (self.applied, self.forgotten)))


def repair(
    target: Target, files: Sequence[MigrationFile], decision: Decision, on_event: OnEvent, wait_s: float
) -> tuple[Migration, ...]:
    """Write a decision into the history, and return the migrations that it is about, as they were before.

    Records a changed one as its file is now, a partial one as done, and a pending one as ``migrate`` would record it,
    without running it; removes the row of a missing one. Writes the history in one transaction, under the migration
    lock. Raises UnknownVersion for a version that does not exist or that needs no repair, Refused if the decision
    does not fit the state of its migration, UsageError for two decisions about one, FileFault for a file that
    ``migrate`` would not run.
    """
    with connect_safely(target) as connection, migration_lock(target, wait_s, on_event) as lock:
        began = time.perf_counter()
        require_coordinator(connection)
        history = read_history(connection)
        require_own(history)
        files, history = align(files, history)
        if decision.forgotten is None or not has_lost_its_file(files, history):
            require_same_directory(files, history)
        chosen = _choose(migration_states(files, history), decision)
        raise_faults([m.file.down_fault for m in chosen.all if m.file and m.file.down_fault])
        step = check(step_up(chosen.applied.file)) if chosen.applied and chosen.applied.file else None
        if not chosen.all:
            return ()
        prepare_table(connection, files, history, lock.claim)
        with translate_errors("repair the history", Situation.HISTORY), connection.transaction():
            lock.claim(connection)
            require_safe_to_write(connection)
            for migration in chosen.repaired:
                _repair(connection, migration)
            if chosen.forgotten is not None:
                connection.execute(load("bookkeeping/delete_no_transaction"), values_of(chosen.forgotten.version))
            if step is not None:
                _record(connection, step, (time.perf_counter() - began) * 1000)
        return chosen.all


def _choose(migrations: Sequence[Migration], decision: Decision) -> _Chosen:
    """Return what a decision is about. Pure."""
    broken = tuple(m for m in migrations if m.state in _BROKEN)
    chosen = _Chosen(
        broken if decision.is_of_all else _named_broken(broken, decision.version),
        _named(migrations, decision.applied),
        _named(migrations, decision.forgotten),
    )
    if len({migration.version for migration in chosen.all}) < len(chosen.all):
        raise UsageError("two options name the same migration", hint="Give only one option for each version.")
    if chosen.applied is not None and chosen.applied.state not in _TO_APPLY:
        raise _unfit(chosen.applied, "cannot be recorded as applied", _NOT_APPLIED[chosen.applied.state])
    if (gone := chosen.forgotten) is not None and (gone.applied is None or gone.file is not None):
        raise _unfit(gone, "cannot be forgotten", _NOT_FORGOTTEN.get(gone.state, _HAS_FILE))
    return chosen


def _named_broken(broken: tuple[Migration, ...], version: Version | str | None) -> tuple[Migration, ...]:
    if version is None:
        return ()
    wanted = find_version(version, (m.version for m in broken))
    if wanted is None:
        raise UnknownVersion(
            f"version {version} is neither changed nor partial",
            hint="`fowergram-db status` shows the state of each migration.",
        )
    return tuple(m for m in broken if m.version == wanted)


def _named(migrations: Sequence[Migration], version: Version | str | None) -> Migration | None:
    if version is None:
        return None
    wanted = require_version(version, (m.version for m in migrations))
    return next(m for m in migrations if m.version == wanted)


def _unfit(migration: Migration, what: str, hint: str) -> Refused:
    return Refused(f"{migration.filename} is {migration.state} and {what}", hint=hint.format(migration.version))


def _repair(connection: Connection, migration: Migration) -> None:
    row, file = migration.applied, migration.file
    if row is not None and row.state == "partial":
        down = row.progress is not None and row.progress.direction == Direction.DOWN
        done = row.progress.total if row.progress else row.statements_done
        elapsed_ms = row.progress.elapsed_ms if row.progress else row.duration_ms
        values = values_of(row.version) | {"statements_done": done, "duration_ms": elapsed_ms}
        connection.execute(load("bookkeeping/delete_no_transaction" if down else "bookkeeping/finish"), values)
    if file is not None:
        recorded = values_of(file.version) | {
            "filename": file.filename,
            "name": file.name,
            "checksum": file.checksum,
            "down_sql": file.down.recordable_text() if file.down else None,
        }
        connection.execute(load("bookkeeping/update_checksum"), recorded)


def _record(connection: Connection, checked: CheckedStep, duration_ms: float) -> None:
    """Record a migration as ``migrate`` does, with the duration of the repair: 0 ms would mean an adopted one."""
    row = connection.execute("SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text").fetchone()
    values = checked.row | {"transaction": row[0] if row else "", "duration_ms": duration_ms}
    connection.execute(load_for("bookkeeping/insert", checked.step.version), values)
