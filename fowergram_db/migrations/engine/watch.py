"""Report, while a statement runs, which sessions block it and how far it is."""

import time
from typing import Protocol

from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.lock import MigrationLock
from fowergram_db.migrations.events import Blocked, Blocker, Progressed, StatementReached

_FIRST_POLL_S, _POLL_S = 0.5, 1.0


class Progress(Protocol):
    """What reports the progress of a batch, by the sessions of the lock."""

    def report_progress(self, lock: MigrationLock) -> None:
        """Read the progress, and report it."""


class Watch:
    """Report, about once a second while a statement of a step runs, which sessions block it and how far it is.

    If the statement is that of a batch, ``batch`` reports first.
    """

    def __init__(self, context: RunContext, checked: CheckedStep, batch: Progress | None = None) -> None:
        self.blockers: tuple[Blocker, ...] = ()
        self.step = checked.step
        self._context = context
        self._batch = batch
        self._reached: StatementReached | None = None
        timeout_s = context.policy.locks.of(checked.directives)[0] / 1000
        self._next = time.monotonic() + min(_FIRST_POLL_S, timeout_s / 2 or _FIRST_POLL_S)

    def reach(self, checked: CheckedStep, offset: int, results: int) -> None:
        """Take note of how many results there are; with the offset, they are the statements that have run."""
        number, total = offset + results, len(checked.script.statements)
        if total > 1 and 0 <= number < total:
            self._reached = StatementReached(checked.step, number + 1, total, is_exact=False)

    def tick(self) -> None:
        """Query and report, if it is time to."""
        if time.monotonic() < self._next:
            return
        if self._reached is not None:
            self._context.on_event(self._reached)
            self._reached = None
        lock = self._context.lock
        if lock is None:
            return
        if self._batch is not None:
            self._batch.report_progress(lock)
        application = self._context.application
        self.blockers = lock.observer.blockers(application)
        if self.blockers:
            self._context.on_event(Blocked(self.step, self.blockers))
        elif found := lock.observer.progress(application):
            self._context.on_event(Progressed(self.step, found.phase, found.done, found.total, found.unit, found.rows))
        self._next = time.monotonic() + _POLL_S
