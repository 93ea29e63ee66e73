"""One migrator at a time in each database.

The migration lock is an advisory lock (database/advisory_lock.py). In addition, each transaction of a worker takes a
lock of its own: a server continues with the statement of a client that was killed, and no other migrator may begin
until that statement has ended.
"""

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import psycopg

from fowergram_db.database import liveness
from fowergram_db.database.advisory_lock import (
    ENDS_WITHIN_S,
    LOCK_SPACE,
    POOL_HINT,
    RUN_SPACE,
    AdvisoryLock,
    LockKind,
    Waiting,
)
from fowergram_db.database.connection import Connection
from fowergram_db.database.sessions import ServerSession
from fowergram_db.database.settings_sql import setting_call
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError, LockLost
from fowergram_db.migrations.engine.observer import Observer
from fowergram_db.migrations.events import LockAwaited, OnEvent

_OFFERS_CONNECTION_CHECK = 140_000
WORKER_KEY = 2
"""The key that the transactions of a worker hold, in LOCK_SPACE."""
MIGRATION_LOCK = LockKind(
    key=1,
    name="the migration lock",
    held_by="the migration lock is held by",
    hint="Wait until it is done and run the command again, or wait longer with --wait SECONDS.",
    other_key=WORKER_KEY,
    other_held_by="a migration of a run that has ended is still running:",
)


@dataclass(frozen=True, slots=True)
class Backend:
    """The server process that runs a step without a transaction; through a pooler only its name is certain."""

    application: str
    pid: int
    since: str


class MigrationLock(AdvisoryLock):
    """The lock that a migrator holds, with an observer of its worker; ``migration_lock`` returns it."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, MIGRATION_LOCK)
        self.observer = Observer(self._second, {"space": LOCK_SPACE, "key": WORKER_KEY})

    def require_held(self) -> None:
        """Raise LockLost if the session that holds the lock is gone. No round trip."""
        if not self.is_held:
            raise lock_lost()

    def claim(self, connection: Connection) -> None:
        """Begin the open transaction, which writes the history, as one of this run: see ``worker_calls``.

        Raises LockLost if the session that holds the lock is gone, and psycopg's errors.
        """
        try:
            connection.execute(f"SELECT {', '.join(self.worker_calls(connection))}".encode())
        except psycopg.errors.DivisionByZero as error:
            raise lock_lost() from error

    def worker_calls(self, connection: Connection) -> list[str]:
        """Return the SQL expressions that go first in a transaction of the worker.

        The server ends it if this client gives no sign of life, and another migrator waits for its end. Without the
        lock of the run, it divides by zero: a server that continues the queries of a client that has died stops here.
        """
        silence = "idle_in_transaction_session_timeout"
        calls = [setting_call(silence, liveness.LIVENESS.settings[silence], local=True)]
        if self.server_is_linux and connection.info.server_version >= _OFFERS_CONNECTION_CHECK:
            # Then it even stops in the middle of a statement.
            calls.append(setting_call("client_connection_check_interval", "2000", local=True))
        return [*calls, f"pg_catalog.pg_advisory_xact_lock({LOCK_SPACE}, {WORKER_KEY})", self.is_held_sql()]

    def is_held_sql(self) -> str:
        """Return the SQL expression that divides by zero if the lock of the run is lost."""
        ended = f"pg_catalog.pg_try_advisory_xact_lock_shared({RUN_SPACE}, {self.run})"
        return f"1 OPERATOR(pg_catalog./) (NOT {ended})::integer"

    def await_end_of(self, backend: Backend, wait_s: float, on_event: OnEvent) -> None:
        """Wait until a step without a transaction, left by a killed migrator, has ended on the server."""
        waiting = Waiting(wait_s, lambda holders: on_event(LockAwaited(holders)), MIGRATION_LOCK.hint)
        values = {"application": backend.application, "pid": backend.pid, "since": backend.since}
        query = load("locks/orphans")
        while (left := self._ask_second_session(ServerSession, query, values)) != ():
            if left is None:
                waiting.pause(
                    "an earlier run may still be active: the pooler provides no connection to check that", POOL_HINT
                )
            else:
                waiting.wait_for(left, "a statement of a run that has ended is still running:")

    def end_work_of(self, application: str) -> None:
        """Release the lock, so that the server begins nothing more of a worker whose session we have lost.

        Then wait a moment for the end of what it has begun, so that the outcome can be reported.
        """
        self.release()
        with suppress(FowergramError):
            self.await_end_of(Backend(application, pid=0, since=""), ENDS_WITHIN_S, lambda _: None)


def lock_lost() -> LockLost:
    """Return the error to raise if the session that holds the migration lock is gone."""
    return LockLost(
        "the session that holds the migration lock was lost: another migrator may be running",
        hint="Run the command again. The network was interrupted, this process was stopped for longer than "
        f"{liveness.LIVENESS.silence_s} s, or something between this machine and the server ends idle sessions.",
    )


def migration_lock(target: Target, wait_s: float, on_event: OnEvent) -> AbstractContextManager[MigrationLock]:
    """Hold the migration lock of a database, in a session of its own.

    Raises LockTimeout if another migrator holds it for longer than ``wait_s`` seconds.
    """
    return MigrationLock(target).held(wait_s, lambda holders: on_event(LockAwaited(holders)))
