"""List the databases that the tool has left on a server, say which are still needed, and drop the others."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

import psycopg

from fowergram_db.database.advisory_lock import LOCK_SPACE, RUN_SPACE
from fowergram_db.database.connection import Connection
from fowergram_db.database.disposal import ExpectedDatabase, drop_database
from fowergram_db.database.labelling import load_with_labels
from fowergram_db.database.managed_databases import Purpose, facts_for, facts_of, origin_of
from fowergram_db.database.query import fetch_all
from fowergram_db.database.server_errors import message_of, translate_errors
from fowergram_db.database.sessions import wait_until_unused
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError
from fowergram_db.testdb.template import building_lock
from fowergram_db.testdb.template_lifecycle import drop_template

_NAMES = r"fowergram\_%"
_COMMENTS = "fowergram-db: %"
_TEMPLATE_KEPT = timedelta(days=7)
_WARM_KEPT = timedelta(days=1)
_LEFT_WITHIN_S = 1.0


class Use(StrEnum):
    """Whether a database is still needed.

    A database in use, or marked as production, is never dropped; nor is one that has a name of the tool's but no label
    written for it, or a label that does not count: another role may have made it.
    """

    IN_USE = "in use"
    READY = "ready"
    EXPIRED = "expired"
    LEFT_OVER = "left over"
    UNUSED = "unused"
    PRODUCTION = "production"
    UNLABELLED = "not labelled"
    ALTERED = "altered"


_KEPT = {
    Use.PRODUCTION: "it is marked as production",
    Use.UNLABELLED: "it has no label of fowergram-db; if it is not needed, drop it by hand",
    Use.ALTERED: "its label is not valid (owner, grants or options of the database were changed later, or this version "
    "did not write the label); if it is not needed, drop it by hand",
}


@dataclass(frozen=True, slots=True)
class ManagedDatabase:
    """A database of the tool's. Times are UTC.

    ``made_at`` is None if it is not recorded, ``expires_at`` if it never expires, ``size_bytes`` if the role may not
    read it. ``project`` is that of its label (``TemplateSpec.project``), None if the label names none.
    """

    oid: int
    name: str
    purpose: Purpose
    owner: str
    made_at: datetime | None
    expires_at: datetime | None
    size_bytes: int | None
    connections: int
    comment: str | None
    use: Use
    project: str | None = None

    @property
    def expected(self) -> ExpectedDatabase:
        """What has to be the same when it is dropped; only what a label says to be the tool's is."""
        return ExpectedDatabase(self.name, self.oid, self.comment, self.owner, is_labelled=True)


class _DatabaseRow(NamedTuple):
    """A row of databases.sql."""

    oid: int
    name: str
    owner: str
    size_bytes: int | None
    connections: int
    is_complete: bool
    row_version: str
    comment: str | None
    identity: str
    is_valid_label: bool
    production: bool


class _HeldLock(NamedTuple):
    """A row of locks.sql."""

    space: int
    key: int


@dataclass(frozen=True, slots=True)
class _LocksAndTemplates:
    """What else counts: the locks that are held, the templates that are there (name, seal), the time."""

    locks: frozenset[tuple[int, int]]
    templates: frozenset[tuple[str, str]]
    now: datetime


def list_managed(admin: Connection) -> tuple[ManagedDatabase, ...]:
    """Return every database on this server that the tool has made for a while, in order of name.

    A run acquires its lock before it makes anything, and releases it last. So what existed before the locks are read,
    and belongs to none of their owners, is in its final state afterwards.
    """
    with translate_errors("find the managed databases"):
        before = {oid for (oid,) in admin.execute("SELECT oid FROM pg_catalog.pg_database")}
        locks = fetch_all(admin, _HeldLock, load("testdb/locks"), {"spaces": [RUN_SPACE, LOCK_SPACE]})
        values = {"names": _NAMES, "comments": _COMMENTS}
        named = fetch_all(admin, _DatabaseRow, load_with_labels("testdb/databases"), values)
        rows = [row for row in named if row.oid in before]
    server = _LocksAndTemplates(
        locks=frozenset((lock.space, lock.key) for lock in locks),
        templates=frozenset((row.name, row.row_version) for row in rows if row.is_complete),
        now=datetime.now(UTC),
    )
    return tuple(found for row in rows if (found := _classified(row, server)))


def prune(
    admin: Connection, target: Target, older_than: timedelta | None = None, project: str | None = None
) -> Iterator[tuple[ManagedDatabase, str]]:
    """Drop what is no longer needed, and yield each with what kept it, "" if it was dropped.

    That is what a run has left that has ended, what has expired, prepared clones of a template that no longer exists,
    and templates that were not used for a week; with ``older_than``, all that is older, too, of one ``project`` or, if
    that is None, of all. A database that has clients, or belongs to a live run, stays; so does one that is marked as
    production, and one without a valid label.
    """
    for database, kept_by in due(admin, older_than, project):
        yield database, kept_by or _drop(admin, database, target)


