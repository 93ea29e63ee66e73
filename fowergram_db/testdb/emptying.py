"""Delete from a clone the rows written since its template was completed, if nothing else was changed.

That is exact, and not merely likely. A clone is a copy of the template's files. So each row of the template, and of
its catalog, keeps in the clone the number of the transaction that wrote it. A row written later has a later number; a
deleted row is missing from the count.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import psycopg

from fowergram_db.database.connection import Connection
from fowergram_db.database.protection import hold_unmarked
from fowergram_db.database.query import ask, fetch_one, fetch_value, one_snapshot, set_local
from fowergram_db.database.session_settings import may_have_citus, pipelined
from fowergram_db.database.sql import load

# Eight megabytes: about what can be read in the time of a clone.
_MOST_PAGES = 1024
# The first transaction of any server.
_BEFORE_ALL = "3"
_TRANSACTIONS = 2**32
_SETTINGS = {
    "search_path": "",
    "lock_timeout": "2s",
    "statement_timeout": "0",
    "session_replication_role": "replica",
}
_READING = {name: _SETTINGS[name] for name in ("search_path", "lock_timeout", "statement_timeout")}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a complete template holds.

    ``relations`` are the rows of pg_class, ``hash`` is a sum of hashes over them; ``entries`` are the rows of the rest
    of the catalog, and ``newest`` the transaction that wrote the last of them, which distinguishes clones of this
    template from all others; ``rows`` are those of all tables; ``sequences`` has, by OID, the last value of each
    sequence that is not at its start, and whether that value was used.
    """

    relations: int
    hash: str
    entries: int
    newest: str
    rows: int
    sequences: Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Emptied:
    """How many rows were deleted, out of how many tables."""

    rows: int
    tables: int


class _Relations(NamedTuple):
    """The row of relations_state.sql."""

    relations: int
    hash: str | None
    watchful: bool


class _Catalog(NamedTuple):
    """The row of catalog_state.sql."""

    entries: int
    age: int
    age_of_newest: int


class NotExact(Exception):
    """Emptying would not make the database what its template is; the message says why."""


def read_contents(connection: Connection) -> Contents | None:
    """Read the contents of a database that is about to become a template.

    None: its clones could not be emptied, because triggers would fire or the role may not read all of it.
    """
    try:
        with connection.transaction():
            set_local(connection, _READING)
            ours = fetch_one(connection, _Relations, load("testdb/relations_state"), {"seal": _BEFORE_ALL})
            rest = fetch_one(connection, _Catalog, load("testdb/catalog_state"), {"newest": _BEFORE_ALL})
            connection.execute(load("testdb/contents"))
            said = fetch_value(connection, str, "SELECT pg_catalog.current_setting('fowergram.contents')")
    except psycopg.errors.InsufficientPrivilege:
        return None
    assert ours and rest and said  # noqa: S101, PT018 - they always return a row
    if ours.watchful:
        return None
    newest = str((int(_BEFORE_ALL) + rest.age_of_newest - rest.age) % _TRANSACTIONS)
    return Contents(ours.relations, str(ours.hash), rest.entries, newest, **json.loads(said))


def empty(connection: Connection, contents: Contents, seal: str) -> Emptied:
    """Delete what was written since a template was sealed, and set the sequences back; all or nothing.

    ``seal`` is the number of the transaction that completed the template. Takes one transaction, which does not wait
    for the disk, and one snapshot: the rest does not see what another role creates after the comparison, and none of
    its triggers fires. Raises NotExact if the database is no clone of that template, if its schema or the rows from
    migrations were changed, if too much was written, or if the role is no superuser; Refused if the database is marked
    as production.
    """
    try:
        with one_snapshot(connection):
            # Before the snapshot is taken: what it does not see has not happened.
            hold_unmarked(connection, _SETTINGS["lock_timeout"])
            is_local = not may_have_citus(connection)
            with pipelined(connection):
                set_local(connection, _SETTINGS | ({"synchronous_commit": "off"} if is_local else {}))
                relations = ask(connection, _Relations, load("testdb/relations_state"), {"seal": seal})
            _require_same_schema(connection, contents, relations.fetchone())
            settings = {
                "fowergram.seal": seal,
                "fowergram.rows": str(contents.rows),
                "fowergram.sequences": json.dumps(contents.sequences),
                "fowergram.pages": str(_MOST_PAGES),
            }
            with pipelined(connection):
                set_local(connection, settings)
                connection.execute(load("testdb/empty"))
                emptied = connection.execute("SELECT pg_catalog.current_setting('fowergram.emptied')")
            said = emptied.fetchone()
    except psycopg.Error as error:
        raise NotExact(_reason(error)) from error
    rows, tables = str(said[0] if said else "0 0").split()
    return Emptied(int(rows), int(tables))


def _require_same_schema(connection: Connection, contents: Contents, found: _Relations | None) -> None:
    if found is None or found.watchful:
        raise NotExact("triggers would fire, or a prepared transaction is open")
    if found.relations != contents.relations or found.hash not in (None, contents.hash):
        raise NotExact("its schema is not that of the template")
    rest = fetch_one(connection, _Catalog, load("testdb/catalog_state"), {"newest": contents.newest})
    if rest is None or rest.entries != contents.entries or rest.age != rest.age_of_newest:
        raise NotExact("its schema is not that of the template")


def _reason(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return "only a superuser may delete rows without their triggers"
    return (error.diag.message_primary or str(error).strip()).partition("\n")[0]
