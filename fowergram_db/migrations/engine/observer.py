"""Query, while a step is running, which sessions block it and how far it is."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString, TypeVar

import psycopg

from fowergram_db.database.second_session import SecondSession
from fowergram_db.database.session_settings import begin
from fowergram_db.database.simple_query import Unanswered, send, within
from fowergram_db.database.sql import load
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.events import Blocker
from fowergram_db.migrations.history_table import read_durations
from fowergram_db.migrations.version import Version

_REPORTS_COPY = 140000
# While this query runs, the answer to the step itself is not read: better no report than a late one.
_ANSWER_WITHIN_S = 1.0
_LIMIT = f"SET LOCAL statement_timeout = {_ANSWER_WITHIN_S * 1000:.0f}"
_SHOWN_CHARACTERS = 100
_RETRY_AFTER_S = 30.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class StatementProgress:
    """How far a long statement is, as the server reports it; ``rows`` are those of a COPY."""

    phase: str
    done: int
    total: int
    unit: str
    rows: int


class Observer:
    """Asks about a worker, in the second session of the migration lock.

    ``worker`` are the two numbers of the lock that the worker holds. A pooler may have no connection for the session,
    or the server no time: what is not answered soon is not asked again for a while.
    """

    def __init__(self, session: SecondSession, worker: Mapping[str, int]) -> None:
        self._session = session
        self._worker = worker
        self._rests_until = 0.0

    def blockers(self, application: str) -> tuple[Blocker, ...]:
        """Return the sessions that hold what the worker waits for, the oldest transaction first; none if unknown."""
        return tuple(
            b._replace(query=_shown(b.query))
            for b in self._query(Blocker, lambda _: load("locks/blockers"), application)
        )

    def progress(self, application: str) -> StatementProgress | None:
        """Return how far the worker's COPY or index build is; None if there is none, or it is unknown."""
        found = self._query(StatementProgress, _progress_query, application)
        return found[0] if found else None

    def durations(self, versions: Sequence[Version]) -> dict[Version, float] | None:
        """Return what ``read_durations`` returns; None if that is not known soon.

        It is a transaction of its own: once that has begun, neither a pooler nor locks of others can keep it waiting
        for long.
        """
        if time.monotonic() < self._rests_until:
            return None
        try:
            connection = self._session.opened(_ANSWER_WITHIN_S)
            send(connection, f"{begin(connection)} {_LIMIT}", within(_ANSWER_WITHIN_S))
            found = read_durations(connection, versions)
            connection.rollback()
        except Unanswered:
            self._rest()
        except (psycopg.Error, FowergramError):
            self._session.close()
        else:
            return found
        return None

    def _query(self, kind: Callable[..., _T], query: Callable[[int], LiteralString], application: str) -> list[_T]:
        if time.monotonic() < self._rests_until:
            return []
        try:
            text = query(self._session.opened(_ANSWER_WITHIN_S).info.server_version)
            return self._session.ask(kind, text, {**self._worker, "application": application}, _ANSWER_WITHIN_S)
        except Unanswered:
            self._rest()
        except (psycopg.Error, FowergramError):
            pass
        return []

    def _rest(self) -> None:
        self._session.close()
        self._rests_until = time.monotonic() + _RETRY_AFTER_S


def _shown(query: str | None) -> str | None:
    """Return the beginning of a query, in one line and without secrets."""
    from fowergram_db.redaction.messages import mask_query

    return mask_query(" ".join(query.split())[:_SHOWN_CHARACTERS]) if query else None


def _progress_query(server_version: int) -> LiteralString:
    return load("sessions/progress") if server_version >= _REPORTS_COPY else load("sessions/progress_13")
