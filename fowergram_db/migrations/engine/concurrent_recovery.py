"""Find what a concurrent statement has left when it was stopped, and remove it before the statement runs again."""

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.query import fetch_all, fetch_one
from fowergram_db.database.relations import find_relation
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.sql import load
from fowergram_db.errors import Refused
from fowergram_db.migrations.engine.context import RunContext
from fowergram_db.migrations.events import DetachmentFinished, IndexDropped, Notice
from fowergram_db.migrations.plan import Step
from fowergram_db.migrations.script.concurrent import (
    Detachment,
    IndexBuild,
    Rebuild,
    index_built,
    index_dropped,
    partition_detached,
    rebuilt,
)
from fowergram_db.migrations.script.scanner import Statement, Trait

# What the server calls an index that nothing names.
_UNNAMED = re.compile(r"_idx[0-9]*$")
_EVERYTHING = Rebuild("database", "")
_TOAST = "pg_toast"
_RELATIONS = ("index", "table")
# Code that holds none of these words commits nothing by itself.
_COMMITS = re.compile("commit|rollback|call|execute", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PreviousAttempt:
    """What is known of earlier attempts at a statement.

    ``begun``: there was one; ``unended``: its end is not recorded. ``invalid`` are the OIDs of the transient indexes
    that existed before the migration began, and so belong to others; and of all indexes that a table had before an
    index without a name was built for it.
    """

    begun: bool
    unended: bool
    invalid: tuple[int, ...]


class _TableIndex(NamedTuple):
    """A row of table_indexes.sql."""

    oid: int
    name: str


class _IndexState(NamedTuple):
    """The row of index_state.sql; ``building``: a session is building the index now."""

    schema: str
    name: str
    valid: bool
    building: bool


class _Transient(NamedTuple):
    """A row of reindex_leftovers.sql: an invalid index; ``busy``: a session is working on it."""

    oid: int
    schema: str
    name: str
    busy: bool


class _PartitionState(NamedTuple):
    """The row of partition_state.sql; ``pending``: an earlier attempt to detach the partition has stopped."""

    parent_schema: str
    parent: str
    schema: str
    name: str
    attached: bool
    pending: bool


def transient_indexes(connection: Connection) -> tuple[int, ...]:
    """Return the OIDs of all invalid indexes in the database that REINDEX CONCURRENTLY has made. Reads only."""
    return tuple(index.oid for index in _transients(connection, _EVERYTHING))


def indexes_before(connection: Connection, statement: str) -> tuple[int, ...]:
    """Return the OIDs of the indexes of the table that one without a name is to be built for; else none. Reads only."""
    built = index_built(statement)
    return () if built is None or built.name else tuple(index.oid for index in _indexes(connection, built))


def left_to_run(context: RunContext, step: Step, statement: str, previous: PreviousAttempt) -> str:
    """Return what is left to run of a concurrent statement: usually the statement itself, "" if it is done.

    Invalid indexes of the same name are dropped concurrently. Raises Refused if another session is building the index
    now, and DatabaseError or LockTimeout if one cannot be dropped.
    """
    if dropped := index_dropped(statement):
        return statement if not previous.unended or _exists(context.connection, dropped) else ""
    if built := index_built(statement):
        found = (built,) if built.name else _made_before(context.connection, built, previous)
        # Each is checked: the invalid ones are dropped.
        are_built = [_is_built(context, step, one) for one in found]
        return "" if any(are_built) and previous.unended else statement
    if previous.begun and (detached := partition_detached(statement)):
        return _left_of_detachment(context, step, statement, detached, previous)
    if previous.begun and (again := rebuilt(statement)):
        for schema, name in _left_of_rebuild(context.connection, again, previous):
            _drop(context, step, schema, name)
    return statement


def leaves_nothing(connection: Connection, statement: Statement, text: str, invalid: tuple[int, ...]) -> bool:
    """Return whether a statement outside a transaction, which has failed at its first attempt, has left nothing.

    ``invalid`` is that of ``PreviousAttempt``. Returns False if it is not known, as for code that may have committed.
    Reads only.
    """
    if Trait.CONCURRENT not in statement.traits:
        may_commit = statement.words[0] == "CALL" or "SUBSCRIPTION" in statement.words[:2]
        return not may_commit and not (statement.words[0] == "DO" and _COMMITS.search(text))
    if dropped := index_dropped(text):
        return not _exists(connection, dropped)
    if built := index_built(text):
        previous = PreviousAttempt(begun=True, unended=False, invalid=invalid)
        found = (built,) if built.name else _made_before(connection, built, previous)
        return all(index is None or index.valid for index in (_index(connection, one) for one in found))
    if detached := partition_detached(text):
        return not _exists(connection, detached.partition)
    return rebuilt(text) is not None and set(transient_indexes(connection)) <= set(invalid)


def _find(connection: Connection, relation: str) -> str | None:
    """Return the qualified name of what a script means by a name, None where there is nothing."""
    found = find_relation(connection, relation, of_script=True)
    return None if found is None else found.qualified


def _exists(connection: Connection, relation: str) -> bool:
    with translate_errors("read the index"):
        return _find(connection, relation) is not None


def _made_before(connection: Connection, built: IndexBuild, previous: PreviousAttempt) -> tuple[IndexBuild, ...]:
    """Return the indexes that earlier attempts at one without a name may have made, under their names."""
    if not previous.begun:
        return ()
    found = (index.name for index in _indexes(connection, built) if index.oid not in previous.invalid)
    return tuple(replace(built, name=name) for name in found if _UNNAMED.search(name))


def _indexes(connection: Connection, built: IndexBuild) -> list[_TableIndex]:
    with translate_errors("read the indexes of the table"):
        values = {"relation": _find(connection, built.relation) or built.relation}
        return fetch_all(connection, _TableIndex, load("catalog/table_indexes"), values)


def _is_built(context: RunContext, step: Step, built: IndexBuild) -> bool:
    """Return whether the index exists and is valid; an invalid one is dropped."""
    found = _index(context.connection, built)
    if found is None:
        return False
    if found.valid:
        return True
    if found.building:
        raise Refused(
            f'another session is building the index "{found.name}"',
            hint="Run the command again when that session is done.",
        )
    _drop(context, step, found.schema, found.name)
    return False


def _index(connection: Connection, built: IndexBuild) -> _IndexState | None:
    """Return how an index is now; None: no index."""
    with translate_errors("read the index"):
        relation = _find(connection, built.relation) or built.relation
        values = {"relation": relation, "name": built.name}
        return fetch_one(connection, _IndexState, load("catalog/index_state"), values)


def _drop(context: RunContext, step: Step, schema: str, name: str) -> None:
    """Drop an invalid index. In the schema of TOAST tables only superusers may: there it stays, unused."""
    query = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(schema, name))
    with translate_errors(f'drop the invalid index "{name}"'):
        try:
            context.connection.execute(query)
        except psycopg.errors.InsufficientPrivilege:
            if schema != _TOAST:
                raise
            said = f"the invalid index {schema}.{name}, left by an earlier attempt, stays: only a superuser can drop it"
            context.on_event(Notice("WARNING", said))
            return
    context.on_event(IndexDropped(step, f"{schema}.{name}"))


