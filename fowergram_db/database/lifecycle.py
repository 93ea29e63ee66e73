"""Create databases: the target's, and others like it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import LiteralString

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection, maintenance_connection
from fowergram_db.database.creation import Option, create_closed, format_options
from fowergram_db.database.labelling import label_created
from fowergram_db.database.maintenance import TEMPLATE
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.situations import Situation
from fowergram_db.database.state import ENCODING, DatabaseFacts, database_facts, may_create_databases
from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseError

# Another session is in template1; or it is no template any more, and belongs to another role.
_NO_COPY = (psycopg.errors.ObjectInUse, psycopg.errors.InsufficientPrivilege)


def change_owner(connection: Connection, name: str, owner: str) -> None:
    """Give a database that was just made to another role, and label it for that; psycopg's errors pass through."""
    with connection.transaction():
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner)))
        label_created(connection, name)


def create_database(target: Target) -> bool:
    """Create the target's database, in UTF-8, and return whether this call created it.

    Raises DatabaseError if the role may not.
    """
    with maintenance_connection(target) as connection:
        try:
            _create(connection, target.dbname)
        except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            return False
        except psycopg.errors.InsufficientPrivilege as error:
            raise DatabaseError(
                f'database "{target.dbname}" does not exist, and {target.user} may not create it',
                hint="Ask a superuser to run: "
                + sql.SQL("CREATE DATABASE {} OWNER {};")
                .format(sql.Identifier(target.dbname), sql.Identifier(target.user))
                .as_string(),
            ) from error
        except psycopg.Error as error:
            with translate_errors(f'create database "{target.dbname}"', Situation.CREATING_DATABASE):
                raise error from None
        return True


def _create(admin: Connection, name: str) -> None:
    """Copy template1, or template0 in UTF-8 if template1 is missing, has another encoding, or cannot be copied now."""
    template = database_facts(admin, TEMPLATE)
    statement = sql.SQL("CREATE DATABASE {} {}")
    options: sql.Composable = sql.SQL("TEMPLATE template0 ENCODING 'UTF8'")
    if template and template.encoding == ENCODING:
        with suppress(*_NO_COPY):
            admin.execute(statement.format(sql.Identifier(name), sql.SQL("")))
            return
        options = format_options(_of_template0(template))
    admin.execute(statement.format(sql.Identifier(name), options))


def create_like(admin: Connection, name: str, facts: DatabaseFacts) -> int:
    """Create an empty database with the encoding, the locale and the tablespace of another, and return its OID.

    It is a copy of template1 if the other could be one, no session is in there and the role may copy it, else of
    template0; it belongs to
    the current role, and no other role can enter it: see ``create_closed``. Sessions in it begin with the settings of
    the other, so that a script does there what it does here. Raises DatabaseError, which says what to do if the role
    may not create databases.
    """
    place: list[Option] = [("TABLESPACE", sql.Identifier(facts.own_tablespace))] if facts.own_tablespace else []
    with reporting_create_errors(admin):
        # A run with a session in template1 has other sessions there, too.
        if facts.like_template and admin.info.dbname != TEMPLATE:
            with suppress(*_NO_COPY):
                return create_closed(admin, name, place, facts.settings)
        return create_closed(admin, name, [*place, *_of_template0(facts)], facts.settings)


def _of_template0(facts: DatabaseFacts) -> list[Option]:
    return [("TEMPLATE", sql.Identifier("template0")), *locale_options(facts)]


@contextmanager
def reporting_create_errors(admin: Connection) -> Iterator[None]:
    """Report what CREATE DATABASE raises; if the role may not, say what would let it."""
    try:
        with translate_errors("create the new database", Situation.CREATING_DATABASE):
            yield
    except DatabaseError as error:
        if not may_create_databases(admin):
            error.hint = "This needs a role that may create databases: ALTER ROLE … CREATEDB."
        raise


def locale_options(facts: DatabaseFacts) -> Iterator[Option]:
    """Yield what CREATE DATABASE has to say to give another database the same encoding and locale."""
    options: list[tuple[LiteralString, str | None]] = [
        ("ENCODING", facts.encoding),
        ("LC_COLLATE", facts.lc_collate),
        ("LC_CTYPE", facts.lc_ctype),
    ]
    if facts.locale_provider == "i":
        options += [("LOCALE_PROVIDER", "icu"), ("ICU_LOCALE", facts.locale), ("ICU_RULES", facts.icu_rules)]
    elif facts.locale_provider == "b":
        options += [("LOCALE_PROVIDER", "builtin"), ("BUILTIN_LOCALE", facts.locale)]
    yield from ((keyword, sql.Literal(value)) for keyword, value in options if value)
