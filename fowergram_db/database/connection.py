"""Open sessions with a server, and say what to do if it cannot be reached."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from psycopg.conninfo import make_conninfo

from fowergram_db.database import liveness, statement_log
from fowergram_db.database.environment import libpq_settings
from fowergram_db.database.login import Cause, LoginFailed, log_in
from fowergram_db.database.maintenance import known_databases, no_maintenance_database
from fowergram_db.database.managed_databases import origin_of
from fowergram_db.database.server_errors import translate_errors, without_secrets
from fowergram_db.database.session_settings import Scope, ToolConnection
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import (
    ConnectionFailed,
    DatabaseError,
    DatabaseMissing,
    NoMaintenanceDatabase,
    ServerReport,
    ServerTooOld,
)

Connection = psycopg.Connection[tuple[object, ...]]

OLDEST_SERVER = 130000
_CONNECT_TIMEOUT_S = "10"
_POLL_S = 0.1


@contextmanager
def started(target: Target) -> Iterator[Target]:
    """Yield the target as something to connect to: the embedded server is started, and stopped after."""
    if target.embedded is None:
        yield target
        return
    from fowergram_db.database.embedded import running

    with running(target.embedded.data_dir) as server:
        yield replace(target, host=server.host, port=str(server.port))


def connect(target: Target, *, dbname: str | None = None, application: str = "") -> Connection:
    """Do what ``connect_only`` does, and have the server end the session soon after this client has vanished.

    That is one round trip, and none to this machine. Its server process then notices what the kernel does. All other
    settings are those of any client: the tool's own queries need ``connect_safely``.
    """
    connection = connect_only(target, dbname=dbname, application=application)
    if query := liveness_query(connection):
        try:
            connection.execute(query.encode())
        except psycopg.Error as error:
            connection.close()
            failed = LoginFailed(str(error), Cause.UNKNOWN, error.sqlstate or "")
            raise _connection_failed(target, failed) from error
    return connection


def liveness_query(connection: Connection) -> str:
    """Return the query that has the server end the session soon after this client has vanished; "" if it cannot."""
    if _is_local(connection):
        return ""
    values = liveness.LIVENESS.settings | {"pid": str(connection.info.backend_pid)}
    return psycopg.ClientCursor(connection).mogrify(load("sessions/liveness"), values)


def _is_local(connection: Connection) -> bool:
    """Return whether the other end is on this machine, where no host and no network can vanish."""
    address = connection.info.hostaddr
    return not address or address == "::1" or address.startswith("127.")


def connect_only(target: Target, *, dbname: str | None = None, application: str = "") -> ToolConnection:
    """Open an autocommit session that works through PgBouncer too: nothing prepared, nothing SET.

    The tool's own queries need ``connect_safely``.

    No query is sent, for which a pooler would first have to provide a session.

    ``application`` is the name that the server knows it by, if it must be that and no other.
    Raises DatabaseMissing if only the database does not exist, ServerTooOld before 13, else
    ConnectionFailed.
    """
    try:
        connection = _open(target, dbname or target.dbname, application)
    except LoginFailed as error:
        if dbname is not None:
            raise _connection_failed(target, error) from error
        cause = _cause(target, error)
        if cause is Cause.DATABASE_MISSING:
            missing = f'database "{target.dbname}" does not exist'
            raise DatabaseMissing(missing, hint="`fowergram-db migrate` creates it.") from error
        if error.cause is not Cause.DATABASE_MISSING:
            raise _connection_failed(target, error, cause) from error
        # The database exists: another client may have created it just now.
        try:
            connection = _open(target, target.dbname, application)
        except LoginFailed as again:
            raise _connection_failed(target, again) from again
    if connection.info.server_version < OLDEST_SERVER:
        version = server_version(connection)
        connection.close()
        raise ServerTooOld(
            f"the server is PostgreSQL {version}; fowergram-db needs 13 or newer",
            hint="Upgrade the server, or connect to another.",
        )
    return connection


def connect_safely(
    target: Target, *, dbname: str | None = None, application: str = "", widest: Scope = Scope.SESSION
) -> ToolConnection:
    """Open a session with the tool's own settings. Raises what ``connect`` raises.

    One round trip more, which a pooler may keep waiting; none if ``widest`` is a transaction.
    """
    try:
        return _with_own_settings(target, dbname, application, widest)
    except psycopg.Error as error:
        # An idle_session_timeout may end the session before its first query. A pooler refuses options.
        try:
            return _with_own_settings(without_idle_timeout(target), dbname, application, widest)
        except (psycopg.Error, ConnectionFailed):
            lost = LoginFailed(str(error), Cause.UNKNOWN, error.sqlstate or "")
            raise _connection_failed(target, lost) from error


def without_idle_timeout(target: Target) -> Target:
    """Return the target with a connection parameter that keeps an idle session; a pooler refuses it."""
    given = dict(target.parameters)
    options = f"{given.get('options', '')} -c idle_session_timeout=0"
    return replace(target, parameters=(*given.items(), ("options", options)))


def _with_own_settings(target: Target, dbname: str | None, application: str, widest: Scope) -> ToolConnection:
    session = connect_only(target, dbname=dbname, application=application)
    try:
        session.use_own_settings(widest, liveness_query(session))
    except BaseException:
        session.close()
        raise
    return session


def _open(target: Target, dbname: str, application: str) -> ToolConnection:
    conninfo = make_conninfo(**_parameters(target, dbname, application))
    with statement_log.login(statement_log.ServerAddress(target.host, target.port, dbname, target.user)):
        return log_in(conninfo, ToolConnection)


def await_server(target: Target, seconds: float) -> None:
    """Wait until the server answers, for at most ``seconds``; a database that is missing is an answer.

    Raises ConnectionFailed as ``connect`` does: at once if waiting cannot help, as with a wrong password.
    """
    deadline = time.monotonic() + seconds
    while seconds > 0:
        try:
            connect(target).close()
        except (DatabaseMissing, ServerTooOld):
            return
        except ConnectionFailed as error:
            if time.monotonic() > deadline or not error.may_pass:
                raise
            time.sleep(_POLL_S)
        else:
            return


def _parameters(target: Target, dbname: str, application: str) -> dict[str, str]:
    """Name every part, so that no PG* variable can put another in its place."""
    given = dict(target.parameters)
    of_libpq = libpq_settings(given.get("service", ""))
    defaults = {"connect_timeout": _CONNECT_TIMEOUT_S} | liveness.LIVENESS.parameters
    parameters = {name: value for name, value in defaults.items() if name not in of_libpq} | given
    if application:
        parameters["application_name"] = application
    parameters.setdefault("fallback_application_name", "fowergram-db")
    parts = {"host": target.host, "port": target.port, "dbname": dbname, "user": target.user}
    return parameters | parts | {"password": target.password or "", "client_encoding": "UTF8"}


def _cause(target: Target, error: LoginFailed) -> Cause:
    """Return why the login to the target's database failed; ask in another database if the code leaves it open.

    PgBouncer passes every error of the server on under a code of its own.
    """
    if error.cause not in (Cause.DATABASE_MISSING, Cause.REFUSED, Cause.UNKNOWN):
        return error.cause
    otherwise = Cause.UNKNOWN if error.cause is Cause.DATABASE_MISSING else error.cause
    try:
        with maintenance_connection(target) as connection:
            query = load("catalog/database_access")
            row = psycopg.ClientCursor(connection).execute(query, {"name": target.dbname}).fetchone()
    except ServerTooOld:
        raise
    except (ConnectionFailed, psycopg.Error) as failed:
        is_sure = error.is_of_server and isinstance(failed, NoMaintenanceDatabase)
        return error.cause if is_sure else otherwise
    match row:
        case None:
            return Cause.DATABASE_MISSING
        case (False, _):
            return Cause.DATABASE_CLOSED
        case (_, False):
            return Cause.NO_PRIVILEGE
        case _:
            return otherwise


@contextmanager
def maintenance_connection(target: Target, *, also: str = "") -> Iterator[Connection]:
    """Connect to another database of the same server, for CREATE and DROP DATABASE.

    It is the first that lets the role in: of those that are known by name, see ``known_databases``, else of those that
    the target's own lists. ``also`` is one that is as good, if there is no better. Raises NoMaintenanceDatabase if none
    lets it in.
    """
    refusals: dict[str, ConnectionFailed] = {}
    for dbname in _other_databases(target, also):
        try:
            connection = connect_safely(target, dbname=dbname)
        except ConnectionFailed as error:
            if not error.is_of_database:
                raise
            refusals[dbname] = error
            continue
        with connection:
            yield connection
        return
    raise no_maintenance_database(target, refusals)


def _other_databases(target: Target, also: str) -> Iterator[str]:
    """Yield the names to try; the list in the target's database is read only if none of the first ones is usable."""
    known = known_databases(target, also)
    yield from known
    try:
        with connect_safely(target, dbname=target.dbname) as connection:
            listed = connection.execute(load("catalog/open_databases")).fetchall()
    except (ConnectionFailed, psycopg.Error):
        return
    # A session in a managed database would prevent others from copying it, and end when it is dropped.
    yield from (str(name) for (name,) in listed if name not in known and not origin_of(str(name)))


def _connection_failed(target: Target, error: LoginFailed, cause: Cause | None = None) -> ConnectionFailed:
    from fowergram_db.database.hints import LOGIN

    cause = cause or error.cause
    message = without_secrets(str(error)).strip()
    hint = " ".join((LOGIN[cause], *target.notes))
    failed = ConnectionFailed(f"cannot connect to {target}: {message}", hint=hint, server=ServerReport(error.code))
    failed.may_pass, failed.is_of_database = cause.is_transient, cause.is_of_database
    return failed


def server_version(connection: Connection) -> str:
    """Return the server's version as it names itself, "18.4", without a distributor's suffix."""
    return (connection.info.parameter_status("server_version") or "").partition(" ")[0]


def require_primary(connection: Connection) -> None:
    """Raise DatabaseError if the server is a standby. A round trip if it has not said so by itself.

    Servers from 14 on do, and poolers do not pass it on.
    """
    said = connection.info.parameter_status("in_hot_standby")
    is_standby = said == "on"
    if said is None:
        with translate_errors("check whether the server is a standby"):
            is_standby = connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone() == (True,)
    if is_standby:
        raise DatabaseError("the server is a standby; nothing was run", hint="Connect to the primary.")
