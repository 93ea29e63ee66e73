"""Runs: whoever makes databases for a while, and is seen by the server as long as it lives."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fowergram_db.database.connection import Connection
from fowergram_db.database.owner import Owner
from fowergram_db.database.target import Target
from fowergram_db.migrations.engine.lock import migration_lock

_KEY_BITS = 30


@contextmanager
def active_owner(target: Target, admin: Connection) -> Iterator[Owner]:
    """Be a run until the block ends: a lock, in a session of its own beside ``admin``, that only we have.

    The server frees it when this process dies, however it dies; what the run has left is then known by its name. It
    works through a pooler that lends sessions for a transaction; raises PoolTooSmall where that lends only one.
    """
    elsewhere = replace(target, dbname=admin.info.dbname)
    with migration_lock(elsewhere, 0, lambda _event: None, 1 << _KEY_BITS | secrets.randbits(_KEY_BITS)) as lock:
        yield Owner(lock.run)
