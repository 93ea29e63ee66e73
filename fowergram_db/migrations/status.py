"""Report the state of a database: what is applied, what is pending, what is wrong."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseMissing
from fowergram_db.migrations.alignment import align
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import History, RecordedState
from fowergram_db.migrations.history_table import read_history
from fowergram_db.migrations.migration_states import Migration, State, migration_states
from fowergram_db.migrations.other_tools.histories import OtherHistory
from fowergram_db.migrations.plan import Direction, Step, steps_pending
from fowergram_db.migrations.same_directory import difference, is_other_directory
from fowergram_db.migrations.version import Version, order_of

_MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class Summary:
    """The state of a database, by version."""

    applied: tuple[Version, ...]
    pending: tuple[Version, ...]

    def __str__(self) -> str:
        """Return a description of one line.

        >>> str(Summary((1, 2, 3), (4, 5))), str(Summary((), ()))
        ('at version 3: 3 applied, 2 pending', 'at version 0: 0 applied, 0 pending')
        """
        newest = self.applied[-1] if self.applied else 0
        return f"at version {newest}: {len(self.applied)} applied, {len(self.pending)} pending"


@dataclass(frozen=True, slots=True)
class Status:
    """Every migration with its state. ``others`` are the histories of other tools that are in the database.

    ``fault`` says that the history is not that of these files, or is "".
    """

    migrations: tuple[Migration, ...]
    database_exists: bool
    others: tuple[OtherHistory, ...] = ()
    fault: str = ""

    @property
    def other_tool(self) -> str:
        """Return the other tool whose history stops every command that writes, "" for none."""
        return next((other.shown_tool for other in self.others if other.stops), "")

    @property
    def summary(self) -> Summary:
        """Return which versions are applied and which are not."""
        return summarize(self.migrations)


def status(target: Target, files: Sequence[MigrationFile], on_event: OnEvent) -> Status:
    """Compare the files with the database's history. Writes nothing; in a missing database all are pending."""
    from fowergram_db.migrations.session import open_session

    try:
        with open_session(target, on_event) as connection:
            history = read_history(connection)
    except DatabaseMissing:
        return Status(migration_states(files, History()), database_exists=False)
    files, history = align(files, history)
    fault = difference(files, history) if is_other_directory(files, history) else ""
    return Status(migration_states(files, history), database_exists=True, others=history.others, fault=fault)


def require_sound(found: Status) -> None:
    """Raise FileFault for everything in the pending files that ``migrate`` would refuse. Runs nothing."""
    from fowergram_db.migrations.engine.checks import check_all

    check_all(steps_pending(found.migrations))


def summarize(migrations: Sequence[Migration]) -> Summary:
    """Return which versions are applied and which are not: one that stopped midway is neither."""
    pending = (State.PENDING, State.OUT_OF_ORDER)
    return Summary(
        tuple(m.version for m in migrations if m.state not in (*pending, State.PARTIAL)),
        tuple(m.version for m in migrations if m.state in pending),
    )


def summary_after(files: Sequence[MigrationFile], history: History, steps: Iterable[Step]) -> Summary:
    """Return the state of the database after a run that has taken all of its steps."""
    applied = {row.version for row in history.applied if row.state is RecordedState.APPLIED}
    partial = {row.version for row in history.applied} - applied
    for step in steps:
        (applied.add if step.direction is Direction.UP else applied.discard)(step.version)
        partial.discard(step.version)
    pending = {file.version for file in files} - applied - partial
    return Summary(tuple(sorted(applied, key=order_of)), tuple(sorted(pending, key=order_of)))


def describe_applied(migrations: Sequence[Migration]) -> str:
    """Return sentences that say what is applied and what is not."""
    summary = summarize(migrations)
    partial = tuple(m.version for m in migrations if m.state is State.PARTIAL)
    midway = f" Stopped midway: {_versions(partial)}." if partial else ""
    return f"Applied now: {_versions(summary.applied)}.{midway} Not applied: {_versions(summary.pending)}."


def _versions(versions: Sequence[Version]) -> str:
    """List versions one by one, or as a range if there are many.

    >>> _versions((1, 2, 3)), _versions(()), _versions(range(1, 100))
    ('1, 2, 3', 'none', '1 to 99 (99 migrations)')
    """
    if len(versions) > _MOST_LISTED:
        return f"{versions[0]} to {versions[-1]} ({len(versions)} migrations)"
    return ", ".join(map(str, versions)) or "none"
