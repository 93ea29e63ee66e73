"""Test databases: give them out, and prepare some in advance."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import psycopg

from fowergram_db.database.connection import Connection
from fowergram_db.database.connection_values import check_values
from fowergram_db.database.disposal import ExpectedDatabase, drop_quietly, rename_database
from fowergram_db.database.labelling import label_database, label_renamed, load_with_labels
from fowergram_db.database.lifecycle import change_owner
from fowergram_db.database.managed_databases import LONGEST_NAME_BYTES, Purpose, facts_for, facts_until, origin_of
from fowergram_db.database.owner import Owner
from fowergram_db.database.query import fetch_all, fetch_value
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.session_settings import pipelined
from fowergram_db.database.situations import Situation
from fowergram_db.database.state import DatabaseFacts, DatabaseState
from fowergram_db.database.target import Target
from fowergram_db.errors import Refused, UsageError
from fowergram_db.migrations.events import OnEvent
from fowergram_db.testdb.cloning import Clone, TemplateLost, allow_connections, closed_clone, closed_clone_of
from fowergram_db.testdb.owner import active_owner
from fowergram_db.testdb.provision import ensure_template
from fowergram_db.testdb.sealing import require_owner, require_same, seal, unseal
from fowergram_db.testdb.template import Template, TemplateSpec

_TEST = "a test database; it may be dropped."
_WARM_NAMES = r"fowergram\_warm\_%"
_WARM = "a clone that waits to become a test database; it may be dropped."


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """A test database that was given out; ``expires_at`` is UTC, None: never."""

    target: Target
    made_at: datetime
    expires_at: datetime | None


class _WarmClone(NamedTuple):
    """A row of warm.sql."""

    name: str
    oid: int
    owner: str
    comment: str | None
    identity: str


def names_for(name: str | None, count: int) -> tuple[str | None, ...]:
    """Return the names of ``count`` databases; if several share one ``name``, each gets a number.

    Raises UsageError if PostgreSQL would truncate a name, or if ``prune`` would take it for a template or a leftover;
    ConfigurationError if it is no name but, for instance, a URL: every role of the cluster could read it.

    >>> names_for("app_test", 1), names_for("app_test", 2), names_for(None, 1)
    (('app_test',), ('app_test_1', 'app_test_2'), (None,))
    """
    if name is None:
        return (None,) * count
    names = (name,) if count == 1 else tuple(f"{name}_{number}" for number in range(1, count + 1))
    if too_long := next((n for n in names if len(n.encode()) > LONGEST_NAME_BYTES), None):
        raise UsageError(
            f'the name "{too_long}" is longer than {LONGEST_NAME_BYTES} bytes',
            hint="PostgreSQL would truncate it to another name: choose a shorter one.",
        )
    if not name or "\0" in name:
        raise UsageError(
            "a database needs a name, without NUL characters", hint="Leave --name out to get a generated name."
        )
    check_values("--name", {"dbname": name}, {})
    if any(map(origin_of, names)):
        raise UsageError(
            f'"{name}" is a name of the form that fowergram-db gives to its own databases',
            hint="Choose another --name, or leave it out to get a generated name.",
        )
    return names


def require_free(admin: Connection, names: Iterable[str | None]) -> None:
    """Raise Refused if a database has one of these names. One round trip; none if no name is given."""
    wanted = [name for name in names if name]
    if wanted:
        query = "SELECT datname::text FROM pg_catalog.pg_database WHERE datname::text = ANY (%s::text[]) ORDER BY 1"
        with translate_errors("find databases with these names"):
            taken = fetch_value(admin, str, query, [wanted])
        if taken:
            raise _taken(taken)


def _taken(name: str) -> Refused:
    return Refused(
        f'database "{name}" already exists; no database was created',
        hint="Choose another --name, or drop that database.",
    )


class ClonePool:
    """Gives out clones of a template, and prepares some in advance; ``pool`` opens one."""

    def __init__(
        self, admin: Connection, spec: TemplateSpec, template: Template, owner: Owner, on_event: OnEvent
    ) -> None:
        self.template = template
        self.owner = owner
        self._admin = admin
        self._spec = spec
        self._on_event = on_event

    def obtain(self, purpose: Purpose, like: DatabaseFacts | None = None) -> Clone:
        """Return a clone, a prepared one or else a new one, with the owner and tablespace of ``like``.

        It accepts no connections until the caller opens it. ``prune`` recognises it by its name if the run is killed.
        """
        name = self.owner.fresh_name(purpose)
        clone = self._take(name, like) or self._clone(name, like)
        if like and like.owner != clone.owner:
            with translate_errors("change the owner of the clone"):
                change_owner(self._admin, name, like.owner)
        return clone

    def _take(self, name: str, like: DatabaseFacts | None) -> Clone | None:
        """Take the first prepared clone that no other run takes before."""
        if like and like.own_tablespace:
            return None
        for ready in self._ready():
            with suppress(psycopg.Error, Refused):
                rename_database(
                    self._admin,
                    ExpectedDatabase(ready.name, ready.oid, None),
                    name,
                    _end_no_sessions,
                    partial(self._own, ready),
                )
                return replace(ready, name=name)
        return None

    def _own(self, ready: Clone, facts: DatabaseState) -> None:
        """Make a prepared clone one of this run, under its new name. The current role still owns it."""
        require_owner(facts, ready.owner)
        with pipelined(self._admin):
            unseal(self._admin, facts.name)
            label_renamed(self._admin, facts.name, facts.identity)

    def _clone(self, name: str, like: DatabaseFacts | None) -> Clone:
        try:
            return closed_clone(self._admin, self.template, name, like)
        except TemplateLost:
            self.template, clone = closed_clone_of(self._admin, self._spec, name, self._on_event, like)
            return clone

    def give(self, name: str | None, ttl: timedelta | None) -> TestDatabase:
        """Return a database that outlives this run. Raises Refused if one of that name exists."""
        made = self.obtain(Purpose.TEST)
        try:
            return self._open_for_user(made, name or made.name, ttl)
        except BaseException:
            drop_quietly(self._admin, made.name, made.oid)
            raise

    def _open_for_user(self, made: Clone, name: str, ttl: timedelta | None) -> TestDatabase:
        """Label a clone, name it and let clients in, all at once: the URL leads to this very clone."""
        now = datetime.now(UTC).replace(microsecond=0)
        until = now + ttl if ttl else None

        def open_and_label(_facts: DatabaseState | None = None) -> None:
            with pipelined(self._admin):
                allow_connections(self._admin, name)
                label_database(self._admin, name, _TEST, facts_until(now, until, self._spec.project))
            require_same(self._admin, name, made.oid)

        with translate_errors(f'give out the database "{name}"', Situation.RENAMING_DATABASE):
            if name == made.name:
                with self._admin.transaction():
                    open_and_label()
            else:
                try:
                    rename_database(
                        self._admin, ExpectedDatabase(made.name, made.oid, None), name, _end_no_sessions, open_and_label
                    )
                except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation) as error:
                    raise _taken(name) from error
        return TestDatabase(replace(self._spec.target, dbname=name), now, until)

    def keep_ready(self, count: int) -> int:
        """Make clones until ``count`` are prepared; return how many it made."""
        missing = max(0, count - len(self._ready()))
        for _ in range(missing):
            name = self.owner.fresh_name(Purpose.WARM)
            clone = self._clone(name, None)
            with translate_errors("record the template of a clone"):
                seal(self._admin, name, clone.oid, _WARM, self._mark | {"project": self._spec.project})
        return missing

    @property
    def _mark(self) -> dict[str, object]:
        """What distinguishes a clone of this template from others."""
        return {"template": self.template.name, "seal": self.template.seal}

    def _ready(self) -> list[Clone]:
        with translate_errors("find the prepared clones"):
            found = fetch_all(self._admin, _WarmClone, load_with_labels("testdb/warm"), {"names": _WARM_NAMES})
        return [Clone(each.name, each.oid, each.owner) for each in found if self._is_of_this_template(each)]

    def _is_of_this_template(self, clone: _WarmClone) -> bool:
        facts = facts_for(clone.comment, clone.identity)
        return facts is not None and facts.items() >= self._mark.items()


def _end_no_sessions() -> None:
    """End no sessions: a closed database has none."""


@contextmanager
def pool(
    admin: Connection, spec: TemplateSpec, on_event: OnEvent, template: Template | None = None
) -> Iterator[ClonePool]:
    """Open a pool of clones, as a run of its own; build their template if none is given and it is missing.

    ``admin`` is a session in a database that always exists. Raises what ``ensure_template`` raises.
    """
    # Before the run: each holds a connection, and a pooler may provide only two.
    template = template or ensure_template(admin, spec, on_event)
    with active_owner(spec.target, admin) as owner:
        yield ClonePool(admin, spec, template, owner, on_event)
