"""One migrator at a time in each database, also through a pooler; and who is in the way.

The lock is an advisory lock of a transaction that idles in a second session. It works where a pooler lends sessions
for a transaction at a time, leaves nothing behind, and holds no snapshot that CREATE INDEX CONCURRENTLY would wait
for. The worker's transactions take a lock of their own: a server goes on with the statement of a client that was
killed, and until it has ended nobody else may begin.
"""

import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row

from fowergram_db.database.connection import Connection, connect, reported
from fowergram_db.database.lifecycle import Session
from fowergram_db.database.redaction import mask_passwords
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError, LockLost, LockTimeout
from fowergram_db.migrations.events import Blocker, LockAwaited, OnEvent

# Advisory locks belong to a database; the first number stands for the table public.schema_migrations.
LOCK_SPACE = 0x666F7765
RUN_SPACE = LOCK_SPACE + 1
_MIGRATOR, WORKER_KEY = 1, 2
_WORKER = {"space": LOCK_SPACE, "key": WORKER_KEY}
_POLL_S = (0.05, 0.25)
_TELL_AGAIN_S = 10.0
_LONGEST_NAME = 63
_T = TypeVar("_T")
_TELLS_OF_COPY = 140000


@dataclass(frozen=True, slots=True)
class StatementProgress:
    """How far a long statement is, as the server tells it; ``rows`` are those of a COPY."""

    phase: str
    done: int
    total: int
    unit: str
    rows: int


@dataclass(frozen=True, slots=True)
class Backend:
    """The server process that a step without a transaction runs in; through a pooler only its name is sure."""

    application: str
    pid: int
    since: str


def fresh_name() -> str:
    """Return an application name that no other session has, for a worker to be known by."""
    return f"fowergram-db {secrets.token_hex(8)}"


class MigrationLock:
    """The lock, held by the open transaction of a session; to be had from ``migration_lock``.

    That transaction runs one query and no other. CREATE INDEX CONCURRENTLY waits for the end of each transaction
    that it has once seen with a snapshot: a look around from within it would stop the worker for good. What is to
    be seen is asked by a third session, opened when there is something to ask.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection = connect(target)
        self._observer: Connection | None = None
        self.run = secrets.randbits(31)
        """The key of a lock that is held as long as this one, and is nobody else's."""
        self.is_pooled = False
        self.server_is_linux = False

    def acquire(self, wait_s: float, on_event: OnEvent) -> None:
        """Poll for the lock, and for the end of a worker that a killed migrator has left.

        Raises LockTimeout, naming who holds it, after ``wait_s`` seconds.
        """
        waiting = _Waiting(wait_s, on_event)
        while not self._try():
            self._connection.rollback()
            holders = self._holders(_MIGRATOR)
            waiting.go_on(holders, "the migration lock is held by")
        while holders := self._holders(WORKER_KEY):
            waiting.go_on(holders, "a migration of a run that has ended is still at work:")

    def _try(self) -> bool:
        application = f"fowergram-db lock, {socket.gethostname()} {os.getpid()}"
        values = {
            "space": LOCK_SPACE,
            "key": _MIGRATOR,
            "run_space": RUN_SPACE,
            "run": self.run,
            "application": application.encode("ascii", "replace")[:_LONGEST_NAME].decode(),
        }
        with reported("take the migration lock"):
            # In a row and not in a pipeline: a pooler hands over the session with the first of them.
            self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            # Composed here, as a simple query: a bound one would keep its snapshot until the transaction's end.
            row = psycopg.ClientCursor(self._connection).execute(load("catalog/lock_try"), values).fetchone()
        got, _, on_linux, pid = row or (False, False, False, 0)
        self.server_is_linux = bool(on_linux)
        self.is_pooled = pid != self._connection.info.backend_pid
        return bool(got)

    def _holders(self, key: int) -> tuple[Session, ...]:
        with reported("ask who holds the migration lock"):
            return tuple(self._rows(Session, "catalog/lock_holders", {"space": LOCK_SPACE, "key": key}))

    def _rows(self, kind: type[Any], query: str, values: dict[str, Any]) -> list[Any]:
        with self._observing().cursor(row_factory=class_row(kind), binary=True) as cursor:
            return cursor.execute(load(query), values).fetchall()

    def _observing(self) -> Connection:
        if self._observer is None:
            self._observer = connect(self._target)
        return self._observer

    def release(self) -> None:
        """Let go of the lock; a session that is lost has done so itself."""
        with suppress(psycopg.Error):
            self._connection.rollback()
        self._connection.close()
        if self._observer is not None:
            self._observer.close()

    def require_held(self) -> None:
        """Raise LockLost where the session that holds the lock is gone. No round trip."""
        try:
            # The first reads what the server may have said last, the second then finds the end.
            for _ in range(2):
                self._connection.pgconn.consume_input()
        except psycopg.Error as error:
            raise lock_lost() from error

    def await_end_of(self, backend: Backend, wait_s: float, on_event: OnEvent) -> None:
        """Wait until a step without a transaction, left by a killed migrator, has ended on the server."""
        waiting = _Waiting(wait_s, on_event)
        values = {"application": backend.application, "pid": backend.pid, "since": backend.since}
        while left := tuple(self._rows(Session, "catalog/orphans", values)):
            waiting.go_on(left, "a statement of a run that has ended is still at work:")

    def blockers(self, application: str) -> tuple[Blocker, ...]:
        """Return who holds what the worker waits for, the oldest transaction first; nobody where it is not told."""
        found: list[Blocker] = self._looked(Blocker, "catalog/blockers", application)
        return tuple(
            Blocker(b.pid, b.user, b.application, b.state, b.age_s, mask_passwords(b.query) if b.query else None)
            for b in found
        )

    def progress(self, application: str) -> StatementProgress | None:
        """Return how far the worker's COPY or index build is, None where there is none or the server does not tell."""
        query = "progress" if self._connection.info.server_version >= _TELLS_OF_COPY else "progress_13"
        found: list[StatementProgress] = self._looked(StatementProgress, f"catalog/{query}", application)
        return found[0] if found else None

    def sees(self, look: Callable[[Connection], _T]) -> _T | None:
        """Return what a session beside the worker's sees; None where it cannot look."""
        try:
            return look(self._observing())
        except (psycopg.Error, FowergramError):
            return None

    def _looked(self, kind: type[Any], query: str, application: str) -> list[Any]:
        try:
            return self._rows(kind, query, {**_WORKER, "application": application})
        except (psycopg.Error, FowergramError):
            return []


