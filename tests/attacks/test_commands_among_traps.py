"""Every command, run by a superuser where each schema that is searched holds traps of another role: none is entered.

The server is the test's own: its log holds each parse tree, so that what was resolved counts, and not only what ran.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from fowergram_db.cli.app import build_command
from fowergram_db.cli.main import run
from fowergram_db.database.connection import connect
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target, url_of
from fowergram_db.schema.catalog import describe
from tests.attacks.traps import ENTERED, entry_in_the_log, script, set_traps
from tests.integration.conftest import environment, target_of
from tests.integration.test_adopt import HISTORIES
from tools import servers

pytestmark = pytest.mark.old_versions(whole=True)

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
_FAILS = "-- fowergram: no-transaction\nCREATE TABLE public.e (id int);\nSELECT 1 / 0;"
# Each with the exit code that it ends with.
_COMMANDS = (
    (("status",), 0),
    (("migrate", "--dry-run"), 0),
    (("migrate",), 0),
    ((), 0),
    (("status", "--check"), 0),
    (("rollback", "--dry-run"), 0),
    (("rollback", "--steps", "2"), 0),
    (("migrate", "--json", "--atomic"), 0),
    (("analyze",), 0),
    (("analyze", "public.schema_migrations"), 0),
    (("slow-queries",), 0),
    (("slow-query", "--sort", "calls"), 0),
    (("protect",), 0),
    (("reset", "--yes"), 2),
    (("protect", "--off"), 0),
    (("help",), 0),
)
_ADOPTS = ("adopt", "--force", "--from")
_IN_NEW_DATABASES = (
    ("migrate",),
    ("reset", "--yes"),
    ("testdb", "create", "--count", "2", "--ttl", "1s"),
    ("testdb", "list"),
    ("testdb", "prune", "--older-than", "1s"),
)
_REPAIRS = (
    (("migrate",), 1),
    (("status", "--check"), 4),
    (("repair", "--version", "3"), 0),
    (("repair",), 0),
    (("status", "--check"), 0),
    (("new", "of more"), 0),
)
_BECOME_MALLORY = """
GRANT CREATE ON SCHEMA public TO PUBLIC;
DO $$BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO mallory', current_database()); END$$;
SET ROLE mallory;
"""
_SUITE = """
import pytest

def test_of_its_own(fowergram_database):
    fowergram_database.connection.execute("INSERT INTO public.a VALUES (2, 'y')")

@pytest.mark.parametrize("number", [1, 2])
def test_emptied(fowergram_emptied_database, number):
    fowergram_emptied_database.connection.execute("INSERT INTO public.a VALUES (2, 'y')")
    fowergram_emptied_database.connection.commit()

def test_in_a_transaction(fowergram_transaction):
    fowergram_transaction.execute("INSERT INTO public.a VALUES (2, 'y')")
