"""Settings of a role, of a database, or of another client of a pooler: they break no run, and none leaks out."""

import uuid
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from fowergram_db.cli.main import run
from tests.integration.conftest import environment
from tests.integration.pooler import find_pgbouncer, pooler_to

pytestmark = pytest.mark.old_versions

# None of these excludes another. What a version does not know is left out.
HOSTILE = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "array_nulls": "off",
    "backslash_quote": "off",
    "bytea_output": "escape",
    "check_function_bodies": "off",
    "client_min_messages": "error",
    "constraint_exclusion": "off",
    "cursor_tuple_fraction": "1",
    "debug_parallel_query": "on",
    "default_transaction_deferrable": "on",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "enable_hashjoin": "off",
    "enable_indexscan": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "exit_on_error": "on",
    "extra_float_digits": "-15",
    "force_parallel_mode": "on",
    "from_collapse_limit": "1",
    "idle_in_transaction_session_timeout": "20ms",
    "jit": "on",
    "jit_above_cost": "0",
    "join_collapse_limit": "1",
    "lock_timeout": "1ms",
    "plan_cache_mode": "force_generic_plan",
    "quote_all_identifiers": "on",
    "restrict_nonsystem_relation_kind": "view,foreign-table",
    "row_security": "off",
    "statement_timeout": "2s",
    "stats_fetch_consistency": "snapshot",
    "synchronous_commit": "off",
    "transaction_timeout": "200ms",
    "transform_null_equals": "on",
    "xmlbinary": "hex",
    "xmloption": "document",
}
FILES = {
    "001_a": "CREATE TABLE public.a (id int PRIMARY KEY, d date DEFAULT '2026-02-01');",
    "001_a.down": "DROP TABLE public.a;",
    "002_b": "CREATE TABLE public.b (id int REFERENCES public.a);",
    "002_b.down": "DROP TABLE public.b;",
    "003_copy": "COPY public.a (id) FROM stdin;\n1\n2\n\\.\n",
    "003_copy.down": "DELETE FROM public.a;",
    "004_index": "-- fowergram: no-transaction\nCREATE INDEX CONCURRENTLY a_d ON public.a (d);\n"
    "INSERT INTO public.a VALUES (3);",
    "004_index.down": "-- fowergram: no-transaction\nDROP INDEX CONCURRENTLY public.a_d; DELETE FROM public.a;",
    "005_slow": "SELECT pg_sleep(0.3); CREATE VIEW public.v AS SELECT 1 AS one;",
    "005_slow.down": "DROP VIEW public.v;",
}
DIRECT = (
    ("migrate", "--to", "3"),
    ("migrate",),
    ("migrate",),
    ("status", "--check"),
    ("rollback", "--steps", "2"),
    ("migrate",),
    ("analyze",),
    ("analyze", "public.a"),
    ("reset", "--yes"),
    ("reset", "--yes"),
    ("status", "--check"),
)


def known(session, settings):
    """Leave out what the server does not have."""
    names = {name for (name,) in session.execute("SELECT name FROM pg_settings").fetchall()}
    return {name: value for name, value in settings.items() if name in names}


def set_in_database(admin, name, settings) -> None:
    for setting, value in known(admin, settings).items():
        admin.execute(
            sql.SQL("ALTER DATABASE {} SET {} TO {}").format(
                sql.Identifier(name), sql.Identifier(setting), sql.Literal(value)
            )
        )


@pytest.fixture
def hostile_role(admin):
    """A superuser whose role has every setting that could break a command."""
    name = f"hostile_{uuid.uuid4().hex[:12]}"
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD 'plain password'").format(sql.Identifier(name)))
    for setting, value in known(admin, HOSTILE).items():
        admin.execute(
            sql.SQL("ALTER ROLE {} SET {} TO {}").format(
                sql.Identifier(name), sql.Identifier(setting), sql.Literal(value)
            )
        )
    yield name
    admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(name)))


