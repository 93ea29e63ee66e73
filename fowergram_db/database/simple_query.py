"""Send what psycopg's cursors cannot: queries of many statements, blocks of COPY data; act meanwhile, or give up."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import LiteralString, TypeVar

import psycopg
from psycopg import generators, pq
from psycopg.abc import PQGen
from psycopg.adapt import Transformer

from fowergram_db.database.connection import Connection
from fowergram_db.database.session_settings import sets_per_transaction
from fowergram_db.database.settings_sql import own_settings
from fowergram_db.database.statement_log import command, exchange

OnTick = Callable[[], None]
Results = list[pq.abc.PGresult]
_TICK_S = 0.05
_CANCEL_S = 5.0
_T = TypeVar("_T")
_COPYING = (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH)


def start(connection: Connection, query: str) -> None:
    """Send a query of many statements, and leave the server to work on it; ``finish`` waits for its results."""
    with connection.lock:
        connection.pgconn.send_query(query.encode())


def finish(connection: Connection, on_tick: OnTick) -> Results:
    """Wait for the results of what was started: one for each statement that ran, the failed one last.

    ``on_tick`` is called about twenty times a second meanwhile. psycopg's errors pass through if the connection itself
    fails.
    """
    with connection.lock, exchange(connection, "") as logged:
        results: Results = connection.wait(_ticking(generators.execute(connection.pgconn), on_tick), _TICK_S)
        logged.ended(results)
    return results


def send(
    connection: Connection,
    query: str,
    on_tick: OnTick = lambda: None,
    *,
    kept: int | None = None,
    on_result: Callable[[int], object] = lambda _: None,
) -> Results:
    """Run a query of many statements; return a result for each that ran, the failed one last.

    ``on_tick`` is called about twenty times a second while the server is at work. With ``kept``, only the first results
    up to that number and the last hold anything: a million of them would take gigabytes; ``on_result`` is then called
    with how many have come. A last result of COPY_IN means that the server waits for data. psycopg's errors pass
    through if the connection itself fails.
    """
    text = query.encode()
    with connection.lock, exchange(connection, text) as logged:
        connection.pgconn.send_query(text)
        steps = generators.execute(connection.pgconn) if kept is None else _execute(connection.pgconn, kept, on_result)
        results: Results = connection.wait(_ticking(steps, on_tick), _TICK_S)
        logged.ended(results)
    return results


def run(connection: Connection, query: str, on_tick: OnTick = lambda: None) -> None:
    """Run a query of many statements whose results are of no interest. Raises psycopg's error for one that fails."""
    raise_failure(send(connection, query, on_tick))


def send_data(connection: Connection, chunks: Iterable[bytes], on_tick: OnTick) -> Results:
    """Stream the data that a COPY waits for; return the results that follow, the failed one last.

    ``on_tick`` is called before each chunk, and while the server is at work. If ``chunks`` raises, the COPY is made
    to fail on the server before the error is raised.
    """
    pgconn = connection.pgconn
    with connection.lock, command(connection, "data of COPY") as logged:
        try:
            for chunk in chunks:
                on_tick()  # with a server that takes all at once there is no wait
                connection.wait(_ticking(generators.copy_to(pgconn, chunk, flush=True), on_tick))
        except BaseException:
            connection.wait(_end(pgconn, b"the data could not be read"))
            raise
        results: Results = connection.wait(_ticking(_end(pgconn, None), on_tick))
        logged.ended(results)
    return results


class Unanswered(psycopg.OperationalError):
    """No answer has come in the time allowed; the session is closed, since one may still come."""


def within(seconds: float) -> OnTick:
    """Return an ``on_tick`` that raises Unanswered after this number of seconds."""
    deadline = time.monotonic() + seconds

    def give_up_in_time() -> None:
        if time.monotonic() > deadline:
            raise Unanswered(f"no answer within {seconds:g} s")

    return give_up_in_time


def ask(
    connection: Connection, kind: Callable[..., _T], query: LiteralString, values: Mapping[str, object], limit_s: float
) -> list[_T]:
    """Run one query and return its rows, made of their columns by name; raise Unanswered after ``limit_s`` seconds.

    psycopg waits forever, and with a pooler the wait may have no end.
    """
    text = psycopg.ClientCursor(connection).mogrify(query, values)
    begins = sets_per_transaction(connection) and connection.info.transaction_status is pq.TransactionStatus.IDLE
    queries = (*((own_settings(connection),) if begins else ()), text)
    try:
        with connection.lock, exchange(connection, text.encode()) as logged:
            results = connection.wait(
                _ticking(_in_one_round_trip(connection.pgconn, queries), within(limit_s)), _TICK_S
            )
            logged.ended(results[-1:])
    except Unanswered:
        connection.close()
        raise
    return _rows(connection, kind, results[-1])


