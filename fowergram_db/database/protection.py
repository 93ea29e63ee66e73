"""The production mark of a database, and the rules of what may be emptied.

The mark is the setting ``fowergram.environment = 'production'`` of the database. A setting that no extension declares
takes a superuser to store. For every other owner the mark is one more name in the database's ``temp_tablespaces``, a
list that every owner may set, and whose unknown names the server ignores, and a line of the comment in addition:
either counts, so that a new value of that list, or a new comment, does not remove the mark. See
docs/decisions/0004.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg import sql

from fowergram_db.database.citus import require_coordinator
from fowergram_db.database.connection import Connection
from fowergram_db.database.disposal import (
    ExpectedDatabase,
    await_no_pending_mark,
    require_same_unmarked,
    require_unmarked,
)
from fowergram_db.database.labelling import give_comment
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import pipelined
from fowergram_db.database.setting_lists import split_list
from fowergram_db.database.sql import load
from fowergram_db.database.state import (
    DatabaseFacts,
    DatabaseState,
    ask_how_made,
    ask_may_create,
    ask_state,
    database_state,
    with_how_made,
)
from fowergram_db.database.stored_settings import split_setting
from fowergram_db.errors import DatabaseError, Refused

_MARK = "fowergram.environment=production"
# As database_state.sql looks for it.
_LINES_OF_MARK = re.compile(rf"(?im)(?:^|(?<=\r))[ \t]*{re.escape(_MARK)}[ \t]*(?:\r\n|\r|\n|\Z)")
_LISTED_IN = "temp_tablespaces"
# The session that empties a database in place holds the same lock: protect waits, and then marks what is there.
_LOCK = "SELECT pg_catalog.pg_advisory_xact_lock(1718580071, 1)"
_STILL = "LOCK TABLE pg_catalog.pg_db_role_setting, pg_catalog.pg_shdescription IN SHARE MODE"
_Found = TypeVar("_Found", bound=DatabaseState)
_DISPOSABLE = frozenset(("test", "tests", "testing", "dev", "ci"))


def is_disposable(name: str) -> bool:
    """Return whether a database's name says that it holds nothing of worth.

    >>> [is_disposable(name) for name in ("fowergram_test", "ci-7", "latest", "contest_2", "fowergram")]
    [True, True, False, False, False]
    """
    return not _DISPOSABLE.isdisjoint(re.split(r"[\W_]+", name.lower()))


def is_production(environ: Mapping[str, str]) -> bool:
    """Return whether the environment is declared to be production."""
    # Docker's --env-file keeps quotes.
    return environ.get("FOWERGRAM_ENVIRONMENT", "").strip(" \t\r\n'\"").lower() == "production"


def require_no_production(environ: Mapping[str, str], consequence: str) -> None:
    """Raise Refused if the environment is declared to be production; ``consequence`` says what is not done there."""
    if is_production(environ):
        raise Refused(
            f"FOWERGRAM_ENVIRONMENT is production: {consequence}",
            hint="Run the command in another environment, or unset the variable.",
        )


def require_resettable(
    name: str, facts: DatabaseState | None, environ: Mapping[str, str], confirm: Callable[[], bool]
) -> None:
    """Raise Refused if a database may not be emptied: see the table in docs/test-databases.md.

    ``facts`` is None if there is none of that name; ``confirm`` is called if the name does not say that it holds
    nothing of worth.
    """
    require_no_production(environ, "nothing is reset here")
    if facts:
        require_unmarked(name, facts)
    if not (is_disposable(name) or confirm()):
        raise Refused(
            f'reset would delete all data of database "{name}"; nothing was done',
            hint="Type the name of the database when asked, or add --yes.",
        )


def is_protected(connection: Connection) -> bool:
    """Return whether the database of this session is marked as production."""
    return state_of_session(connection).production


def protect(connection: Connection) -> None:
    """Mark the database of this session as production. Done twice, it changes nothing.

    Waits for a session that is emptying the database. Raises Refused if it is gone by that name.
    """
    require_coordinator(connection)
    with translate_errors("mark the database as production"), connection.transaction():
        connection.execute(_LOCK)
        facts = state_of_session(connection)
        if facts.mark_lasts:
            return
        name = sql.Identifier(facts.name)
        try:
            with connection.transaction():
                connection.execute(sql.SQL("ALTER DATABASE {} SET fowergram.environment TO 'production'").format(name))
        except psycopg.errors.InsufficientPrivilege:
            _set_list(connection, facts, (*_listed(connection, facts), _MARK))
            if not facts.production:
                # A new value of that list has no mark in it, and neither has a new comment.
                comment = f"{facts.comment}\n{_MARK}" if facts.comment else _MARK
                give_comment(connection, facts.name, comment, is_label=facts.label is not None)


def _listed(connection: Connection, facts: DatabaseState) -> tuple[str, ...]:
    rows = connection.execute(load("catalog/database_settings"), {"oid": facts.oid})
    found = (split_setting(str(setting)) for role, setting in rows if role is None)
    return next((split_list(value) for name, value in found if name == _LISTED_IN), ())


def _set_list(connection: Connection, facts: DatabaseState, names: tuple[str, ...]) -> None:
    change = sql.SQL("SET temp_tablespaces TO {}").format(sql.SQL(", ").join(map(sql.Literal, names)))
    connection.execute(
        sql.SQL("ALTER DATABASE {} {}").format(
            sql.Identifier(facts.name), change if names else sql.SQL("RESET temp_tablespaces")
        )
    )


def unprotect(connection: Connection) -> None:
    """Remove the production mark, all forms of it. Raises DatabaseError if one stays; nothing is changed then."""
    require_coordinator(connection)
    facts = state_of_session(connection)
    if not facts.production:
        return
    with translate_errors("remove the production mark"), connection.transaction():
        comment = _LINES_OF_MARK.sub("", facts.comment or "").strip("\r\n")
        if comment != (facts.comment or ""):
            give_comment(connection, facts.name, comment or None, is_label=facts.label is not None)
        listed = _listed(connection, facts)
        kept = tuple(name for name in listed if name.strip('"').lower() != _MARK)
        if kept != listed:
            _set_list(connection, facts, kept)
        if state_of_session(connection).production:
            _reset_setting(connection, facts.name)
        if (now := state_of_session(connection)).production:
            raise DatabaseError(
                f'database "{now.name}" would stay marked as production; nothing was changed',
                hint=f"Remove {_MARK} from its comment (COMMENT ON DATABASE) and from its temp_tablespaces (ALTER "
                "DATABASE … SET) yourself.",
            )


def _reset_setting(connection: Connection, name: str) -> None:
    statement = sql.SQL("ALTER DATABASE {} RESET fowergram.environment").format(sql.Identifier(name))
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f'database "{name}" was marked as production by a superuser, and {connection.info.user} may not remove '
            "that mark; nothing was changed",
            hint=f"Ask a superuser to run: {statement.as_string()};",
        ) from error


def hold_unmarked(connection: Connection, lock_timeout: str) -> None:
    """Let no session mark the database of this one until the end of the transaction, which is a superuser's.

    Meanwhile no session in the cluster can change a setting of a database or role, or a comment on one. Call this first
    in its transaction. Raises Refused if the database is marked, and psycopg's errors.
    """
    with pipelined(connection):
        # Not set_local(): a query would take the transaction's snapshot before the lock.
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(lock_timeout)))
        connection.execute(_STILL)
        found = ask_state(connection)
    facts = _still_there(found.fetchone())
    require_unmarked(facts.name, facts)


@contextmanager
def kept_unmarked(connection: Connection, oid: int) -> Iterator[None]:
    """Run a transaction that is rolled back if the database of this session is marked before its end.

    For roles that may not lock the catalog: ``protect`` waits for the end, and what any other session has begun to mark
    by the last check is waited for. Raises Refused if it is marked, or is not the one of that OID.
    """
    with connection.transaction():
        connection.execute(_LOCK)
        _require_same_unmarked(connection, oid)
        yield
        await_no_pending_mark(connection, ExpectedDatabase.of(_require_same_unmarked(connection, oid)))
        _require_same_unmarked(connection, oid)


def _require_same_unmarked(connection: Connection, oid: int) -> DatabaseState:
    facts = state_of_session(connection)
    return require_same_unmarked(connection, ExpectedDatabase(facts.name, oid, None), facts.name)


def state_of_session(connection: Connection) -> DatabaseState:
    """Return how the database of this session is now. Raises Refused if it is gone by that name."""
    return _still_there(database_state(connection))


def facts_of_session(connection: Connection) -> tuple[DatabaseFacts, bool]:
    """Return how the database of this session is and was made, and whether its role may create databases.

    Raises Refused if it is gone by that name.
    """
    with translate_errors("read the state of the database"):
        with pipelined(connection):
            states, made, rights = ask_state(connection), ask_how_made(connection), ask_may_create(connection)
        facts = with_how_made(states.fetchone(), made)
        return _still_there(facts), rights.fetchone() is not None


def _still_there(found: _Found | None) -> _Found:
    if found is None:
        raise Refused("the database was dropped or renamed meanwhile", hint="Run the command again.")
    return found
