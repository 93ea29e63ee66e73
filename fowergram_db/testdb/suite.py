"""The databases of one process of a test suite: given to its tests, taken back, kept if one has failed."""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from fowergram_db.database.connection import Connection, connect_safely, maintenance_connection
from fowergram_db.database.disposal import drop_quietly
from fowergram_db.database.labelling import label_database
from fowergram_db.database.managed_databases import Purpose, facts_until
from fowergram_db.database.owner import Owner
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.state import default_facts
from fowergram_db.database.target import Target, url_of
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.testdb.cloning import allow_and_label, closed_clone_of
from fowergram_db.testdb.emptying import NotExact, empty
from fowergram_db.testdb.owner import active_owner
from fowergram_db.testdb.provision import ensure_template
from fowergram_db.testdb.template import Template, TemplateSpec

_KEPT = "a test's database, kept because the test failed; it may be dropped."
_KEPT_FOR = timedelta(days=1)


def _ignore_event(_event: object) -> None:
    pass


class Database:
    """A database of a test's own: the way to it, and a connection that is opened when it is first used."""

    def __init__(self, target: Target, template: Template, oid: int) -> None:
        self._target = target
        self.oid = oid
        self.template = template
        self._connections = ExitStack()
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def name(self) -> str:
        """The name of the database."""
        return self._target.dbname

    @property
    def url(self) -> str:
        """A URL as libpq, SQLAlchemy and others read it, password included."""
        return url_of(self._target)

    @property
    def description(self) -> str:
        """What a user needs to know to look into it; no password."""
        if self._target.embedded:
            return f"--database-url embedded: --dbname {self.name}"
        return url_of(replace(self._target, password=None))

    @property
    def parts(self) -> dict[str, str]:
        """Host, port, user, password and name, each "" if there is none, for code that takes them one by one."""
        target = self._target
        parts = {"host": target.host, "port": target.port, "user": target.user, "password": target.password or ""}
        return parts | {"dbname": target.dbname}

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """A psycopg connection as psycopg opens it: what is to last has to be committed. Closed after the test."""
        if self._connection is None or self._connection.closed:
            self._connection = self.connect()
        return self._connection

    def connect(self, **options: Any) -> psycopg.Connection[Any]:  # noqa: ANN401 - psycopg's own
        """Open another connection, with psycopg's options; it is closed after the test."""
        connection = psycopg.connect(make_conninfo(self.url), **options)
        self._connections.callback(connection.close)
        return connection

    def close(self) -> None:
        """Close what was opened here."""
        self._connections.close()
        self._connection = None

    def __repr__(self) -> str:
        """Name it, without the password."""
        return f"Database({self.description!r})"


class TestDatabases:
    """Makes databases for one process of a test suite, and drops them; to be closed in the end.

    ``on_event`` hears how the template is built. ``warm`` clones are kept ready by a thread with a session of its own,
    which also drops what was used.
    """

    __test__ = False  # pytest takes a class of such a name for tests, where a module imports it.

    def __init__(
        self, target: Target, files: Sequence[MigrationFile], warm: int = 0, on_event: OnEvent = _ignore_event
    ) -> None:
        self.target = target
        self._stack = ExitStack()
        try:
            self._admin = self._stack.enter_context(maintenance_connection(target, also=target.dbname))
            spec = TemplateSpec(target, files, default_facts(self._admin))
            self._project = spec.project
            ensure_template(self._admin, spec, on_event)
            owner = self._stack.enter_context(active_owner(target, self._admin))
            self._cloner = _Cloner(spec, owner)
            self._warmer = _BackgroundPool(self._cloner, warm) if warm else None
        except BaseException:
            self._stack.close()
            raise

    def make(self) -> Database:
        """Return a fresh clone of the template."""
        return self._warmer.take() if self._warmer else self._cloner.clone(self._admin)

    def discard(self, database: Database) -> None:
        """Drop a database, and end the sessions that are still in it."""
        database.close()
        if self._warmer:
            self._warmer.drop(database)
        else:
            drop_quietly(self._admin, database.name, database.oid)

    def keep(self, database: Database) -> None:
        """Let a database outlive the run by a day, so that a user can look into it."""
        database.close()
        now = datetime.now(UTC).replace(microsecond=0)
        label_database(self._admin, database.name, _KEPT, facts_until(now, now + _KEPT_FOR, self._project))

    def close(self) -> None:
        """Drop the prepared clones, and end the run."""
        if self._warmer:
            self._warmer.close()
        self._stack.close()


