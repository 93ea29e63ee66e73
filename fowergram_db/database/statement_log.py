"""Log what is sent to servers and how long it takes, through the standard library's logger ``fowergram_db.sql``.

INFO has of each exchange what the server calls it (its command tags), the shipped query or the file that it is from,
and the duration; DEBUG has the SQL as well. Secrets in it are masked, and values are left out. While the logger is off,
nothing is composed and no clock is read.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import pq, sql

from fowergram_db.database.sql import name_of

LOGGER = logging.getLogger("fowergram_db.sql")
LONGEST_SQL = 4_000
"""How many characters of a statement are logged."""

_LONG = 200_000
_ABOUT = "statement_log_about"
_HIDDEN = sql.SQL("'…'")
_NOT_SHOWN = "(this SQL cannot be shown)"


class ServerAddress(NamedTuple):
    """Where something is sent, without the password."""

    host: str
    port: str
    database: str
    user: str


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """What was sent in one exchange, and how it ended.

    ``command`` are the command tags of the first and the last statement, ``name`` is the shipped query or the file.
    ``duration_ms`` is None for what is sent together with more, whose answer comes later. ``failure`` is the SQLSTATE,
    or a word if there is none, and "" for success. ``sql`` is "" if it is not logged.
    """

    server: ServerAddress
    command: str
    name: str
    statements: int
    duration_ms: float | None
    failure: str
    sql: str

    def __str__(self) -> str:
        r"""Describe it in one line, with the SQL below.

        >>> server = ServerAddress("localhost", "5432", "shop", "app")
        >>> str(LoggedStatement(server, "SELECT 3", "bookkeeping/read", 1, 0.8161, "", ""))
        'shop: SELECT 3, bookkeeping/read, 0.816 ms'
        >>> str(LoggedStatement(server, "BEGIN", "001_a.sql", 3, 12.5, "42P07", "CREATE TABLE a ()"))
        'shop: failed (42P07): BEGIN, 001_a.sql, 3 statements, 12.500 ms\nCREATE TABLE a ()'
        """
        statements = f"{self.statements} statements" if self.statements > 1 else ""
        took = "sent with others" if self.duration_ms is None else f"{self.duration_ms:.3f} ms"
        failed = f"failed ({self.failure}): " if self.failure else ""
        line = ", ".join(filter(None, (self.command or "query", self.name, statements, took)))
        return "\n".join(filter(None, (f"{self.server.database}: {failed}{line}", self.sql)))


class Exchange:
    """What becomes known of an exchange while it runs."""

    def __init__(self) -> None:
        self.command = ""
        self.statements = 1
        self.failure = ""
        self.is_queued = False

    def ended(self, results: "list[pq.abc.PGresult]") -> None:
        """Take note of the results of a query of many statements; an emptied one has no tag any more."""
        tags = [(result.command_status or b"").decode(errors="replace") for result in (*results[:1], *results[-1:])]
        self.command = " … ".join(dict.fromkeys(filter(None, tags))) or self.command
        self.statements = len(results) or 1
        if results and results[-1].status == pq.ExecStatus.FATAL_ERROR:
            self.failure = (results[-1].error_field(pq.DiagnosticField.SQLSTATE) or b"").decode() or "error"


class _Off(Exchange):
    """Nothing is logged, so nothing is read."""

    def ended(self, results: "list[pq.abc.PGresult]") -> None:
        pass


_OFF = _Off()


class _About(NamedTuple):
    name: str
    text: Callable[[], str]


def is_on() -> bool:
    """Return whether statements are logged."""
    return LOGGER.isEnabledFor(logging.INFO)


@contextmanager
def about(connection: object, name: str, text: Callable[[], str]) -> Iterator[None]:
    """Say what is sent within the block: the file's ``name``, and its SQL, secrets masked, from ``text``."""
    if not is_on():
        yield
        return
    setattr(connection, _ABOUT, _About(name, text))
    try:
        yield
    finally:
        delattr(connection, _ABOUT)


@contextmanager
def exchange(connection: psycopg.Connection[Any], query: sql.Composable | str | bytes) -> Iterator[Exchange]:
    """Log a query that is sent within the block, and what its result says."""
    if not is_on():
        yield _OFF
        return
    told: _About | None = getattr(connection, _ABOUT, None)
    name, text = told or (name_of(_whole(query, connection)), lambda: beginning_of(own_sql(query, connection)))
    with _timed(connection, name, _shown(text)) as sent:
        yield sent


@contextmanager
def command(connection: psycopg.Connection[Any], tag: str) -> Iterator[Exchange]:
    """Log a command that is sent within the block, as COMMIT, or what is no SQL."""
    if not is_on():
        yield _OFF
        return
    told: _About | None = getattr(connection, _ABOUT, None)
    with _timed(connection, told.name if told else "", "") as sent:
        sent.command = tag
        yield sent