def test_settings_of_a_role_break_no_command(cli, write, hostile_role, monkeypatch):
    write(**FILES)
    monkeypatch.setenv("DB_USER", hostile_role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    for command in DIRECT:
        result = cli(*command)
        assert result.exit_code == 0, (command, result)


def test_settings_of_a_database_break_no_command(cli, write, empty_db, admin, target):
    write(**FILES)
    set_in_database(admin, target.dbname, HOSTILE)
    empty_db.close()
    for command in DIRECT:
        result = cli(*command)
        assert result.exit_code == 0, (command, result)


@pytest.mark.parametrize(
    ("name", "value", "since"),
    [
        ("idle_session_timeout", "1ms", 140000),
        ("transaction_timeout", "10ms", 170000),
        ("search_path", "nowhere, pg_catalog", 0),
        ("search_path", '""', 0),
        ("client_min_messages", "debug5", 0),
        ("synchronous_commit", "remote_apply", 0),
        ("default_tablespace", "pg_default", 0),
        ("role", "none", 0),
        ("session_replication_role", "replica", 0),
        ("work_mem", "64kB", 0),
        ("lc_messages", "C", 0),
        ("client_encoding", "LATIN1", 0),
        ("ignore_system_indexes", None, 0),
    ],
)
def test_a_setting_of_a_database_breaks_no_run(cli, write, admin, target, name, value, since):
    if value is None or admin.info.server_version < since:
        pytest.skip("this server does not have it")
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target.dbname)))
    admin.execute(
        sql.SQL("ALTER DATABASE {} SET {} TO {}").format(
            sql.Identifier(target.dbname), sql.Identifier(name), sql.SQL(value) if "," in value else sql.Literal(value)
        )
    )
    write(**FILES)
    for command in (("migrate",), ("status", "--check"), ("rollback", "--steps", "2"), ("migrate",)):
        result = cli(*command)
        assert result.exit_code == 0, (command, result)


@pytest.mark.matrix(every=0)
def test_a_scripts_own_statements_are_governed_by_the_roles_statement_timeout(cli, write, empty_db, admin, target):
    write(**FILES, **{"006_c": "SELECT pg_sleep(5);"})
    set_in_database(admin, target.dbname, {"statement_timeout": "400ms"})
    empty_db.close()
    result = cli("migrate", "--json")
    assert (result.exit_code, result.document["error"]["sqlstate"]) == (1, "57014")
    assert result.document["error"]["message"].startswith("006_c.sql failed at statement 1 of 1")
    assert cli("migrate", "--statement-timeout", "0").exit_code == 0


def test_a_script_has_what_role_and_database_say(cli, write, empty_db, admin, target, query):
    empty_db.execute("CREATE SCHEMA app")
    admin.execute(f'ALTER DATABASE "{target.dbname}" SET search_path = app, public')
    set_in_database(admin, target.dbname, {"DateStyle": "SQL, DMY", "TimeZone": "Asia/Bangkok", "row_security": "off"})
    seen = (
        "current_setting('search_path') || '|' || current_setting('DateStyle') || '|' || current_setting('TimeZone')"
        " || '|' || current_setting('row_security')"
    )
    said = "app, public|SQL, DMY|Asia/Bangkok|off"
    write(
        **{"001_a": "CREATE TABLE a (id int);", "002_b": "CREATE TABLE b (d date DEFAULT '03/02/2026');"},
        **{"003_c": f"CREATE TABLE c AS SELECT {seen} AS seen;"},
        **{
            "004_d": "-- fowergram: no-transaction\nCREATE INDEX CONCURRENTLY a_id ON a (id);\n"
            f"INSERT INTO c SELECT {seen};"
        },
        **{"005_e": "SET search_path = public; SET TimeZone = 'UTC'; CREATE TABLE e (id int);"},
        **{"006_f": f"INSERT INTO c SELECT {seen};", "007_g": "CREATE TABLE g (id int);"},
    )
    assert cli("migrate").exit_code == 0
    assert query("SELECT DISTINCT seen FROM app.c") == [(said,)]
    tables = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('app', 'public') ORDER BY 1, 2"
    app = [("app", name) for name in ("a", "b", "c", "g")]
    assert query(tables) == [*app, ("public", "e"), ("public", "schema_migrations")]
    assert query("SELECT column_default FROM information_schema.columns WHERE table_name = 'b'") == [
        ("'03/02/2026'::date",)
    ]


