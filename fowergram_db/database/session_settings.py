"""Sessions in which the tool's own queries mean the same, whatever else is set there.

A role, a database, a migration that has run before, or another client of a pooler may have set anything: a
``search_path`` in which another role's operators come first, a timeout, a read-only default. On a connection of its
own the tool sets what it needs for the session. Behind a pooler, which gives a session to others afterwards, each
query sets it for its own transaction, in the same round trip. A script runs with what its role and database say, but
for ``KEPT``. What the settings are, and the SQL that makes them, is in ``settings_sql``.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum, auto
from typing import Any

import psycopg
from psycopg import sql

from fowergram_db.database import statement_log
from fowergram_db.database.any_text import read_any_text
from fowergram_db.database.deadline import limited, until
from fowergram_db.database.liveness import LIVENESS
from fowergram_db.database.login import TracedConnection
from fowergram_db.database.settings_sql import (
    RESETS,
    all_settings,
    first_query,
    kept_calls,
    known_settings,
    own_call,
    own_settings,
    own_statements,
    role_calls,
    setting_call,
)

_ANOTHER_RESULT = "the server has sent the result of another query"


class Scope(StrEnum):
    """How far the tool's settings reach: nowhere, to the end of the session, or of each transaction."""

    NONE = auto()
    SESSION = auto()
    TRANSACTION = auto()


class _Cursor(psycopg.Cursor[Any]):
    """A cursor that makes the tool's settings if its query would begin a transaction without them."""

    def execute(self, query: Any, params: Any = None, *, prepare: Any = None, binary: Any = None) -> "_Cursor":  # noqa: ANN401 - psycopg's own
        """Execute a query; one that no transaction may hold runs with what the session has."""
        with statement_log.exchange(self.connection, query) as sent:
            self._execute_with_settings(query, params, prepare=prepare, binary=binary)
            # Of a query of many statements, psycopg shows the first result only.
            sent.command = self.statusmessage or ""
            sent.ended(getattr(self, "_results", []) or [])
        return self

    def _execute_with_settings(self, query: Any, params: Any, *, prepare: Any, binary: Any) -> "_Cursor":  # noqa: ANN401 - psycopg's own
        if _scope(self.connection) is not Scope.TRANSACTION or not _is_idle(self.connection):
            return super().execute(query, params, prepare=prepare, binary=binary)
        try:
            if params is None and not binary and not self.format:
                return self._execute_in_one_query(own_call(self.connection), query)
            with _one_round_trip(self.connection):
                psycopg.Cursor(self.connection).execute(own_call(self.connection))
                return super().execute(query, params, prepare=prepare, binary=binary)
        except psycopg.errors.ActiveSqlTransaction:
            return super().execute(query, params, prepare=prepare, binary=binary)

    def _execute_in_one_query(self, settings: str, query: Any) -> "_Cursor":  # noqa: ANN401 - psycopg's own
        """Execute both as one simple query, which is one transaction, and go to the last of the results."""
        text = query.as_bytes(self) if isinstance(query, sql.Composable) else query
        super().execute(settings.encode() + b"; " + (text.encode() if isinstance(text, str) else text))
        while self.nextset():
            pass
        return self


class ToolConnection(TracedConnection):
    """A connection that can make the tool's settings; until ``use_own_settings`` it is as any client's."""

    deadline: float | None = None
    """When the wait for an answer ends, as ``time.monotonic`` counts; None: never."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - psycopg's own
        super().__init__(*arguments, **options)
        self.cursor_factory = _Cursor
        read_any_text(self)
        self.scope = Scope.NONE
        self.is_pooled = False
        self.reads_standard_strings = True
        self.has_citus: bool | None = None
        """Whether the database had the extension citus when the session began; None: it was not asked."""
        self.has_event_triggers = True
        """Whether the database had event triggers when the session began, or that was not asked."""
        self.liveness = ""
        """The query that has the server end the session soon after this client has vanished, if there is one."""

    def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - psycopg's own
        """Wait for an answer, no longer than the deadline says."""
        return super().wait(until(self.deadline, gen) if self.deadline else gen, *arguments, **options)

    def use_own_settings(self, widest: Scope = Scope.SESSION, liveness: str = "") -> None:
        """Make the tool's settings from now on; one round trip for a session. psycopg's errors pass through.

        A pooler reports another process number than the server that it provides: there nothing is set for the session.
        """
        if widest is not Scope.SESSION:
            self.scope = widest
            return
        self.liveness = liveness
        self.reads_standard_strings = self.info.parameter_status("standard_conforming_strings") != "off"
        version = self.info.server_version
        # First what could stop the rest; it is short, and takes no time.
        first = [
            f"SET LOCAL {name} = 0" for name in known_settings(("transaction_timeout", "statement_timeout"), version)
        ]
        calls = ", ".join(setting_call(*setting, local=False) for setting in all_settings(version).items())
        query = first_query(str(self.info.backend_pid), calls)
        with self.cursor() as cursor:
            # The query may have to wait for a lock: its client may vanish meanwhile.
            with limited(self, LIVENESS.answer_s):
                cursor.execute("; ".join(filter(None, (*first, liveness, query))).encode())
            while cursor.nextset():
                pass
            is_own, is_standby, has_citus, has_event_triggers, _ = _answer(cursor)
        self.has_citus = has_citus is True
        self.has_event_triggers = has_event_triggers is not False
        self.scope = Scope.SESSION if is_own else Scope.TRANSACTION
        self.is_pooled = not is_own
        if self.is_pooled:
            self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            self.read_only = None if is_standby else False

    @contextmanager
    def transaction(
        self,
        savepoint_name: str | None = None,
        force_rollback: bool = False,  # noqa: FBT001, FBT002 - psycopg's own
    ) -> Iterator[psycopg.Transaction]:
        """Begin a transaction, or a savepoint within one, with the tool's settings."""
        begins = _is_idle(self)
        block = super().transaction(savepoint_name, force_rollback)
        with statement_log.transaction(self, block, begins=begins) as transaction:
            if begins and self.scope is Scope.TRANSACTION:
                self.execute(own_statements(self))
            yield transaction

    def commit(self) -> None:
        """Commit the transaction that is open, if there is one."""
        with nullcontext() if _is_idle(self) else statement_log.command(self, "COMMIT"):
            super().commit()

    def rollback(self) -> None:
        """Roll back the transaction that is open, if there is one."""
        with nullcontext() if _is_idle(self) else statement_log.command(self, "ROLLBACK"):
            super().rollback()

    @contextmanager
    def settings_of_role(self) -> Iterator[None]:
        """Leave the session, until the block ends, what role and database say; own queries set theirs themselves."""
        if self.scope is not Scope.SESSION:
            yield
            return
        self.execute(f"SELECT {role_calls(self, is_pooled=self.is_pooled, local=False)}".encode())
        self.scope = Scope.TRANSACTION
        try:
            yield
        finally:
            self.scope = Scope.SESSION
            self._set_own_again()

    def _set_own_again(self) -> None:
        if self.closed:
            return
        try:
            self.execute(f"{RESETS} {own_settings(self, local=False)} {self.liveness}".encode())
        except psycopg.Error:
            # The error that has led here, or the next query, says what is wrong.
            self.close()


