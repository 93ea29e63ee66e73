"""What the transactions of a run begin with, and how values get into a query that cannot bind them."""

from enum import StrEnum, auto
from typing import LiteralString

import psycopg

from fowergram_db.database.connection import Connection
from fowergram_db.database.session_settings import is_pooled
from fowergram_db.database.settings_sql import role_calls, setting_call
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.script.modes import Modes

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE;"
"""What role and database have set for transactions must not stop a migration."""
READ_ONLY = "SET TRANSACTION READ ONLY;"
"""What makes the script in a savepoint read only: after that, when the row is written, it has no effect."""


def begin(modes: Modes) -> str:
    """Return what begins a transaction as its script requires.

    The row is written in it, too: it is never read only as a whole, and then never waits because it is deferrable.
    """
    return f"BEGIN ISOLATION LEVEL {modes.isolation}, READ WRITE;" if modes.isolation else BEGIN


class Place(StrEnum):
    """Where a script is in its transaction: after BEGIN, or after the row of another script."""

    BEGIN = auto()
    LATER = auto()


def preamble(context: RunContext, directives: Directives, *more: LiteralString, place: Place = Place.BEGIN) -> str:
    """Return the query that goes before a script in its transaction; the last of its columns are ``more``.

    It makes settings for the transaction alone, as through a pooler any other would reach another client. Then it does
    what each transaction of a worker does first. Everything in it is qualified: it may be read by a session in which
    others have set the search_path.
    """
    lock_timeout_ms, statement_timeout_ms = context.policy.locks.of(directives)
    calls: list[str] = []
    if context.is_pooled or place is Place.LATER:
        calls.append(role_calls(context.connection, is_pooled=is_pooled(context.connection)))
    calls.append(setting_call("lock_timeout", str(lock_timeout_ms), local=True))
    if statement_timeout_ms is not None:
        calls.append(setting_call("statement_timeout", str(statement_timeout_ms), local=True))
    if context.lock is not None:
        calls += context.lock.worker_calls(context.connection)
    return f"SELECT {', '.join((*calls, *more))};"


def guard(context: RunContext) -> str:
    """Return the query that divides by zero if the lock of the run is lost, for a transaction without a preamble."""
    return f"SELECT {context.lock.is_held_sql()};" if context.lock is not None else ""


def compose(connection: Connection, query: LiteralString, values: dict[str, object]) -> str:
    """Return a query with its values written into it as literals, quoted by psycopg."""
    return psycopg.ClientCursor(connection).mogrify(query, values)
