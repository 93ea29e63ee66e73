"""What one run works with: where, with which files, how long it waits, who listens, and in which session."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fowergram_db.database.connection import Connection
from fowergram_db.database.ownership import Trusted
from fowergram_db.database.session_settings import is_pooled
from fowergram_db.database.target import Target
from fowergram_db.migrations.engine.lock import MigrationLock
from fowergram_db.migrations.events import Event, OnEvent
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.files.directory import MigrationFile

if TYPE_CHECKING:
    from fowergram_db.migrations.engine.server_guard import ServerGuard

_NAME = b"application_name"


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """How long a step waits for locks, in ms, 0 = no limit; the header of a file overrides it.

    ``statement_timeout_ms`` None leaves the timeout to the server. A step that times out on a lock, or loses a
    deadlock, is rolled back and retried ``lock_retries`` times.
    """

    lock_timeout_ms: int = 5_000
    lock_retries: int = 10
    statement_timeout_ms: int | None = None

    @property
    def attempts(self) -> range:
        """Return the numbers of the attempts at a step, from 1."""
        return range(1, max(self.lock_retries, 0) + 2)

    def of(self, directives: Directives) -> tuple[int, int | None]:
        """Return lock and statement timeout for a file, in ms."""
        lock, statement = directives.lock_timeout_ms, directives.statement_timeout_ms
        return (
            self.lock_timeout_ms if lock is None else lock,
            self.statement_timeout_ms if statement is None else statement,
        )


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """How long a run waits for another migrator, in seconds, and each step for locks."""

    wait_s: float = 60.0
    locks: LockPolicy = field(default_factory=LockPolicy)


DEFAULT_WAIT_POLICY = WaitPolicy()


@dataclass(frozen=True, slots=True)
class RunContext:
    """What one run works with. ``connection`` is the session that runs its steps.

    ``lock`` is None if no other migrator can be at work, as in a database that was just created. ``trusted`` are the
    roles that own what a use of the history could run, as it was found: a script in a batch fails, and is run again by
    itself, if an owner is not among them by then. ``guard``: what is built must not change the server. ``on_citus``:
    each commit waits for the disk, and each script is sent by itself. There the coordinator's record decides a commit
    in two phases, and a script on distributed tables cannot share a query. ``has_event_triggers``: any statement may
    run code.
    """

    target: Target
    files: Sequence[MigrationFile]
    policy: WaitPolicy
    on_event: OnEvent
    connection: Connection
    lock: MigrationLock | None = None
    trusted: Trusted = Trusted.ALL
    guard: "ServerGuard | None" = None
    on_citus: bool = False
    has_event_triggers: bool = False

    @property
    def application(self) -> str:
        """Return the application name that this session had from its start."""
        # Not get_parameters(): psycopg looks for a home directory there, and a container's user may have none.
        options = self.connection.pgconn.info
        return next((os.fsdecode(option.val) for option in options if option.keyword == _NAME and option.val), "")

    @property
    def is_pooled(self) -> bool:
        """Return whether a pooler gives the session to other clients too."""
        return is_pooled(self.connection) or (self.lock is not None and self.lock.is_pooled)

    def report(self, events: Iterable[Event]) -> None:
        """Pass events on to the listener."""
        for event in events:
            self.on_event(event)

    def require_lock(self) -> None:
        """Raise LockLost if the migration lock is gone."""
        if self.lock is not None:
            self.lock.require_held()