"""
# Whatever a parse tree names by its OID: operators, functions, types, collations, relations.
_OID = re.compile(r":\w*(?:[oO]id|fnoid|no|id|type)\s+(\d+)")


@dataclass(frozen=True, slots=True)
class Ground:
    """A server of the tests' own, and its log; what is in the log before ``begin`` is from another test."""

    target: Target
    log: Path
    traps: dict[int, str]
    used: set[tuple[object, ...]]
    begin: int = 0

    def from_now(self) -> "Ground":
        """Return the same, without what is in the log already."""
        return replace(self, begin=self.log.stat().st_size)

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
        self.know(dbname)

    def know(self, dbname: str) -> None:
        """Learn which traps a database holds, and what of these depends on what."""
        with self.connect(dbname) as admin:
            self.traps.update((int(oid), str(name)) for oid, name in admin.execute(_TRAPS))
            self.used.update(admin.execute(_USES, [list(self.traps)]))

    def bound(self, dbname: str) -> list[str]:
        """Return what in a database depends on a trap, as a column does on its type, and is none itself."""
        with self.connect(dbname) as admin:
            found = set(admin.execute(_USES, [list(self.traps)])) - self.used
            return [str(row[0]) for use in found for row in admin.execute(_DESCRIBED, use)]

    def entered(self) -> list[str]:
        """Return the traps that names in the log were resolved to, and the lines that report that one was entered."""
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
    WHERE p.proowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole::pg_catalog.oid
    UNION ALL
    SELECT t.oid::pg_catalog.int8, t.oid::pg_catalog.regtype::pg_catalog.text
    FROM pg_catalog.pg_type AS t
    WHERE t.typowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole::pg_catalog.oid
    UNION ALL
    SELECT c.oid::pg_catalog.int8, c.oid::pg_catalog.regclass::pg_catalog.text
    FROM pg_catalog.pg_class AS c
    WHERE c.relowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole::pg_catalog.oid
    UNION ALL
    SELECT l.oid::pg_catalog.int8, l.collname::pg_catalog.text
    FROM pg_catalog.pg_collation AS l
    WHERE l.collowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole::pg_catalog.oid
    UNION ALL
    SELECT x.oid::pg_catalog.int8, x.oid::pg_catalog.regconfig::pg_catalog.text
    FROM pg_catalog.pg_ts_config AS x
    WHERE x.cfgowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole::pg_catalog.oid
    UNION ALL
    SELECT d.oid::pg_catalog.int8, d.oid::pg_catalog.regdictionary::pg_catalog.text
    FROM pg_catalog.pg_ts_dict AS d
    WHERE d.dictowner OPERATOR(pg_catalog.=) 'mallory'::pg_catalog.regrole::pg_catalog.oid"""
# What depends on a trap. Its own parts do, such as the row type of a view: these are known from where it was made.
_USES = """
    SELECT d.classid::pg_catalog.int8, d.objid::pg_catalog.int8, d.objsubid,
        d.refclassid::pg_catalog.int8, d.refobjid::pg_catalog.int8, d.refobjsubid
    FROM pg_catalog.unnest(%s::pg_catalog.oid[]) AS trap (oid)
    JOIN pg_catalog.pg_depend AS d ON d.refobjid OPERATOR(pg_catalog.=) trap.oid"""
_DESCRIBED = """
    SELECT pg_catalog.concat(
        pg_catalog.pg_describe_object(%s::pg_catalog.oid, %s::pg_catalog.oid, %s), ' uses ',
        pg_catalog.pg_describe_object(%s::pg_catalog.oid, %s::pg_catalog.oid, %s))"""
_OF_THE_EXTENSION = """
    CREATE FUNCTION extensions.is_entered() RETURNS boolean LANGUAGE plpgsql AS
        $$BEGIN {entry} RETURN NULL; END$$;
    CREATE FUNCTION extensions.pg_stat_statements(boolean, integer DEFAULT 0) RETURNS SETOF record LANGUAGE plpgsql AS
        $$BEGIN {entry} END$$;
    CREATE FUNCTION extensions.pg_stat_statements() RETURNS SETOF record LANGUAGE plpgsql AS $$BEGIN {entry} END$$;
    DO $$
    BEGIN
        IF pg_catalog.to_regclass('extensions.pg_stat_statements_info') IS NULL THEN
            CREATE VIEW extensions.pg_stat_statements_info AS
            SELECT extensions.is_entered() AS dealloc, pg_catalog.now() AS stats_reset;
        END IF;
    END
    $$"""


@contextmanager
def _ground(native: Path) -> Iterator[Ground]:
    with servers.made(native) as cluster, cluster.started(servers.FOR_TESTS | _LOGS) as started:
        ground = Ground(target_of(started.url), cluster.data.with_name(f"{cluster.data.name}.log"), {}, set())
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
            # In a schema of hers she makes overloads of the extension's functions, and what its version may lack.
            admin.execute(
                "CREATE SCHEMA extensions AUTHORIZATION mallory; CREATE EXTENSION pg_stat_statements SCHEMA extensions"
            )
        with ground.connect("trapped", "mallory") as own:
            own.execute(sql.SQL(_OF_THE_EXTENSION).format(entry=sql.SQL(entry_in_the_log("mallory"))))
        ground.know("trapped")
        # The database from which others are made and dropped holds the same.
        with ground.connect("template1") as admin:
            admin.execute("DROP DATABASE postgres")
            admin.execute("CREATE DATABASE postgres TEMPLATE trapped")
            admin.execute("ALTER DATABASE postgres SET search_path = postgres, pg_catalog, public")
        yield ground


@pytest.fixture
def ground(_shared_ground) -> Ground:
    return _shared_ground.from_now()


@pytest.fixture
def own(tmp_path) -> Path:
    """A directory of migrations."""
    directory = tmp_path / "own"
    directory.mkdir()
    for name, text in _OWN.items():
        (directory / f"{name}.sql").write_text(text, encoding="utf-8")
    return directory


@pytest.fixture
def command(own, monkeypatch, capsys):
    """Run a command in this process; it ends as is said, or ``refuses`` the objects of a role by name."""
    directory = own

    def call(target: Target, *arguments: str, own: bool = True, refuses: str = "", exits: int = 0) -> str:
        variables = environment(target) | ({"MIGRATIONS_DIR": str(directory)} if own else {})
        with monkeypatch.context() as here:
            for name, value in variables.items():
                here.setenv(name, value)
            exit_code = run(arguments)
        output = capsys.readouterr()
        is_refused = exit_code == 1 and f'objects of "{refuses}"' in output.err
        assert exit_code == exits or (refuses and is_refused), (arguments, exit_code, output)
        return output.out

    return call


def test_every_command_is_run_among_traps():
    in_database = [arguments for arguments, _ in (*_COMMANDS, *_REPAIRS)]
    run_here = {" ".join(arguments) for arguments in (*in_database, *_IN_NEW_DATABASES, _ADOPTS)}
    of_program = list(_names(build_command(["help"])))
    assert {"migrate", "slow-query", "testdb prune"} <= set(of_program)
    assert [name for name in of_program if not any(text.startswith(name) for text in run_here)] == []


def _names(group: Any, *before: str) -> Iterator[str]:
    """Yield the names of a group's commands, each after that of its group."""
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from _names(found, *before, name)
        else:
            yield " ".join((*before, name))


