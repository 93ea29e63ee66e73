"""A session next to the one that holds a lock, opened at its first use."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import LiteralString, TypeVar

import psycopg

from fowergram_db.database.connection import Connection, connect_safely, liveness_query
from fowergram_db.database.session_settings import Scope
from fowergram_db.database.simple_query import Unanswered, ask, run, within
from fowergram_db.database.target import Target

_T = TypeVar("_T")


class SecondSession:
    """Asks what the session of a lock must not ask: a query there would leave a snapshot until the lock is released."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: Connection | None = None

    def ask(
        self, kind: Callable[..., _T], query: LiteralString, values: Mapping[str, object], limit_s: float
    ) -> list[_T]:
        """Return the rows of a query. Raises Unanswered after ``limit_s`` seconds, psycopg's errors and ours."""
        return ask(self.opened(limit_s), kind, query, values, limit_s)

    def opened(self, limit_s: float) -> Connection:
        """Return the session; open it if it is closed. Raises what ``ask`` raises."""
        if self._connection is None or self._connection.closed:
            self._connection = connect_safely(self._target, widest=Scope.TRANSACTION)
            if query := liveness_query(self._connection):
                try:
                    run(self._connection, query, within(limit_s))
                except Unanswered:
                    self._connection.close()
                    raise
        return self._connection

    def close(self) -> None:
        """Close the session, if it is open."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
