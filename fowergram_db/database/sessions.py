"""Who else works on a database."""

import time
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto

from fowergram_db.database.connection import Connection
from fowergram_db.database.query import fetch_all
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.sql import load

_POLL_S = 0.005


class Sessions(StrEnum):
    """What happens to other clients of a database that is to be replaced or dropped."""

    SPARE = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class ServerSession:
    """Another client of a database; ``address`` is None on a Unix socket."""

    pid: int
    user: str | None
    application: str | None
    address: str | None
    since: datetime | None

    def __str__(self) -> str:
        """Name the session for a person.

        >>> str(ServerSession(7, "app", "psql", None, None))
        'pid 7 (app, psql, local)'
        """
        return f"pid {self.pid} ({', '.join((self.user or '?', self.application or '?', self.address or 'local'))})"


def other_sessions(connection: Connection, name: str, spared: str = "") -> tuple[ServerSession, ...]:
    """Return the other clients of a database, oldest first.

    ``spared`` here and below is a pattern for LIKE: sessions with such an application name are no clients.
    """
    with translate_errors("list the sessions"):
        values = {"name": name, "spared": spared}
        return tuple(fetch_all(connection, ServerSession, load("sessions/other_sessions"), values))


def terminate_sessions(connection: Connection, name: str, spared: str = "") -> int:
    """End the sessions of other clients of a database, and return how many; psycopg's errors pass through."""
    return connection.execute(load("sessions/terminate_sessions"), {"name": name, "spared": spared}).rowcount


def end_sessions(connection: Connection, name: str, spared: str = "") -> None:
    """End the sessions of other clients of a database, and wait for that; psycopg's errors pass through."""
    if terminate_sessions(connection, name, spared):
        wait_until_unused(connection, name, spared=spared)


def wait_until_unused(
    connection: Connection, name: str, seconds: float = 5.0, spared: str = ""
) -> tuple[ServerSession, ...]:
    """Wait for backends that are just ending: the server itself would check again only every 100 ms.

    Returns the sessions that are still there.
    """
    deadline = time.monotonic() + seconds
    while (others := other_sessions(connection, name, spared)) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return others
