"""Databases to try things in: made beside another one, and gone afterwards whatever happens."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection, maintenance, reported
from fowergram_db.database.lifecycle import DatabaseFacts, comment_on, database_facts
from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseError, DatabaseMissing, FowergramError

_LONGEST_NAME_BYTES = 63
_COMMENT = "A scratch database of fowergram-db; it may be dropped."
_KEYWORDS = {
    "encoding": sql.SQL("ENCODING"),
    "lc_collate": sql.SQL("LC_COLLATE"),
    "lc_ctype": sql.SQL("LC_CTYPE"),
}


@contextmanager
def scratch_database(target: Target) -> Iterator[Target]:
    """Yield an empty database beside the target's, with its encoding and locale; drop it in the end.

    It is the connecting role's own. One that cannot be dropped keeps a comment that says what it is. Raises
    DatabaseMissing where there is no database to be like, DatabaseError where the role may not make one.
    """
    with maintenance(target) as admin:
        facts = database_facts(admin, target.dbname)
        if facts is None:
            raise DatabaseMissing(
                f'database "{target.dbname}" does not exist', hint="`fowergram-db migrate` creates it."
            )
        scratch = replace(target, dbname=_name_beside(target.dbname))
        try:
            _create(admin, scratch, facts)
            yield scratch
        finally:
            # By a session of its own: this one may have been lost meanwhile.
            _drop(target, scratch.dbname)


def _name_beside(name: str) -> str:
    suffix = f"_scratch_{secrets.token_hex(4)}"
    return name.encode()[: _LONGEST_NAME_BYTES - len(suffix)].decode(errors="ignore") + suffix


def _create(admin: Connection, scratch: Target, facts: DatabaseFacts) -> None:
    options = [(_KEYWORDS[field], getattr(facts, field)) for field in _KEYWORDS]
    if facts.locale_provider == "i":
        options += [
            (sql.SQL("LOCALE_PROVIDER"), "icu"),
            (sql.SQL("ICU_LOCALE"), facts.locale),
            (sql.SQL("ICU_RULES"), facts.icu_rules),
        ]
    elif facts.locale_provider == "b":
        options += [(sql.SQL("LOCALE_PROVIDER"), "builtin"), (sql.SQL("BUILTIN_LOCALE"), facts.locale)]
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(
        sql.Identifier(scratch.dbname),
        sql.SQL(" ").join(sql.SQL("{} {}").format(keyword, sql.Literal(value)) for keyword, value in options if value),
    )
    try:
        admin.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"{scratch.user} may not create the scratch database that this needs",
            hint="Let a superuser run: "
            + sql.SQL("ALTER ROLE {} CREATEDB;").format(sql.Identifier(scratch.user)).as_string(),
        ) from error
    except psycopg.Error as error:
        with reported("create a scratch database"):
            raise error from None
    with suppress(psycopg.Error):
        comment_on(admin, scratch.dbname, _COMMENT)


def _drop(target: Target, name: str) -> None:
    with suppress(psycopg.Error, FowergramError), maintenance(target) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
