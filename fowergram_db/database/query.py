"""Ask the database: rows as objects, a single value, and settings for the current transaction.

Results come in binary: as text, a time or a number would be written as the session's settings say. psycopg's errors
pass through.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row, tuple_row

_Row = TypeVar("_Row")
Query = str | bytes | sql.SQL | sql.Composed
Values = Mapping[str, object] | Sequence[object]
_ANOTHER_RESULT = "the server has sent the result of another query"


def fetch_all(
    connection: psycopg.Connection[Any],
    row: type[_Row],
    query: Query,
    values: Values | None = None,
) -> list[_Row]:
    """Return the rows of a query, in its order; ``row`` makes each of its columns by name. One round trip."""
    return ask(connection, row, query, values).fetchall()


def fetch_one(
    connection: psycopg.Connection[Any],
    row: type[_Row],
    query: Query,
    values: Values | None = None,
) -> _Row | None:
    """Return the first row of a query as ``fetch_all`` does, None if there is none. One round trip."""
    return ask(connection, row, query, values).fetchone()


def fetch_value(
    connection: psycopg.Connection[Any], kind: type[_Row], query: Query, values: Values | None = None
) -> _Row | None:
    """Return the one column of the first row; None if there is no row, or it is NULL. One round trip.

    Raises psycopg's OperationalError if it is of another type: then the server has answered something else.
    """
    found = connection.cursor(binary=True, row_factory=tuple_row).execute(query, values).fetchone()
    value = found[0] if found else None
    if value is not None and not isinstance(value, kind):
        raise psycopg.OperationalError(_ANOTHER_RESULT)
    return value


def ask(
    connection: psycopg.Connection[Any],
    row: type[_Row],
    query: Query,
    values: Values | None = None,
) -> psycopg.Cursor[_Row]:
    """Send a query together with others (see ``pipelined``); its rows, as of ``fetch_all``, are there afterwards."""
    return connection.cursor(row_factory=class_row(row), binary=True).execute(query, values)


def set_local(connection: psycopg.Connection[Any], settings: Mapping[str, str]) -> None:
    """Make settings until the end of the current transaction. One round trip.

    It is a query, and takes a snapshot: if the transaction must not have one yet, SET LOCAL does the same.
    """
    calls = ", ".join(["pg_catalog.set_config(%s, %s, true)"] * len(settings))
    connection.execute(f"SELECT {calls}", [part for pair in settings.items() for part in pair])


@contextmanager
def one_snapshot(connection: psycopg.Connection[Any], *, read_only: bool | None = None) -> Iterator[None]:
    """Run a transaction in which each statement reads the database as it was at the first one."""
    before = connection.isolation_level, connection.read_only
    connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, read_only or before[1]
    try:
        with connection.transaction():
            yield
    finally:
        connection.isolation_level, connection.read_only = before