LEAVES = (
    "CREATE TEMP TABLE schema_migrations (id int); PREPARE left_over AS SELECT 1; LISTEN left_over;"
    "SELECT pg_advisory_lock(7, 7); SET search_path = pg_temp; SET ROLE pg_monitor;"
    "SET standard_conforming_strings = off; SET client_encoding = 'LATIN1';"
    "SET default_transaction_read_only = on; SET DateStyle = 'SQL, DMY';"
    "SET statement_timeout = 250;"
)
LOOKS = (
    "DO $$ BEGIN IF current_user <> session_user OR to_regclass('pg_temp.schema_migrations') IS NOT NULL"
    " OR EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'left_over')"
    " OR EXISTS (SELECT FROM pg_listening_channels())"
    " OR EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 7 AND pid = pg_backend_pid())"
    " OR current_setting('DateStyle') LIKE 'SQL%' THEN RAISE 'something is left'; END IF;"
    " PERFORM pg_sleep(0.3); END $$;"
)


@pytest.mark.parametrize("header", ["", "-- fowergram: no-transaction\n"])
def test_settings_that_a_script_leaves_reach_neither_the_history_nor_the_next_script(cli, write, query, header):
    write(**{"001_a": f"{header}{LEAVES}", "002_b": LOOKS, "003_c": f"-- fowergram: no-transaction\n{LOOKS}"})
    result = cli("migrate")
    assert result.exit_code == 0, result
    assert query("SELECT array_agg(version ORDER BY version) FROM public.schema_migrations") == [([1, 2, 3],)]


# What other clients of a pooler have left in the sessions that they shared.
LEFT = {
    "DateStyle": "SQL, DMY",
    "search_path": "left_by_others",
    "default_tablespace": "pg_default",
    "default_transaction_isolation": "serializable",
    "lock_timeout": "7777",
    "session_replication_role": "replica",
    "statement_timeout": "7777",
    "work_mem": "77777",
    "check_function_bodies": "off",
    "row_security": "off",
    "bytea_output": "escape",
    "quote_all_identifiers": "on",
}
_SIZE = 3


@contextmanager
def all_sessions(pool):
    """Every session of the pool at a time, each in a transaction, by its process number."""
    with ExitStack() as stack:
        opened = {}
        for _ in range(_SIZE):
            session = stack.enter_context(
                psycopg.connect(
                    host=pool.host, port=pool.port, dbname=pool.dbname, user=pool.user, prepare_threshold=None
                )
            )
            opened[session.execute("SELECT pg_backend_pid()").fetchone()[0]] = session
        yield opened


def settings_of(session):
    # PgBouncer itself sets these four for each client.
    own = "'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings', 'application_name'"
    found = session.execute(
        f"SELECT name, setting FROM pg_settings WHERE name !~ '^transaction_|[.]' AND name NOT IN ({own})"
    )
    return dict(found.fetchall())


@pytest.fixture
def pool(server, empty_db, target):
    """A pooler with few sessions, all of which have served another client."""
    if find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed")
    empty_db.execute("CREATE SCHEMA left_by_others")
    with pooler_to(server, pool_size=_SIZE) as started:
        there = replace(started, dbname=target.dbname)
        with all_sessions(there) as sessions:
            for session in sessions.values():
                for name, value in LEFT.items():
                    session.execute("SELECT set_config(%s, %s, false)", [name, value])
                session.commit()
        yield there


