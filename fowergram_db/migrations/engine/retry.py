"""Attempts at a step that other sessions can block: how many there are, and the pause between them."""

import random
import time
from collections.abc import Iterator
from types import TracebackType

from fowergram_db.database.server_errors import LOCK_NOT_AVAILABLE
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.watch import Watch
from fowergram_db.migrations.events import Blocker, Retried
from fowergram_db.migrations.plan import Step
from fowergram_db.plurals import count

DEADLOCK_DETECTED = "40P01"
_WORTH_A_RETRY = (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED)
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 30.0
_JITTER = (0.5, 1.5)


def attempts(context: RunContext, step: Step, watch: Watch) -> Iterator["Attempt"]:
    """Yield attempts, each to be used in a ``with`` statement, until one of them succeeds.

    An attempt that fails with a lock timeout or a deadlock is followed by a pause, which grows, and the next attempt;
    it must leave nothing. Any other error, and the last one, is raised. Raises LockLost if the migration lock is
    lost.
    """
    for number in context.policy.locks.attempts:
        context.require_lock()
        attempt = Attempt(context, step, watch, number)
        yield attempt
        if attempt.has_succeeded:
            return


class Attempt:
    """One attempt. The end of its ``with`` block suppresses an error that is followed by another attempt."""

    def __init__(self, context: RunContext, step: Step, watch: Watch, number: int) -> None:
        self.has_succeeded = False
        self._context = context
        self._step = step
        self._watch = watch
        self._number = number

    def __enter__(self) -> None:
        """Begin the attempt."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """End the attempt; after an error that another attempt may not meet, pause and return True."""
        self.has_succeeded = error is None
        if not isinstance(error, FowergramError) or error.server is None:
            return False
        if error.server.sqlstate not in _WORTH_A_RETRY:
            return False
        total = len(self._context.policy.locks.attempts)
        if self._number == total:
            error.add_note(_blocked_by(self._watch.blockers, total))
            return False
        delay_s = _delay_s(self._number)
        self._context.on_event(Retried(self._step, error.message, self._number, total, delay_s, self._watch.blockers))
        time.sleep(delay_s)
        return True


def _delay_s(attempt: int) -> float:
    """Return the pause after the attempt of this number, from 1: doubled each time, never quite the same."""
    doubled: float = _FIRST_DELAY_S * 2 ** min(attempt - 1, 10)
    return min(_LONGEST_DELAY_S, doubled) * random.uniform(*_JITTER)  # noqa: S311 - no secret


def _blocked_by(blockers: tuple[Blocker, ...], attempts: int) -> str:
    tried = f"Tried {count(attempts, 'time')}."
    return f"{tried} Blocked by: {'; '.join(map(str, blockers))}." if blockers else tried
