"""The bookkeeping table ``public.schema_migrations``: read it, make it, tell it from another tool's."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

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
class AppliedMigration:
    """One row of the history. ``executed_at`` carries a time zone; ``reversible``: it has a recorded down script."""

    version: int
    name: str
    filename: str
    checksum: str
    state: RecordedState
    executed_at: datetime
    duration_ms: float
    statements_done: int
    reversible: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", RecordedState(self.state))


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
            except ValueError as error:
                raise HistoryInconsistent(
                    f"a row of public.schema_migrations cannot be read: {error}",
                    hint="Somebody has written to it by hand: look at its column state.",
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
            hint="`fowergram-db adopt` is to take such a table over, and is not part of this version yet: "
            "until then use a database of its own (--dbname).",
        )


def create_history(connection: Connection) -> None:
    """Make the bookkeeping table where it is missing, in a transaction of its own."""
    with reported("create public.schema_migrations"), connection.transaction():
        connection.execute(load("bookkeeping/create"))


def read_down_scripts(connection: Connection, versions: list[int]) -> dict[int, str]:
    """Return the recorded down script of each of these versions that has one."""
    with reported("read the recorded down scripts"):
        rows = connection.execute(load("bookkeeping/down_scripts"), {"versions": versions})
        return {int(str(version)): str(script) for version, script in rows}
