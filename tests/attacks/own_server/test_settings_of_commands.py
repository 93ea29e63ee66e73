"""Commands that make, replace and read databases do the same whatever is set, for a role, a database, or in a pool."""

import uuid
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from tests.attacks.test_settings import HOSTILE, known
from tests.integration.conftest import environment
from tests.integration.pooler import find_pgbouncer, pooler_to

pytestmark = pytest.mark.old_versions

# Each together with those settings of HOSTILE that it does not exclude.
ONE_BY_ONE = {
    "DateStyle": ("German", "Postgres, MDY", "SQL, MDY"),
    "IntervalStyle": ("iso_8601", "postgres_verbose"),
    "TimeZone": ("<+1345>-13:45", "America/St_Johns"),
    "application_name": ("fowergram-db",),
    "client_connection_check_interval": ("1ms",),
    "client_encoding": ("LATIN1", "SQL_ASCII", "SJIS"),
    "client_min_messages": ("debug5",),
    "compute_query_id": ("off",),
    "deadlock_timeout": ("1ms",),
    "default_table_access_method": ("other_heap",),
    "default_tablespace": ("nowhere",),
    "default_text_search_config": ("pg_catalog.german",),
    "default_transaction_isolation": ("read uncommitted", "repeatable read"),
    "enable_nestloop": ("off",),
    "enable_sort": ("off",),
    "event_triggers": ("off",),
    "extra_float_digits": ("3",),
    "idle_session_timeout": ("1ms",),
    "lc_messages": ("C",),
    "lc_monetary": ("C",),
    "log_statement": ("all",),
    "max_stack_depth": ("100kB",),
    "pg_stat_statements.track": ("none",),
    "search_path": ("''", "pg_temp, pg_catalog"),
    "stats_fetch_consistency": ("none",),
    "synchronous_commit": ("remote_apply",),
    "temp_tablespaces": ("nowhere",),
    "track_activities": ("off",),
    "track_counts": ("off",),
    "work_mem": ("64kB",),
}
_SLOW = ("debug_parallel_query", "force_parallel_mode", "jit", "jit_above_cost")
QUICK = {name: value for name, value in HOSTILE.items() if name not in _SLOW}
CASES = [QUICK, *({**QUICK, name: value} for name, values in ONE_BY_ONE.items() for value in values)]
NAMES = ["all", *(f"{name}={value}" for name, values in ONE_BY_ONE.items() for value in values)]
FILES = {
    "001_a": "CREATE TABLE public.a (id int PRIMARY KEY, d date DEFAULT '2026-02-01', f float8 DEFAULT 0.1,"
    " b bytea DEFAULT '\\x00ff', t timestamptz DEFAULT '2026-02-01 00:00+00', n text[] DEFAULT '{a,b}');"
    "CREATE VIEW public.v AS SELECT id, f FROM public.a WHERE t > timestamptz '2026-01-01 00:00+00';",
    "002_b": "CREATE TABLE public.b (k int, f float8) PARTITION BY RANGE (k);"
    "CREATE TABLE public.b1 PARTITION OF public.b FOR VALUES FROM (0) TO (10);",
    "003_rows": "INSERT INTO public.b VALUES (1, 0.30000000000000004);",
}
# Behind a pooler nothing can be set for CREATE DATABASE, nor for a session that nothing uses just now; and a
# transaction has begun before it can be given more time than a few milliseconds.
NOT_POOLED = (
    "default_transaction_read_only",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
)
# What leaves rows, and what leaves another schema: the files are gone again before the next reset.
LEAVES_ROWS = {"004_rows": "INSERT INTO public.a VALUES (1);", "004_rows.down": "SELECT 1;"}
LEAVES_COLUMN = {"004_column": "ALTER TABLE public.a ADD x int;", "004_column.down": "SELECT 1;"}
DEFAULTS = {
    "b": "'\\x00ff'::bytea",
    "d": "'2026-02-01'::date",
    "f": "0.1",
    "n": "'{a,b}'::text[]",
    "t": "'2026-02-01 00:00:00+00'::timestamp with time zone",
}


