"""Run small scripts many at a time: each in its own transaction with its row, all of them in one query.

Only scripts that define things and run no code: they are soon done, cannot reach beyond their transaction, and leave
all settings as they were. Where one fails, those before it are committed, and the server drops those behind it.
"""

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import TypeVar

import psycopg

from fowergram_db.database.connection import Connection
from fowergram_db.database.session_settings import own_for_row
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.clean_session import DISCARD_TEMPORARY
from fowergram_db.migrations.engine.failure import failure
from fowergram_db.migrations.engine.lock import MigrationLock
from fowergram_db.migrations.engine.prepared_statements import PreparedStatements
from fowergram_db.migrations.engine.script_runner import Results
from fowergram_db.migrations.engine.simple_query import has_failed, roll_back, send
from fowergram_db.migrations.engine.transaction_preamble import BEGIN, preamble, set_local
from fowergram_db.migrations.engine.worker import Watch, Worker
from fowergram_db.migrations.events import StepResult
from fowergram_db.migrations.history import read_durations
from fowergram_db.migrations.plan import Direction, Step
from fowergram_db.migrations.script.modes import DEFAULT
from fowergram_db.migrations.script.scanner import Script, scan

_T = TypeVar("_T")
_MOST_STEPS = 32
_MOST_CHARACTERS = 16_384
# The break ends a comment, the semicolon a statement; a semicolon too many does no harm.
_END = "\n;"
_BEGAN = (
    "pg_catalog.set_config('fowergram.began', extract(EPOCH FROM pg_catalog.clock_timestamp())::pg_catalog.text, true)"
)


def batch_of(worker: Worker, prepared: PreparedStatements, steps: Sequence[CheckedStep], begin: int) -> "Batch | None":
    """Return the steps from a place on that may travel together, ready to be sent; None where they are not two."""
    if worker.on_citus or worker.has_event_triggers:
        return None
    end, characters = begin, 0
    while end < min(len(steps), begin + _MOST_STEPS) and _may_travel(steps[end]):
        characters += len(steps[end].script.text) + len(steps[end].step.down_sql or "")
        if characters > _MOST_CHARACTERS:
            break
        end += 1
    return Batch(worker, prepared, steps, begin, end) if end > begin + 1 else None


def _may_travel(checked: CheckedStep) -> bool:
    is_simple = checked.step.direction is Direction.UP and not checked.script.runs_code and not checked.behind
    return is_simple and checked.directives.modes == DEFAULT and _is_closed(checked.script)


def _is_closed(script: Script) -> bool:
    """Tell whether no comment, string or parenthesis is open at a script's end: what follows is then read as it is.

    An open one would take in the row and the COMMIT, and end in the next script.
    """
    end = f"{script.text[script.complete_until :]}{_END}"
    return scan(end).complete_until == len(end)


class Batch:
    """Steps of a run, those up to ``end``, in one query.

    ``told`` of them, the first, were found in the history; ``done`` of them the server itself has called committed.
    """

    def __init__(
        self, worker: Worker, prepared: PreparedStatements, steps: Sequence[CheckedStep], begin: int, end: int
    ) -> None:
        self.worker = worker
        self.steps = steps[begin:end]
        self.end = end
        self.told = 0
        self.done = 0
        first = self.steps[0]
        self.application = worker.application
        self.watch = Watch(worker, first.step, worker.lock_policy.of(first.directives)[0], self._look)
        # Only the last commit of the run waits for the server's disk.
        waits = steps[-1]
        units = [self._unit(checked, prepared, waits=checked is waits) for checked in self.steps]
        self.query = "".join((prepared.take_definitions(), *units))

    def send(self, on_begin: Callable[[Step], None], meanwhile: Callable[[], _T]) -> _T:
        """Run the steps, and return what there is to do while the server works.

        Tells of each step that is committed, whatever happens; what stopped the next is not told, unless it has ended
        the session. Raises MigrationFailed where the connection is lost, LockLost where the migration lock is.
        """
        connection = self.worker.connection
        self.worker.require_lock()
        for checked in self.steps:
            on_begin(checked.step)
        prepared: list[_T] = []
        try:
            results = send(connection, self.query, self.watch.tick, lambda: prepared.append(meanwhile()))
            durations = _durations(results)
            self.done = len(durations)
            self._tell(durations)
        except BaseException as error:
            roll_back(connection)
            self._look_back()
            if isinstance(error, psycopg.Error):
                raise self._failure(error) from error
            raise
        if has_failed(results):
            roll_back(connection)
            if connection.closed:
                raise self._failure(psycopg.errors.error_from_result(results[-1]))
        return prepared[0]

    def _failure(self, error: psycopg.Error) -> FowergramError:
        """Return the error to raise where the session has ended, which stopped the first that is not committed."""
        stopped = self.steps[min(self.told, len(self.steps) - 1)]
        return failure(self.worker, stopped, error, None)

    def _unit(self, checked: CheckedStep, prepared: PreparedStatements, *, waits: bool) -> str:
        """Return the statements of one step, BEGIN to COMMIT; nothing in them has to come from the client."""
        more = (_BEGAN,) if waits else (_BEGAN, set_local("synchronous_commit", "off"))
        begin = prepared.settings(preamble(self.worker, checked.directives, *more))
        text = "".join(piece.text for piece in checked.script.pieces())
        own = prepared.settings(own_for_row(self.worker.connection))
        clean = DISCARD_TEMPORARY if self.worker.is_pooled else ""
        return f"{BEGIN}{clean}{begin}{text}{_END}{own}{prepared.record(checked.row)}COMMIT;"

    def _look(self, lock: MigrationLock) -> None:
        """Tell of those that are committed while others are still at work, which lets the last results wait."""
        self._tell(lock.observer.sees(self._recorded) or ())

    def _look_back(self) -> None:
        """Tell of those that are committed where no results have come, once the server is done with the last."""
        connection, lock = self.worker.connection, self.worker.lock
        try:
            if not connection.closed:
                self._tell(self._recorded(connection))
            elif lock is not None:
                lock.end_work_of(self.application)
                self._look(lock)
        except FowergramError:
            return

    def _recorded(self, connection: Connection) -> Sequence[float]:
        """Return how long the first steps took that the history has; a row behind a gap is somebody else's."""
        versions = [checked.step.version for checked in self.steps]
        found = read_durations(connection, versions)
        return [found[version] for version in takewhile(found.__contains__, versions)]

    def _tell(self, durations: Sequence[float]) -> None:
        """Tell of the first steps, as many as there are durations, if they were not told of before."""
        for checked, duration_ms in list(zip(self.steps, durations, strict=False))[self.told :]:
            self.told += 1
            self.worker.on_event(StepResult(checked.step, duration_ms))
        self.watch.step = self.steps[min(self.told, len(self.steps) - 1)].step


def _durations(results: Results) -> list[float]:
    """Return what the bookkeeping before each COMMIT says, in ms."""
    ends = (at for at, result in enumerate(results) if result.command_status == b"COMMIT")
    return [float(results[at - 1].get_value(0, 0) or b"") for at in ends]
