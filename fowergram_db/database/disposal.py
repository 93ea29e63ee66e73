"""Rename a database, and drop it: the one way in which the tool does either.

A production mark may come at any moment, from a session that knows nothing of this tool. So the name is taken first:
ALTER DATABASE … RENAME holds AccessExclusiveLock on the database until the end of its transaction. Then no session is
connected to the database, and a session that would mark it waits. What the catalog says under that lock counts. See
docs/decisions/0020.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.labelling import give_comment, label_renamed
from fowergram_db.database.managed_databases import Purpose
from fowergram_db.database.owner import Owner
from fowergram_db.database.query import set_local
from fowergram_db.database.server_errors import message_of
from fowergram_db.database.session_settings import pipelined
from fowergram_db.database.sessions import Sessions, terminate_sessions, wait_until_unused
from fowergram_db.database.sql import load
from fowergram_db.database.state import DatabaseState, ask_state, database_state
from fowergram_db.errors import DatabaseError, FowergramError, Refused
from fowergram_db.plurals import connected

_LOCK_TIMEOUT = "10s"
_TRIES = 5
_SETTLED_WITHIN_S = 5.0
_LEFT_WITHIN_S = 1.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ExpectedDatabase:
    """What identifies the database that a command decided to rename or drop: no other one is.

    ``owner`` is None if any is right; ``is_labelled`` says whether the comment is a label that counts.
    """

    name: str
    oid: int
    comment: str | None
    owner: str | None = None
    is_labelled: bool = False

    @classmethod
    def of(cls, facts: DatabaseState) -> "ExpectedDatabase":
        """Return what distinguishes a database from the next one of its name."""
        return cls(facts.name, facts.oid, facts.comment, facts.owner, facts.label is not None)


class _MarkPending(Exception):
    """Another session may be marking the database: let it finish first, and check again."""


def rename_database(
    admin: Connection,
    expected: ExpectedDatabase,
    to: str,
    clear: Callable[[], object],
    then: Callable[[DatabaseState], None],
) -> None:
    """Rename a database, in one transaction with what ``then`` does.

    ``clear`` is called before each attempt, outside of the transaction, to get rid of clients; ``then`` gets the facts
    that hold until the commit. Raises Refused if the database is not the one that was seen, if it is marked as
    production, and if a session keeps a change of settings open that may be the mark; else what ``clear`` and
    ``then`` raise, and psycopg's errors. After an error nothing is changed.
    """
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    tries = 0
    while True:
        clear()
        try:
            with admin.transaction():
                then(_renamed(admin, expected, to))
        except _MarkPending as error:
            _pause_until(deadline, error)
        except psycopg.errors.ObjectInUse:
            # A session came in between; a pooler, for one, comes back at once.
            tries += 1
            if tries == _TRIES:
                raise
        else:
            return


def _renamed(admin: Connection, expected: ExpectedDatabase, to: str) -> DatabaseState:
    with pipelined(admin):
        set_local(admin, {"lock_timeout": _LOCK_TIMEOUT})
        admin.execute(_rename(expected.name, to))
        writers, found = _ask_writers(admin, expected), ask_state(admin, to)
    _require_no_writers(writers, expected)
    return _same_unmarked(found.fetchone(), expected)


def _rename(name: str, to: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to))


def require_same_unmarked(admin: Connection, expected: ExpectedDatabase, called: str) -> DatabaseState:
    """Return the facts of a database by the name that it is called by.

    Raises Refused if it is not the expected one, and if it is marked as production.
    """
    return _same_unmarked(database_state(admin, called), expected)


def _same_unmarked(facts: DatabaseState | None, expected: ExpectedDatabase) -> DatabaseState:
    if facts is None or facts.oid != expected.oid:
        raise Refused(
            f'the name "{expected.name}" now belongs to {"another" if facts else "no"} database; '
            "nothing was done to it",
            hint="Find out which session renamed the database, then run the command again.",
        )
    require_unmarked(expected.name, facts)
    return facts


def require_unmarked(name: str, facts: DatabaseState) -> None:
    """Raise Refused if a database is marked as production."""
    if facts.production:
        raise Refused(
            f'database "{name}" is marked as production and is never reset, renamed or dropped',
            hint="Check the target. `fowergram-db protect --off` removes the mark.",
        )


def _ask_writers(admin: Connection, expected: ExpectedDatabase) -> psycopg.Cursor[tuple[object, ...]]:
    return admin.execute(load("catalog/mark_writers"), {"oid": expected.oid})


def _require_no_writers(writers: psycopg.Cursor[tuple[object, ...]], expected: ExpectedDatabase) -> None:
    if found := writers.fetchall():
        who = ", ".join(f"pid {pid}" if pid else "a prepared transaction" for (pid,) in found)
        raise _MarkPending(
            f'database "{expected.name}" was not changed: {who} changes settings of databases or roles in a '
            "transaction that is not committed, and may be marking this database as production"
        )


def _pause_until(deadline: float, reason: _MarkPending) -> None:
    if time.monotonic() > deadline:
        raise Refused(
            str(reason), hint="Wait until that transaction has ended, then run the command again."
        ) from reason
    time.sleep(_POLL_S)


def await_no_pending_mark(admin: Connection, expected: ExpectedDatabase) -> None:
    """Wait until no other session may have marked a database in a transaction that is not committed.

    Raises Refused after some seconds; psycopg's errors pass through.
    """
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    while True:
        try:
            _require_no_writers(_ask_writers(admin, expected), expected)
        except _MarkPending as error:
            _pause_until(deadline, error)
        else:
            return


def drop_renamed(admin: Connection, expected: ExpectedDatabase, away: str) -> None:
    """Drop a database that no session can find by its name any more, unless a mark has followed it.

    A session that had resolved the name before it was taken, and waited, has marked this very database since. Raises
    Refused for that, else psycopg's errors.
    """
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    while True:
        with pipelined(admin):
            writers, found = _ask_writers(admin, expected), ask_state(admin, away)
        try:
            _require_no_writers(writers, expected)
        except _MarkPending as error:
            _pause_until(deadline, error)
        else:
            break
    facts = found.fetchone()
    if facts is not None and facts.oid == expected.oid:
        require_unmarked(expected.name, facts)
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(away)))


def drop_database(admin: Connection, expected: ExpectedDatabase, sessions: Sessions = Sessions.SPARE) -> None:
    """Drop a database, a template too, that carries no production mark and is still the expected one.

    ``admin`` is an autocommit session in another database. Raises Refused if the database is marked, was changed, or
    has clients that are to be spared; psycopg's errors if the server does not drop it. Then it has its name again;
    if even that fails, a DatabaseError says where it is.
    """
    away = Owner.unmarked().fresh_name(Purpose.RESET)
    was_template = False

    def release(facts: DatabaseState) -> None:
        nonlocal was_template
        was_template = facts.is_template
        if facts.comment != expected.comment:
            changed = f'the comment of database "{expected.name}" was changed meanwhile'
            raise Refused(changed, hint="Run the command again.")
        if expected.owner not in (None, facts.owner):
            raise Refused(
                f'the owner of database "{expected.name}" was changed meanwhile', hint="Run the command again."
            )
        label_renamed(admin, away, facts.identity)
        if was_template:
            admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(away)))

    rename_database(admin, expected, away, partial(_clear, admin, expected, sessions), release)
    try:
        drop_renamed(admin, expected, away)
    except (psycopg.Error, Refused) as error:
        _restore_name(admin, expected, away, error, is_template=was_template)
        raise


def _clear(admin: Connection, expected: ExpectedDatabase, sessions: Sessions) -> None:
    if sessions is Sessions.END:
        require_same_unmarked(admin, expected, expected.name)
        if not terminate_sessions(admin, expected.name):
            return
    others = wait_until_unused(admin, expected.name, _LEFT_WITHIN_S)
    if others and sessions is Sessions.SPARE:
        raise Refused(f"{connected(len(others), 'client')} to it", hint="Wait until they have disconnected.")


def _restore_name(
    admin: Connection, expected: ExpectedDatabase, away: str, error: BaseException, *, is_template: bool
) -> None:
    """Give a database that could not be dropped its name again; if that fails, say what it is called."""
    try:
        with admin.transaction():
            admin.execute(_rename(away, expected.name))
            give_comment(admin, expected.name, expected.comment, is_label=expected.is_labelled)
            if is_template:
                admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(expected.name)))
    except psycopg.Error as second:
        reason = message_of(error) if isinstance(error, psycopg.Error) else str(error)
        raise DatabaseError(
            f'database "{expected.name}" is called "{away}" now: it could not be dropped ({reason}), and its name '
            f"could not be restored ({message_of(second)})",
            hint=f"To restore the name, run: {_rename(away, expected.name).as_string()};",
        ) from error


def drop_quietly(admin: Connection, name: str, oid: int | None = None) -> None:
    """Drop a database of ours together with its sessions; what cannot be dropped is left to ``prune``.

    If its OID is not known, a label has to say that it is the tool's. One that is marked as production stays.
    """
    with suppress(psycopg.Error, FowergramError):
        facts = database_state(admin, name)
        if facts is not None and (facts.oid == oid or (oid is None and facts.label is not None)):
            drop_database(admin, ExpectedDatabase.of(facts), Sessions.END)