@pytest.fixture
def hostile(admin, target):
    """A superuser, and a database of theirs that another tool has migrated."""
    name = f"hostile_{uuid.uuid4().hex[:12]}"
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER").format(sql.Identifier(name)))
    owned = map(sql.Identifier, (target.dbname, name))
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*owned))
    with connect(replace(target, user=name)) as session:
        session.execute("; ".join(FILES.values()))
        session.execute("CREATE TABLE public.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
        session.execute("INSERT INTO public.schema_migrations VALUES (3, false)")
    yield name
    made = admin.execute("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = %s", [name]).fetchall()
    for (database,) in made:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
    admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def store(admin, whose, name, settings) -> None:
    for setting, value in settings.items():
        listed = sql.SQL(value) if setting == "search_path" else sql.Literal(value)
        statement = sql.SQL(f"ALTER {whose} {{}} SET {{}} TO {{}}")
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(*setting.split(".")), listed))


@pytest.fixture(params=["direct", "pooled"])
def way(request, server, hostile, target, monkeypatch, cli):
    """Commands connect as the hostile role, to the server or to a pooler in transaction mode before it."""
    del cli  # its variables come first
    there = replace(server, user=hostile)
    if request.param == "pooled" and find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed")
    with nullcontext(there) if request.param == "direct" else pooler_to(there, pool_size=6) as found:
        for name, value in environment(replace(found, dbname=target.dbname)).items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture
def ask(cli):
    """Run a command that succeeds, and return its document."""

    def run(*arguments):
        result = cli(*arguments, "--json")
        assert result.exit_code == 0, (arguments, result)
        return result.document

    return run


@pytest.mark.matrix(every=30)
@pytest.mark.parametrize("way", ["direct"], indirect=True)
@pytest.mark.parametrize("settings", CASES, ids=NAMES)
@pytest.mark.usefixtures("way")
def test_no_setting_changes_what_a_command_does(settings, ask, admin, hostile, target, write, directory):
    if (name := next(reversed(settings))) not in known(admin, settings):
        pytest.skip(f"this server has no {name}")
    require_no_change(settings, ask, admin, hostile, target, write, directory)


@pytest.mark.parametrize("way", ["pooled"], indirect=True)
@pytest.mark.usefixtures("way")
def test_no_setting_changes_what_a_command_does_behind_a_pooler(ask, admin, hostile, target, write, directory):
    settings = QUICK | {name: values[0] for name, values in ONE_BY_ONE.items()}
    settings = {name: value for name, value in settings.items() if name not in NOT_POOLED}
    require_no_change(settings, ask, admin, hostile, target, write, directory)


def require_no_change(settings, ask, admin, hostile, target, write, directory):
    for whose, role in (("ROLE", hostile), ("DATABASE", target.dbname)):
        store(admin, whose, role, known(admin, settings))
    write(**FILES)
    assert ask("adopt")["recorded"] == [1, 2, 3]
    assert ask("status", "--check")["summary"] == {"applied": 3, "pending": 0, "problems": 0}
    methods = [reset(ask), reset(ask)]
    for files in (LEAVES_ROWS, LEAVES_COLUMN):
        write(**files)
        assert ask("migrate")["summary"] == {"applied": 4, "pending": 0}
        assert len(ask("rollback")["steps"]) == 1
        for file in files:
            (directory / f"{file}.sql").unlink()
        methods.append(reset(ask))
    assert methods == [("cloned", None), ("emptied", 0), ("emptied", 1), ("cloned", None)]
    assert {each["outcome"] for each in ask("analyze")["results"]} == {"done"}
    uses(ask, target)
    require_as_migrate_makes_it(admin, target, hostile)


def reset(ask):
    done = ask("reset", "--yes", "--force")
    return done["method"], done["emptied"] and done["emptied"]["rows"]


