"""Databases to try things in: made next to another one, and gone afterwards whatever happens."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection, maintenance_connection
from fowergram_db.database.creation import Option, create_closed
from fowergram_db.database.disposal import drop_quietly
from fowergram_db.database.lifecycle import locale_options
from fowergram_db.database.managed_databases import Purpose
from fowergram_db.database.owner import Owner
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.situations import Situation
from fowergram_db.database.state import DatabaseFacts, database_facts
from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseError, DatabaseMissing, FowergramError


@contextmanager
def scratch_database(target: Target, owner: Owner) -> Iterator[Target]:
    """Yield an empty database next to the target's, with its encoding, locale and settings; drop it in the end.

    It is the connecting role's own, and no other role can enter it. One that cannot be dropped keeps a label that says
    what it is. Raises DatabaseMissing if there is no database to be like, DatabaseError if the role may not make
    one.
    """
    with maintenance_connection(target, also=target.dbname) as admin:
        facts = database_facts(admin, target.dbname)
        if facts is None:
            raise DatabaseMissing(
                f'database "{target.dbname}" does not exist', hint="`fowergram-db migrate` creates it."
            )
        scratch = replace(target, dbname=owner.fresh_name(Purpose.SCRATCH))
        oid = _create(admin, scratch, facts)
        try:
            yield scratch
        finally:
            # By a session of its own: this one may have been lost meanwhile.
            with suppress(FowergramError), maintenance_connection(target, also=target.dbname) as other:
                drop_quietly(other, scratch.dbname, oid)


def _create(admin: Connection, scratch: Target, facts: DatabaseFacts) -> int:
    options: list[Option] = [("TEMPLATE", sql.Identifier("template0")), *locale_options(facts)]
    try:
        return create_closed(admin, scratch.dbname, options, facts.settings)
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"{scratch.user} may not create the scratch database that this command needs",
            hint="Ask a superuser to run: "
            + sql.SQL("ALTER ROLE {} CREATEDB;").format(sql.Identifier(scratch.user)).as_string(),
        ) from error
    except psycopg.Error as error:
        with translate_errors("create a scratch database", Situation.CREATING_DATABASE):
            raise error from None