def run_at_once(connection: Connection, queries: Sequence[str]) -> None:
    """Run queries, each of one statement, that leave in one packet; psycopg's errors pass through.

    So a process that is killed has sent all of them or none. psycopg's pipeline sends the first query by itself.
    A command that cannot run in a transaction block, as CREATE DATABASE, is committed before the next one runs.
    """
    with connection.lock, exchange(connection, "; ".join(queries).encode()) as logged:
        results = connection.wait(_in_one_round_trip(connection.pgconn, queries))
        logged.ended(results[-1:])
    raise_failure(results)


def _in_one_round_trip(pgconn: pq.abc.PGconn, queries: Sequence[str]) -> PQGen[Results]:
    """Run queries in one round trip; return a result for each up to the first that failed."""
    pgconn.enter_pipeline_mode()
    for query in queries:
        # Binary: as text, a timestamp would come in whatever DateStyle the database has.
        pgconn.send_query_params(query.encode(), None, result_format=pq.Format.BINARY)
    pgconn.pipeline_sync()
    yield from generators.send(pgconn)
    results: Results = []
    while True:
        result = yield from generators.fetch(pgconn)
        if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
            break
        if result is None and pgconn.status == pq.ConnStatus.BAD:
            # The end of the session has come instead, and nothing more will.
            if has_failed(results):
                return results
            raise psycopg.OperationalError("the connection was lost")
        if result is not None and not has_failed(results):
            results.append(result)
    pgconn.exit_pipeline_mode()
    return results


def _rows(connection: Connection, kind: Callable[..., _T], result: pq.abc.PGresult) -> list[_T]:
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise psycopg.errors.error_from_result(result)
    names = [(result.fname(at) or b"").decode() for at in range(result.nfields)]
    transformer = Transformer(connection)
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, lambda row: kind(**dict(zip(names, row, strict=True))))


def has_failed(results: Results) -> bool:
    """Return whether the last statement that ran has failed."""
    return bool(results) and results[-1].status == pq.ExecStatus.FATAL_ERROR


def raise_failure(results: Results) -> None:
    """Raise psycopg's error if the last statement that ran has failed."""
    if has_failed(results):
        raise psycopg.errors.error_from_result(results[-1])


def is_copying(results: Results) -> bool:
    """Return whether the server waits for COPY data, or sends some."""
    return results[-1].status in _COPYING


def roll_back(connection: Connection) -> None:
    """Roll back what is left of a failed step. A lost connection has done so itself."""
    try:
        if connection.info.transaction_status is pq.TransactionStatus.ACTIVE:
            # An interrupt just before the wait for the server: the script is still running there.
            connection.cancel_safe(timeout=_CANCEL_S)
        connection.rollback()
    except psycopg.Error:
        connection.close()


def _execute(pgconn: pq.abc.PGconn, kept: int, on_result: Callable[[int], object]) -> PQGen[Results]:
    """Do what psycopg's generator of this name does, and empty each result that is not kept when the next one comes."""
    yield from generators.send(pgconn)
    results: Results = []
    while True:
        try:
            result = yield from generators.fetch(pgconn)
        except psycopg.DatabaseError:
            if has_failed(results):
                return results  # it says why the connection is gone
            raise
        if result is None:
            return results
        if len(results) > kept:
            results[-1].clear()
        results.append(result)
        on_result(len(results))
        if result.status in _COPYING:
            return results


def _end(pgconn: pq.abc.PGconn, error: bytes | None) -> PQGen[Results]:
    while pgconn.put_copy_end(error) == 0:
        while not (yield generators.WAIT_W):
            continue
    results: Results = yield from generators.execute(pgconn)
    return results


def _ticking(steps: PQGen[_T], on_tick: OnTick) -> PQGen[_T]:
    """Do what a psycopg generator does, and call ``on_tick`` whenever it has waited a moment for nothing."""
    try:
        state = next(steps)
        while True:
            ready = yield state
            if not ready:
                on_tick()
            state = steps.send(ready)
    except StopIteration as end:
        value: _T = end.value
        return value
