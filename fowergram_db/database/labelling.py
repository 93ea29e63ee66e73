"""Write labels of databases: ``managed_databases`` defines what a label says, and for which database.

A label counts while the transaction that wrote it is the one that has last written the database's row in pg_database;
so it is written together with an ALTER DATABASE that changes nothing. A label that the owner has sealed counts, too.
See docs/decisions/0024.
"""

from collections.abc import Mapping
from functools import cache

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.managed_databases import Purpose, label, label_without_identity, origin_of
from fowergram_db.database.session_settings import pipelined
from fowergram_db.database.simple_query import run_at_once
from fowergram_db.database.sql import load

_SENTENCES = {
    Purpose.TEST: "a test database; it may be dropped.",
    Purpose.WARM: "a clone that waits to become a test database; it may be dropped.",
    Purpose.RESET: "a database that a reset has replaced or did not complete; it may be dropped.",
    Purpose.SCRATCH: "a scratch database; it may be dropped.",
    Purpose.TEMPLATE: "a template that was not completed; it may be dropped.",
}

_SETTINGS_OF_CREATED = (
    "SELECT pg_catalog.set_config('search_path', '', true), pg_catalog.set_config('fowergram.created', %s, true),"
    " pg_catalog.set_config('fowergram.label', %s, true)"
)


@cache
def load_with_labels(name: str) -> sql.Composed:
    """Return a shipped query with {seal_text}, {is_sealed}, {is_valid_label} and {mark} replaced by their texts.

    It calls a database d, and the comment on it note.
    """
    digest = sql.SQL(load("labels/comment_digest"))
    seal_text = sql.SQL(load("labels/seal_text")).format(comment_digest=digest)
    is_sealed = sql.SQL(load("labels/is_sealed")).format(seal_text=seal_text)
    is_valid_label = sql.SQL(load("labels/is_valid_label")).format(comment_digest=digest)
    parts = {"seal_text": seal_text, "is_sealed": is_sealed, "is_valid_label": is_valid_label}
    return sql.SQL(load(name)).format(**parts, mark=sql.SQL(load("labels/mark")))


def comment_on(connection: Connection, name: str, text: str | None) -> None:
    """Give a database a comment, or take it away; psycopg's errors pass through.

    A label in it counts only if the same transaction alters the database: see ``write_label`` and ``give_comment``.
    """
    connection.execute(_comment(name, text))


def _comment(name: str, text: str | None) -> sql.Composed:
    return sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(text))


def write_label(connection: Connection, name: str, text: str) -> None:
    """Give a database a comment in which a label counts; psycopg's errors pass through. One round trip.

    In a transaction it may be sent together with other statements.
    """
    # No database of ours is a template to PostgreSQL, and both get the number of the same transaction.
    altered = sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name))
    if connection.pgconn.pipeline_status:
        connection.execute(altered)
        comment_on(connection, name, text)
        return
    connection.execute(altered + sql.SQL("; ") + _comment(name, text))


def give_comment(connection: Connection, name: str, text: str | None, *, is_label: bool) -> None:
    """Give a database the comment that another one has, or that it had itself; psycopg's errors pass through.

    ``is_label`` says whether it is a label that has counted, and counts again. Any other text could be one that a
    former owner has made to fit: it gets a subtransaction, which has another number than the one that renames. To be
    called in a transaction.
    """
    if is_label and text:
        write_label(connection, name, text)
        return
    with pipelined(connection):
        connection.execute("SAVEPOINT comment")
        comment_on(connection, name, text)
        connection.execute("RELEASE SAVEPOINT comment")


def compose_label(connection: Connection, name: str, sentence: str, facts: Mapping[str, object]) -> str:
    """Return a label for the database of a name, as it is now; psycopg's errors pass through. One round trip."""
    row = connection.execute(load("catalog/database_identity"), {"name": name}).fetchone()
    return label(sentence, {**facts, "of": row[0] if row else None})


def label_database(connection: Connection, name: str, sentence: str, facts: Mapping[str, object]) -> None:
    """Give a database the label that it is the tool's, for this very database alone; psycopg's errors pass through.

    In a transaction that renames the database, opens it, or gives it to another role, call this last: name and owner
    are part of the identity.
    """
    write_label(connection, name, compose_label(connection, name, sentence, facts))


def label_created(connection: Connection, name: str) -> None:
    """Label a database that a run has made and not handed out, by its name; psycopg's errors pass through."""
    if origin := origin_of(name):
        label_database(connection, name, _SENTENCES[origin.purpose], {"kind": origin.purpose})


def label_renamed(connection: Connection, name: str, identity: str) -> None:
    """Label a database that was just renamed, whose identity is known; psycopg's errors pass through."""
    if origin := origin_of(name):
        write_label(connection, name, label(_SENTENCES[origin.purpose], {"kind": origin.purpose, "of": identity}))


def create_labelled(admin: Connection, name: str, statement: sql.Composed) -> None:
    """Run CREATE DATABASE for a name of the tool's, and label the database, in one round trip.

    The server labels it even if this process is killed at any moment. If CREATE DATABASE fails, nothing is
    labelled. The label counts until the database is altered. psycopg's errors pass through.
    """
    origin = origin_of(name)
    if origin is None or not psycopg.Pipeline.is_supported():
        # Not the session's own cursor: no transaction may hold CREATE DATABASE, also behind a pooler.
        psycopg.Cursor(admin).execute(statement)
        return
    values = [name, label_without_identity(_SENTENCES[origin.purpose], origin.purpose)]
    settings = psycopg.ClientCursor(admin).mogrify(_SETTINGS_OF_CREATED, values)
    run_at_once(admin, [statement.as_string(admin), settings, load("labels/label_created")])
