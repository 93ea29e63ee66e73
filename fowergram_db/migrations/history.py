"""The bookkeeping table ``public.schema_migrations``: read it, make it, tell it from another tool's."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import Any

from psycopg.rows import class_row

from fowergram_db.database.connection import Connection, reported
from fowergram_db.database.sql import load
from fowergram_db.errors import ForeignHistory, HistoryInconsistent

_OWN_COLUMNS = frozenset(
    "id filename executed_at checksum version name state duration_ms executed_by tool_version down_sql "
    "statements_done".split()
)
# What other tools keep in a table of this name: the columns that give each away.
_FOREIGN_SHAPES = (
    ({"id", "filename", "executed_at", "checksum"}, "run-migrations.sh"),
    ({"version", "dirty"}, "golang-migrate"),
    ({"version"}, "dbmate or Rails"),
)


class RecordedState(StrEnum):
    """How far a recorded migration has come."""

    APPLIED = auto()
    PARTIAL = auto()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a migration without a transaction has come, up or down.

    ``done`` are the SHA-256 of the statements that have run (the first digits will do), of ``total``. The next of
    them, ``label`` on ``line``, has failed or was not begun; or it was begun, ``running`` in a backend of this name,
    pid and start, and nobody has recorded its end. ``pid`` is 0 behind a pooler. ``elapsed_ms`` is what it all has
    taken. ``invalid`` are the OIDs of the transient indexes of REINDEX CONCURRENTLY that were there before it began,
    None where it has none of these statements.
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
        """Say it in a few words.

        >>> str(Progress("up", ("a",), 3, "CREATE INDEX", 7))
        '1 of 3 statements done, stopped at statement 2 (CREATE INDEX, line 7)'
        """
        what = "undone" if self.direction == "down" else "done"
        at = f", stopped at statement {len(self.done) + 1} ({self.label}, line {self.line})" if self.label else ""
        return f"{len(self.done)} of {self.total} statements {what}{at}"


@dataclass(frozen=True, slots=True)
class AppliedMigration:
    """One row of the history. ``executed_at`` carries a time zone; ``reversible``: it has a recorded down script.

    ``executed_at`` is None where the server's clock was so wrong that no calendar has the time. ``progress`` is that of
    a partial one, where it is known.
    """

    version: int
    name: str
    filename: str
    checksum: str
    state: RecordedState
    executed_at: datetime | None
    duration_ms: float
    statements_done: int
    reversible: bool
    progress: Progress | None = None

    def __post_init__(self) -> None:
        version: object = self.version
        if not isinstance(version, int):
            raise TypeError(f"its version is {version!r} and no whole number")
        object.__setattr__(self, "state", RecordedState(self.state))
        progress: Any = self.progress
        if progress is not None and not isinstance(progress, Progress):
            object.__setattr__(self, "progress", Progress(**progress))


@dataclass(frozen=True, slots=True)
class History:
    """What a database says was done to it, in order of version. ``exists``: the table is there at all.

    ``foreign`` names the other tool that the table belongs to, "" where it is ours or missing.
    """

    applied: tuple[AppliedMigration, ...] = ()
    exists: bool = False
    foreign: str = ""

    @property
    def newest(self) -> int:
        """Return the newest applied version, 0 with none."""
        return self.applied[-1].version if self.applied else 0


def read_history(connection: Connection) -> History:
    """Read the history. Writes nothing; two round trips, one where there is no table."""
    with reported("read the history in public.schema_migrations"):
        found = connection.execute(load("bookkeeping/columns")).fetchone()
        if found is None:
            return History()
        if foreign := _owner_of(*found):
            return History(exists=True, foreign=foreign)
        # Binary: as text, a timestamp would come in whatever DateStyle the database has.
        with connection.cursor(row_factory=class_row(AppliedMigration), binary=True) as cursor:
            try:
                return History(tuple(cursor.execute(load("bookkeeping/read")).fetchall()), exists=True)
            except (ValueError, TypeError) as error:
                raise HistoryInconsistent(
                    f"a row of public.schema_migrations cannot be read: {error}",
                    hint="Somebody has written to it by hand: look at its columns version, state and progress.",
                ) from error


def _owner_of(kind: object, columns: object) -> str:
    """Name the tool that a table of this shape belongs to, "" for this one."""
    names = frozenset(columns) if isinstance(columns, list) else frozenset()
    if kind == "r" and names >= _OWN_COLUMNS:
        return ""
    return next((tool for shape, tool in _FOREIGN_SHAPES if names == shape), "another tool")


def require_own(history: History) -> None:
    """Raise ForeignHistory where the table is another tool's: nothing may be written then."""
    if history.foreign:
        raise ForeignHistory(
            f"public.schema_migrations belongs to {history.foreign}",
            hint="`fowergram-db adopt` takes such a database over; or use one of its own (--dbname).",
        )


def require_no_other(connection: Connection) -> None:
    """Raise ForeignHistory where the table is another tool's; its rows are not read. One round trip."""
    with reported("look for public.schema_migrations"):
        found = connection.execute(load("bookkeeping/columns")).fetchone()
    if found:
        require_own(History(exists=True, foreign=_owner_of(*found)))


def create_history(connection: Connection) -> None:
    """Make the bookkeeping table where it is missing, in a transaction of its own that does not wait for the disk."""
    with reported("create public.schema_migrations"), connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = off")
        connection.execute(load("bookkeeping/create"))


def read_durations(connection: Connection, versions: list[int]) -> dict[int, float]:
    """Return of each of these versions that is recorded how long it took, in ms."""
    with reported("read the history in public.schema_migrations"):
        query = "SELECT version, duration_ms FROM public.schema_migrations WHERE version = ANY(%s)"
        return {int(str(version)): float(str(ms)) for version, ms in connection.execute(query, [versions])}


def read_down_scripts(connection: Connection, versions: list[int]) -> dict[int, str]:
    """Return the recorded down script of each of these versions that has one."""
    with reported("read the recorded down scripts"):
        rows = connection.execute(load("bookkeeping/down_scripts"), {"versions": versions})
        return {int(str(version)): str(script) for version, script in rows}
