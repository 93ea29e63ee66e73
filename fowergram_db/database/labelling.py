"""Write labels of databases: ``throwaway`` tells what a label says, and for which database it counts."""

from collections.abc import Mapping

from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.sql import load
from fowergram_db.database.throwaway import Kind, label, origin_of

_SENTENCES = {
    Kind.TEST: "a test database; it may be dropped.",
    Kind.WARM: "a clone that waits to become a test database; it may be dropped.",
    Kind.RESET: "a database that a reset has replaced or did not complete; it may be dropped.",
    Kind.SCRATCH: "a scratch database; it may be dropped.",
    Kind.TEMPLATE: "a template that was not completed; it may be dropped.",
}


def comment_on(connection: Connection, name: str, text: str | None) -> None:
    """Give a database a comment, or take it away; psycopg's errors pass through."""
    connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text)))


def label_database(connection: Connection, name: str, sentence: str, facts: Mapping[str, object]) -> None:
    """Give a database the label that it is the tool's, for this very database alone; psycopg's errors pass through.

    In a transaction that renames the database, opens it, or gives it to another role, call this last: name and owner
    are part of the identity.
    """
    row = connection.execute(load("catalog/database_identity"), {"name": name}).fetchone()
    comment_on(connection, name, label(sentence, {**facts, "of": row[0] if row else None}))


def label_made(connection: Connection, name: str) -> None:
    """Label a database that a run has made and not handed out, by its name; psycopg's errors pass through."""
    if origin := origin_of(name):
        label_database(connection, name, _SENTENCES[origin.kind], {"kind": origin.kind})


def label_taken(connection: Connection, name: str, identity: str) -> None:
    """Label a database that was just renamed, whose identity is known; psycopg's errors pass through."""
    if origin := origin_of(name):
        comment_on(connection, name, label(_SENTENCES[origin.kind], {"kind": origin.kind, "of": identity}))
