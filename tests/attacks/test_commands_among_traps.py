"""Every command, run by a superuser where each schema that is searched holds traps of another role: none is entered.

The server is the test's own: its log holds each parse tree, so that what was resolved counts, and not only what ran.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from fowergram_db.cli.main import run
from fowergram_db.database.connection import connect
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target, url_of
from fowergram_db.schema.catalog import describe
from tests import servers
from tests.attacks.traps import ENTERED, entry_in_the_log, set_traps
from tests.integration.conftest import environment, target_of

_LOGS = {"debug_print_parse": "on", "debug_pretty_print": "off", "log_min_error_statement": "panic"}
_OWN = {
    "001_a": "CREATE TABLE public.a (id int PRIMARY KEY, t pg_catalog.text); "
    "CREATE TABLE public.p (k int) PARTITION BY LIST (k); "
    "CREATE TABLE public.p1 PARTITION OF public.p FOR VALUES IN (1); INSERT INTO public.a VALUES (1, 'x')",
    "002_b": "-- fowergram: no-transaction\nCREATE INDEX CONCURRENTLY a_t ON public.a (t);\nREINDEX TABLE CONCURRENTLY "
    "public.a;\nDROP INDEX CONCURRENTLY public.a_t;",
    "002_b.down": "-- fowergram: no-transaction\nVACUUM public.a;",
    "003_c": "ALTER TABLE public.a ADD COLUMN u int",
    "003_c.down": "ALTER TABLE public.a DROP COLUMN u",
    "004_d": "CREATE TABLE public.d (id int)",
    "004_d.down": "DROP TABLE public.d",
}
_HISTORIES = {
    "dbmate": "CREATE TABLE public.schema_migrations (version varchar(128) PRIMARY KEY); "
    "INSERT INTO public.schema_migrations VALUES ('1')",
    "run-migrations.sh": "CREATE TABLE public.schema_migrations (id serial PRIMARY KEY, filename varchar(255) UNIQUE "
    "NOT NULL, executed_at timestamptz DEFAULT pg_catalog.now(), checksum varchar(64)); "
    "INSERT INTO public.schema_migrations (filename) VALUES ('001_a.sql')",
}
_COMMANDS = (
    ("status",),
    ("migrate", "--dry-run"),
    ("migrate",),
    ("migrate",),
    ("status", "--check"),
    ("rollback", "--dry-run"),
    ("rollback", "--steps", "2"),
    ("migrate", "--json"),
    ("analyze",),
    ("slow-queries",),
    ("protect",),
    ("protect", "--off"),
)
_IN_NEW_DATABASES = (
    ("migrate",),
    ("reset", "--yes"),
    ("testdb", "create", "--count", "2", "--ttl", "1s"),
    ("testdb", "list"),
    ("testdb", "prune", "--older-than", "1s"),
)
_OID = re.compile(r":(?:opno|funcid|aggfnoid|winfnoid)\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Ground:
    """A server of the tests' own, and its log; what stands there before ``begin`` is another test's."""

    target: Target
    log: Path
    traps: dict[int, str]
    begin: int = 0

    def connect(self, dbname: str, user: str = "postgres") -> psycopg.Connection:
        """Open an autocommit session that logs no trees."""
        options = "-c debug_print_parse=off" if user == "postgres" else ""
        return psycopg.connect(
            host=self.target.host, port=self.target.port, dbname=dbname, user=user, options=options, autocommit=True
        )

    def make(self, *names: str, owner: str = "postgres", path: str = "") -> None:
        """Make databases with traps in all schemas that are searched: by default, or as ``path`` says."""
        with self.connect("postgres") as admin:
            for name in names:
                admin.execute(f"CREATE DATABASE {name} TEMPLATE trapped OWNER {owner}")
                if path:
                    admin.execute(f"ALTER DATABASE {name} SET search_path = {path}")

    def set_traps(self, dbname: str, *schemas: str) -> None:
        """Set traps in public and perhaps in a schema of the superuser's name; in this those of exact types, too."""
        with self.connect(dbname) as admin:
            admin.execute(
                f"GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT CREATE, TEMP ON DATABASE {dbname} TO mallory"
            )
            with self.connect(dbname, "mallory") as own:
                own.execute('CREATE SCHEMA IF NOT EXISTS "postgres"; GRANT USAGE ON SCHEMA "postgres" TO PUBLIC')
                for schema in schemas:
                    set_traps(own, schema, entry_in_the_log("mallory"), exact=schema != "public")
            self.traps.update((int(oid), str(name)) for oid, name in admin.execute(_TRAPS))

    def entered(self) -> list[str]:
        """Return the traps that calls in the log were resolved to, and those lines that tell of one entered."""
        with self.log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self.begin)
            text = log.read()
        called = {int(oid) for oid in _OID.findall(text)}
        found = [self.traps[oid] for oid in sorted(called & self.traps.keys())]
        return found + [line for line in text.splitlines() if ENTERED in line]


