"""Make databases, and put a new one in the place of an old one without a moment in between."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from fowergram_db.database.connection import Connection, maintenance, reported
from fowergram_db.database.sessions import other_sessions
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseError, Refused

_LONGEST_NAME_BYTES = 63
_SESSIONS_END_S = 5.0
_FAREWELL_S = 1.0
_TRIES = 5
_POLL_S = 0.005
_MOST_LISTED = 5
_ENCODING = "UTF8"
_SCRATCH_COMMENT = "A database that `fowergram-db reset` did not complete; it may be dropped."


class Sessions(StrEnum):
    """What becomes of other clients of a database that is to be replaced."""

    SPARE = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """One database as it was made; ``production`` tells whether it carries the mark."""

    oid: int
    name: str
    owner: str
    encoding: str
    lc_collate: str
    lc_ctype: str
    locale_provider: str | None
    locale: str | None
    icu_rules: str | None
    own_tablespace: str | None
    connection_limit: int
    is_template: bool
    has_grants: bool
    comment: str | None
    like_template: bool
    production: bool


def database_facts(connection: Connection, name: str | None = None) -> DatabaseFacts | None:
    """Return how a database of this server was made, this session's where no name is given; None: no such."""
    with reported("look at the database"), connection.cursor(row_factory=class_row(DatabaseFacts)) as cursor:
        return cursor.execute(load("catalog/database"), {"name": name}).fetchone()


def comment_on(connection: Connection, name: str, text: str | None) -> None:
    """Give a database a comment, or take it away; psycopg's errors pass through."""
    connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text)))


def create_database(target: Target) -> bool:
    """Create the target's database, in UTF-8, and tell whether it was this call that did.

    Raises DatabaseError where the role may not.
    """
    with maintenance(target) as connection:
        template = database_facts(connection, "template1")
        wrong = template is not None and template.encoding != _ENCODING
        options = sql.SQL(" TEMPLATE template0 ENCODING 'UTF8'") if wrong else sql.SQL("")
        statement = sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(target.dbname), options)
        try:
            connection.execute(statement)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return False
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseError(
                f'database "{target.dbname}" does not exist, and {target.user} may not create it',
                hint="Let a superuser run: "
                + sql.SQL("CREATE DATABASE {} OWNER {};")
                .format(sql.Identifier(target.dbname), sql.Identifier(target.user))
                .as_string(),
            ) from error
        except psycopg.Error as error:
            with reported(f'create database "{target.dbname}"'):
                raise error from None
        return True


def replace_database(target: Target, build: Callable[[Target], None], sessions: Sessions) -> None:
    """Build a new database beside the target's, and put it in its place.

    The old one is untouched until the new one is complete; then both change names in one transaction, and
    the old one is dropped. Owner, locale, tablespace, settings, grants and comment are carried over. Raises
    Refused where other clients are connected and are to be spared.
    """
    with maintenance(target) as admin:
        facts = database_facts(admin, target.dbname)
        fresh = replace(target, dbname=_scratch_name(target.dbname))
        if facts is None:
            _build_missing(admin, target, fresh, build)
            return
        if facts.is_template:
            raise Refused(
                f'database "{target.dbname}" is a template of others and is not reset',
                hint="ALTER DATABASE … IS_TEMPLATE false makes it an ordinary one.",
            )
        require_unused(admin, target.dbname, sessions)
        try:
            _create_like(admin, fresh.dbname, facts)
            build(fresh)
            _carry_over(admin, facts, fresh.dbname)
            with reported("put the new database in place"):
                _swap(admin, facts, fresh.dbname, sessions)
        except BaseException:
            _drop(admin, fresh.dbname)
            raise


def _build_missing(admin: Connection, target: Target, fresh: Target, build: Callable[[Target], None]) -> None:
    try:
        create_database(fresh)
        build(fresh)
        with reported("give the new database its name"):
            admin.execute(load("catalog/terminate_sessions"), {"name": fresh.dbname})
            _wait_until_unused(admin, fresh.dbname, seconds=_SESSIONS_END_S)
            names = map(sql.Identifier, (fresh.dbname, target.dbname))
            admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))
    except BaseException:
        _drop(admin, fresh.dbname)
        raise


def require_unused(admin: Connection, name: str, sessions: Sessions) -> None:
    """Raise Refused where other clients are connected to a database and are to be spared."""
    if sessions is Sessions.END:
        return
    _wait_until_unused(admin, name, seconds=_FAREWELL_S)
    others = other_sessions(admin, name)
    if others:
        raise Refused(
            f'{len(others)} other client(s) are connected to database "{name}": '
            + ", ".join(map(str, others[:_MOST_LISTED])),
            hint="Let them finish, or end their sessions with --force (a pooler keeps some of its own).",
        )