def uses(ask, target):
    """Make databases for tests, and drop them again, the clones that are ready and the templates too."""
    named = ask("testdb", "create", "--name", f"{target.dbname}_x", "--ttl", "1s")["databases"]
    made = named + ask("testdb", "create", "--count", "2")["databases"]
    listed = {each["name"]: each["kind"] for each in ask("testdb", "list")["databases"]}
    assert [listed.get(each["name"]) for each in made] == ["test"] * 3
    pruned = ask("testdb", "prune", "--older-than", "0")
    assert {each["name"] for each in pruned["dropped"]} == set(listed)
    assert pruned["kept"] == []


def require_as_migrate_makes_it(admin, target, owner):
    admin.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(target.dbname)))
    with connect(target) as session:
        defaults = (
            "SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a "
            "ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = 'public.a'::regclass"
        )
        found: list[Any] = session.execute(defaults).fetchall()
        assert dict(found) == DEFAULTS
        assert session.execute("SELECT k, f FROM public.b").fetchall() == [(1, 0.30000000000000004)]
        rows = "SELECT version FROM public.schema_migrations WHERE abs(extract(epoch FROM now() - executed_at)) < 600"
        assert session.execute(f"{rows} ORDER BY 1").fetchall() == [(1,), (2,), (3,)]
        owners = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert session.execute(owners).fetchall() == [(owner,)]


def test_the_time_that_statements_took_is_read_whatever_is_set(way, ask, admin, hostile, target):
    with connect(target) as session:
        session.execute("CREATE SCHEMA extensions; CREATE EXTENSION pg_stat_statements SCHEMA extensions")
        session.execute("SELECT pg_catalog.length('x') AS counted")
    settings = HOSTILE | {"idle_session_timeout": "1ms", "work_mem": "64kB", "max_stack_depth": "100kB"}
    left_out = ("restrict_nonsystem_relation_kind", *(NOT_POOLED if way.port != target.port else ()))
    settings = {name: value for name, value in settings.items() if name not in left_out}
    for whose, name in (("ROLE", hostile), ("DATABASE", target.dbname)):
        store(admin, whose, name, known(admin, settings))
    found = ask("slow-queries", "--limit", "10000")
    assert any("AS counted" in each["query"] for each in found["queries"])
    assert admin.info.server_version < 140000 or found["since"].endswith("Z")


def test_a_view_that_may_not_be_read_is_not_said_to_be_absent(cli, admin, hostile, target, monkeypatch):
    if not known(admin, {"restrict_nonsystem_relation_kind": ""}):
        pytest.skip("this server has no restrict_nonsystem_relation_kind")
    with connect(target) as session:
        session.execute("CREATE EXTENSION pg_stat_statements")
    store(admin, "ROLE", hostile, {"restrict_nonsystem_relation_kind": "view"})
    monkeypatch.setenv("DB_USER", hostile)
    error = cli("slow-queries", "--json").document["error"]
    assert "preload" not in error["message"] + (error["hint"] or "")
    assert error["sqlstate"] == "55000"


@pytest.mark.usefixtures("way")
def test_a_role_that_acts_as_its_group_makes_what_the_group_owns(ask, admin, hostile, target, write, role):
    """ALTER ROLE … SET role: so that what one of a team makes, all of them own."""
    admin.execute(sql.SQL("ALTER ROLE {} SUPERUSER").format(sql.Identifier(role)))
    with connect(target) as session:
        session.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(*map(sql.Identifier, (hostile, role))))
    for whose, name in (("ROLE", hostile), ("DATABASE", target.dbname)):
        store(admin, whose, name, {"role": role})
    write(**FILES)
    assert ask("adopt")["recorded"] == [1, 2, 3]
    assert [reset(ask), reset(ask)] == [("cloned", None), ("emptied", 0)]
    uses(ask, target)
    require_as_migrate_makes_it(admin, target, role)


def test_the_hint_names_a_read_only_default_behind_a_pooler_where_a_database_would_be_made(
    cli, admin, hostile, way, write
):
    if int(way.port) == admin.info.port:
        pytest.skip("a session of its own sets what it needs")
    store(admin, "ROLE", hostile, {"default_transaction_read_only": "on"})
    write(**FILES)
    error = cli("adopt", "--json").document["error"]
    assert (error["sqlstate"], "default_transaction_read_only" in error["hint"]) == ("25006", True)
