"""Whether a failed attempt is worth another, and how long to wait before it."""

import random
import time

from fowergram_db.database.connection import LOCK_NOT_AVAILABLE
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


def wait_to_retry(context: RunContext, step: Step, watch: Watch, error: FowergramError, attempt: int) -> bool:
    """Wait before the next attempt at a step, and tell of it; return False at once if the error is to be raised.

    Only a lock timeout and a deadlock are retried. The last error gets a note that names who was in the way.
    """
    if error.server is None or error.server.sqlstate not in _WORTH_A_RETRY:
        return False
    attempts = len(context.policy.locks.attempts)
    if attempt == attempts:
        error.add_note(_in_the_way(watch.blockers, attempts))
        return False
    delay_s = _delay_s(attempt)
    context.on_event(Retried(step, error.message, attempt, attempts, delay_s, watch.blockers))
    time.sleep(delay_s)
    return True


def _delay_s(attempt: int) -> float:
    """Return the pause after the attempt of this number, from 1: doubled each time, never quite the same."""
    doubled: float = _FIRST_DELAY_S * 2 ** min(attempt - 1, 10)
    return min(_LONGEST_DELAY_S, doubled) * random.uniform(*_JITTER)  # noqa: S311 - no secret


def _in_the_way(blockers: tuple[Blocker, ...], attempts: int) -> str:
    tried = f"Tried {count(attempts, 'time')}."
    return f"{tried} In the way: {'; '.join(map(str, blockers))}." if blockers else tried