def _scratch_name(name: str) -> str:
    """Return a name beside this one that nothing else has, within PostgreSQL's length."""
    suffix = f"_reset_{secrets.token_hex(4)}"
    return name.encode()[: _LONGEST_NAME_BYTES - len(suffix)].decode(errors="ignore") + suffix


def _create_like(admin: Connection, name: str, facts: DatabaseFacts) -> None:
    options: list[tuple[LiteralString, sql.Composable]] = [("OWNER", sql.Identifier(facts.owner))]
    if facts.own_tablespace:
        options.append(("TABLESPACE", sql.Identifier(facts.own_tablespace)))
    if not facts.like_template:
        options.append(("TEMPLATE", sql.Identifier("template0")))
        options.extend((keyword, sql.Literal(value)) for keyword, value in _locale(facts) if value)
    statement = sql.SQL("CREATE DATABASE {} {}").format(
        sql.Identifier(name),
        sql.SQL(" ").join(sql.SQL("{} = {}").format(sql.SQL(keyword), value) for keyword, value in options),
    )
    try:
        with reported("create the new database"):
            admin.execute(statement)
            comment_on(admin, name, _SCRATCH_COMMENT)
    except DatabaseError as error:
        if not _may_create_databases(admin):
            error.hint = "A reset needs a role that may create databases: ALTER ROLE … CREATEDB."
        raise


def _may_create_databases(admin: Connection) -> bool:
    query = "SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)"
    return admin.execute(query).fetchone() is not None


def _locale(facts: DatabaseFacts) -> Iterator[tuple[LiteralString, str | None]]:
    yield "ENCODING", facts.encoding
    yield "LC_COLLATE", facts.lc_collate
    yield "LC_CTYPE", facts.lc_ctype
    if facts.locale_provider == "i":
        yield from (("LOCALE_PROVIDER", "icu"), ("ICU_LOCALE", facts.locale), ("ICU_RULES", facts.icu_rules))
    elif facts.locale_provider == "b":
        yield from (("LOCALE_PROVIDER", "builtin"), ("BUILTIN_LOCALE", facts.locale))


def _carry_over(admin: Connection, facts: DatabaseFacts, fresh: str) -> None:
    """Give the new database what hangs on the old one itself: settings, grants, connection limit."""
    new = sql.Identifier(fresh)
    with reported("carry over the settings and grants of the database"), admin.transaction():
        for setting in _rows(admin, "catalog/database_settings", facts):
            _carry_over_setting(admin, new, *setting)
        grants = _rows(admin, "catalog/database_grants", facts)
        if facts.has_grants:
            owner = sql.Identifier(facts.owner)
            admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(new, owner))
        for grantee, privilege, grantable in grants:
            admin.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
                    sql.SQL(privilege),
                    new,
                    sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC"),
                    sql.SQL(" WITH GRANT OPTION" if grantable else ""),
                )
            )
        limit = sql.Literal(facts.connection_limit)
        admin.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(new, limit))


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


def _swap(admin: Connection, facts: DatabaseFacts, fresh: str, sessions: Sessions) -> None:
    name, retired = facts.name, _scratch_name(facts.name)
    for last_try in (*[False] * (_TRIES - 1), True):
        try:
            if sessions is Sessions.END:
                admin.execute(load("catalog/terminate_sessions"), {"name": name})
            # Only we know the fresh one: what is connected to it is ours, kept by a pooler.
            admin.execute(load("catalog/terminate_sessions"), {"name": fresh})
            _wait_until_unused(admin, name, fresh, seconds=_SESSIONS_END_S)
            _exchange_names(admin, facts, fresh, retired)
            break
        except psycopg.errors.ObjectInUse:
            # Somebody came in between; a pooler, for one, comes back at once.
            require_unused(admin, name, sessions)
            if last_try:
                raise
    with reported(f'drop the old database (the new one is in place; the old is called "{retired}")'):
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(retired)))


def _exchange_names(admin: Connection, facts: DatabaseFacts, fresh: str, retired: str) -> None:
    """Exchange names and comments at once, so that whatever is left over says what it is."""
    old, new, away = map(sql.Identifier, (facts.name, fresh, retired))
    with admin.transaction():
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(old, away))
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(new, old))
        comment_on(admin, retired, _SCRATCH_COMMENT)
        comment_on(admin, facts.name, facts.comment)


def _wait_until_unused(admin: Connection, *names: str, seconds: float) -> None:
    """Wait for backends that are just ending: the server itself would look again only every 100 ms."""
    deadline = time.monotonic() + seconds
    while any(other_sessions(admin, name) for name in names) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _drop(admin: Connection, name: str) -> None:
    """Drop a database that was not completed. One that cannot be dropped keeps the comment that says so."""
    with suppress(psycopg.Error):
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