def _left_of_rebuild(
    connection: Connection, rebuild: Rebuild, previous: PreviousAttempt
) -> tuple[tuple[str, str], ...]:
    found = _transients(connection, rebuild)
    return tuple((each.schema, each.name) for each in found if not each.busy and each.oid not in previous.invalid)


def _transients(connection: Connection, rebuild: Rebuild) -> list[_Transient]:
    with translate_errors("find invalid indexes"):
        qualified = _find(connection, rebuild.name) if rebuild.kind in _RELATIONS else None
        values = {"kind": rebuild.kind, "name": qualified or rebuild.name}
        return fetch_all(connection, _Transient, load("catalog/reindex_leftovers"), values)


def _left_of_detachment(
    context: RunContext, step: Step, statement: str, detached: Detachment, previous: PreviousAttempt
) -> str:
    """Return what completes an earlier attempt to detach the partition: the server requires FINALIZE for that."""
    with translate_errors("read the state of the partition"):
        names = {"parent": detached.parent, "partition": detached.partition}
        values = {which: _find(context.connection, name) or name for which, name in names.items()}
        found = fetch_one(context.connection, _PartitionState, load("catalog/partition_state"), values)
    if found is None:
        return statement
    if not found.pending:
        return statement if found.attached or not previous.unended else ""
    context.on_event(DetachmentFinished(step, f"{found.schema}.{found.name}"))
    query = sql.SQL("ALTER TABLE {} DETACH PARTITION {} FINALIZE").format(
        sql.Identifier(found.parent_schema, found.parent), sql.Identifier(found.schema, found.name)
    )
    return query.as_string(context.connection)