@dataclass(frozen=True, slots=True)
class _Cloner:
    """What clones are made of, and which owner they belong to."""

    spec: TemplateSpec
    owner: Owner

    def clone(self, admin: Connection) -> Database:
        """Make a clone; its name shows its owner, in case no process is left to drop it."""
        name = self.owner.fresh_name(Purpose.TEST)
        template, made = closed_clone_of(admin, self.spec, name, _ignore_event)
        with translate_errors("allow connections to the clone"):
            allow_and_label(admin, name)
        return Database(replace(self.spec.target, dbname=name), template, made.oid)


class _BackgroundPool(threading.Thread):
    """Keeps clones ready, and drops those that were used, in the background."""

    def __init__(self, cloner: _Cloner, count: int) -> None:
        super().__init__(name="fowergram-db warm clones", daemon=True)
        self._cloner = cloner
        self._count = count
        self._ready: deque[Database] = deque()
        self._used: deque[Database] = deque()
        self._changed = threading.Condition()
        self._ends = False
        self._failure: BaseException | None = None
        self.start()

    def take(self) -> Database:
        """Return a clone, once one is ready. Raises what has stopped the thread."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._failure)
            if self._failure:
                raise self._failure
            self._changed.notify_all()
            return self._ready.popleft()

    def drop(self, database: Database) -> None:
        """Queue a database to be dropped when no clone is missing."""
        with self._changed:
            self._used.append(database)
            self._changed.notify_all()

    def close(self) -> None:
        """Drop everything that is left, and end."""
        with self._changed:
            self._ends = True
            self._changed.notify_all()
        self.join()

    def run(self) -> None:
        """Work until the end is requested; an error is raised to the test that takes the next clone."""
        try:
            target = self._cloner.spec.target
            with maintenance_connection(target, also=target.dbname) as admin:
                while self._work(admin):
                    pass
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _work(self, admin: Connection) -> bool:
        """Do one thing: make a clone, else drop one; return whether there is more to come."""
        with self._changed:
            self._changed.wait_for(lambda: self._ends or self._used or len(self._ready) < self._count)
            lacks = len(self._ready) < self._count and not self._ends
            left = (
                None
                if lacks
                else self._used.popleft()
                if self._used
                else self._ready.popleft()
                if self._ready
                else None
            )
        if lacks:
            made = self._cloner.clone(admin)
            with self._changed:
                self._ready.append(made)
                self._changed.notify_all()
            return True
        if left:
            drop_quietly(admin, left.name, left.oid)
        return left is not None


class Reused:
    """One database that is given to test after test: emptied in between, or replaced if that would not be exact.

    ``is_clean`` may be set by a caller that has left it as it was.
    """

    def __init__(self, suite: TestDatabases) -> None:
        self.is_clean = False
        self._suite = suite
        self._database: Database | None = None
        self._session: Connection | None = None

    def fresh(self) -> Database:
        """Return it as a fresh clone would be."""
        if self._database is not None:
            self._database.close()
            if not (self.is_clean or self._emptied(self._database)):
                self.discard()
        if self._database is None:
            self._database = self._suite.make()
        self.is_clean = False
        return self._database

    def _emptied(self, database: Database) -> bool:
        contents = database.template.contents
        if contents is None:
            return False
        try:
            if self._session is None or self._session.closed:
                self._session = connect_safely(replace(self._suite.target, dbname=database.name))
            empty(self._session, contents, database.template.seal)
        except (NotExact, FowergramError):
            return False
        return True

    def keep(self) -> None:
        """Keep the database, and take another the next time."""
        self._leave()
        if self._database is not None:
            self._suite.keep(self._database)
        self._database = None

    def discard(self) -> None:
        """Drop it; the next time there is another."""
        self._leave()
        if self._database is not None:
            self._suite.discard(self._database)
        self._database = None

    def _leave(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None
