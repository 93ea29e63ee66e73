"""Seals: how a role distinguishes its own templates and prepared clones from databases that others gave their names.

Every role of a cluster can read names and comments, and copy them. A seal is a setting of the current role in that one
database: no other role but a superuser can store it. docs/decisions/ says what it names and why.
"""

from collections.abc import Mapping

from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.labelling import comment_on, compose_label, load_with_labels
from fowergram_db.database.session_settings import pipelined
from fowergram_db.database.state import DatabaseState
from fowergram_db.errors import Refused


def seal(admin: Connection, name: str, oid: int, sentence: str, facts: Mapping[str, object]) -> None:
    """Give a closed database its label, and seal it as it is now; psycopg's errors pass through.

    It takes no transaction: a change before the end breaks the seal. Raises Refused if the name is that of another
    database than the one with the ``oid``.
    """
    # Not write_label: a template must keep the row of the transaction that completed it.
    text = compose_label(admin, name, sentence, facts)
    with pipelined(admin):
        comment_on(admin, name, text)
        sealed = admin.execute(load_with_labels("testdb/seal"), {"name": name, "oid": oid})
    row = sealed.fetchone()
    if row is None:
        raise _replaced(name)
    statement = sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET application_name TO {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Literal(row[0])))


def unseal(admin: Connection, name: str) -> None:
    """Take the seal off a database of the current role; psycopg's errors pass through."""
    admin.execute(sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} RESET application_name").format(sql.Identifier(name)))


def require_same(admin: Connection, name: str, oid: int) -> None:
    """Raise Refused if a name leads to another database than that of an OID, or the current role does not own it.

    In the transaction of a statement that has written the database's row, so that it stays so until the end.
    """
    query = (
        "SELECT FROM pg_catalog.pg_database AS d JOIN pg_catalog.pg_roles AS o ON o.oid = d.datdba"
        " WHERE d.datname = %s AND d.oid = %s::pg_catalog.oid AND o.rolname = current_user"
    )
    if admin.execute(query, [name, oid]).fetchone() is None:
        raise _replaced(name)


def require_owner(facts: DatabaseState, owner: str) -> None:
    """Raise Refused if a database, as the current transaction reads it, does not belong to this role."""
    if facts.owner != owner:
        raise _replaced(facts.name)


def _replaced(name: str) -> Refused:
    return Refused(
        f'the database "{name}" was replaced by another one meanwhile; it was not changed',
        hint="Run the command again. `fowergram-db testdb list` shows who owns what.",
    )
