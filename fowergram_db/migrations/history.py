"""The history of a database: the migrations that it records as applied. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

from fowergram_db.database.ownership import Trusted
from fowergram_db.errors import ForeignHistory
from fowergram_db.migrations.other_tools.histories import OtherHistory, OtherState
from fowergram_db.migrations.version import Version, VersionType


class RecordedState(StrEnum):
    """Whether a recorded migration ran to its end."""

    APPLIED = auto()
    PARTIAL = auto()


@dataclass(frozen=True, slots=True)
class MigrationProgress:
    """How many statements of a no-transaction migration have run, up or down.

    ``done`` are the SHA-256 of the statements that have run (the first digits are enough), of ``total``. The next one,
    ``label`` on ``line``, has failed or was not started; or it was started, ``running`` in a backend with this name,
    pid and start, and its end is not recorded. ``pid`` is 0 behind a pooler. ``elapsed_ms`` is the time of all
    statements. ``invalid`` are the OIDs of the transient indexes of REINDEX CONCURRENTLY that were there before the
    migration began, None if it has no such statement.
    """

    direction: str
    done: tuple[str, ...]
    total: int
    label: str = ""
    line: int = 0
    running: bool = False
    application: str = ""
    pid: int = 0
    since: str = ""
    elapsed_ms: float = 0.0
    invalid: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "done", tuple(self.done))
        if self.invalid is not None:
            object.__setattr__(self, "invalid", tuple(self.invalid))

    def __str__(self) -> str:
        """Return a short description.

        >>> str(MigrationProgress("up", ("a",), 3, "CREATE INDEX", 7))
        '1 of 3 statements done, stopped at statement 2 (CREATE INDEX, line 7)'
        """
        what = "undone" if self.direction == "down" else "done"
        at = f", stopped at statement {len(self.done) + 1} ({self.label}, line {self.line})" if self.label else ""
        return f"{len(self.done)} of {self.total} statements {what}{at}"


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """One row of the history. ``executed_at`` has a time zone; ``reversible``: it has a recorded down script.

    ``executed_at`` is None if the server's clock was so wrong that the time is outside the calendar. ``progress`` is
    that of a partial one, if it is known. ``recorded`` is the version in the table, if the files have another.
    """

    version: Version
    name: str
    filename: str
    checksum: str
    state: RecordedState
    executed_at: datetime | None
    duration_ms: float
    statements_done: int
    reversible: bool
    progress: MigrationProgress | None = None
    recorded: Version | None = None

    @property
    def recorded_version(self) -> Version:
        """Return the version in the table."""
        return self.version if self.recorded is None else self.recorded


@dataclass(frozen=True, slots=True)
class History:
    """The migrations that a database records as applied, in order of version. ``exists``: the table is there.

    ``other_tool`` names the other tool that the table belongs to, "" if it is ours or missing. Everything that a use
    of the table could run belongs to roles that are ``trusted``. ``others`` are the histories of other tools in this
    database, including a table of another tool that has our name.
    """

    applied: tuple[AppliedMigration, ...] = ()
    exists: bool = False
    other_tool: str = ""
    trusted: Trusted = Trusted.ALL
    others: tuple[OtherHistory, ...] = ()
    version_type: VersionType = VersionType.NUMBER

    @property
    def newest(self) -> Version | None:
        """Return the newest applied version, None if there is none."""
        return self.applied[-1].version if self.applied else None

    @property
    def in_our_place(self) -> OtherHistory | None:
        """Return the history of the tool whose table has the name of ours, None if there is none."""
        return next((other for other in self.others if other.state is OtherState.IN_OUR_PLACE), None)


def require_own(history: History) -> None:
    """Raise ForeignHistory if another tool has migrated the database: nothing may be written then."""
    for other in history.others:
        if other.stops:
            raise ForeignHistory(other.meaning, hint=other.next_step)
