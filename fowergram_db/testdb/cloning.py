"""Copy a template by the method that is fastest on this server. Measured in docs/decisions/0014.

A copy is closed: it accepts no connections until it has been checked and given out.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.creation import CLOSED, Option, format_options
from fowergram_db.database.database_properties import set_properties
from fowergram_db.database.disposal import drop_quietly, require_unmarked
from fowergram_db.database.labelling import create_labelled, label_created
from fowergram_db.database.lifecycle import reporting_create_errors
from fowergram_db.database.query import fetch_one
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import pipelined
from fowergram_db.database.sql import load
from fowergram_db.database.state import DatabaseFacts, database_state
from fowergram_db.errors import DatabaseError
from fowergram_db.migrations.events import OnEvent
from fowergram_db.testdb.provision import ensure_template
from fowergram_db.testdb.template import Template, TemplateSpec
from fowergram_db.testdb.template_lifecycle import note_use

_CHOOSES_STRATEGY = 150000
_MEGABYTE = 1024 * 1024
_LARGE = 48 * _MEGABYTE
_VERY_LARGE = 256 * _MEGABYTE
_TRIES = 5


class Strategy(StrEnum):
    """How CREATE DATABASE copies: page by page through the log, or file by file between two checkpoints."""

    WAL_LOG = "wal_log"
    FILE_COPY = "file_copy"


def strategy_for(server_version: int, size_bytes: int, *, fsync: bool) -> Strategy | None:
    """Choose how to copy; None: the server has one way only.

    Checkpoints cost almost nothing if the server does not wait for its disk (fsync is off); otherwise they cost more
    than writing a small template twice.

    >>> strategy_for(180004, 12_000_000, fsync=True).name, strategy_for(180004, 12_000_000, fsync=False).name
    ('WAL_LOG', 'FILE_COPY')
    >>> strategy_for(180004, 900_000_000, fsync=True).name, strategy_for(130023, 12_000_000, fsync=True)
    ('FILE_COPY', None)
    """
    if server_version < _CHOOSES_STRATEGY:
        return None
    return Strategy.WAL_LOG if fsync and size_bytes < _LARGE else Strategy.FILE_COPY


class TemplateLost(Exception):
    """The template is gone, or another session has opened it: look for it again."""


class _Copy(NamedTuple):
    """A row of copy.sql."""

    oid: int
    owner: str
    is_own: bool
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Clone:
    """A copy of a template that accepts no connections yet; ``owner`` is the role that created it."""

    name: str
    oid: int
    owner: str


def clone_of(admin: Connection, spec: TemplateSpec, name: str, on_event: OnEvent) -> Template:
    """Create a database as a copy of a template, and let clients in.

    Raises what ``closed_clone_of`` raises.
    """
    template, _ = closed_clone_of(admin, spec, name, on_event)
    with translate_errors("allow connections to the clone"):
        allow_and_label(admin, name)
    return template


def allow_and_label(admin: Connection, name: str) -> None:
    """Let clients into a database that was created closed, and label it, at once; psycopg's errors pass through."""
    with admin.transaction(), pipelined(admin):
        allow_connections(admin, name)
        label_created(admin, name)


def allow_connections(admin: Connection, name: str) -> None:
    """Let clients into a database that was created closed; psycopg's errors pass through.

    Call it in the transaction that labels the database: the tool never drops an open database without a label.
    """
    admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(name)))


def closed_clone_of(
    admin: Connection, spec: TemplateSpec, name: str, on_event: OnEvent, like: DatabaseFacts | None = None
) -> tuple[Template, Clone]:
    """Create a database as a closed copy of a template, in the tablespace of another one.

    Builds the template if it is missing. If copying fails, nothing of the copy remains. Raises what
    ``ensure_template`` raises, and DatabaseError.
    """
    for _ in range(_TRIES):
        template = ensure_template(admin, spec, on_event)
        try:
            return template, closed_clone(admin, template, name, like)
        except TemplateLost:
            continue
    raise DatabaseError(
        f'the template "{template.name}" could not be copied: at each attempt, it was in use or was replaced',
        hint="Find out which session uses it (pg_stat_activity): only fowergram-db should connect to a template.",
    )


def closed_clone(admin: Connection, template: Template, name: str, like: DatabaseFacts | None = None) -> Clone:
    """Create a database as a closed copy of a template that existed a moment ago, and note the template's use.

    The current role owns the copy. Raises TemplateLost, also if another database had taken the template's name and was
    copied: that copy is dropped, and no code in it has run. Raises DatabaseError, and Refused if the template is marked
    as production.
    """
    if facts := database_state(admin, template.name):
        require_unmarked(template.name, facts)
    strategy = strategy_for(admin.info.server_version, template.size_bytes, fsync=template.server_fsync)
    statement = _statement(template, name, like, strategy)
    if not (strategy is Strategy.FILE_COPY and _shared(admin, template, name, statement)):
        with reporting_create_errors(admin):
            _create(admin, name, statement)
    copy = _checked(admin, template, name)
    if template.properties:
        _set_properties(admin, template, copy)
    note_use(admin, template)
    return copy


def _checked(admin: Connection, template: Template, name: str) -> Clone:
    """Return a copy after checking that it is a copy of this template."""
    values = {
        "name": name,
        "template_oid": template.oid,
        "template_name": template.name,
        "row_version": template.seal,
    }
    with translate_errors("check the copy of the template"):
        copy = fetch_one(admin, _Copy, load("testdb/copy"), values)
    if copy is None or not copy.is_own:
        raise DatabaseError(
            f'the new database "{name}" was dropped or replaced while it was checked', hint="Run the command again."
        )
    if not copy.is_exact:
        drop_quietly(admin, name, copy.oid)
        raise TemplateLost
    return Clone(name, copy.oid, copy.owner)


def _set_properties(admin: Connection, template: Template, copy: Clone) -> None:
    """Give a copy the settings and grants that migrations have given its template: CREATE DATABASE copies none."""
    try:
        with translate_errors("give the copy the settings of its template"), admin.transaction():
            set_properties(admin, copy.name, template.properties)
            label_created(admin, copy.name)  # a GRANT has ended the label
    except BaseException:
        drop_quietly(admin, copy.name, copy.oid)
        raise


def _shared(admin: Connection, template: Template, name: str, statement: sql.Composed) -> bool:
    """Copy a very large template by sharing blocks, if server and file system can; return whether they could.

    If they cannot, many small files take longer that way.
    """
    if not template.shares_blocks or template.size_bytes < _VERY_LARGE:
        return False
    admin.execute("SET file_copy_method = clone")
    try:
        _create(admin, name, statement)
    except psycopg.Error:
        # The caller then copies in the usual way, or gets the same error again.
        admin.execute("RESET file_copy_method")
        return False
    return True


def _create(admin: Connection, name: str, statement: sql.Composed) -> None:
    try:
        create_labelled(admin, name, statement)
    except (psycopg.errors.ObjectInUse, psycopg.errors.InvalidCatalogName) as error:
        raise TemplateLost from error


def _statement(template: Template, name: str, like: DatabaseFacts | None, strategy: Strategy | None) -> sql.Composed:
    options: list[Option] = [("TEMPLATE", sql.Identifier(template.name)), CLOSED]
    if like and like.own_tablespace:
        options.append(("TABLESPACE", sql.Identifier(like.own_tablespace)))
    if strategy:
        options.append(("STRATEGY", sql.Identifier(strategy)))
    return sql.SQL("CREATE DATABASE {} {}").format(sql.Identifier(name), format_options(options))
