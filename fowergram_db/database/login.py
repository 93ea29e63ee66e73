"""Log in to a server, and find out why that has failed: from the protocol, never from the words of a message.

Messages come in the server's language, and some in that of the C library. The protocol's error has a SQLSTATE, which
libpq shows in its trace and nowhere else (``PQconnectPoll`` keeps no result).
"""

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum, auto
from typing import NamedTuple, Self, TypeVar

import psycopg
from psycopg import pq
from psycopg.abc import PQGenConn
from psycopg.conninfo import conninfo_to_dict
from psycopg.generators import WAIT_R, WAIT_W

# "B" are the messages from the server. The fields come in the server's order, the severity in its language.
_REFUSAL = r'(?m)^B\t\d+\tErrorResponse\t(?: [A-Z] "[^"\n]*")*? C "([0-9A-Z]{5})"'
# Only PostgreSQL itself names the place in its source.
_SOURCE = r'(?m)^B\t\d+\tErrorResponse\t.* F "[^"\n]*" L "\d+" R "\w+" \\x00$'
_STARTUP = r"(?m)^F\t\d+\tStartupMessage\t"
_ENCRYPTION_ANSWERED = r"(?m)^B\t\d+\t(?:SSL|GSSENC)Response\t"
_SASL_FINAL = r"(?m)^B\t\d+\tAuthenticationSASLFinal\t"
_PROTOCOL_VIOLATION = "08P01"
_PROBE_S = 2.0


class Cause(StrEnum):
    """Why a login failed."""

    UNRESOLVED = auto()
    UNREACHABLE = auto()
    SILENT = auto()
    PARAMETERS = auto()
    """libpq did not even try: a parameter has a value that it does not know."""
    ENCRYPTION = auto()
    NO_PASSWORD = auto()
    WRONG_PASSWORD = auto()
    NOT_ADMITTED = auto()
    DATABASE_MISSING = auto()
    NO_PRIVILEGE = auto()
    DATABASE_CLOSED = auto()
    FULL = auto()
    NOT_READY = auto()
    REFUSED = auto()
    """After a password, and for a reason that this platform's libpq does not show."""
    UNKNOWN = auto()

    @property
    def is_transient(self) -> bool:
        """Return whether it may pass by itself, so that another try may help and is safe."""
        return self in _TRANSIENT

    @property
    def is_of_database(self) -> bool:
        """Return whether the same login may succeed in another database of the server."""
        return self in _OF_DATABASE


_TRANSIENT = (Cause.UNRESOLVED, Cause.UNREACHABLE, Cause.SILENT, Cause.FULL, Cause.NOT_READY, Cause.UNKNOWN)
_OF_DATABASE = (
    *(Cause.NOT_ADMITTED, Cause.DATABASE_MISSING, Cause.NO_PRIVILEGE, Cause.DATABASE_CLOSED),
    *(Cause.FULL, Cause.REFUSED, Cause.UNKNOWN),
)
# The first prefix of the SQLSTATE that fits counts.
_CAUSES = {
    "28P01": Cause.WRONG_PASSWORD,
    "28": Cause.NOT_ADMITTED,
    "3D000": Cause.DATABASE_MISSING,
    "42501": Cause.NO_PRIVILEGE,
    "55000": Cause.DATABASE_CLOSED,
    "53": Cause.FULL,
    "57P": Cause.NOT_READY,
}


class LoginFailed(psycopg.OperationalError):
    """No session was opened. ``code`` is the SQLSTATE that the server sent, "" if it sent none.

    ``is_of_server``: a PostgreSQL server sent it for certain, and no pooler on the way.
    """

    def __init__(self, message: str, cause: Cause, code: str, *, is_of_server: bool = False) -> None:
        super().__init__(message)
        self.cause = cause
        self.code = code
        self.is_of_server = is_of_server


class TracedConnection(psycopg.Connection[tuple[object, ...]]):
    """A connection whose login is traced; ``log_in`` opens it."""

    @classmethod
    def _connect_gen(cls, conninfo: str = "", *, timeout: float = 0.0) -> PQGenConn[Self]:
        """Do what psycopg's generator of this name does. Older releases of it pass the timeout in here."""
        return cls((yield from _connected(conninfo, timeout)))


_Traced = TypeVar("_Traced", bound=TracedConnection)


def log_in(conninfo: str, kind: type[_Traced]) -> _Traced:
    """Open an autocommit session. Raises LoginFailed; connect_timeout counts for each address on its own."""
    attempts: list[_LoginAttempt] = []
    token = _attempts.set(attempts)
    try:
        return kind.connect(conninfo, autocommit=True, prepare_threshold=None)
    except psycopg.errors.ConnectionTimeout as error:
        raise LoginFailed(str(error), _decisive(attempts, Cause.SILENT), _code(attempts)) from error
    except psycopg.Error as error:
        # psycopg resolves the names first: if none is an address, there was no attempt.
        is_of_server = any(attempt.is_of_server for attempt in attempts)
        cause = _decisive(attempts, Cause.UNRESOLVED)
        raise LoginFailed(str(error), cause, _code(attempts), is_of_server=is_of_server) from error
    finally:
        _attempts.reset(token)


