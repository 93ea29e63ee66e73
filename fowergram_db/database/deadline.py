"""Bound how long a session waits for an answer."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import psycopg

_Result = TypeVar("_Result")
_Request = TypeVar("_Request")


class _HasDeadline(Protocol):
    deadline: float | None


@contextmanager
def limited(session: _HasDeadline, seconds: float) -> Iterator[None]:
    """Raise psycopg's OperationalError if there is no answer after ``seconds``, although the server may live.

    The session is of no use afterwards.
    """
    session.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        session.deadline = None


def until(deadline: float, waiting: Generator[_Request, int, _Result]) -> Generator[_Request, int, _Result]:
    """Do what one of psycopg's generators does, until a time. psycopg comes back ten times a second."""
    try:
        request = next(waiting)
        while True:
            ready = yield request
            if time.monotonic() > deadline:
                waiting.close()
                raise psycopg.OperationalError("the server has accepted the session, and does not answer")
            request = waiting.send(ready)
    except StopIteration as done:
        result: _Result = done.value
        return result
