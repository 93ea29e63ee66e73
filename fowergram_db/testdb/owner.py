"""Owners of managed databases whose lock shows the server that they run."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from fowergram_db.database.advisory_lock import AdvisoryLock, LockKind
from fowergram_db.database.connection import Connection
from fowergram_db.database.owner import Owner
from fowergram_db.database.target import Target

_KEY_BITS = 30


@contextmanager
def active_owner(target: Target, admin: Connection) -> Iterator[Owner]:
    """Yield an owner, and hold its lock, in a session of its own next to ``admin``, until the block ends.

    The server releases the lock when this process ends, in whatever way; the names of what the owner has left then show
    that it is not needed. Works through a pooler in transaction mode; raises PoolTooSmall if that provides only one
    connection.
    """
    elsewhere = replace(target, dbname=admin.info.dbname)
    kind = LockKind(
        1 << _KEY_BITS | secrets.randbits(_KEY_BITS), "the lock of this process", "the random key is held by"
    )
    with AdvisoryLock(elsewhere, kind).held(0) as lock:
        yield Owner(lock.run)