@pytest.mark.matrix(every=2)
@pytest.mark.parametrize("path", ["", "postgres, pg_catalog, public"], ids=["the default path", "before pg_catalog"])
def test_no_command_enters_a_trap_in_its_database(ground, command, path):
    for name, own in (("shop_test", False), ("own_test", True)):
        ground.make(name, path=path)
        for arguments, exits in _COMMANDS:
            command(replace(ground.target, dbname=name), *arguments, own=own, exits=exits)
        assert ground.bound(name) == []
        with ground.connect("postgres") as admin:
            admin.execute(f"DROP DATABASE {name}")
    assert ground.entered() == []


def test_no_repair_enters_a_trap(ground, command, own):
    ground.make("repair_test")
    target = replace(ground.target, dbname="repair_test")
    command(target, "migrate")
    (own / "003_c.sql").write_text("ALTER TABLE public.a ADD COLUMN u bigint", encoding="utf-8")
    command(target, "repair", "--version", "3")
    (own / "005_e.sql").write_text(_FAILS, encoding="utf-8")
    for arguments, exits in _REPAIRS:
        command(target, *arguments, exits=exits)
        if arguments == ("migrate",):
            (own / "003_c.sql").write_text(_OWN["003_c"], encoding="utf-8")
    assert ground.bound("repair_test") == []
    assert ground.entered() == []


def test_an_entered_trap_is_found_in_the_log(ground):
    ground.make("found_test")
    with psycopg.connect(url_of(replace(ground.target, dbname="found_test")), autocommit=True) as one:
        one.execute("SELECT 1::pg_catalog.oid = 1")
    *names, line = ground.entered()
    assert "=(oid,integer)" in names
    assert ENTERED in line
    assert ground.bound("found_test") == []
    with ground.connect("found_test") as admin:
        admin.execute("CREATE TABLE public.made (id public.trap_type)")
    assert ground.bound("found_test") == ["column id of table made uses type public.trap_type"]


