"""Which steps of a batch are committed, as the results or the history say, and which of them were reported."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

import psycopg

from fowergram_db.errors import FowergramError
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.engine.groups import Group
from fowergram_db.migrations.engine.lock import MigrationLock
from fowergram_db.migrations.engine.watch import Watch
from fowergram_db.migrations.events import StepResult
from fowergram_db.migrations.history_table import read_durations
from fowergram_db.migrations.version import Version


class BatchProgress:
    """How far a batch is: its first steps are committed, and the first of those were reported to the listener."""

    def __init__(self, context: RunContext, group: Group) -> None:
        self.watch = Watch(context, group.steps[0], self)
        self._context = context
        self._steps = group.steps
        self._application = context.application
        self._reported = 0

    def results(self, durations: Sequence[float]) -> Iterator[StepResult]:
        """Yield the results of the first steps, as many as there are durations, that were not reported before."""
        for checked, duration_ms in list(zip(self._steps, durations, strict=False))[self._reported :]:
            self._reported += 1
            yield StepResult(checked.step, duration_ms)
        self.watch.step = self._next.step

    def report_progress(self, lock: MigrationLock) -> None:
        """Report the steps that are committed while the server works on others: its last results may be delayed."""
        self._report(lock.observer.durations([checked.step.version for checked in self._steps]) or {})

    def report_committed(self) -> None:
        """Report the steps that are committed if no results came, once the server has ended the last of them."""
        connection, lock = self._context.connection, self._context.lock
        try:
            if not connection.closed:
                self._report(read_durations(connection, [checked.step.version for checked in self._steps]))
            elif lock is not None:
                lock.end_work_of(self._application)
                self.report_progress(lock)
        except FowergramError:
            return

    def failure(self, error: psycopg.Error) -> FowergramError:
        """Return the error to raise if the session has ended, which stopped the first step that is not committed."""
        return failure(self._context, self._next, error, None)

    @property
    def _next(self) -> CheckedStep:
        return self._steps[min(self._reported, len(self._steps) - 1)]

    def _report(self, recorded: Mapping[Version, float]) -> None:
        """Report the first steps that the history has; a row after a gap is another client's."""
        versions = (checked.step.version for checked in self._steps)
        for result in self.results([recorded[version] for version in takewhile(recorded.__contains__, versions)]):
            self._context.on_event(result)
