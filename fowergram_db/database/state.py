"""How databases of a server are now, and how they were made: reads only."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg

from fowergram_db.database.connection import Connection
from fowergram_db.database.labelling import load_with_labels
from fowergram_db.database.managed_databases import facts_for
from fowergram_db.database.query import ask
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import pipelined
from fowergram_db.database.sql import load
from fowergram_db.database.stored_settings import of_scripts
from fowergram_db.errors import DatabaseError

ENCODING = "UTF8"
_STATE = "catalog/database_state"


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """A database as it is now.

    ``production`` says whether it carries the mark, ``mark_lasts`` whether the mark is a setting, which no comment
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
        """The facts of its label, None if no label counts."""
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
    """Return how a database of this server is now, this session's if no name is given; None: no such."""
    with translate_errors("look at the database"):
        return ask_state(connection, name).fetchone()


def ask_state(connection: Connection, name: str | None = None) -> psycopg.Cursor[DatabaseState]:
    """Ask how a database is now, as ``database_state`` does; psycopg's errors pass through."""
    return ask(connection, DatabaseState, load_with_labels(_STATE), {"name": name})


def database_facts(connection: Connection, name: str | None = None) -> DatabaseFacts | None:
    """Return how a database of this server is and was made, this session's if no name is given; None: no such."""
    with translate_errors("read the state of the database"):
        with pipelined(connection):
            states, made = ask_state(connection, name), ask_how_made(connection, name)
        return with_how_made(states.fetchone(), made)


def ask_how_made(connection: Connection, name: str | None = None) -> psycopg.Cursor[dict[str, Any]]:
    """Ask how a database was made, this session's if no name is given; psycopg's errors pass through."""
    return ask(connection, dict, load("catalog/database"), {"name": name})


def with_how_made(state: DatabaseState | None, made: psycopg.Cursor[dict[str, Any]]) -> DatabaseFacts | None:
    """Return both; None if there is no database, or the answers are of two that had the name one after the other."""
    row = made.fetchone()
    if state is None or row is None or row.pop("oid") != state.oid:
        return None
    return DatabaseFacts(**asdict(state), **{**row, "settings": of_scripts(row["settings"])})


def default_facts(connection: Connection) -> DatabaseFacts:
    """Return how a new database of this server would be made, in UTF-8 whatever template1 is in."""
    facts = database_facts(connection, "template1")
    if facts is None:
        facts = database_facts(connection, "template0")
        if facts is None:
            raise DatabaseError("the server has neither template1 nor template0", hint="Create template1 again.")
        facts = replace(facts, own_tablespace=None)
    # A copy of template1 does not have its settings.
    facts = replace(facts, settings=())
    return facts if facts.encoding == ENCODING else replace(facts, encoding=ENCODING, like_template=False)


def may_create_databases(admin: Connection) -> bool:
    """Return whether the role of a session may create databases."""
    with translate_errors("read the privileges of the role"):
        return ask_may_create(admin).fetchone() is not None


def ask_may_create(admin: Connection) -> psycopg.Cursor[Any]:
    """Ask the same: there is a row if it may; psycopg's errors pass through."""
    return admin.execute("SELECT FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)")
