"""Compare files with history: the state of each migration in one database. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import AppliedMigration, History, RecordedState
from fowergram_db.migrations.version import Version, order_of


class State(StrEnum):
    """The state of one migration in one database."""

    APPLIED = auto()
    PENDING = auto()
    CHANGED = auto()
    MISSING = auto()
    OUT_OF_ORDER = auto()
    PARTIAL = auto()

    @property
    def is_problem(self) -> bool:
        """Return whether a person has to decide before anything more is applied."""
        return self not in (State.APPLIED, State.PENDING)


_MEANING = {
    State.CHANGED: "the file was edited after it was applied",
    State.MISSING: "it was applied, and its file is gone",
    State.OUT_OF_ORDER: "it is pending, but below the newest applied migration",
    State.PARTIAL: "it stopped midway",
}


@dataclass(frozen=True, slots=True)
class Migration:
    """One version, with what the files and the history say of it; at least one of them contains it."""

    version: Version
    state: State
    file: MigrationFile | None = None
    applied: AppliedMigration | None = None

    @property
    def name(self) -> str:
        """Return its name: the file's if there is one, else the recorded one."""
        return self.file.name if self.file else self._recorded.name

    @property
    def filename(self) -> str:
        """Return the name of the file that applies it, without its directory."""
        return self.file.filename if self.file else self._recorded.filename

    @property
    def reversible(self) -> bool:
        """Return whether it can be rolled back, by a file or by the recorded down script."""
        if self.applied and self.applied.reversible:
            return True
        return self.file is not None and self.file.reversible and self.state is not State.CHANGED

    @property
    def checksum(self) -> str:
        """Return the recorded checksum of an applied migration, the file's of a pending one."""
        return self.file.checksum if self.file and not self.applied else self._recorded.checksum

    @property
    def executed_at(self) -> datetime | None:
        """Return when it was applied, None if it was not."""
        return self.applied.executed_at if self.applied else None

    @property
    def duration_ms(self) -> float | None:
        """Return how long it took, in ms, None if it was not applied."""
        return self.applied.duration_ms if self.applied else None

    @property
    def meaning(self) -> str:
        """Describe what is wrong with it, or where it stopped; "" if nothing is wrong."""
        progress = self.applied.progress if self.applied else None
        meaning = _MEANING.get(self.state, "")
        return f"{meaning}: {progress}" if progress else meaning

    @property
    def transactional(self) -> bool:
        """Return whether it runs in a transaction."""
        return self.file.up.directives.transactional if self.file else True

    @property
    def _recorded(self) -> AppliedMigration:
        if self.applied is None:
            raise ValueError(self.version)
        return self.applied


def migration_states(files: Iterable[MigrationFile], history: History) -> tuple[Migration, ...]:
    """Return every migration in files or history, with its state, in order of version."""
    by_version = {file.version: file for file in files}
    applied = {row.version: row for row in history.applied}
    return tuple(
        _combine(version, by_version.get(version), applied.get(version), history.newest)
        for version in sorted(by_version.keys() | applied.keys(), key=order_of)
    )


def _combine(
    version: Version, file: MigrationFile | None, row: AppliedMigration | None, newest: Version | None
) -> Migration:
    if row is None:
        is_next = newest is None or order_of(version) > order_of(newest)
        state = State.PENDING if is_next else State.OUT_OF_ORDER
    elif row.state is RecordedState.PARTIAL:
        state = State.PARTIAL
    elif file is None:
        state = State.MISSING
    else:
        state = State.APPLIED if file.is_recorded_by(row.checksum) else State.CHANGED
    return Migration(version, state, file, row)
