"""Send what psycopg's cursors cannot: queries of many statements, blocks of COPY data; look around meanwhile."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import psycopg
from psycopg import generators, pq
from psycopg.abc import PQGen

from fowergram_db.database.connection import Connection

OnTick = Callable[[], None]
_TICK_S = 0.05
_CANCEL_S = 5.0
_T = TypeVar("_T")
_COPYING = (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH)


def send(connection: Connection, query: str, on_tick: OnTick) -> list[pq.abc.PGresult]:
    """Run a query of many statements; return a result for each that ran, the failed one last.

    ``on_tick`` is called about twenty times a second while the server is at work. A last result of COPY_IN means
    that the server waits for data. psycopg's errors pass through where the connection itself fails.
    """
    with connection.lock:
        connection.pgconn.send_query(query.encode())
        results: list[pq.abc.PGresult] = connection.wait(
            _ticking(generators.execute(connection.pgconn), on_tick), _TICK_S
        )
    return results


def send_data(connection: Connection, chunks: Iterable[bytes], on_tick: OnTick) -> list[pq.abc.PGresult]:
    """Stream the data that a COPY waits for; return the results that follow, the failed one last.

    ``on_tick`` is called before each chunk, and while the server is at work. Where ``chunks`` raises, the COPY is made
    to fail on the server before the error goes on.
    """
    pgconn = connection.pgconn
    with connection.lock:
        try:
            for chunk in chunks:
                on_tick()  # a server that takes all at once would never let us wait
                connection.wait(_ticking(generators.copy_to(pgconn, chunk, flush=True), on_tick))
        except BaseException:
            connection.wait(_end(pgconn, b"the data could not be read"))
            raise
        results: list[pq.abc.PGresult] = connection.wait(_ticking(_end(pgconn, None), on_tick))
    return results


def is_copying(results: list[pq.abc.PGresult]) -> bool:
    """Tell whether the server has stopped for data to come in or go out."""
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


def _end(pgconn: pq.abc.PGconn, error: bytes | None) -> PQGen[list[pq.abc.PGresult]]:
    while pgconn.put_copy_end(error) == 0:
        while not (yield generators.WAIT_W):
            continue
    results: list[pq.abc.PGresult] = yield from generators.execute(pgconn)
    return results


def _ticking(steps: PQGen[_T], on_tick: OnTick) -> PQGen[_T]:
    """Pass a psycopg generator through, and look up whenever it has waited a moment for nothing."""
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
