"""Who runs the steps: a session, how long it waits for others, and a look at who is in the way."""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from fowergram_db.database.connection import LOCK_NOT_AVAILABLE, Connection
from fowergram_db.database.ownership import Trusted
from fowergram_db.database.session_settings import is_pooled
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.engine.lock import MigrationLock
from fowergram_db.migrations.events import Blocked, Blocker, OnEvent, Progressed, Retried, StatementReached
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.plan import Step
from fowergram_db.plurals import count

if TYPE_CHECKING:
    from fowergram_db.migrations.engine.checks import CheckedStep
    from fowergram_db.migrations.engine.server_guard import ServerGuard

DEADLOCK_DETECTED = "40P01"
_WORTH_A_RETRY = (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED)
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 30.0
_JITTER = (0.5, 1.5)
_NAME = b"application_name"
_FIRST_LOOK_S, _LOOK_S = 0.5, 1.0
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class LockPolicy:
    """How long a step waits for others, in ms, 0 for ever; what the header of a file says goes before it.

    ``statement_timeout_ms`` None leaves it to the server. A step that got no lock, or lost a deadlock, is rolled
    back and tried again ``lock_retries`` times.
    """

    lock_timeout_ms: int = 5_000
    lock_retries: int = 10
    statement_timeout_ms: int | None = None

    def of(self, directives: Directives) -> tuple[int, int | None]:
        """Return lock and statement timeout for a file, in ms."""
        lock, statement = directives.lock_timeout_ms, directives.statement_timeout_ms
        return (
            self.lock_timeout_ms if lock is None else lock,
            self.statement_timeout_ms if statement is None else statement,
        )


@dataclass(frozen=True, slots=True)
class Worker:
    """A session that runs steps, known to the server by a name of its own.

    ``lock`` is None where nobody else can be at work, as in a database that has just been made. ``on_citus``: each
    commit waits for the disk, and each script goes by itself. There a commit in two phases is decided by the
    coordinator's record, and a script on distributed tables does not share a query with others. ``trusted`` are the
    roles that own what a use of the history could run, as it was found: a script that travels with others fails, and is
    run again by itself, where an owner is not among them by then. ``has_event_triggers``: any statement may run code.
    ``guard``: what is built must not change the server.
    """

    connection: Connection
    lock_policy: LockPolicy
    on_event: OnEvent
    lock: MigrationLock | None = None
    on_citus: bool = False
    trusted: Trusted = Trusted.ALL
    has_event_triggers: bool = False
    guard: "ServerGuard | None" = None

    @property
    def application(self) -> str:
        """Return the application name that this session had from its start."""
        # Not get_parameters(): psycopg looks for a home directory there, and a container's user may have none.
        options = self.connection.pgconn.info
        return next((os.fsdecode(option.val) for option in options if option.keyword == _NAME and option.val), "")

    @property
    def is_pooled(self) -> bool:
        """Tell whether a pooler lends the session to others too."""
        return is_pooled(self.connection) or (self.lock is not None and self.lock.is_pooled)

    def require_lock(self) -> None:
        """Raise LockLost where the migration lock is gone."""
        if self.lock is not None:
            self.lock.require_held()


class Watch:
    """Look, while a statement of ``step`` is running, at who blocks it or how far it is; now and then only.

    ``also`` is called at each look, before anything else, with the lock to look through.
    """

    def __init__(
        self, worker: Worker, step: Step, lock_timeout_ms: int, also: Callable[[MigrationLock], None] | None = None
    ) -> None:
        self.blockers: tuple[Blocker, ...] = ()
        self._worker = worker
        self.step = step
        self._also = also
        self._reached: StatementReached | None = None
        timeout_s = lock_timeout_ms / 1000
        self._next = time.monotonic() + min(_FIRST_LOOK_S, timeout_s / 2 or _FIRST_LOOK_S)

    def reach(self, checked: "CheckedStep", offset: int, results: int) -> None:
        """Take note of how many results there are; with the offset, they are the statements that have run."""
        number, total = offset + results, len(checked.script.statements)
        if total > 1 and 0 <= number < total:
            self._reached = StatementReached(checked.step, number + 1, total)

    def tick(self) -> None:
        """Look, if it is time to."""
        if self._reached is not None and time.monotonic() >= self._next:
            self._worker.on_event(self._reached)
            self._reached = None
        if self._worker.lock is None or time.monotonic() < self._next:
            return
        if self._also is not None:
            self._also(self._worker.lock)
        application = self._worker.application
        self.blockers = self._worker.lock.observer.blockers(application)
        if self.blockers:
            self._worker.on_event(Blocked(self.step, self.blockers))
        elif found := self._worker.lock.observer.progress(application):
            self._worker.on_event(Progressed(self.step, found.phase, found.done, found.total, found.unit, found.rows))
        self._next = time.monotonic() + _LOOK_S


def patiently(worker: Worker, step: Step, watch: Watch, attempt: Callable[[], _T]) -> _T:
    """Return what an attempt comes to; begin it again where others were in its way, with growing pauses.

    The attempt must leave nothing behind when it fails for want of a lock. Its last error is raised in the end,
    with a note that names who was in the way.
    """
    attempts = worker.lock_policy.lock_retries + 1
    for number in range(1, attempts + 1):
        worker.require_lock()
        try:
            return attempt()
        except FowergramError as error:
            if error.server is None or error.server.sqlstate not in _WORTH_A_RETRY:
                raise
            if number == attempts:
                error.add_note(_in_the_way(watch.blockers, attempts))
                raise
            delay_s = _delay_s(number)
            worker.on_event(Retried(step, error.message, number, attempts, delay_s, watch.blockers))
            time.sleep(delay_s)
    raise AssertionError(attempts)


def _delay_s(attempt: int) -> float:
    """Return the pause after the attempt of this number, from 1: doubled each time, never quite the same."""
    doubled: float = _FIRST_DELAY_S * 2 ** min(attempt - 1, 10)
    return min(_LONGEST_DELAY_S, doubled) * random.uniform(*_JITTER)  # noqa: S311 - no secret


def _in_the_way(blockers: tuple[Blocker, ...], attempts: int) -> str:
    tried = f"Tried {count(attempts, 'time')}."
    return f"{tried} In the way: {'; '.join(map(str, blockers))}." if blockers else tried
