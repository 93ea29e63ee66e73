"""Advisory locks that also work through a pooler, and that the server releases when their process is gone.

Such a lock belongs to a transaction that idles in a session of its own. It works where a pooler provides sessions for
one transaction at a time, leaves nothing in the session, and keeps no snapshot: CREATE INDEX CONCURRENTLY would wait
for one.
See docs/decisions/0008.
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
from typing import LiteralString, Self, TypeVar

import psycopg

from fowergram_db.database import liveness
from fowergram_db.database.connection import connect_safely, without_idle_timeout
from fowergram_db.database.heartbeat import Heartbeat
from fowergram_db.database.query import fetch_all
from fowergram_db.database.second_session import SecondSession
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import Scope, begin
from fowergram_db.database.sessions import ServerSession
from fowergram_db.database.simple_query import Unanswered, run, within
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import LockTimeout, PoolTooSmall

# Advisory locks belong to a database. The first number of each lock is one of these two: see AdvisoryLock.run.
LOCK_SPACE = 0x666F7765
RUN_SPACE = LOCK_SPACE + 1
POOL_HINT = (
    "The command needs two connections at a time: set the pool size for this database and role to 2 or more "
    "(PgBouncer: default_pool_size, or the database's pool_size), or connect to the server directly."
)
_POLL_S = (0.05, 0.25)
_REPORT_AGAIN_S = 10.0
_LONGEST_NAME = 63
# Longer than PgBouncer keeps its reserve (reserve_pool_timeout: 5 s).
_PROVIDED_WITHIN_S = 8.0
# A server checks every two seconds whether its client is still there (see transaction_preamble.py).
ENDS_WITHIN_S = 5.0
_T = TypeVar("_T")

OnWait = Callable[[tuple[ServerSession, ...]], object]
"""Called with the sessions that hold what is waited for; with none if the server does not show them."""


@dataclass(frozen=True, slots=True)
class LockKind:
    """Which lock it is, and how messages speak of it.

    ``name`` follows "acquire"; ``held_by`` precedes the list of the sessions that hold it; ``hint`` says what to
    do if they hold it too long. If ``other_key`` is not 0, the lock is acquired only while no session holds the lock of
    that key; ``other_held_by`` precedes the list of those that do.
    """

    key: int
    name: str
    held_by: str
    hint: str = "Wait until that session is done, then run the command again."
    other_key: int = 0
    other_held_by: str = ""


class _LockResult(StrEnum):
    """The outcome of an attempt: acquired, held by another session, or acquired while the other key is held."""

    ACQUIRED = auto()
    HELD_BY_OTHERS = auto()
    OTHER_KEY_HELD = auto()


class AdvisoryLock:
    """An advisory lock, held by the open transaction of a session of its own; ``held`` acquires and releases it.

    That transaction runs one query, and then empty ones as a sign of life: without them, the server ends it and
    releases the lock. CREATE INDEX CONCURRENTLY waits for the end of each transaction that it has seen with a snapshot,
    so this session sends no other query: a second one does.
    """

    def __init__(self, target: Target, kind: LockKind) -> None:
        self._target = target
        self._kind = kind
        self._connection = connect_safely(target, widest=Scope.TRANSACTION)
        self._second = SecondSession(target)
        self._heartbeat: Heartbeat | None = None
        self.run = secrets.randbits(31)
        """The key of a second lock, in RUN_SPACE, that is held as long as this one, and by no other session."""
        self.is_pooled = False
        self.server_is_linux = False

    @contextmanager
    def held(self, wait_s: float, on_wait: OnWait = lambda _: None) -> Iterator[Self]:
        """Hold the lock until the block ends. Raises what ``acquire`` raises."""
        try:
            self.acquire(wait_s, on_wait)
            yield self
        finally:
            self.release()

    def acquire(self, wait_s: float, on_wait: OnWait) -> None:
        """Poll for the lock, and for the end of those that hold the other key.

        Raises LockTimeout, which names the sessions that hold it, after ``wait_s`` seconds; PoolTooSmall if a pooler
        provides this connection and no other.
        """
        waiting = Waiting(wait_s, on_wait, self._kind.hint)
        while (attempt := self._try(waiting)) is not _LockResult.ACQUIRED:
            is_taken = attempt is _LockResult.HELD_BY_OTHERS
            key = self._kind.key if is_taken else self._kind.other_key
            if not is_taken:
                self._end_silent(key)
            holders = self._holders(key)
            # Not rolled back: that would revert what the session has set for itself.
            self._connection.commit()
            waiting.wait_for(holders, self._kind.held_by if is_taken else self._kind.other_held_by)
        if self.is_pooled:
            self._require_another(waiting)
        self._heartbeat = Heartbeat(self._connection)

    def _try(self, waiting: "Waiting") -> _LockResult:
        """Begin the transaction that is to hold the lock; it stays open whatever the outcome."""
        application = f"fowergram-db lock, {socket.gethostname()} {os.getpid()}"
        values = {
            "space": LOCK_SPACE,
            "key": self._kind.key,
            "worker": self._kind.other_key,
            "run_space": RUN_SPACE,
            "run": self.run,
            "pid": self._connection.info.backend_pid,
            "application": application.encode("ascii", "replace")[:_LONGEST_NAME].decode(),
        } | liveness.LIVENESS.settings
        with translate_errors(f"acquire {self._kind.name}"):
            # In a row and not in a pipeline: a pooler hands over the session with the first of them.
            self._begin(max(waiting.left_s, _PROVIDED_WITHIN_S))
            # Composed here, as a simple query: a bound one would keep its snapshot until the transaction's end.
            row = psycopg.ClientCursor(self._connection).execute(load("locks/try"), values).fetchone()
        got, is_other_held, _, on_linux, pid = row or (False, False, False, False, 0)
        self.server_is_linux = bool(on_linux)
        self.is_pooled = pid != self._connection.info.backend_pid
        if got:
            return _LockResult.OTHER_KEY_HELD if is_other_held else _LockResult.ACQUIRED
        return _LockResult.HELD_BY_OTHERS

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
                f"could not obtain a connection for {self._kind.name} within {limit_s:g} s", hint=POOL_HINT
            ) from error

    def _holders(self, key: int) -> tuple[ServerSession, ...]:
        """Return the holders of a lock, asked in a transaction that is about to end: it keeps a snapshot."""
        values = {"space": LOCK_SPACE, "key": key}
        with translate_errors(f"find the sessions that hold {self._kind.name}"):
            return tuple(fetch_all(self._connection, ServerSession, load("locks/holders"), values))

    def _end_silent(self, key: int) -> None:
        """End what waits for COPY data of a client that has lost its own lock: it may not commit that work anyway."""
        values = {"space": LOCK_SPACE, "key": key}
        with translate_errors("end the sessions of a run that has ended"):
            psycopg.ClientCursor(self._connection).execute(load("locks/end_silent"), values)

    def _require_another(self, waiting: "Waiting") -> None:
        """Raise PoolTooSmall if a worker would wait forever for the one connection that this lock has.

        If others use all connections, wait for one. If a pooler provides whole sessions, the worker has its own.
        """
        while self._ask_second_session(dict, "SELECT", {}) is None:
            with translate_errors("read which sessions the pooler provides"):
                # Nothing runs yet that could wait for this transaction, and a simple query keeps no snapshot.
                row = psycopg.ClientCursor(self._connection).execute(load("locks/pool_peers")).fetchone()
            busy, keeps_worker = row or (0, False)
            if keeps_worker:
                return
            if not busy:
                raise PoolTooSmall("the pooler provides only one connection at a time; nothing was run", hint=POOL_HINT)
            waiting.pause("the pooler has no second connection left: other clients use all of them", POOL_HINT)

    def release(self) -> None:
        """Release the lock; if its session is lost, the server has released it."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        with suppress(psycopg.Error):
            if self._connection.info.transaction_status is not psycopg.pq.TransactionStatus.IDLE:
                run(self._connection, "ROLLBACK", within(ENDS_WITHIN_S))
        self._connection.close()
        self._second.close()

    @property
    def is_held(self) -> bool:
        """Return whether the session that holds the lock was still there at its last sign of life. No round trip."""
        return self._heartbeat is not None and self._heartbeat.is_alive

    def _ask_second_session(
        self, kind: Callable[..., _T], query: LiteralString, values: Mapping[str, object]
    ) -> tuple[_T, ...] | None:
        """Run a query in the second session; return None if no connection is available for it soon."""
        try:
            return tuple(self._second.ask(kind, query, values, _PROVIDED_WITHIN_S))
        except psycopg.OperationalError:  # a pooler may give up before we do
            return None


class Waiting:
    """Wait for other sessions: report them now and then, and time out in the end."""

    def __init__(self, wait_s: float, on_wait: OnWait, hint: str) -> None:
        self._on_wait = on_wait
        self._hint = hint
        self._wait_s = wait_s
        self._deadline = time.monotonic() + wait_s
        self._reported: frozenset[int] | None = None
        self._report_at = 0.0

    @property
    def left_s(self) -> float:
        """Return how much of the time is left, in seconds."""
        return max(0.0, self._deadline - time.monotonic())

    def wait_for(self, holders: tuple[ServerSession, ...], held_by: str) -> None:
        """Report the sessions that are waited for, and pause; raise LockTimeout at the end."""
        pids, now = frozenset(holder.pid for holder in holders), time.monotonic()
        if self.left_s and pids and (pids != self._reported or now >= self._report_at):
            self._reported, self._report_at = pids, now + _REPORT_AGAIN_S
            self._on_wait(holders)
        self.pause(f"{held_by} {_listed(holders)}", self._hint)

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
    return f"{when:%Y-%m-%d %H:%M:%S%z}" if when else "a time that is hidden from this role"
