"""Put a new database in the place of an old one, without a moment in between."""

from collections.abc import Callable
from enum import StrEnum, auto
from typing import Any

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection, reported
from fowergram_db.database.creation import let_all_in
from fowergram_db.database.lifecycle import DatabaseFacts, comment_on, drop_quietly, label_database
from fowergram_db.database.sessions import end_sessions, wait_until_unused
from fowergram_db.database.sql import load
from fowergram_db.database.throwaway import Kind, Run
from fowergram_db.errors import Refused

_FAREWELL_S = 1.0
_TRIES = 5
_MOST_LISTED = 5
_RETIRED = "a database that a reset has replaced or did not complete; it may be dropped."

Make = Callable[[], str]


class Sessions(StrEnum):
    """What becomes of other clients of a database that is to be replaced."""

    SPARE = auto()
    END = auto()


def replace_database(  # noqa: PLR0913, PLR0917 - who replaces what, made how, on whose account and terms
    admin: Connection, name: str, facts: DatabaseFacts | None, run: Run, make: Make, sessions: Sessions
) -> None:
    """Let ``make`` create a new database beside the one of a name, and put it in its place.

    ``admin`` is a session in another database. ``facts`` say how the old one was made (None: there is none); ``make``
    returns the name of the new one. The old one is untouched until the new one is complete; then both change names in
    one transaction, and the old one is dropped. Settings, grants, connection limit and comment are carried over;
    whoever makes it gives it owner, locale and tablespace. Raises Refused where other clients are connected and are to
    be spared.
    """
    if facts is not None:
        require_unused(admin, facts, sessions)
    fresh = make()
    try:
        if facts is None:
            _give_name(admin, fresh, name)
            return
        with reported("put the new database in place"):
            _swap(admin, facts, fresh, run.fresh_name(Kind.RESET), sessions)
    except BaseException:
        drop_quietly(admin, fresh)
        raise


def _give_name(admin: Connection, fresh: str, name: str) -> None:
    with reported("give the new database its name"):
        end_sessions(admin, fresh)
        with admin.transaction():
            admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (fresh, name))))
            let_all_in(admin, name)


def require_unused(admin: Connection, facts: DatabaseFacts, sessions: Sessions) -> None:
    """Raise Refused for a template of others, and where other clients are connected and are to be spared."""
    if facts.is_template:
        raise Refused(
            f'database "{facts.name}" is a template of others and is not reset',
            hint="ALTER DATABASE … IS_TEMPLATE false makes it an ordinary one.",
        )
    name = facts.name
    if sessions is Sessions.END:
        return
    if others := wait_until_unused(admin, name, _FAREWELL_S):
        raise Refused(
            f'{len(others)} other client(s) are connected to database "{name}": '
            + ", ".join(map(str, others[:_MOST_LISTED])),
            hint="Let them finish, or end their sessions with --force (a pooler keeps some of its own).",
        )


def _swap(admin: Connection, facts: DatabaseFacts, fresh: str, retired: str, sessions: Sessions) -> None:
    for last_try in (*[False] * (_TRIES - 1), True):
        try:
            if sessions is Sessions.END:
                admin.execute(load("catalog/terminate_sessions"), {"name": facts.name})
            # Only we know the fresh one: what is connected to it is ours, kept by a pooler.
            end_sessions(admin, fresh)
            wait_until_unused(admin, facts.name)
            _exchange(admin, facts, fresh, retired)
            break
        except psycopg.errors.ObjectInUse:
            # Somebody came in between; a pooler, for one, comes back at once.
            require_unused(admin, facts, sessions)
            if last_try:
                raise
    with reported(f'drop the old database (the new one is in place; the old is called "{retired}")'):
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(retired)))


def _exchange(admin: Connection, facts: DatabaseFacts, fresh: str, retired: str) -> None:
    """Exchange names and comments at once, so that whatever is left over says what it is."""
    old, new, away = map(sql.Identifier, (facts.name, fresh, retired))
    with admin.transaction():
        _carry_over(admin, facts, fresh)
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(old, away))
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(new, old))
        label_database(admin, retired, _RETIRED, {"kind": Kind.RESET})
        comment_on(admin, facts.name, facts.comment)


def _carry_over(admin: Connection, facts: DatabaseFacts, fresh: str) -> None:
    """Give the new database what hangs on the old one itself: settings, grants, connection limit."""
    new = sql.Identifier(fresh)
    for setting in _rows(admin, "catalog/database_settings", facts):
        _carry_over_setting(admin, new, *setting)
    # It was closed to all but us while it was made.
    let_all_in(admin, fresh)
    if facts.has_grants:
        _carry_over_grants(admin, new, facts)
    limit = sql.Literal(facts.connection_limit)
    admin.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(new, limit))


def _carry_over_grants(admin: Connection, new: sql.Identifier, facts: DatabaseFacts) -> None:
    owner = sql.Identifier(facts.owner)
    admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(new, owner))
    for grantee, privilege, grantable in _rows(admin, "catalog/database_grants", facts):
        admin.execute(
            sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
                sql.SQL(privilege),
                new,
                sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC"),
                sql.SQL(" WITH GRANT OPTION" if grantable else ""),
            )
        )


def _rows(admin: Connection, query: str, facts: DatabaseFacts) -> list[tuple[Any, ...]]:
    return admin.execute(load(query), {"oid": facts.oid}).fetchall()


def _carry_over_setting(admin: Connection, new: sql.Identifier, *setting: Any) -> None:  # noqa: ANN401 - a row
    role, name, value, is_list = setting
    whose: sql.Composable = sql.SQL("DATABASE {}").format(new)
    if role:
        whose = sql.SQL("ROLE {} IN DATABASE {}").format(sql.Identifier(role), new)
    to: sql.Composable = sql.SQL("TO {}").format(sql.Literal(value))
    if is_list:
        # A literal would become one quoted name of the list; the server reads the list as it wrote it.
        admin.execute("SELECT pg_catalog.set_config(%s, %s, true)", [name, value])
        to = sql.SQL("FROM CURRENT")
    admin.execute(sql.SQL("ALTER {} SET {} {}").format(whose, sql.Identifier(*name.split(".")), to))
