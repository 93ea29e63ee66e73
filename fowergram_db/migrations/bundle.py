"""Run small scripts many at a time: each in its own transaction with its row, all of them in one query.

Only scripts that define things and run no code: they are soon done, cannot reach beyond their transaction, and leave
all settings as they were. Where one fails, those before it are committed, and the server drops those behind it.
"""

from collections.abc import Callable, Sequence

import psycopg

from fowergram_db import __version__
from fowergram_db.database.connection import Connection
from fowergram_db.database.sql import load
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.checked import CheckedStep
from fowergram_db.migrations.events import StepResult
from fowergram_db.migrations.failure import failure
from fowergram_db.migrations.history import read_durations
from fowergram_db.migrations.lock import MigrationLock
from fowergram_db.migrations.opening import compose, opening, set_local
from fowergram_db.migrations.pieces import Results, has_failed
from fowergram_db.migrations.plan import Direction, Step
from fowergram_db.migrations.wire import roll_back, send
from fowergram_db.migrations.worker import Watch, Worker

_MOST_STEPS = 16
_MOST_CHARACTERS = 16_384
_BEGAN = "pg_catalog.set_config('fowergram.began', extract(EPOCH FROM pg_catalog.clock_timestamp())::text, true)"


def bundle_of(steps: Sequence[CheckedStep], at: int) -> tuple[CheckedStep, ...]:
    """Return the steps from a place on that may travel together; none where the first may not."""
    end, characters = at, 0
    while end < min(len(steps), at + _MOST_STEPS) and _may_travel(steps[end]):
        characters += len(steps[end].script.text)
        if characters > _MOST_CHARACTERS:
            break
        end += 1
    return tuple(steps[at:end])


def _may_travel(checked: CheckedStep) -> bool:
    return checked.step.direction is Direction.UP and not checked.script.runs_code


def send_bundle(
    worker: Worker, bundle: Sequence[CheckedStep], on_begin: Callable[[Step], None], *, is_last: bool
) -> int:
    """Run steps with one query; return how many are committed, the first ones. What stopped the next is not told.

    Only where ``is_last`` does the last commit wait for the server's disk. Raises MigrationFailed where the connection
    is lost. Tells of each that is committed, whatever happens.
    """
    worker.require_lock()
    for checked in bundle:
        on_begin(checked.step)
    return _Bundle(worker, bundle).send(is_last=is_last)


class _Bundle:
    """Steps under way. ``told`` of them, the first, are known to be committed."""

    def __init__(self, worker: Worker, steps: Sequence[CheckedStep]) -> None:
        self.worker = worker
        self.steps = steps
        self.told = 0
        first = steps[0]
        self.watch = Watch(worker, first.step, worker.limits.of(first.directives)[0], self._look)

    def send(self, *, is_last: bool) -> int:
        connection = self.worker.connection
        last = self.steps[-1] if is_last else None
        query = "".join(self._unit(checked, waits=checked is last) for checked in self.steps)
        try:
            results = send(connection, query, self.watch.tick)
        except BaseException as error:
            roll_back(connection)
            self._look_back()
            if isinstance(error, psycopg.Error):
                broken = self.steps[min(self.told, len(self.steps) - 1)]
                raise failure(broken.step, broken.script, error, None) from error
            raise
        self._tell(_durations(results))
        if has_failed(results):
            roll_back(connection)
        return self.told

    def _unit(self, checked: CheckedStep, *, waits: bool) -> str:
        """Return the statements of one step, BEGIN to COMMIT; nothing in them has to come from the client."""
        step = checked.step
        row = {
            "version": step.version,
            "name": step.name,
            "filename": step.filename,
            "checksum": step.checksum,
            "down_sql": step.down_sql,
            "statements_done": len(checked.script.statements),
            "tool_version": __version__,
        }
        more = (_BEGAN,) if waits else (_BEGAN, set_local("synchronous_commit", "off"))
        bookkeeping = compose(self.worker.connection, load("bookkeeping/insert_timed"), row)
        # The break ends a comment, the semicolon a statement; a semicolon too many does no harm.
        return f"BEGIN;{opening(self.worker, checked.directives, *more)}{checked.script.text}\n;{bookkeeping}COMMIT;"

    def _look(self, lock: MigrationLock) -> None:
        """Tell of those that are committed while others are still at work, which lets the last results wait."""
        self._tell(lock.sees(self._recorded) or ())

    def _look_back(self) -> None:
        """Tell of those that are committed where no results have come."""
        connection, lock = self.worker.connection, self.worker.lock
        try:
            if not connection.closed:
                self._tell(self._recorded(connection))
            elif lock is not None:
                self._look(lock)
        except FowergramError:
            return

    def _recorded(self, connection: Connection) -> Sequence[float]:
        found = read_durations(connection, [checked.step.version for checked in self.steps])
        return [found[checked.step.version] for checked in self.steps if checked.step.version in found]

    def _tell(self, durations: Sequence[float]) -> None:
        """Tell of the first steps, as many as there are durations, if they were not told of before."""
        for checked, duration_ms in list(zip(self.steps, durations, strict=False))[self.told :]:
            self.told += 1
            self.worker.on_event(StepResult(checked.step, duration_ms))
        self.watch.step = self.steps[min(self.told, len(self.steps) - 1)].step


def _durations(results: Results) -> list[float]:
    """Return what the bookkeeping before each COMMIT says, in ms."""
    ends = (at for at, result in enumerate(results) if result.command_status == b"COMMIT")
    return [float(results[at - 1].get_value(0, 0) or b"0") for at in ends]
