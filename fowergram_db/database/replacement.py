"""Replace a database by a new one in a single transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection, maintenance_connection
from fowergram_db.database.creation import open_to_all
from fowergram_db.database.database_properties import (
    DatabaseProperties,
    ask_properties,
    grant_privilege,
    properties_of,
    set_for_all_roles,
    set_for_roles,
    set_setting,
)
from fowergram_db.database.disposal import (
    ExpectedDatabase,
    drop_quietly,
    drop_renamed,
    rename_database,
    require_same_unmarked,
)
from fowergram_db.database.labelling import comment_on, give_comment, label_created, label_database, label_renamed
from fowergram_db.database.managed_databases import Purpose, sentence_of
from fowergram_db.database.owner import Owner
from fowergram_db.database.query import fetch_value
from fowergram_db.database.server_errors import message_of, translate_errors
from fowergram_db.database.session_settings import pipelined
from fowergram_db.database.sessions import ServerSession, Sessions, end_sessions, terminate_sessions, wait_until_unused
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.database.state import DatabaseFacts, DatabaseState, ask_how_made, database_state, with_how_made
from fowergram_db.database.stored_settings import split_setting
from fowergram_db.database.target import Target
from fowergram_db.errors import DatabaseError, FowergramError, Refused
from fowergram_db.plurals import connected

_DISCONNECT_WITHIN_S = 1.0
_MOST_LISTED = 5
_HINTS = {
    "subscription": "Drop it there: ALTER SUBSCRIPTION … DISABLE, SET (slot_name = NONE), DROP SUBSCRIPTION ….",
    "logical replication slot": "If no client reads from it any more, drop it: SELECT pg_drop_replication_slot('…');",
    "prepared transaction": "Finish it in that database: COMMIT PREPARED '…' or ROLLBACK PREPARED '…'.",
    "owner": "Connect as its owner, or as a member of that role.",
    "own session": "fowergram-db connects to this database to replace others: use a database with another name.",
}

Make = Callable[[], str]


def replace_database(  # noqa: PLR0913, PLR0917 - who replaces what, made how, on whose account and terms
    admin: Connection, name: str, facts: DatabaseFacts | None, owner: Owner, make: Make, sessions: Sessions
) -> tuple[tuple[str, str], ...]:
    """Let ``make`` create a new database next to the one of a name, and put it in its place.

    ``admin`` is a session in another database. ``facts`` say how the old one was made (None: there is none); ``make``
    returns the name of the new one. The old one is untouched until the new one is complete; then both change names in
    one transaction, and the old one is dropped. Settings, grants, connection limit and comment are carried over;
    ``make`` gives it owner, locale and tablespace. Returns role and name of each setting of one role that this role
    cannot store, and that was left out. Raises Refused if other clients are connected and are to be
    spared, if the old one could not be dropped afterwards, and if it is another one, or was marked as
    production, at the moment of the exchange.
    """
    if facts is not None:
        require_unused(admin, facts, sessions)
        require_droppable(admin, facts)
    fresh = make()
    made = None
    try:
        made = _made(admin, fresh)
        if facts is None:
            with translate_errors("give the new database its name", Situation.RENAMING_DATABASE):
                rename_database(
                    admin,
                    ExpectedDatabase.of(made),
                    name,
                    partial(end_sessions, admin, fresh),
                    lambda _: _publish(admin, name),
                )
            return ()
        swap = _Swap(admin, facts, made, owner.fresh_name(Purpose.RESET), sessions)
        with translate_errors("put the new database in place", Situation.RENAMING_DATABASE):
            swap.exchange()
    except BaseException:
        drop_quietly(admin, fresh, made.oid if made else None)
        raise
    swap.drop_old()
    return swap.left_out


def _made(admin: Connection, fresh: str) -> DatabaseState:
    made = database_state(admin, fresh)
    if made is None:
        raise DatabaseError("the new database was dropped or renamed meanwhile", hint="Run the command again.")
    return made


def _publish(admin: Connection, name: str) -> None:
    comment_on(admin, name, None)
    open_to_all(admin, name)


def require_unused(admin: Connection, facts: DatabaseFacts, sessions: Sessions) -> None:
    """Raise Refused for a template of others, and if other clients are connected and are to be spared."""
    if facts.is_template:
        raise Refused(
            f'database "{facts.name}" is a template for other databases and is not reset',
            hint="ALTER DATABASE … IS_TEMPLATE false makes it an ordinary database.",
        )
    name = facts.name
    if sessions is Sessions.END:
        return
    _refuse_for(name, wait_until_unused(admin, name, _DISCONNECT_WITHIN_S, facts.spared))


def _refuse_for(name: str, others: tuple[ServerSession, ...]) -> None:
    if others:
        raise Refused(
            f'{connected(len(others), "other client")} to database "{name}": '
            + ", ".join(map(str, others[:_MOST_LISTED])),
            hint="Wait until they have disconnected, or end their sessions with --force (a pooler keeps some open).",
        )


def require_droppable(admin: Connection, facts: DatabaseState, *, elsewhere: bool = True) -> None:
    """Raise Refused if something in a database would stop its drop, or is needed by others and would be lost.

    ``admin`` is a session in another database; without ``elsewhere`` it may be in this one, and another drops it.
    """
    _refuse_obstacles(facts, _ask_obstacles(admin, facts, elsewhere=elsewhere).fetchall())


def _ask_obstacles(admin: Connection, facts: DatabaseState, *, elsewhere: bool = True) -> psycopg.Cursor[Any]:
    return admin.execute(load("catalog/drop_obstacles"), {"oid": facts.oid, "elsewhere": elsewhere})


def _refuse_obstacles(facts: DatabaseState, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    kind = str(rows[0][0])
    names = ", ".join(f'"{name}"' for each, name in rows if each == kind)
    match kind:
        case "owner":
            what = f"it belongs to {names}, which is not a role of yours"
        case "own session":
            what = "this session is connected to it"
        case _:
            what = f"it has a {kind}: {names}"
    raise Refused(
        f'database "{facts.name}" cannot be replaced: {what}; nothing was done',
        hint=_HINTS[kind],
    )


@dataclass(slots=True)
class _Swap:
    """The exchange of an old database and a new one; ``retired`` is what the old one is called afterwards.

    ``left_out`` are, after the exchange, the settings of roles that were not carried over.
    """

    admin: Connection
    old: DatabaseFacts
    made: DatabaseState
    retired: str
    sessions: Sessions
    left_out: tuple[tuple[str, str], ...] = ()

    def exchange(self) -> None:
        """Exchange names and comments at once, so that whatever is left over says what it is."""
        rename_database(self.admin, ExpectedDatabase.of(self.old), self.retired, self._clear, self._put_in_place)

    def _clear(self) -> None:
        if self.sessions is Sessions.END:
            # Sessions in another database that has the name now, or in one that was marked, are left alone.
            require_same_unmarked(self.admin, ExpectedDatabase.of(self.old), self.old.name)
            terminate_sessions(self.admin, self.old.name, self.old.spared)
        # Only we know the fresh one: what is connected to it is ours, kept by a pooler.
        end_sessions(self.admin, self.made.name)
        others = wait_until_unused(self.admin, self.old.name, spared=self.old.spared)
        if self.sessions is Sessions.SPARE:
            _refuse_for(self.old.name, others)

    def _put_in_place(self, now: DatabaseState) -> None:
        """Do all but the first rename; ``now`` is the old database as it is until the commit."""
        admin, name, fresh = self.admin, self.old.name, self.made.name
        with pipelined(admin):
            obstacles, made = _ask_obstacles(admin, now), ask_how_made(admin, self.retired)
            settings, given = _ask(admin, "catalog/database_settings", now), ask_properties(admin, self.made.oid)
        _refuse_obstacles(now, obstacles.fetchall())
        if now.owner != self.old.owner or now.is_template:
            raise Refused(
                f'database "{name}" was given another owner, or was made a template, meanwhile; nothing was done',
                hint="Run the command again.",
            )
        facts = with_how_made(now, made) or self.old
        properties = properties_of(given, self.made.owner, facts.settings)
        kept = [(role, *split_setting(str(setting))) for role, setting in settings.fetchall()]
        # Not together with the rest: some may fail.
        self.left_out = set_for_roles(admin, fresh, kept)
        set_for_roles(admin, fresh, properties.settings)
        with pipelined(admin):
            _carry_over(admin, facts, [each for each in kept if each[0] is None], properties, fresh)
            admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (fresh, name))))
            label_renamed(admin, self.retired, now.identity)
            self._carry_over_comment(now.comment)

    def _carry_over_comment(self, comment: str | None) -> None:
        """Give the new database the comment; if that is a label of the old one, write one for the new one."""
        facts = self.old.label
        if comment and facts and comment == self.old.comment:
            label_database(self.admin, self.old.name, sentence_of(comment), facts)
        else:
            give_comment(self.admin, self.old.name, comment, is_label=False)

    def drop_old(self) -> None:
        """Drop the old database. Raises Refused, with both back in place, if it was marked at the last moment."""
        try:
            drop_renamed(self.admin, ExpectedDatabase.of(self.old), self.retired)
        except Refused as error:
            self._exchange_back(error)
            raise Refused(f"{error.message}: it has its name again", hint=error.hint) from error
        except psycopg.Error as error:
            raise self._still_there(message_of(error)) from error

    def _exchange_back(self, reason: Refused) -> None:
        name, fresh = self.old.name, self.made.name
        is_label = self.old.label is not None
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        try:
            # Clients that have connected meanwhile use an empty database.
            end_sessions(self.admin, name)
            new = database_state(self.admin, name)
            comment = self.old.comment if is_label or new is None else new.comment
            with self.admin.transaction():
                self.admin.execute(rename.format(*map(sql.Identifier, (name, fresh))))
                self.admin.execute(rename.format(*map(sql.Identifier, (self.retired, name))))
                label_created(self.admin, fresh)
                give_comment(self.admin, name, comment, is_label=is_label)
        except psycopg.Error as error:
            raise self._still_there(
                f"{reason.message}, and its name could not be restored ({message_of(error)})"
            ) from error
        drop_quietly(self.admin, fresh)

    def _still_there(self, why: str) -> DatabaseError:
        drop = sql.SQL("DROP DATABASE {};").format(sql.Identifier(self.retired)).as_string()
        return DatabaseError(
            f'the new database is in place as "{self.old.name}"; the old one is called "{self.retired}" now, and could '
            f"not be dropped: {why}",
            hint=f"When nothing prevents that any more, run: {drop}",
        )


def describe_after_failure(target: Target, name: str, facts: DatabaseFacts | None) -> tuple[str, bool]:
    """Say where a database is after a replacement has failed, and whether it is unchanged.

    It asks the server, in a session of its own: whether a transaction was committed is not known if its session was
    lost.
    """
    try:
        with (
            maintenance_connection(target, also=target.dbname) as admin,
            translate_errors("read the state of the database"),
        ):
            now = database_state(admin, name)
            query = "SELECT d.datname::text FROM pg_catalog.pg_database AS d WHERE d.oid = %s::oid"
            called = fetch_value(admin, str, query, [facts.oid if facts else None])
    except FowergramError as error:
        return f'It is not known whether database "{name}" is unchanged: {error.message}', False
    if facts is None:
        return (f'Database "{name}" exists now.', False) if now else (f'There is still no database "{name}".', True)
    if now is not None and now.oid == facts.oid:
        return f'Database "{name}" is unchanged.', True
    here = f'The name "{name}" now belongs to {"another" if now else "no"} database'
    kept = f'is called "{called}"' if called else "does not exist any more"
    return f"{here}; the earlier one {kept}.", False


def _carry_over(
    admin: Connection,
    facts: DatabaseFacts,
    settings: list[tuple[str | None, str, str]],
    properties: DatabaseProperties,
    fresh: str,
) -> None:
    """Give the new database what hangs on the old one itself: settings for all, grants, connection limit.

    What migrations gave the new one, ``properties``, stays.
    """
    new = sql.Identifier(fresh)
    # It was built with what a session of this role begins with.
    admin.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(new))
    for setting in settings:
        set_setting(admin, fresh, *setting)
    # It was closed to all but us while it was made.
    open_to_all(admin, fresh)
    if facts.has_grants:
        owner = sql.Identifier(facts.owner)
        admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(new, owner))
        for grant in _ask(admin, "catalog/database_grants", facts).fetchall():
            grant_privilege(admin, fresh, *grant)
    set_for_all_roles(admin, fresh, properties)
    limit = sql.Literal(facts.connection_limit)
    admin.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(new, limit))


def _ask(admin: Connection, query: str, facts: DatabaseState) -> psycopg.Cursor[Any]:
    return admin.execute(load(query), {"oid": facts.oid})