def lock_lost() -> LockLost:
    """Return the error to raise where the session that holds the migration lock is gone."""
    return LockLost(
        "the session that holds the migration lock was lost: another migrator may be at work",
        hint="Run the command again (something between here and the server ends sessions that idle).",
    )


class _Waiting:
    """Wait for somebody else, say so now and then, and give up in the end."""

    def __init__(self, wait_s: float, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._wait_s = wait_s
        self._deadline = time.monotonic() + wait_s
        self._told: frozenset[int] | None = None
        self._tell_at = 0.0

    def go_on(self, holders: tuple[Session, ...], what: str) -> None:
        now = time.monotonic()
        if now >= self._deadline:
            raise LockTimeout(
                f"{what} {_listed(holders)}; waited {self._wait_s:g} s",
                hint="Let it finish, and run the command again; --wait SECONDS waits longer.",
            )
        pids = frozenset(holder.pid for holder in holders)
        if pids and (pids != self._told or now >= self._tell_at):
            self._told, self._tell_at = pids, now + _TELL_AGAIN_S
            self._on_event(LockAwaited(holders))
        time.sleep(min(random.uniform(*_POLL_S), max(0.0, self._deadline - now)))  # noqa: S311 - no secret


def _listed(holders: tuple[Session, ...]) -> str:
    return ", ".join(f"{holder} since {_moment(holder.since)}" for holder in holders) or "somebody who has just let go"


def _moment(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S%z}" if when else "a time that this role may not see"


@contextmanager
def migration_lock(target: Target, wait_s: float, on_event: OnEvent) -> Iterator[MigrationLock]:
    """Hold the migration lock of a database, in a session of its own.

    Raises LockTimeout where another migrator holds it for longer than ``wait_s`` seconds.
    """
    lock = MigrationLock(target)
    try:
        lock.acquire(wait_s, on_event)
        yield lock
    finally:
        lock.release()
