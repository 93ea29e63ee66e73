"""One migrator at a time in each database, also through a pooler.

The lock is an advisory lock of a transaction that idles in a second session. It works with a pooler in
transaction mode, leaves nothing in the session, and holds no snapshot that CREATE INDEX CONCURRENTLY would wait for.
The worker's transactions acquire a lock of their own: a server continues the statement of a client that was killed, and
no other migrator may begin before that statement has ended.
"""

import os
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, auto
from typing import LiteralString, TypeVar

import psycopg
from psycopg.rows import class_row

from fowergram_db.database import liveness
from fowergram_db.database.connection import connect_safely, translate_errors, without_idle_timeout
from fowergram_db.database.session_settings import Scope, begin
from fowergram_db.database.sessions import ServerSession
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError, LockLost, LockTimeout, PoolTooSmall
from fowergram_db.migrations.engine.heartbeat import Heartbeat
from fowergram_db.migrations.engine.observer import Observer
from fowergram_db.migrations.engine.simple_query import Unanswered, run, within
from fowergram_db.migrations.events import LockAwaited, OnEvent

# Advisory locks belong to a database; the first number stands for the table public.schema_migrations.
LOCK_SPACE = 0x666F7765
RUN_SPACE = LOCK_SPACE + 1
_MIGRATOR, WORKER_KEY = 1, 2
_WORKER = {"space": LOCK_SPACE, "key": WORKER_KEY}
_POLL_S = (0.05, 0.25)
_REPORT_AGAIN_S = 10.0
_LONGEST_NAME = 63
_T = TypeVar("_T")
# Longer than PgBouncer holds its reserve back for (reserve_pool_timeout: 5 s).
_LENT_WITHIN_S = 8.0
# A server looks every two seconds whether its client is still there (see transaction_preamble.py).
_ENDS_WITHIN_S = 5.0
_POOL_HINT = (
    "A migrator needs two connections at a time: let the pool provide as many for this database and role (PgBouncer: "
    "default_pool_size, or the database's pool_size), or connect to the server directly."
)


@dataclass(frozen=True, slots=True)
class Backend:
    """The server process that a step without a transaction runs in; through a pooler only its name is sure."""

    application: str
    pid: int
    since: str


class _Tried(StrEnum):
    """The result of a try: held; taken by another migrator; or held while the worker of an ended run still works."""

    HELD = auto()
    TAKEN = auto()
    LEFT_OVER = auto()


_HELD_BY = {
    _Tried.TAKEN: "the migration lock is held by",
    _Tried.LEFT_OVER: "a migration of a run that has ended is still at work:",
}