def due(
    admin: Connection, older_than: timedelta | None = None, project: str | None = None
) -> Iterator[tuple[ManagedDatabase, str]]:
    """Yield what ``prune`` would drop, with "", and what it would keep, with the reason, if a user could miss it.

    Sessions that are just ending have a second for that, all together.
    """
    deadline = time.monotonic() + _LEFT_WITHIN_S
    for database in list_managed(admin):
        if reason := _KEPT.get(database.use):
            yield database, reason
        elif not (_is_over(database) or _is_older(database, older_than)):
            continue
        elif not _is_over(database) and project not in (None, database.project):
            yield database, "it belongs to another project: --all drops it, too"
        else:
            count = database.connections
            if count and (left_s := deadline - time.monotonic()) > 0:
                with suppress(UnicodeEncodeError):
                    count = len(wait_until_unused(admin, database.name, left_s))
            yield database, f"{count} client{'s are' if count > 1 else ' is'} connected to it" if count else ""


def _is_over(database: ManagedDatabase) -> bool:
    return database.use in (Use.EXPIRED, Use.LEFT_OVER, Use.UNUSED)


def _is_older(database: ManagedDatabase, older_than: timedelta | None) -> bool:
    if older_than is None or database.made_at is None or database.use is Use.IN_USE:
        return False
    return datetime.now(UTC) - database.made_at >= older_than


def _drop(admin: Connection, database: ManagedDatabase, target: Target) -> str:
    try:
        if database.purpose is Purpose.TEMPLATE:
            drop_template(admin, target, database.expected)
        else:
            drop_database(admin, database.expected)
    except psycopg.Error as error:
        return message_of(error)
    except FowergramError as error:
        return error.message
    except UnicodeEncodeError:
        return "its name is not UTF-8; if it is not needed, drop it by hand"
    return ""


def _classified(row: _DatabaseRow, server: _LocksAndTemplates) -> ManagedDatabase | None:
    """Say what a database is, and whether it is needed; None: it is not ours, or another role only named it so."""
    origin, facts = origin_of(row.name), facts_for(row.comment, row.identity)
    without = Use.UNLABELLED if facts is None else None if row.is_valid_label else Use.ALTERED
    if facts is None:
        if origin is None or (row.comment is not None and facts_of(row.comment) is None):
            return None
        facts = {}
    purpose = origin.purpose if origin else Purpose(facts["kind"]) if facts.get("kind") in list(Purpose) else None
    if purpose is None:
        return None
    made_at = _moment(facts.get("made")) or (origin.made_at if origin else None)
    project = str(facts["project"]) if facts.get("project") else None
    owner_lives = origin is not None and origin.owner is not None and (RUN_SPACE, origin.owner) in server.locks
    if row.production:
        use = Use.PRODUCTION
    elif owner_lives:
        use = Use.IN_USE
    else:
        use = without or _use_of(purpose, row, facts, made_at, server)
    return ManagedDatabase(
        row.oid,
        row.name,
        purpose,
        row.owner,
        made_at,
        _moment(facts.get("until")),
        row.size_bytes,
        row.connections,
        row.comment,
        use,
        project,
    )


def _use_of(
    purpose: Purpose, row: _DatabaseRow, facts: Mapping[str, Any], made_at: datetime | None, server: _LocksAndTemplates
) -> Use:
    """Say whether a database with a valid label is needed whose owner has ended."""
    match purpose:
        case Purpose.TEMPLATE:
            return _use_of_template(row, facts, server)
        case Purpose.WARM:
            return _use_of_warm(facts, made_at, server)
        case Purpose.TEST if "until" in facts:
            expires_at = _moment(facts.get("until"))
            return Use.EXPIRED if expires_at and expires_at <= server.now else Use.READY
        case _:
            return Use.LEFT_OVER


def _use_of_template(row: _DatabaseRow, facts: Mapping[str, Any], server: _LocksAndTemplates) -> Use:
    if not row.is_complete or facts.get("seal") != row.row_version:
        return Use.IN_USE if (LOCK_SPACE, building_lock(row.name).key) in server.locks else Use.LEFT_OVER
    used = _moment(facts.get("used"))
    return Use.UNUSED if used is None or server.now - used > _TEMPLATE_KEPT else Use.READY


def _use_of_warm(facts: Mapping[str, Any], made_at: datetime | None, server: _LocksAndTemplates) -> Use:
    if (str(facts.get("template")), str(facts.get("seal"))) not in server.templates:
        return Use.LEFT_OVER
    return Use.UNUSED if made_at is None or server.now - made_at > _WARM_KEPT else Use.READY


def _moment(text: object) -> datetime | None:
    """Read a moment, or a day, of a comment; None: there is none, or it is none. Any role may have written it."""
    try:
        moment = datetime.fromisoformat(str(text))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
