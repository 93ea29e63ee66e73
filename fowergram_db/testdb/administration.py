"""Sessions from which the target's database can be replaced, also if its role may connect to no other."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from psycopg import sql

from fowergram_db.database.connection import Connection, connect_safely, maintenance_connection
from fowergram_db.database.creation import Option, create_closed
from fowergram_db.database.disposal import drop_quietly
from fowergram_db.database.lifecycle import locale_options, reporting_create_errors
from fowergram_db.database.managed_databases import Purpose
from fowergram_db.database.owner import Owner
from fowergram_db.database.state import DatabaseFacts
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError, NoMaintenanceDatabase


@contextmanager
def administer(target: Target, facts: DatabaseFacts | None) -> Iterator[Connection]:
    """Connect to another database of the target's server: if no other lets the role in, to one created for this.

    ``facts`` are those of the target's database, None if it does not exist: then there is no session to create the
    other one in. Raises NoMaintenanceDatabase.
    """
    with ExitStack() as stack:
        try:
            admin = stack.enter_context(maintenance_connection(target))
        except NoMaintenanceDatabase:
            if facts is None:
                raise
            admin = stack.enter_context(_in_new_database(target, facts))
        yield admin


@contextmanager
def _in_new_database(target: Target, facts: DatabaseFacts) -> Iterator[Connection]:
    """Create a database and connect to it; in the end, drop it from the database that has the target's name then."""
    name = Owner.unmarked().fresh_name(Purpose.SCRATCH)
    options: list[Option] = [("TEMPLATE", sql.Identifier("template0")), *locale_options(facts)]
    with connect_safely(target) as inside, reporting_create_errors(inside):
        oid = create_closed(inside, name, options)
    try:
        with connect_safely(target, dbname=name) as admin:
            yield admin
    finally:
        with suppress(FowergramError), maintenance_connection(target, also=target.dbname) as other:
            drop_quietly(other, name, oid)
