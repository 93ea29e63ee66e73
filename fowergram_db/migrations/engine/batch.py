"""Run small scripts many at a time: each in its own transaction with its row, all of them in one query.

Only scripts that define things and run no code: they are soon done, cannot reach beyond their transaction, and leave
all settings as they were. If one fails, those before it are committed, and the server discards those after it.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import chain

import psycopg

from fowergram_db.database.settings_sql import own_for_row, setting_call
from fowergram_db.database.simple_query import Results, finish, has_failed, roll_back, start
from fowergram_db.database.statement_log import about, beginning_of, script_sql
from fowergram_db.migrations.engine.batch_progress import BatchProgress
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.engine.clean_session import DISCARD_TEMPORARY
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.engine.groups import SCRIPT_END, Group, GroupKind
from fowergram_db.migrations.engine.prepared_statements import PreparedStatements
from fowergram_db.migrations.engine.transaction import run_transaction
from fowergram_db.migrations.engine.transaction_preamble import BEGIN, preamble
from fowergram_db.migrations.events import StepResult

_BEGAN = (
    "pg_catalog.set_config('fowergram.began', extract(EPOCH FROM pg_catalog.clock_timestamp())::pg_catalog.text, true)"
)
_SMALLEST_BATCH = 2


@dataclass(frozen=True, slots=True)
class _Batch:
    """Small steps, and the query that runs them."""

    group: Group
    query: str


def run_batches(context: RunContext, groups: Iterator[Group]) -> Iterator[StepResult]:
    """Run batches, and yield the result of each step once it is committed.

    A step that fails in a batch is run again by itself: there it says why, and waits for locks. Raises what
    ``run_transaction`` raises, MigrationFailed if the connection is lost, and LockLost if the migration lock is.
    """
    connection, prepared = context.connection, PreparedStatements(context)
    batch = _next_batch(context, prepared, groups)
    while batch is not None:
        progress = _begin(context, batch.group)
        try:
            start(connection, batch.query)
            # The next batch is composed while the server works on this one.
            following = _next_batch(context, prepared, groups)
            with about(connection, *_to_log(batch.group)):
                results = finish(connection, progress.watch.tick)
            durations = _durations(results)
            yield from progress.results(durations)
        except BaseException as error:
            roll_back(connection)
            progress.report_committed()
            if isinstance(error, psycopg.Error):
                raise progress.failure(error) from error
            raise
        if has_failed(results):
            roll_back(connection)
            if connection.closed:
                raise progress.failure(psycopg.errors.error_from_result(results[-1]))
        if len(durations) == len(batch.group.steps):
            batch = following
            continue
        rest = yield from _run_failed(context, batch.group, len(durations))
        # Whether the failed query has prepared its statements is not known, and a script by itself may drop them.
        prepared = PreparedStatements(context)
        groups = chain(rest, (following.group,) if following else (), groups)
        batch = _next_batch(context, prepared, groups)


def _next_batch(context: RunContext, prepared: PreparedStatements, groups: Iterator[Group]) -> _Batch | None:
    """Return the next group with its query; None if there is none."""
    group = next(groups, None)
    if group is None:
        return None
    units = [_unit(context, prepared, group, checked) for checked in group.steps]
    return _Batch(group, "".join((prepared.take_definitions(), *units)))


def _unit(context: RunContext, prepared: PreparedStatements, group: Group, checked: CheckedStep) -> str:
    """Return the statements of one step, BEGIN to COMMIT; none of them needs data from the client."""
    waits = group.waits_for_disk and checked is group.steps[-1]
    more = (_BEGAN,) if waits else (_BEGAN, setting_call("synchronous_commit", "off", local=True))
    begin = prepared.settings(preamble(context, checked.directives, *more))
    text = "".join(piece.text for piece in checked.script.pieces())
    own = prepared.settings(own_for_row(context.connection))
    clean = DISCARD_TEMPORARY if context.is_pooled else ""
    return f"{BEGIN}{clean}{begin}{text}{SCRIPT_END}{own}{prepared.record(checked.row)}COMMIT;"


def _begin(context: RunContext, group: Group) -> BatchProgress:
    """Report that the steps begin. Raises LockLost if the migration lock is lost."""
    progress = BatchProgress(context, group)
    context.require_lock()
    for index in range(len(group.steps)):
        context.report(group.started(index))
    return progress


def _to_log(group: Group) -> tuple[str, Callable[[], str]]:
    """Return what the log calls a batch, and what shows its files."""
    named = [(checked.step.source, checked.script.text) for checked in group.steps]

    def text() -> str:
        return beginning_of("\n".join(f"-- {name}\n{script_sql(sql, (), 0, len(sql))}" for name, sql in named))

    return f"{named[0][0]} … {named[-1][0]}", text


def _durations(results: Results) -> list[float]:
    """Return what the bookkeeping before each COMMIT says, in ms."""
    ends = (at for at, result in enumerate(results) if result.command_status == b"COMMIT")
    return [float(results[at - 1].get_value(0, 0) or b"") for at in ends]


def _run_failed(context: RunContext, group: Group, done: int) -> Generator[StepResult, None, tuple[Group, ...]]:
    """Run the step that failed in a batch by itself, and return the rest of the batch; a single step is no rest."""
    total = len(group.steps)
    end = total if total - done == _SMALLEST_BATCH else done + 1
    for index in range(done, end):
        yield from run_transaction(context, group.part(index, index + 1, GroupKind.TRANSACTION))
    return (group.part(end, total, GroupKind.BATCH),) if end < total else ()
