"""The life of a template: build it, seal it, note its use, drop it."""

from contextlib import suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from fowergram_db.database.advisory_lock import AdvisoryLock
from fowergram_db.database.connection import Connection, connect_safely
from fowergram_db.database.database_properties import ask_properties, properties_of
from fowergram_db.database.disposal import ExpectedDatabase, drop_database, drop_quietly
from fowergram_db.database.lifecycle import create_like
from fowergram_db.database.query import fetch_value
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.sessions import Sessions, end_sessions, other_sessions
from fowergram_db.database.situations import Situation
from fowergram_db.database.state import database_state
from fowergram_db.database.target import Target
from fowergram_db.errors import MigrationFailed, Refused
from fowergram_db.migrations.build import build, steps_of
from fowergram_db.migrations.engine.server_guard import read_server_state
from fowergram_db.migrations.events import BuildDiscarded, OnEvent, TemplateAwaited, TemplateBuilt
from fowergram_db.migrations.partitions import keeps_partitions
from fowergram_db.testdb.emptying import read_contents
from fowergram_db.testdb.sealing import seal
from fowergram_db.testdb.template import (
    Template,
    TemplateSpec,
    TemplateState,
    building_lock,
    complete_template,
    read_template_state,
)

_SENTENCE = "a template that test databases are cloned from; it may be dropped."
# Of a role that another session creates at the same time: duplicate_object, and unique_violation in pg_authid.
_DUPLICATES = ("42710", "23505")


def build_template(
    admin: Connection, spec: TemplateSpec, name: str, on_event: OnEvent, wait_s: float
) -> tuple[Template, bool]:
    """Build the template of a spec, unless another process has; return it, and whether this call has built it.

    Of several processes one builds it, and the others wait for that one, at most ``wait_s`` seconds. ``admin`` is a
    session in another database, ``name`` the name of the template. Raises what ``migrate`` raises, LockTimeout, and
    Refused if the name is taken.
    """
    elsewhere = replace(spec.target, dbname=admin.info.dbname)
    lock = AdvisoryLock(elsewhere, building_lock(name))
    with lock.held(wait_s, lambda holders: on_event(TemplateAwaited(name, holders))):
        found = read_template_state(admin, spec)
        if template := complete_template(admin, found):
            return template, False
        _build(admin, spec, found, on_event)
        found = read_template_state(admin, spec)
    template = complete_template(admin, found)
    if template is None:
        raise Refused(
            f'the template "{name}" was changed while it was being completed',
            hint="Run the command again; no other process should change the template.",
        )
    return template, True


def _build(admin: Connection, spec: TemplateSpec, found: TemplateState, on_event: OnEvent) -> None:
    """Build a template under its name; no process takes it for one until it is sealed.

    Always from nothing: clones of an earlier one are recognised by the OIDs of their tables.
    """
    building = replace(spec.target, dbname=found.name)
    steps = steps_of(spec.files)
    if found.oid is not None:
        _remove_earlier(admin, found)
    while True:
        roles = read_server_state(admin).roles
        # Its clones may be made in another tablespace.
        oid = create_like(admin, found.name, replace(spec.like, own_tablespace=None))
        try:
            build(building, steps, on_event, spec.target.dbname)
            _mark_complete(admin, building, oid, spec)
        except BaseException as error:
            drop_quietly(admin, found.name, oid)
            if not (_is_duplicate(error) and read_server_state(admin).roles - roles):
                raise
            # Another build has created a role first: for the next attempt it is there.
            on_event(BuildDiscarded())
            continue
        on_event(TemplateBuilt(found.name))
        return


def _is_duplicate(error: BaseException) -> bool:
    return isinstance(error, MigrationFailed) and error.server is not None and error.server.sqlstate in _DUPLICATES


def _remove_earlier(admin: Connection, found: TemplateState) -> None:
    if not found.is_own:
        raise Refused(
            f'the template needs the name "{found.name}", and the database with this name belongs to role '
            f'"{found.owner}": it is neither used nor dropped',
            hint=f'If that database is not needed, ask "{found.owner}" or a superuser to drop or rename it.',
        )
    earlier = database_state(admin, found.name)
    if earlier is None:
        return
    # The role that sealed it made it, whatever happens to the comment; a role that wrote another one means to keep it.
    if earlier.label is None and not (found.was_sealed and earlier.comment is None):
        raise Refused(
            f'database "{found.name}" exists, and no valid label says that fowergram-db created it for its owner: '
            "it is neither used nor dropped",
            hint="Rename the database, or drop it if it is not needed.",
        )
    with translate_errors(f'replace the template "{found.name}"', Situation.RENAMING_DATABASE):
        drop_database(admin, ExpectedDatabase.of(earlier), Sessions.END)


def _mark_complete(admin: Connection, building: Target, oid: int, spec: TemplateSpec) -> None:
    """Make a template of what was built, and seal it: from here on every change to it is detected."""
    name = sql.Identifier(building.dbname)
    with connect_safely(building) as connection, translate_errors("read the contents of the template"):
        contents = read_contents(connection)
        maintained = keeps_partitions(connection)
        size = fetch_value(connection, int, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())")
        owner = state.owner if (state := database_state(connection)) else ""
        properties = properties_of(ask_properties(connection, oid), owner, spec.like.settings)
    now = datetime.now(UTC)
    facts = {
        "made": now.isoformat(timespec="seconds"),
        "used": now.date().isoformat(),
        "size": size or 0,
        "maintained": maintained,
        "properties": asdict(properties),
        "contents": asdict(contents) if contents else None,
        "project": spec.project,
    }
    with translate_errors("complete the template"):
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        # A pooler may have kept some of ours.
        end_sessions(admin, building.dbname)
        _require_empty_of_sessions(admin, building.dbname)
        with admin.transaction():
            # Not IS_TEMPLATE true: then every role with CREATEDB could copy it, and read what is in it.
            admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false IS_TEMPLATE false").format(name))
            query = "SELECT xmin::text FROM pg_catalog.pg_database WHERE datname = %s"
            row_version = fetch_value(admin, str, query, [building.dbname])
            seal(admin, building.dbname, oid, _SENTENCE, {"seal": row_version} | facts)


def _require_empty_of_sessions(admin: Connection, name: str) -> None:
    """Raise Refused if a session that could not be ended could still change what is sealed."""
    if others := other_sessions(admin, name):
        raise Refused(
            f'the template "{name}" cannot be completed: {others[0]} is connected to it',
            hint="Run the command again; no other client should connect to a template.",
        )


def note_use(admin: Connection, template: Template) -> None:
    """Note, once a day, that a template is used, so that ``prune`` leaves it."""
    today = datetime.now(UTC).date()
    if template.used_on < today:
        # All at once: a run that looks meanwhile must find the seal whole.
        with suppress(psycopg.Error, Refused), admin.transaction():
            seal(admin, template.name, template.oid, _SENTENCE, {**template.facts, "used": today.isoformat()})


def drop_template(admin: Connection, target: Target, expected: ExpectedDatabase) -> None:
    """Drop a template, unless a process is building it: the name of a template is always the same.

    Raises LockTimeout if one is, else what ``drop_database`` raises.
    """
    elsewhere = replace(target, dbname=admin.info.dbname)
    with AdvisoryLock(elsewhere, building_lock(expected.name)).held(0):
        drop_database(admin, expected)