def test_settings_of_other_pooler_clients_have_no_effect_and_ours_do_not_leak(
    pool, write, query, monkeypatch, directory, capfd
):
    for name, value in environment(pool).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MIGRATIONS_DIR", str(directory))
    seen = "current_setting('search_path') AS path, current_setting('session_replication_role') AS replication"
    write(
        **{name: text for name, text in FILES.items() if not name.startswith(("004", "005"))},
        **{"006_c": f"CREATE TABLE public.c AS SELECT {seen}; SET work_mem = '1MB'; SET search_path = pg_catalog;"},
        **{
            "006_c.down": "DROP TABLE public.c",
            "007_d": f"INSERT INTO public.c SELECT {seen}",
            "007_d.down": "SELECT 1",
        },
        **{"009_e.down": "DROP TABLE e", "010_f.down": "DROP TABLE f; SET work_mem = '2MB'"},
        **{"008_index": "-- fowergram: no-transaction\nCREATE INDEX CONCURRENTLY a_d ON public.a (d);\nSELECT 1;"},
        **{"008_index.down": "-- fowergram: no-transaction\nDROP INDEX CONCURRENTLY public.a_d;"},
        **{"009_e": "CREATE TABLE e (id int)", "010_f": "CREATE TABLE f (id int)"},
    )
    with all_sessions(pool) as sessions:
        before = {pid: settings_of(session) for pid, session in sessions.items()}
    assert all(settings["search_path"] == "left_by_others" for settings in before.values())
    commands = ("migrate", "migrate", "status --check", "analyze", "analyze public.a", "rollback --steps 5", "migrate")
    for command in commands:
        assert run(command.split()) == 0, (command, capfd.readouterr())
    with all_sessions(pool) as sessions:
        after = {pid: settings_of(session) for pid, session in sessions.items()}
    assert [after[pid].items() ^ before[pid].items() for pid in after] == [set()] * _SIZE
    assert query("SELECT DISTINCT path, replication FROM public.c") == [('"$user", public', "origin")]
    tables = "SELECT schemaname FROM pg_tables WHERE tablename IN ('a', 'b', 'c', 'e', 'f')"
    assert query(tables) == [("public",)] * 5


@pytest.mark.matrix(every=20)
@pytest.mark.parametrize("name", HOSTILE)
def test_each_hostile_setting_by_itself_breaks_no_command(cli, write, admin, target, name):
    if not known(admin, {name: HOSTILE[name]}):
        pytest.skip(f"this server has no {name}")
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target.dbname)))
    set_in_database(admin, target.dbname, {name: HOSTILE[name]})
    write(**FILES)
    for command in DIRECT:
        result = cli(*command)
        assert result.exit_code == 0, (command, result)


def test_a_read_only_default_behind_a_pooler_is_reported_where_no_setting_can_be_made(
    pooler, empty_db, admin, target, write, monkeypatch, directory, capfd
):
    set_in_database(admin, target.dbname, {"default_transaction_read_only": "on"})
    empty_db.close()
    there = replace(pooler, dbname=target.dbname)
    for name, value in environment(there).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MIGRATIONS_DIR", str(directory))
    write(**{name: text for name, text in FILES.items() if name < "004"})
    assert run(["migrate"]) == 0
    write(**{"004_index": FILES["004_index"]})
    assert run(["migrate"]) == 2
    assert "004_index.sql runs without a transaction, and default_transaction_read_only is on" in capfd.readouterr().err
    assert run(["rollback"]) == 0
    assert run(["repair"]) == 0


def test_settings_of_a_database_break_no_other_command_than_migrate(cli, write, empty_db, admin, target):
    write(**{"001_a": FILES["001_a"], "001_a.down": FILES["001_a.down"]})
    empty_db.execute(FILES["001_a"])
    empty_db.execute("CREATE TABLE public.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
    empty_db.execute("INSERT INTO public.schema_migrations VALUES (1, false)")
    set_in_database(admin, target.dbname, HOSTILE)
    empty_db.close()
    for command in ("adopt", "status --check", "protect", "protect --off", "repair", "testdb create --name x --ttl 1h"):
        result = cli(*command.split())
        assert result.exit_code == 0, (command, result)
    assert cli("testdb", "drop", "x").exit_code in (0, 2)


def test_the_hint_says_how_a_function_gets_the_search_path_that_it_needs(cli, write):
    function = (
        "CREATE TABLE kept (id int); CREATE FUNCTION maintain_partitions(a int DEFAULT 1, b interval DEFAULT '1 day')"
        " RETURNS TABLE (partition_name text, action text) LANGUAGE plpgsql AS $$BEGIN PERFORM FROM kept; END$$;"
    )
    write(**{"001_a": function})
    result = cli("migrate", "--json")
    assert result.exit_code == 1
    assert "ALTER FUNCTION public.maintain_partitions SET search_path" in result.document["error"]["hint"]
    write(**{"002_b": "ALTER FUNCTION maintain_partitions SET search_path = public, pg_temp;"})
    assert cli("migrate").exit_code == 0