class MigrationLock:
    """The lock, held by the open transaction of a session; ``migration_lock`` returns one.

    That transaction runs one query, and then empty ones as a sign of life: if there is none, the server ends it and
    releases the lock. CREATE INDEX CONCURRENTLY waits for the end of each transaction that once had a snapshot: a
    query in this one would block the worker forever. So a third session, the ``observer``, asks what there is to know.
    """

    def __init__(self, target: Target, key: int = _MIGRATOR) -> None:
        self._target = target
        self._connection = connect_safely(target, widest=Scope.TRANSACTION)
        self._key = key
        self.observer = Observer(target, _WORKER)
        self._heartbeat: Heartbeat | None = None
        self.run = secrets.randbits(31)
        """The key of a lock that is held as long as this one, and that no other run has."""
        self.is_pooled = False
        self.server_is_linux = False

    def acquire(self, wait_s: float, on_event: OnEvent) -> None:
        """Poll for the lock, and for the end of a worker that a killed migrator has left.

        Raises LockTimeout, naming who holds it, after ``wait_s`` seconds; PoolTooSmall if a pooler provides
        this connection and no other.
        """
        waiting = _Waiting(wait_s, on_event)
        while (tried := self._try(waiting)) is not _Tried.HELD:
            holders = self._holders(self._key if tried is _Tried.TAKEN else WORKER_KEY)
            # Not rolled back: that would reset what the session has set for itself.
            self._connection.commit()
            waiting.wait_for(holders, _HELD_BY[tried])
        if self.is_pooled:
            self._require_another(waiting)
        self._heartbeat = Heartbeat(self._connection)

    def _try(self, waiting: "_Waiting") -> "_Tried":
        """Begin the transaction that is to hold the lock; it stays open whatever comes of it."""
        application = f"fowergram-db lock, {socket.gethostname()} {os.getpid()}"
        values = {
            "space": LOCK_SPACE,
            "key": self._key,
            # A lock of another key has nothing to do with migrations that are left at work.
            "worker": WORKER_KEY if self._key == _MIGRATOR else 0,
            "run_space": RUN_SPACE,
            "run": self.run,
            "pid": self._connection.info.backend_pid,
            "application": application.encode("ascii", "replace")[:_LONGEST_NAME].decode(),
        } | liveness.LIVENESS.settings
        with translate_errors("take the migration lock"):
            # In a row and not in a pipeline: a pooler hands over the session with the first of them.
            self._begin(max(waiting.left_s, _LENT_WITHIN_S))
            # Composed here, as a simple query: a bound one would keep its snapshot until the transaction's end.
            row = psycopg.ClientCursor(self._connection).execute(load("locks/try"), values).fetchone()
        got, left_over, _, on_linux, pid = row or (False, False, False, False, 0)
        self.server_is_linux = bool(on_linux)
        self.is_pooled = pid != self._connection.info.backend_pid
        if got:
            return _Tried.LEFT_OVER if left_over else _Tried.HELD
        return _Tried.TAKEN

    def _begin(self, limit_s: float) -> None:
        """Begin the transaction; in a new session, if an idle_session_timeout has ended this one."""
        try:
            try:
                run(self._connection, begin(self._connection), within(limit_s))
            except Unanswered:
                raise
            except psycopg.OperationalError:
                if not self._connection.closed:
                    raise
                self._connection = connect_safely(without_idle_timeout(self._target), widest=Scope.TRANSACTION)
                run(self._connection, begin(self._connection), within(limit_s))
        except Unanswered as error:
            self._connection.close()
            raise LockTimeout(
                f"could not obtain a connection for the migration lock within {limit_s:g} s", hint=_POOL_HINT
            ) from error

    def _holders(self, key: int) -> tuple[ServerSession, ...]:
        """Ask who holds a lock, in a transaction that is about to end: it keeps a snapshot."""
        with (
            translate_errors("ask who holds the migration lock"),
            # Binary: as text, a timestamp would come in whatever DateStyle the database has.
            self._connection.cursor(row_factory=class_row(ServerSession), binary=True) as cursor,
        ):
            return tuple(cursor.execute(load("locks/holders"), {"space": LOCK_SPACE, "key": key}))

    def _require_another(self, waiting: "_Waiting") -> None:
        """Raise PoolTooSmall if the worker would wait forever for the one connection that we hold.

        One that others have taken is waited for. If the pooler provides whole sessions, the worker has its own.
        """
        while self._asked(dict, "SELECT", {}) is None:
            with translate_errors("ask what the pooler has provided"):
                # Nothing runs yet that could wait for this transaction, and a simple query keeps no snapshot.
                row = psycopg.ClientCursor(self._connection).execute(load("locks/pool_peers")).fetchone()
            busy, keeps_worker = row or (0, False)
            if keeps_worker:
                return
            if not busy:
                raise PoolTooSmall(
                    "the pooler provides only one connection at a time; nothing was run", hint=_POOL_HINT
                )
            waiting.pause("the pooler has no second connection left: other clients have them all", _POOL_HINT)

    def release(self) -> None:
        """Release the lock; a session that is lost has released it."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        with suppress(psycopg.Error):
            if self._connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                run(self._connection, "ROLLBACK", within(_ENDS_WITHIN_S))
        self._connection.close()
        self.observer.close()

    def require_held(self) -> None:
        """Raise LockLost where the session that holds the lock is gone. No round trip."""
        if self._heartbeat is None or not self._heartbeat.is_alive:
            raise lock_lost()

    def await_end_of(self, backend: Backend, wait_s: float, on_event: OnEvent) -> None:
        """Wait until a step without a transaction, left by a killed migrator, has ended on the server."""
        waiting = _Waiting(wait_s, on_event)
        values = {"application": backend.application, "pid": backend.pid, "since": backend.since}
        query = load("locks/orphans")
        while (left := self._asked(ServerSession, query, values)) != ():
            if left is None:
                waiting.pause(
                    "an earlier run may still be at work: the pooler provides no connection to ask",
                    _POOL_HINT,
                )
            else:
                waiting.wait_for(left, "a statement of a run that has ended is still at work:")

    def end_work_of(self, application: str) -> None:
        """Release the lock, so that the server begins nothing more of a worker whose session we have lost.

        Then wait a moment for the end of what it has begun, so that the result can be reported.
        """
        self.release()
        with suppress(FowergramError):
            self.await_end_of(Backend(application, pid=0, since=""), _ENDS_WITHIN_S, lambda _: None)

    def _asked(
        self, kind: Callable[..., _T], query: LiteralString, values: Mapping[str, object]
    ) -> tuple[_T, ...] | None:
        """Ask something in another session; return None if no connection can be obtained for it in time."""
        try:
            return tuple(self.observer.ask(kind, query, values, _LENT_WITHIN_S))
        except psycopg.OperationalError:  # a pooler may time out before we do
            return None


def lock_lost() -> LockLost:
    """Return the error to raise where the session that holds the migration lock is gone."""
    return LockLost(
        "the session that holds the migration lock was lost: another migrator may be at work",
        hint="Run the command again. The network was interrupted, this process was stopped for longer than "
        f"{liveness.LIVENESS.silence_s} s, or something between here and the server ends sessions that idle.",
    )


class _Waiting:
    """Wait for another session, report it now and then, and time out at the end."""

    def __init__(self, wait_s: float, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._wait_s = wait_s
        self._deadline = time.monotonic() + wait_s
        self._reported: frozenset[int] | None = None
        self._report_at = 0.0

    @property
    def left_s(self) -> float:
        """Return how much of the time is left, in seconds."""
        return max(0.0, self._deadline - time.monotonic())

    def wait_for(self, holders: tuple[ServerSession, ...], what: str) -> None:
        """Report which sessions are waited for, and pause; raise LockTimeout at the end."""
        pids, now = frozenset(holder.pid for holder in holders), time.monotonic()
        if self.left_s and pids and (pids != self._reported or now >= self._report_at):
            self._reported, self._report_at = pids, now + _REPORT_AGAIN_S
            self._on_event(LockAwaited(holders))
        self.pause(
            f"{what} {_listed(holders)}", "Let it finish, and run the command again; --wait SECONDS waits longer."
        )

    def pause(self, why: str, hint: str) -> None:
        """Pause for a moment; raise LockTimeout at the end."""
        if not self.left_s:
            raise LockTimeout(f"{why}; waited {self._wait_s:g} s", hint=hint)
        time.sleep(min(random.uniform(*_POLL_S), self.left_s))  # noqa: S311 - no secret


def _listed(holders: tuple[ServerSession, ...]) -> str:
    return (
        ", ".join(f"{holder} since {_moment(holder.since)}" for holder in holders)
        or "a session that has just released it"
    )


def _moment(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S%z}" if when else "a time that this role may not see"


@contextmanager
def migration_lock(target: Target, wait_s: float, on_event: OnEvent, key: int = _MIGRATOR) -> Iterator[MigrationLock]:
    """Hold the migration lock of a database, or one of another ``key`` there, in a session of its own.

    Raises LockTimeout if another session holds it for longer than ``wait_s`` seconds.
    """
    lock = MigrationLock(target, key)
    try:
        lock.acquire(wait_s, on_event)
        yield lock
    finally:
        lock.release()