def kept_settings_again(connection: psycopg.Connection[Any]) -> str:
    """Return the statement that, after ``RESETS``, makes again what scripts have too."""
    own = connection if isinstance(connection, ToolConnection) and not connection.is_pooled else None
    calls = ", ".join(kept_calls(connection.info.server_version, local=own is None))
    return f"SELECT {calls}; {own.liveness if own else ''}"


def is_pooled(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a pooler was found to provide this session."""
    return isinstance(connection, ToolConnection) and connection.is_pooled


def begin(connection: psycopg.Connection[Any]) -> str:
    """Return the statements that begin a transaction of the tool's own: read committed, with its settings."""
    settings = f" {own_statements(connection)};" if _scope(connection) is Scope.TRANSACTION else ""
    return f"BEGIN ISOLATION LEVEL READ COMMITTED;{settings}"


def may_have_citus(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the database had the extension citus when the session began, or this is unknown. No round trip."""
    return not isinstance(connection, ToolConnection) or connection.has_citus is not False


def may_have_event_triggers(connection: psycopg.Connection[Any]) -> bool:
    """Return whether the database had event triggers when the session began, or this is unknown. No round trip."""
    return not isinstance(connection, ToolConnection) or connection.has_event_triggers


def sets_per_transaction(connection: psycopg.Connection[Any]) -> bool:
    """Return whether each transaction makes the tool's settings for itself, as behind a pooler and around a script."""
    return _scope(connection) is Scope.TRANSACTION


def reads_standard_strings(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a script of this role reads a backslash in a string as the SQL standard does."""
    if isinstance(connection, ToolConnection) and connection.scope is not Scope.NONE:
        return connection.reads_standard_strings
    return connection.info.parameter_status("standard_conforming_strings") != "off"


@contextmanager
def settings_of_role(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Do as the method of this name, if the session is one of the tool's."""
    if isinstance(connection, ToolConnection):
        with connection.settings_of_role():
            yield
    else:
        yield


@contextmanager
def pipelined(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Send what is executed within the block in one round trip, in order; its results are there after the block.

    The first error is raised at the end of the block, and the server has run nothing after it. Behind a pooler, and
    if libpq cannot, each query goes by itself, as always. Each holds one statement, and none of them begins or ends
    a transaction, or creates or drops a database. Within such a block, another one is a part of it.
    """
    is_within = bool(connection.pgconn.pipeline_status)
    if _scope(connection) is Scope.SESSION and psycopg.Pipeline.is_supported() and not is_within:
        with statement_log.command(connection, "answers to what was sent together"), connection.pipeline():
            yield
    else:
        yield


def _scope(connection: psycopg.Connection[Any]) -> Scope:
    return connection.scope if isinstance(connection, ToolConnection) else Scope.NONE


def _is_idle(connection: psycopg.Connection[Any]) -> bool:
    return connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


def _answer(cursor: psycopg.Cursor[Any]) -> tuple[object, ...]:
    try:
        row = cursor.fetchone()
    except (ValueError, ArithmeticError, RecursionError) as error:  # as Python reads numbers and JSON
        raise psycopg.OperationalError(_ANOTHER_RESULT) from error
    if row is None:
        return False, False, True, True, None
    if len(row) != 5:  # noqa: PLR2004 - what the query selects
        raise psycopg.OperationalError(_ANOTHER_RESULT)
    return tuple(row)


@contextmanager
def _one_round_trip(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Send what is executed within the block together, as one transaction."""
    if psycopg.Pipeline.is_supported():
        with connection.pipeline():
            yield
    else:
        with psycopg.Connection.transaction(connection):
            yield
