"""Plan a run: the steps that reach a target version, and what forbids them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from pathlib import Path

from fowergram_db.errors import FileFault, HistoryInconsistent, Location, Refused, UsageError, raise_faults
from fowergram_db.migrations.files.directives import parse_directives
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.files.every_fault import script_faults
from fowergram_db.migrations.files.sql_file import SqlFile
from fowergram_db.migrations.files.transactions import does_something
from fowergram_db.migrations.history import AppliedMigration, History, MigrationProgress, RecordedState
from fowergram_db.migrations.migration_states import Migration, State, migration_states
from fowergram_db.migrations.version import Version, order_of, require_version

_REMEDY = {
    State.CHANGED: "Restore the file as it was applied (from version control) and put the change into a new migration. "
    "If the database already has the change, record the file as it is with `fowergram-db repair`.",
    State.MISSING: "Restore the file, or check out the version of the code that contains it. If it was removed on "
    "purpose, delete its row with `fowergram-db repair --forget VERSION`.",
    State.OUT_OF_ORDER: "Renumber the file above the newest, or run `fowergram-db migrate --allow-out-of-order`. If "
    "the database already has its changes, record it with `fowergram-db repair --applied VERSION`.",
    State.PARTIAL: "Run the command that it stopped in again (a migrate needs its file), and it resumes where it "
    "stopped. Or finish it by hand, and record that with `fowergram-db repair`.",
}
_NO_DOWN_SCRIPT = "it was applied without a down script that contains a statement"


class Direction(StrEnum):
    """Whether a step applies a migration or rolls it back."""

    UP = auto()
    DOWN = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """One script to run.

    ``source`` names where ``sql`` comes from: a path, or the recorded script (then not ``is_file``).
    ``checksum`` and the text of ``down`` are what is recorded with a step up.
    ``progress`` is that of an earlier run that stopped, ``statements_done`` the recorded number for the migration
    that a step rolls back. ``down_fault`` is what is wrong with a down file that cannot be read.
    """

    direction: Direction
    version: Version
    name: str
    filename: str
    source: str
    sql: SqlFile
    checksum: str = ""
    down: SqlFile | None = None
    is_file: bool = True
    progress: MigrationProgress | None = None
    down_fault: FileFault | None = None
    statements_done: int = 0

    @property
    def text(self) -> str:
        """Return the script."""
        return self.sql.text

    @property
    def script_name(self) -> str:
        """Return the script's name in errors: the file that it comes from; for a rollback that is not ``filename``."""
        if self.direction is Direction.UP or not self.is_file:
            return self.filename if self.is_file else self.source
        filename = "/".join(Path(self.source).parts[-len(Path(self.filename).parts) :])
        return f"the down section of {filename}" if filename == self.filename else filename


@dataclass(frozen=True, slots=True)
class RollbackTarget:
    """What to roll back: the newest ``steps`` migrations or, if ``to`` is given, all above that version; 0: all."""

    steps: int = 1
    to: Version | str | None = None


def plan_up(
    files: Sequence[MigrationFile], history: History, *, to: Version | str | None = None, out_of_order: bool = False
) -> tuple[Step, ...]:
    """Return the steps that apply what is pending, in order of version, up to and including ``to``.

    Raises UnknownVersion for a ``to`` that no file has, HistoryInconsistent if a person has to decide
    first; ``out_of_order`` allows the pending migrations below the newest applied one.
    """
    last = None if to is None else require_version(to, (file.version for file in files))
    migrations = migration_states(files, history)
    allowed = (State.OUT_OF_ORDER,) if out_of_order else ()
    _require_consistent(m for m in migrations if m.state not in allowed and not _can_resume(m, Direction.UP))
    return tuple(
        step_up(migration.file, migration.applied)
        for migration in migrations
        if migration.file
        and (migration.applied is None or migration.state is State.PARTIAL)
        and (last is None or order_of(migration.version) <= order_of(last))
    )


def steps_pending(migrations: Iterable[Migration]) -> tuple[Step, ...]:
    """Return the steps that apply all that is pending, out of order and partial ones too."""
    pending = (State.PENDING, State.OUT_OF_ORDER, State.PARTIAL)
    return tuple(step_up(m.file, m.applied) for m in migrations if m.file and m.state in pending)