_TRAPS = """
    SELECT o.oid::pg_catalog.int8, o.oid::pg_catalog.regoperator::pg_catalog.text
    FROM pg_catalog.pg_operator AS o
    WHERE o.oprowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole::pg_catalog.oid
    UNION ALL
    SELECT p.oid::pg_catalog.int8, p.oid::pg_catalog.regprocedure::pg_catalog.text
    FROM pg_catalog.pg_proc AS p
    WHERE p.proowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole::pg_catalog.oid"""


@contextmanager
def _ground(native: Path) -> Iterator[Ground]:
    with servers.made(native) as cluster, cluster.started(servers.FOR_TESTS | _LOGS) as started:
        ground = Ground(target_of(started.url), cluster.data.with_name(f"{cluster.data.name}.log"), {})
        with ground.connect("postgres") as admin:
            admin.execute("CREATE ROLE mallory LOGIN; ALTER ROLE mallory SET debug_print_parse = off")
        yield ground


@pytest.fixture(scope="module")
def _shared_ground(native) -> Iterator[Ground]:
    with _ground(native) as ground:
        with ground.connect("postgres") as admin:
            admin.execute("CREATE ROLE owner LOGIN")
            admin.execute("CREATE DATABASE trapped")
        ground.set_traps("trapped", "public", "postgres")
        with ground.connect("trapped") as admin:
            admin.execute("CREATE SCHEMA extensions; CREATE EXTENSION pg_stat_statements SCHEMA extensions")
        yield ground


@pytest.fixture
def ground(_shared_ground) -> Ground:
    return replace(_shared_ground, begin=_shared_ground.log.stat().st_size)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command in this process; it ends well, or ``refuses`` the objects of a role by name."""
    directory = tmp_path / "own"
    directory.mkdir()
    for name, text in _OWN.items():
        (directory / f"{name}.sql").write_text(text, encoding="utf-8")

    def call(target: Target, *arguments: str, own: bool = True, refuses: str = "") -> str:
        variables = environment(target) | ({"MIGRATIONS_DIR": str(directory)} if own else {})
        with monkeypatch.context() as here:
            for name, value in variables.items():
                here.setenv(name, value)
            exit_code = run(arguments)
        output = capsys.readouterr()
        is_refused = exit_code == 1 and f'objects of "{refuses}"' in output.err
        assert exit_code == 0 or (refuses and is_refused), (arguments, exit_code, output)
        return output.out

    return call


@pytest.mark.parametrize("path", ["", "postgres, pg_catalog, public"], ids=["the default path", "before pg_catalog"])
def test_no_command_enters_a_trap_in_its_database(ground, command, path):
    for name, own in (("shop_test", False), ("own_test", True)):
        ground.make(name, path=path)
        for arguments in _COMMANDS:
            command(replace(ground.target, dbname=name), *arguments, own=own)
        with ground.connect("postgres") as admin:
            admin.execute(f"DROP DATABASE {name}")
    assert ground.entered() == []


def test_an_entered_trap_is_found_in_the_log(ground):
    ground.make("found_test")
    with psycopg.connect(url_of(replace(ground.target, dbname="found_test")), autocommit=True) as one:
        one.execute("SELECT 1::pg_catalog.oid = 1")
    operator, line = ground.entered()
    assert operator == "=(oid,integer)"
    assert ENTERED in line


def test_no_command_that_makes_a_database_enters_a_trap_of_template1(native, command):
    with _ground(native) as ground:
        ground.set_traps("template1", "public")
        for name, own in (("shop_test", False), ("own_test", True)):
            for arguments in _IN_NEW_DATABASES:
                command(replace(ground.target, dbname=name), *arguments, own=own, refuses="mallory")
        assert ground.entered() == []


def test_no_reset_enters_a_trap_of_the_database_that_it_replaces(ground, command):
    target = replace(ground.target, dbname="reset_test")
    command(target, "reset", "--yes")
    ground.set_traps("reset_test", "public")
    assert '"method": "cloned"' in command(target, "reset", "--yes", "--json")
    assert ground.entered() == []


def test_no_reset_in_place_enters_a_trap(ground, command):
    ground.make("in_place_test", owner="owner")
    target = replace(ground.target, dbname="in_place_test", user="owner")
    command(target, "migrate")
    assert '"method": "dropped"' in command(target, "reset", "--yes", "--json")
    assert ground.entered() == []


@pytest.mark.parametrize("tool", _HISTORIES)
def test_adopting_a_history_enters_no_trap(ground, command, tool):
    name = f"adopt_{tool.partition('-')[0]}_test"
    ground.make(name)
    with ground.connect(name) as owner:
        owner.execute(_OWN["001_a"])
        owner.execute(_HISTORIES[tool])
    command(replace(ground.target, dbname=name), "adopt", "--from", tool, "--force")
    assert ground.entered() == []


def test_neither_the_roles_nor_the_documentation_of_the_schema_enter_a_trap(ground, command):
    ground.make("roles_test")
    target = replace(ground.target, dbname="roles_test")
    command(target, "migrate", own=False)
    with psycopg.connect(url_of(target)) as session:
        for name in ("create", "create", "drop"):
            session.execute(load(f"roles/{name}"))
            session.commit()
    with connect(target) as session:
        assert "public.users" in {relation.identity for relation in describe(session).relations}
    assert ground.entered() == []