@contextmanager
def login(server: ServerAddress) -> Iterator[None]:
    """Log that a session is opened within the block."""
    if not is_on():
        yield
        return
    with _logged(server, Exchange(), "", "") as sent:
        sent.command = f"connect to {server.host}:{server.port} as {server.user}"
        yield


@contextmanager
def transaction(
    connection: psycopg.Connection[Any], entered: AbstractContextManager[psycopg.Transaction], *, begins: bool
) -> Iterator[psycopg.Transaction]:
    """Enter a transaction of psycopg's, and log what begins and ends it."""
    if not is_on():
        with entered as block:
            yield block
        return
    with command(connection, "BEGIN" if begins else "SAVEPOINT"):
        block = entered.__enter__()
    try:
        yield block
    except BaseException as error:
        with command(connection, "ROLLBACK"):
            is_handled = entered.__exit__(type(error), error, error.__traceback__)
        if not is_handled:
            raise
    else:
        with command(connection, "COMMIT" if begins else "RELEASE"):
            entered.__exit__(None, None, None)


def server_of(connection: psycopg.Connection[Any]) -> ServerAddress:
    """Return where a session leads; question marks if it has ended."""
    info = connection.info
    try:
        return ServerAddress(info.host, str(info.port), info.dbname, info.user)
    except (psycopg.Error, ValueError):
        return ServerAddress("?", "?", "?", "?")


def own_sql(query: sql.Composable | str | bytes, connection: psycopg.Connection[Any] | None = None) -> str:
    """Return a query of the tool's own for the log: bound values are not in it, those written into it are hidden."""
    from fowergram_db.redaction.messages import mask_query

    if isinstance(query, bytes):
        return without_literals(_whole(query, connection))
    return mask_query(_whole(query if isinstance(query, str) else _hidden(query), connection))


def _whole(query: sql.Composable | str | bytes, connection: psycopg.Connection[Any] | None) -> str:
    match query:
        case str():
            return query
        case bytes():
            return query.decode(errors="surrogateescape")
        case _:
            return query.as_string(connection)


def script_sql(text: str, data: Iterable[tuple[int, int]], start: int, end: int) -> str:
    """Return a part of a script for the log, secrets masked; ``data`` is where COPY data is in the script.

    What is a secret is decided by the whole script. Of a long one that takes long: there all strings are hidden.
    """
    from fowergram_db.redaction.messages import mask_query, mask_sql

    if len(text) <= _LONG:
        return beginning_of(mask_sql(text, data)[start:end])
    return beginning_of(mask_query(without_literals(text[start : min(end, start + LONGEST_SQL)])), end - start)


def beginning_of(text: str, length: int = 0) -> str:
    """Return the first characters of SQL that has been masked, and say how long it is if that is not all."""
    shown, whole = text.strip(), max(len(text), length)
    return shown if whole <= LONGEST_SQL else f"{shown[:LONGEST_SQL]} … ({whole:,} characters)"


def without_literals(text: str) -> str:
    r"""Hide each string of an SQL text.

    >>> print(without_literals("SELECT set_config('a.b', E'it\\'s', true), $$x$$, 'y' AS \"name\" -- 'no'"))
    SELECT set_config('…', '…', true), '…', '…' AS "name" -- 'no'
    """
    from fowergram_db.redaction.lexemes import LexemeKind, lexemes

    parts: list[str] = []
    at = 0
    for token in lexemes(text).tokens:
        if token.kind is LexemeKind.STRING:
            parts += text[at : token.start], "'…'"
            at = token.end
    return "".join((*parts, text[at:]))


def _hidden(query: sql.Composable) -> sql.Composable:
    match query:
        case sql.Literal():
            return _HIDDEN
        case sql.Composed():
            return sql.Composed([_hidden(part) for part in query])
        case _:
            return query


def _shown(text: Callable[[], str]) -> str:
    """Return the SQL that is logged; a fault in showing it must not stop a run."""
    if not LOGGER.isEnabledFor(logging.DEBUG):
        return ""
    try:
        return text()
    except Exception:  # noqa: BLE001 - whatever it is
        return _NOT_SHOWN


@contextmanager
def _timed(connection: psycopg.Connection[Any], name: str, text: str) -> Iterator[Exchange]:
    sent = Exchange()
    sent.is_queued = bool(connection.pgconn.pipeline_status)
    with _logged(server_of(connection), sent, name, text):
        yield sent


@contextmanager
def _logged(server: ServerAddress, sent: Exchange, name: str, text: str) -> Iterator[Exchange]:
    began = time.perf_counter()
    try:
        yield sent
    except BaseException as error:
        sent.failure = getattr(error, "sqlstate", None) or getattr(error, "code", None) or type(error).__name__
        raise
    finally:
        duration_ms = None if sent.is_queued else (time.perf_counter() - began) * 1000
        logged = LoggedStatement(server, sent.command, name, sent.statements, duration_ms, sent.failure, text)
        LOGGER.info("%s", logged, extra={"statement": logged})
