"""Keep the build of a database from changing the server of other databases a second time.

Statements that say so in their text are left out before anything runs. What a block of code or a function does shows
in the catalogs that all databases share: it is checked after each script, in the script's own transaction, which is
rolled back where the script has changed more than it may. See docs/decisions/0026.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from typing import Self

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.simple_query import has_failed, send
from fowergram_db.database.sql import load
from fowergram_db.errors import Location, Refused
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.events import OnEvent, RoleCreated, StatementLeftOut
from fowergram_db.migrations.plan import Step
from fowergram_db.migrations.script.server_wide import Concern, ServerWide, hidden_calls, server_wide

_HINT = (
    "Write it as a separate statement, which is then skipped in such a database. Or let the code check first whether "
    "it is needed (IF NOT EXISTS (SELECT FROM pg_roles …))."
)
_NEVER_WRITTEN = {
    "pg_parameter_acl": "privileges on settings",
    "pg_replication_origin": "replication origins",
    "pg_shseclabel": "security labels",
    "pg_subscription": "subscriptions",
    "pg_tablespace": "tablespaces",
}
_MAKE_IT = "Create the role first, as that statement would, or apply these migrations on a server that has the role."


class MissingRoles(StrEnum):
    """What happens to a role that a script makes and the server does not have: it is made, or nothing is built."""

    MADE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class ServerState:
    """Names of what all databases of a server share.

    ``members`` are pairs of a role and its member, ``settings`` of a database and a role, "" for all.
    """

    roles: frozenset[str]
    members: frozenset[tuple[str, str]]
    settings: frozenset[tuple[str, str]]
    databases: frozenset[str]


def read_server_state(connection: Connection) -> ServerState:
    """Read what all databases of a server share. One round trip."""
    with translate_errors("read the roles of the server"):
        rows = [tuple(map(str, row)) for row in connection.execute(load("catalog/server_state")).fetchall()]
    pairs = {
        kind: frozenset((name, other) for each, name, other in rows if each == kind) for kind in ("member", "setting")
    }
    names = {kind: frozenset(name for each, name, _ in rows if each == kind) for kind in ("role", "database")}
    return ServerState(names["role"], pairs["member"], pairs["setting"], names["database"])


@dataclass(slots=True)
class ServerGuard:
    """What a build may change of its server, and what was there before it.

    ``database`` is the name of the database that the scripts are written for; the one that is built may have another.
    ``user`` is the role that runs them.
    """

    before: ServerState
    missing: MissingRoles
    database: str
    user: str
    _made: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, connection: Connection, missing: MissingRoles, database: str) -> Self:
        """Note what is there before a build."""
        return cls(read_server_state(connection), missing, database, connection.info.user)

    def admitted(self, steps: Sequence[CheckedStep], built: str, on_event: OnEvent) -> tuple[CheckedStep, ...]:
        """Return steps without the statements that would change the server; report each.

        ``built`` is the name of the database that is built. Raises Refused if nothing can be left out.
        """
        return tuple(self._admitted(checked, built, on_event) for checked in steps)

    def _admitted(self, checked: CheckedStep, built: str, on_event: OnEvent) -> CheckedStep:
        script = checked.script
        for statement in hidden_calls(script):
            raise self._refused(checked.step, statement.start, "calls a function that changes the whole server")
        left: list[ServerWide] = []
        renamed: list[str] = []
        for found in server_wide(script):
            if self._is_own(found):
                if built != self.database:
                    left.append(found)
                    renamed.append(_for_database(script.text, found, built))
            elif reason := self._reason(checked.step, found):
                left.append(found)
                line, _ = checked.step.sql.position(found.statement.start)
                on_event(StatementLeftOut(checked.step, line, found.label, reason))
        if not left:
            return checked
        gone = {found.statement.start for found in left}
        kept = tuple(statement for statement in script.statements if statement.start not in gone)
        blank = sorted((*script.commands, *((found.statement.start, found.statement.end) for found in left)))
        return replace(
            checked,
            script=replace(script, statements=kept, commands=tuple(blank)),
            statements_after=tuple(renamed),
            recorded_statements=len(script.statements),
        )

    def _is_own(self, found: ServerWide) -> bool:
        """Return whether a statement is about the database that the scripts are written for, and no other."""
        return (
            found.concern is Concern.DATABASES
            and bool(found.names)
            and all(named.name == self.database for named in found.names)
        )

    def _reason(self, step: Step, found: ServerWide) -> str:
        """Return why a statement is left out; "" where it runs. Raises Refused for a role that is missing."""
        names = tuple(named.name or self.user for named in found.names)
        there = [name for name in names if name in self.before.roles]
        is_new = bool(found.granted) and self.before.roles.isdisjoint(named.name for named in found.granted)
        if is_new and self.missing is MissingRoles.MADE:
            # Who creates a role may need to be a member, to give it objects.
            there = [name for name in there if name != self.user]
        match found.concern:
            case Concern.NEW_ROLE | Concern.ROLES if there or not names:
                return f'role "{there[0]}" exists' if there else "it may change a role that exists"
            case Concern.ROLES if self.missing is MissingRoles.REFUSED:
                return f'role "{names[0]}" does not exist'
            case Concern.NEW_ROLE if self.missing is MissingRoles.REFUSED:
                raise Refused(
                    f'{step.filename} creates role "{names[0]}", which this server does not have; none is created here',
                    hint=_MAKE_IT,
                    location=Location(step.source, *step.sql.position(found.statement.start)),
                )
            case Concern.NEW_ROLE | Concern.ROLES:
                return ""
            case Concern.DATABASES:
                return "it changes another database"
            case Concern.SERVER:
                return "it changes the whole server"

    def check(self, connection: Connection, checked: CheckedStep, query: str, on_event: OnEvent) -> None:
        """Send a query after a script, in its transaction, then check what the script has changed on the server.

        The query has to give the session the tool's own rights and settings. Reports each role that was created. Raises
        Refused for what it may not change, and psycopg's errors.
        """
        results = send(connection, f"{query} {load('catalog/shared_catalogs_written')}")
        if has_failed(results):
            raise psycopg.errors.error_from_result(results[-1])
        written = [(results[-1].get_value(row, 0) or b"").decode() for row in range(results[-1].ntuples)]
        if not written:
            return
        rows = [tuple(map(str, row)) for row in connection.execute(load("catalog/server_changes")).fetchall()]
        rows += [("lock", name, "") for name in written if name in _NEVER_WRITTEN]
        locked = {name for kind, name, _ in rows if kind == "lock"}
        problems, made = [*self._written(connection, rows)], frozenset[str]()
        if not locked.isdisjoint(("pg_authid", "pg_auth_members", "pg_db_role_setting")):
            now = read_server_state(connection)
            made = now.roles - self.before.roles - self._made if "pg_authid" in locked else made
            problems += [*self._missing(connection, locked, now), *self._roles(connection, locked, made)]
        if problems:
            listed = ", ".join(dict.fromkeys(problems))
            raise self._refused(checked.step, None, f"changes the whole server ({listed})")
        self._made |= made
        for name in sorted(made):
            on_event(RoleCreated(name, checked.step))

    def _written(self, connection: Connection, rows: Iterable[Sequence[str]]) -> Iterable[str]:
        """Yield what rows that were written say that a script may not change."""
        built = connection.info.dbname
        for kind, name, other in rows:
            match kind:
                # From 16 on, who creates a role becomes a member of it.
                case "member" if other not in self.before.roles and name == self.user:
                    pass
                case "member" if name in self.before.roles:
                    yield f'a membership of role "{name}"'
                case "setting" if name != built and (name or not other or other in self.before.roles):
                    yield f"settings of {_whose(name, other)}"
                case "database" | "database comment" if name != built:
                    yield f'database "{name}"'
                case "role comment" if name in self.before.roles:
                    yield f'the comment of role "{name}"'
                case "tablespace" | "tablespace comment" | "label":
                    yield f'{kind} "{name}"'
                case "lock" if name in _NEVER_WRITTEN:
                    yield _NEVER_WRITTEN[name]

    def _missing(self, connection: Connection, locked: set[str], now: ServerState) -> Iterable[str]:
        """Yield what was there and is gone, where the script has written to its catalog."""
        before, built = self.before, connection.info.dbname
        if "pg_authid" in locked:
            yield from (f'role "{name}"' for name in sorted(before.roles - now.roles))
        if "pg_auth_members" in locked:
            gone = (pair for pair in before.members - now.members if now.roles.issuperset(pair))
            yield from (f'a membership of role "{member}"' for _, member in sorted(gone))
        if "pg_db_role_setting" in locked:
            others = {"", *now.databases} - {built}
            gone = (pair for pair in before.settings - now.settings if pair[0] in others)
            yield from (f"settings of {_whose(*pair)}" for pair in sorted(gone))

    def _roles(self, connection: Connection, locked: set[str], made: frozenset[str]) -> Iterable[str]:
        """Yield roles that were changed, or made where none may be: only a superuser can see which were changed."""
        if "pg_authid" not in locked:
            return
        if self.missing is MissingRoles.REFUSED:
            yield from (f'role "{name}", which this server does not have' for name in sorted(made))
        if connection.info.parameter_status("is_superuser") == "on":
            written = {str(name) for (name,) in connection.execute(load("catalog/roles_written")).fetchall()}
            yield from (f'role "{name}"' for name in sorted(written & self.before.roles))
        elif not made and not self._made:
            yield "a role"

    @staticmethod
    def _refused(step: Step, offset: int | None, what: str) -> Refused:
        place = () if offset is None else step.sql.position(offset)
        return Refused(
            f"{step.filename} {what}, and this database is built next to others on the same server; the migration was "
            "not applied",
            hint=_HINT,
            location=Location(step.source, *place),
        )


def _whose(database: str, role: str) -> str:
    """Say whose a setting is, "" standing for all.

    >>> _whose("shop", ""), _whose("", "app"), _whose("", "")
    ('database "shop"', 'role "app"', 'all roles')
    """
    return f'database "{database}"' if database else f'role "{role}"' if role else "all roles"


def _for_database(text: str, found: ServerWide, built: str) -> str:
    """Return a statement about one database for another one."""
    parts, at = [], found.statement.start
    for named in found.names:
        parts += [text[at : named.start], sql.Identifier(built).as_string()]
        at = named.end
    return "".join((*parts, text[at : found.statement.end]))