def _can_resume(migration: Migration, direction: Direction) -> bool:
    """Return whether a run in this direction can resume a migration that stopped midway."""
    row = migration.applied
    if row is None or row.state is not RecordedState.PARTIAL or row.progress is None:
        return False
    return row.progress.direction == direction and (migration.file is not None or direction is Direction.DOWN)


def _require_consistent(migrations: Iterable[Migration]) -> None:
    problems = [migration for migration in migrations if migration.state.is_problem]
    if not problems:
        return
    lines = [f"{migration.filename}: {migration.meaning}" for migration in problems]
    hints = dict.fromkeys(_REMEDY[migration.state] for migration in problems)
    first = problems[0].file
    raise HistoryInconsistent(
        "\n".join(("the files and the history contradict each other; nothing was run", *lines)),
        hint=" ".join(hints),
        location=Location(str(first.up.path)) if first else None,
    )


def step_up(file: MigrationFile, row: AppliedMigration | None = None) -> Step:
    """Return the step that applies a file; ``row`` is its history row, if there is one."""
    return Step(
        Direction.UP,
        file.version,
        file.name,
        file.filename,
        str(file.up.path),
        file.up,
        file.checksum,
        file.down,
        progress=row.progress if row else None,
        down_fault=file.down_fault,
    )


def migrations_to_roll_back(
    files: Iterable[MigrationFile], history: History, rollback_target: RollbackTarget
) -> tuple[AppliedMigration, ...]:
    """Return the applied migrations that a rollback would roll back, newest first.

    Raises UnknownVersion for a version that neither files nor history have, UsageError for less than one
    step, HistoryInconsistent if one of them is partial and its rollback cannot resume.
    """
    newest_first = history.applied[::-1]
    if rollback_target.to is None:
        if rollback_target.steps < 1:
            raise UsageError("a rollback must roll back at least one migration", hint="Give --steps 1 or more.")
        chosen = newest_first[: rollback_target.steps]
    else:
        chosen = newest_first if str(rollback_target.to) == "0" else _above(rollback_target.to, files, history)
    partial = (Migration(r.version, State.PARTIAL, None, r) for r in chosen if r.state is RecordedState.PARTIAL)
    _require_consistent(migration for migration in partial if not _can_resume(migration, Direction.DOWN))
    return chosen


def _above(wanted: Version | str, files: Iterable[MigrationFile], history: History) -> tuple[AppliedMigration, ...]:
    """Return the applied migrations above a version, newest first."""
    known = {file.version for file in files} | {row.version for row in history.applied}
    last = require_version(wanted, known)
    return tuple(row for row in history.applied[::-1] if order_of(row.version) > order_of(last))


def plan_down(
    files: Iterable[MigrationFile], rows: Iterable[AppliedMigration], recorded: Mapping[Version, str]
) -> tuple[Step, ...]:
    """Return the steps that roll back these applied migrations, in their order.

    Uses the down file of the checkout if its migration is the one that was applied, else the recorded down
    script. Raises Refused if a migration has neither, FileFault for all that is wrong in the down files if one of them
    cannot be read.
    """
    by_version = {file.version: file for file in files}
    steps, faults = [], []
    for row in rows:
        try:
            steps.append(_step_down(row, by_version.get(row.version), recorded.get(row.version)))
        except FileFault as fault:
            faults.append(fault)
    if faults:
        raise_faults([*faults, *(fault for step in steps for fault in script_faults(step.sql, undoes=True))])
    return tuple(steps)


def _step_down(row: AppliedMigration, file: MigrationFile | None, recorded: str | None) -> Step:
    if file and file.down_fault and file.is_recorded_by(row.checksum):
        raise file.down_fault
    if file and file.down and file.is_recorded_by(row.checksum):
        source, sql, is_file = str(file.down.path), file.down, True
    elif recorded is not None and does_something(recorded):
        source, is_file = f"the recorded down script of {row.filename}", False
        sql = SqlFile(Path(source), recorded, parse_directives(source, recorded))
    else:
        reason = file.up.directives.irreversible if file else ""
        raise Refused(
            f"{row.filename} cannot be rolled back: {reason or _NO_DOWN_SCRIPT}; nothing was run",
            hint="Write a new migration that takes its changes back"
            + (" (a down file that fits an edited migration is not used)." if file and file.down else "."),
        )
    return Step(
        Direction.DOWN,
        row.version,
        row.name,
        row.filename,
        source,
        sql,
        is_file=is_file,
        progress=row.progress,
        statements_done=row.statements_done,
    )
