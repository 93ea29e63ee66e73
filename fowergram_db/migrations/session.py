"""Sessions that a run works in: known by a name of their own, and passing on what the server says."""

import secrets
import time

import psycopg

from fowergram_db.database.connection import Connection, connect_safely, maintenance_connection, server_version
from fowergram_db.database.target import Target
from fowergram_db.errors import ConnectionFailed, UntrustedOwner
from fowergram_db.migrations.events import Connected, DatabaseCreated, Notice, OnEvent

_KNOWN_WITHIN_S = 20.0
_POLL_S = 0.1


def open_session(target: Target, on_event: OnEvent) -> Connection:
    """Connect, and pass on what the server says; to be used in a ``with`` statement, which closes it."""
    connection = connect_safely(target, application=_fresh_name())
    on_event(Connected(server_version(connection)))
    connection.add_notice_handler(lambda said: on_event(_notice(said)))
    return connection


def _fresh_name() -> str:
    """Return an application name that no other session has, for a worker to be known by."""
    return f"fowergram-db {secrets.token_hex(8)}"


def _notice(said: psycopg.errors.Diagnostic) -> Notice:
    from fowergram_db.redaction.messages import mask_message

    return Notice(said.severity or "NOTICE", mask_message(said.message_primary or ""))


def create_and_open(target: Target, on_event: OnEvent) -> Connection:
    """Create the database, and connect to it.

    Raises UntrustedOwner, and drops it again, if template1 holds objects of untrusted roles.
    """
    from fowergram_db.database.creation import require_only_trusted
    from fowergram_db.database.disposal import drop_quietly
    from fowergram_db.database.lifecycle import create_database
    from fowergram_db.database.state import database_state

    is_ours = create_database(target)
    on_event(DatabaseCreated(target.dbname))
    connection = None
    deadline = time.monotonic() + _KNOWN_WITHIN_S
    while connection is None:
        try:
            connection = open_session(target, on_event)
        except ConnectionFailed:
            # A pooler may not know a new database for a while.
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_S)
    try:
        if is_ours:
            require_only_trusted(connection)
    except UntrustedOwner:
        made = database_state(connection)
        connection.close()
        with maintenance_connection(target) as admin:
            drop_quietly(admin, target.dbname, made.oid if made else None)
        raise
    return connection
