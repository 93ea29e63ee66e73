"""Look at databases, and make others like them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from fowergram_db.database.connection import TEMPLATE, Connection, maintenance_connection, translate_errors
from fowergram_db.database.creation import Option, create_closed, format_options
from fowergram_db.database.labelling import label_made, load_with_labels
from fowergram_db.database.managed_databases import facts_for
from fowergram_db.database.session_settings import together
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.database.stored_settings import of_scripts
from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseError

_ENCODING = "UTF8"


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """A database as it is now.

    ``production`` tells whether it carries the mark, ``mark_lasts`` whether the mark is a setting, which no comment
    takes away; ``identity`` is what a label has to name, ``is_valid_label`` whether the comment would count as one.
    """

    oid: int
    name: str
    owner: str
    connection_limit: int
    is_template: bool
    lets_in: bool
    comment: str | None
    mark_lasts: bool
    production: bool
    identity: str
    is_valid_label: bool

    @property
    def label(self) -> Mapping[str, Any] | None:
        """The facts of its label, None where no label counts."""
        return facts_for(self.comment, self.identity) if self.is_valid_label else None


@dataclass(frozen=True, slots=True)
class DatabaseFacts(DatabaseState):
    """A database as it is now, and as it was made.

    ``settings`` are stored with it, for all roles and then for this one, and can change what a script does. Sessions
    whose application name is like ``spared`` are no clients of it.
    """

    encoding: str
    lc_collate: str
    lc_ctype: str
    locale_provider: str | None
    locale: str | None
    icu_rules: str | None
    own_tablespace: str | None
    has_grants: bool
    like_template: bool
    settings: tuple[str, ...] = ()
    spared: str = ""


def database_state(connection: Connection, name: str | None = None) -> DatabaseState | None:
    """Return how a database of this server is now, this session's where no name is given; None: no such."""
    return next(iter(_states(connection, {"name": name, "every": False})), None)


def database_states(connection: Connection) -> tuple[DatabaseState, ...]:
    """Return how all databases of this server are now."""
    return tuple(_states(connection, {"name": None, "every": True}))


def _states(connection: Connection, values: Mapping[str, object]) -> list[DatabaseState]:
    with translate_errors("look at the database"):
        return _ask_states(connection, values).fetchall()


def ask_state(connection: Connection, name: str | None = None) -> psycopg.Cursor[DatabaseState]:
    """Ask how a database is now, as ``database_state`` does; psycopg's errors pass through."""
    return _ask_states(connection, {"name": name, "every": False})


def _ask_states(connection: Connection, values: Mapping[str, object]) -> psycopg.Cursor[DatabaseState]:
    cursor = connection.cursor(row_factory=class_row(DatabaseState))
    return cursor.execute(load_with_labels("catalog/database_state"), values)


def database_facts(connection: Connection, name: str | None = None) -> DatabaseFacts | None:
    """Return how a database of this server is and was made, this session's where no name is given; None: no such."""
    with translate_errors("look at the database"):
        with together(connection):
            states, made = ask_state(connection, name), ask_how_made(connection, name)
        return with_how_made(states.fetchone(), made)


def ask_how_made(connection: Connection, name: str | None = None) -> psycopg.Cursor[dict[str, Any]]:
    """Ask how a database was made, this session's where no name is given; psycopg's errors pass through."""
    return connection.cursor(row_factory=dict_row).execute(load("catalog/database"), {"name": name})


def with_how_made(state: DatabaseState | None, made: psycopg.Cursor[dict[str, Any]]) -> DatabaseFacts | None:
    """Return both; None where there is no database, or the answers are of two that had the name one after the other."""
    row = made.fetchone()
    if state is None or row is None or row.pop("oid") != state.oid:
        return None
    return DatabaseFacts(**asdict(state), **{**row, "settings": of_scripts(row["settings"])})


def default_facts(connection: Connection) -> DatabaseFacts:
    """Return how a new database of this server would be made, in UTF-8 whatever template1 is in."""
    facts = database_facts(connection, "template1")
    if facts is None:
        raise DatabaseError("the server has no template1", hint="CREATE DATABASE template1 TEMPLATE template0;")
    # A copy of template1 does not have its settings.
    facts = replace(facts, settings=())
    return facts if facts.encoding == _ENCODING else replace(facts, encoding=_ENCODING, like_template=False)


def change_owner(connection: Connection, name: str, owner: str) -> None:
    """Give a database that was just made to another role, and label it for that; psycopg's errors pass through."""
    with connection.transaction():
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner)))
        label_made(connection, name)


def create_database(target: Target) -> bool:
    """Create the target's database, in UTF-8, and tell whether it was this call that did.

    Raises DatabaseError where the role may not.
    """
    with maintenance_connection(target) as connection:
        try:
            _create(connection, target.dbname)
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
            with translate_errors(f'create database "{target.dbname}"', Situation.CREATING_DATABASE):
                raise error from None
        return True


def _create(admin: Connection, name: str) -> None:
    """Copy template1, or template0 in UTF-8 where that is in another encoding, or somebody stays in there."""
    template = database_facts(admin, TEMPLATE)
    statement = sql.SQL("CREATE DATABASE {} {}")
    if template is None or template.encoding == _ENCODING:
        try:
            admin.execute(statement.format(sql.Identifier(name), sql.SQL("")))
        except psycopg.errors.ObjectInUse:
            if template is None:
                raise
        else:
            return
        options: sql.Composable = format_options(_of_template0(template))
    else:
        options = sql.SQL("TEMPLATE template0 ENCODING 'UTF8'")
    admin.execute(statement.format(sql.Identifier(name), options))


def create_like(admin: Connection, name: str, facts: DatabaseFacts) -> int:
    """Create an empty database with the encoding, the locale and the tablespace of another, and return its OID.

    It is a copy of template1 where the other could be one and nobody is in there, else of template0; it belongs to the
    current role, and nobody else can enter it: see ``create_closed``. Sessions in it begin with the settings of the
    other, so that a script does there what it does here. Raises DatabaseError, which says what to do where the role may
    not create databases.
    """
    place: list[Option] = [("TABLESPACE", sql.Identifier(facts.own_tablespace))] if facts.own_tablespace else []
    with reporting_create_errors(admin):
        # Beside a session in template1, a run has others there.
        if facts.like_template and admin.info.dbname != TEMPLATE:
            with suppress(psycopg.errors.ObjectInUse):
                return create_closed(admin, name, place, facts.settings)
        return create_closed(admin, name, [*place, *_of_template0(facts)], facts.settings)


def _of_template0(facts: DatabaseFacts) -> list[Option]:
    return [("TEMPLATE", sql.Identifier("template0")), *locale_options(facts)]


@contextmanager
def reporting_create_errors(admin: Connection) -> Iterator[None]:
    """Report what CREATE DATABASE raises; where the role may not, say what would let it."""
    try:
        with translate_errors("create the new database", Situation.CREATING_DATABASE):
            yield
    except DatabaseError as error:
        if not may_create_databases(admin):
            error.hint = "This needs a role that may create databases: ALTER ROLE … CREATEDB."
        raise


def may_create_databases(admin: Connection) -> bool:
    """Tell whether the role of a session may create databases."""
    with translate_errors("ask what the role may do"):
        return ask_may_create(admin).fetchone() is not None


def ask_may_create(admin: Connection) -> psycopg.Cursor[Any]:
    """Ask the same: there is a row where it may; psycopg's errors pass through."""
    return admin.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)")


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