@pytest.mark.matrix(every=0)
def test_no_command_that_makes_a_database_enters_a_trap_of_template1(native, command):
    with _ground(native) as ground:
        ground.set_traps("template1", "public")
        for name, own in (("shop_test", False), ("own_test", True)):
            for arguments in _IN_NEW_DATABASES:
                command(replace(ground.target, dbname=name), *arguments, own=own, refuses="mallory")
        assert ground.entered() == []


@pytest.mark.matrix(every=0)
def test_no_reset_enters_a_trap_of_the_database_that_it_replaces(ground, command):
    target = replace(ground.target, dbname="reset_test")
    command(target, "reset", "--yes")
    ground.set_traps("reset_test", "public")
    assert '"method": "cloned"' in command(target, "reset", "--yes", "--json")
    assert ground.entered() == []


@pytest.fixture
def among_its_own(ground, command, own) -> Ground:
    """Have the migrations bring the traps along, as a role of the application does: each clone holds them."""
    traps = script("public", entry_in_the_log("mallory"))
    (own / "005_traps.sql").write_text(_BECOME_MALLORY + traps, encoding="utf-8")
    target = replace(ground.target, dbname="clone_test")
    command(target, "testdb", "create", "--name", "clone_test")
    ground.know("clone_test")
    return ground.from_now()


@pytest.mark.matrix(every=0)
def test_no_clone_is_made_emptied_or_dropped_in_a_way_that_enters_a_trap(among_its_own, command, own):
    ground, target = among_its_own, replace(among_its_own.target, dbname="clone_test")
    for change, method in (
        ("INSERT INTO public.a VALUES (2, 'y')", "emptied"),
        ("CREATE TABLE public.b (id int)", "cloned"),
    ):
        with ground.connect("clone_test") as admin:
            admin.execute(change)
        assert f'"method": "{method}"' in command(target, "reset", "--yes", "--json")
    assert ground.bound("clone_test") == []
    command(target, "testdb", "create", "--count", "0", "--warm", "1")
    command(target, "testdb", "create", "--count", "2", "--ttl", "1s")
    command(target, "testdb", "list")
    _run_suite(ground, own)
    command(target, "testdb", "prune", "--older-than", "0")
    assert ground.entered() == []


def _run_suite(ground: Ground, directory: Path) -> None:
    """Use the fixtures of the plugin, in a process of their own."""
    (directory.parent / "test_suite.py").write_text(_SUITE, encoding="utf-8")
    variables = {"TEST_DATABASE_URL": url_of(ground.target), "MIGRATIONS_DIR": str(directory)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_suite.py"],
        env=os.environ | variables,
        cwd=directory.parent,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "4 passed" in done.stdout, done.stdout


def test_no_reset_in_place_enters_a_trap(ground, command):
    ground.make("in_place_test", owner="owner")
    target = replace(ground.target, dbname="in_place_test", user="owner")
    command(target, "migrate")
    assert '"method": "dropped"' in command(target, "reset", "--yes", "--json")
    assert ground.entered() == []


@pytest.mark.matrix(every=0)
@pytest.mark.parametrize("tool", HISTORIES)
def test_adopting_a_history_enters_no_trap(ground, command, tool):
    name = "adopt_test"
    ground.make(name)
    with ground.connect(name) as owner:
        owner.execute(f"SET search_path = public; {_OWN['001_a']}; {HISTORIES[tool]}")
    ground = ground.from_now()
    target = replace(ground.target, dbname=name)
    # The traps are not in the migrations: the comparison finds them.
    assert "unexpected aggregate postgres." in command(target, "adopt", "--from", tool, exits=3)
    command(target, *_ADOPTS, tool)
    assert ground.bound(name) == []
    with ground.connect("postgres") as admin:
        admin.execute(f"DROP DATABASE {name}")
    assert ground.entered() == []


@pytest.mark.matrix(every=0)
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
