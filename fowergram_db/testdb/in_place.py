"""Rebuild a database in place if no other can be created to replace it: drop what is in it, and migrate."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fowergram_db.database.connection import Connection
from fowergram_db.database.protection import kept_unmarked
from fowergram_db.database.query import fetch_all, set_local
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError, Refused
from fowergram_db.migrations.build import steps_of
from fowergram_db.migrations.engine.context import DEFAULT_WAIT_POLICY, RunContext
from fowergram_db.migrations.engine.server_guard import MissingRoles, ServerGuard
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history_table import create_history
from fowergram_db.migrations.partitions import maintain_partitions
from fowergram_db.migrations.run import run_and_report
from fowergram_db.migrations.session import open_session
from fowergram_db.plurals import count

_MOST_NAMED = 5
_Address = tuple[int, int, int]


def rebuild_in_place(target: Target, oid: int, files: Sequence[MigrationFile], on_event: OnEvent) -> None:
    """Drop all that the role owns in the target's database, in one transaction; then apply all migrations.

    Migrations that could not run are refused before anything is dropped; an error of a step carries notes that say what
    is applied now. Objects of other roles stay, and may make a migration fail. Raises Refused, and changes nothing, if
    those would be dropped too, if the database no longer has this ``oid``, or if it is marked as production before the
    transaction ends.
    """
    steps = steps_of(files)
    with open_session(target, on_event) as connection:
        with translate_errors("drop what is in the database"), kept_unmarked(connection, oid):
            set_local(connection, {"search_path": "", "lock_timeout": "5s", "client_min_messages": "error"})
            before = _objects_of_others(connection)
            connection.execute(load("testdb/drop_everything"))
            _require_kept(before, _objects_of_others(connection))
        try:
            create_history(connection)
            guard = ServerGuard.begin(connection, MissingRoles.MADE, target.dbname)
            context = RunContext(target, files, DEFAULT_WAIT_POLICY, on_event, connection, guard=guard)
            run_and_report(context, steps)
            maintain_partitions(connection, DEFAULT_WAIT_POLICY.locks, on_event)
        except FowergramError as error:
            error.add_note("The earlier objects in the database had already been dropped.")
            raise


class _Object(NamedTuple):
    """Something that another role owns: ``relation`` is the OID of the relation that it is a part of, or 0."""

    class_oid: int
    oid: int
    part: int
    relation: int
    name: str

    @property
    def address(self) -> _Address:
        """Return what pg_depend names it by."""
        return self.class_oid, self.oid, self.part


def _objects_of_others(connection: Connection) -> Mapping[_Address, _Object]:
    """Return what others own in the database, by catalog, OID and number of the column. One round trip."""
    found = fetch_all(connection, _Object, load("testdb/objects_of_others"))
    return {each.address: each for each in found}


def _require_kept(before: Mapping[_Address, _Object], after: Mapping[_Address, _Object]) -> None:
    """Raise Refused if an object of others is gone: a view on a table of ours, a column of a type of ours."""
    lost = {address: found for address, found in before.items() if address not in after}
    relations = {oid for _, oid, part in lost if not part}
    names = [found.name for found in lost.values() if found.relation not in relations]
    if not names:
        return
    more = f" and {count(len(names) - _MOST_NAMED, 'more object')}" if len(names) > _MOST_NAMED else ""
    raise Refused(
        f"objects of other roles depend on what would be dropped: {', '.join(names[:_MOST_NAMED])}{more}; "
        "nothing was changed",
        hint="Ask their owners to drop them, or to move them to another database. A role with CREATEDB can reset "
        "without this: then the whole database is replaced.",
    )