class _LoginAttempt(NamedTuple):
    """What one address has come to."""

    cause: Cause
    code: str
    is_of_server: bool


_attempts: ContextVar[list[_LoginAttempt]] = ContextVar("attempts")


def _decisive(attempts: list[_LoginAttempt], otherwise: Cause) -> Cause:
    """Return what no further try would change, if there is one, else the last."""
    causes = [attempt.cause for attempt in attempts]
    lasting = (cause for cause in causes if not cause.is_transient)
    return next(lasting, causes[-1] if causes else otherwise)


def _code(attempts: list[_LoginAttempt]) -> str:
    decisive = _decisive(attempts, Cause.UNKNOWN)
    return next((attempt.code for attempt in attempts if attempt.cause is decisive), "")


def _connected(conninfo: str, timeout: float) -> PQGenConn[pq.abc.PGconn]:
    if any(attempt.cause is Cause.WRONG_PASSWORD for attempt in _attempts.get([])):
        # As libpq itself does; psycopg would send it to every address of a name.
        raise psycopg.OperationalError("not tried: another address did not accept the password")
    deadline = time.monotonic() + timeout if timeout > 0 else None
    pgconn = pq.PGconn.connect_start(conninfo.encode())
    ended_at_once = pgconn.status == pq.ConnStatus.BAD
    done, timed_out = False, True
    try:
        with _trace(pgconn) as noted:
            try:
                yield from _poll(pgconn, deadline)
                done = True
            except psycopg.errors.ConnectionTimeout:
                raise
            except psycopg.Error:
                timed_out = False
                raise
    finally:
        if not done:
            trace = noted[-1]
            if ended_at_once and _answers(conninfo):
                cause = Cause.PARAMETERS
            else:
                cause = Cause.SILENT if timed_out else _cause(pgconn, trace)
            _attempts.get([]).append(
                _LoginAttempt(cause, _last_code(trace or ""), bool(re.search(_SOURCE, trace or "")))
            )
            pgconn.finish()
    pgconn.nonblocking = 1
    return pgconn


def _poll(pgconn: pq.abc.PGconn, deadline: float | None) -> PQGenConn[None]:
    while pgconn.status != pq.ConnStatus.BAD:
        match pgconn.connect_poll():
            case pq.PollingStatus.OK:
                return
            case pq.PollingStatus.READING:
                wait = WAIT_R
            case pq.PollingStatus.WRITING:
                wait = WAIT_W
            case _:
                break
        ready = False
        while not ready:
            ready = bool((yield pgconn.socket, wait))
            # A server that sends a byte a second is always ready.
            if deadline and time.monotonic() > deadline:
                raise psycopg.errors.ConnectionTimeout("connection timeout expired")
    raise psycopg.OperationalError(pgconn.get_error_message("utf-8"))


@contextmanager
def _trace(pgconn: pq.abc.PGconn) -> Iterator[list[str | None]]:
    """Have libpq write down the messages of the login, in memory; yield a list that ends in them after the block.

    They hold the password if the server asks for it as it is, so they never leave this module. None if libpq
    cannot: elsewhere than on Linux.
    """
    notes: list[str | None] = [None]
    try:
        place = os.memfd_create("login")
    except (AttributeError, OSError):
        yield notes
        return
    try:
        pgconn.trace(place)
        pgconn.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield notes
        finally:
            pgconn.untrace()
            notes[-1] = os.pread(place, os.fstat(place).st_size, 0).decode(errors="replace")
    finally:
        os.close(place)


def _answers(conninfo: str) -> bool:
    """Return whether a server listens there, for a login that ended before it began; nothing is sent."""
    given = conninfo_to_dict(conninfo)
    host, port = str(given.get("hostaddr") or given.get("host") or ""), int(given.get("port") or 0)
    try:
        if host.startswith(("/", "@")):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(_PROBE_S)
                probe.connect(f"{host.replace('@', chr(0), 1)}/.s.PGSQL.{port}")
        else:
            socket.create_connection((host, port), _PROBE_S).close()
    except OSError:
        return False
    return True


def _last_code(trace: str) -> str:
    codes = re.findall(_REFUSAL, trace)
    return codes[-1] if codes else ""


def _cause(pgconn: pq.abc.PGconn, trace: str | None) -> Cause:
    if pgconn.needs_password:
        return Cause.NO_PASSWORD
    if trace is None:
        return Cause.REFUSED if pgconn.used_password else Cause.UNKNOWN
    if code := _last_code(trace):
        if code == _PROTOCOL_VIOLATION and pgconn.used_password and not re.search(_SASL_FINAL, trace):
            return Cause.WRONG_PASSWORD  # PgBouncer has no other code for it
        return next((cause for prefix, cause in _CAUSES.items() if code.startswith(prefix)), Cause.UNKNOWN)
    if not trace:
        return Cause.UNREACHABLE
    return (
        Cause.ENCRYPTION if re.search(_ENCRYPTION_ANSWERED, trace) and not re.search(_STARTUP, trace) else Cause.UNKNOWN
    )
