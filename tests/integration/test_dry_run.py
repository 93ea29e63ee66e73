"""A dry run is a script: run by psql it leads to where the command would, history and all."""

import os

import pytest

from fowergram_db.schema.fingerprint import differences, fingerprint

BARE = "-- fowergram: no-transaction\n"
TABLES = {
    "001_a": "CREATE TABLE a (t text)",
    "001_a.down": "DROP TABLE a;",
    "002_b": "CREATE TABLE b (id int); -- that was all",
    "002_b.down": "DROP TABLE b; -- it's gone \\\\ and $1",
    "003_c": "ALTER TABLE b ADD name text -- no semicolon",
    "004_d": "COPY a FROM stdin;\none\ntwo\n\\.",
    "005_e": "\n\nINSERT INTO a SELECT 'three';\n",
    "006_f": "-- nothing",
}
LEFT = {
    "001_a": "SET search_path = pg_catalog; SET ROLE {role}; CREATE TABLE public.a (id int);",
    "002_b": "CREATE TABLE b (id int); CREATE TEMP TABLE kept (id int); PREPARE kept AS SELECT 1; LISTEN kept;",
    "003_c": "CREATE TABLE kept (id int); INSERT INTO kept VALUES (1);\n"
    "SET standard_conforming_strings = off; SET default_transaction_read_only = on;",
    "004_d": "CREATE TABLE d AS SELECT 'a\\' AS t; SET statement_timeout = 300;",
    "005_e": f"{BARE}SELECT pg_sleep(0.4); SET search_path = pg_catalog; CREATE TABLE public.e (id int);\n"
    "SET statement_timeout = 300;",
    "006_f": f"{BARE}SELECT pg_sleep(0.4);\nCREATE TABLE f (id int);\nCREATE INDEX CONCURRENTLY f_id ON f (id);\n"
    "VACUUM f;",
    "007_g": "SET LOCAL lock_timeout = 0; CREATE TABLE g (id int);",
}

DROP_TABLES = """
    DO $$ DECLARE each text; BEGIN
        FOR each IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('DROP TABLE public.%I', each);
        END LOOP;
    END $$
"""


@pytest.fixture
def states(cli):
    """Return what status says, but for times."""

    def read() -> list[dict[str, object]]:
        migrations = cli("status", "--json").document["migrations"]
        return [{name: m[name] for name in m if name not in {"executed_at", "duration_ms"}} for m in migrations]

    return read


@pytest.fixture
def by_both(cli, empty_db, psql, states):
    """Run a command by psql, then the command itself on the same database recreated; return both ends."""

    def run(*arguments: str) -> tuple[object, object]:
        printed = cli(*arguments, "--dry-run")
        assert printed.exit_code == 0, printed.err
        psql(printed.out)
        by_psql = states()
        made = fingerprint(empty_db)
        assert cli("status", "--check").exit_code == 0
        empty_db.execute(DROP_TABLES)
        assert cli(*arguments).exit_code == 0
        assert differences(made, fingerprint(empty_db)) == ()
        return by_psql, states()

    return run


@pytest.mark.parametrize("arguments", [(), ("--atomic",)])
def test_psql_and_the_command_leave_the_same_database(write, by_both, query, arguments):
    write(**TABLES)
    by_psql, by_tool = by_both("migrate", *arguments)
    assert by_psql == by_tool
    assert query("SELECT t FROM a ORDER BY t") == [("one",), ("three",), ("two",)]


def test_settings_that_a_file_leaves_do_not_reach_the_next_file(write, by_both, query, role):
    write(**{name: text.format(role=role) for name, text in LEFT.items()})
    query("GRANT CREATE ON SCHEMA public TO PUBLIC")
    by_psql, by_tool = by_both("migrate")
    assert by_psql == by_tool
    assert query("SELECT tableowner FROM pg_tables WHERE tablename = 'a'") == [(role,)]
    assert query("SELECT t FROM d") == [("a\\",)]


@pytest.mark.usefixtures("empty_db")
def test_a_dry_run_contains_all_of_a_large_file(cli, write, directory, psql, query):
    write(**{"001_a": "CREATE TABLE a (t text)"})
    (directory / "002_b.sql").write_text(
        "COPY a FROM stdin;\n" + 1_100_000 * "four\u0e14\n" + "\\.\n", encoding="utf-8"
    )
    psql(cli("migrate", "--dry-run").out)
    assert query("SELECT count(*), count(DISTINCT t) FROM a") == [(1_100_000, 1)]
    assert cli("status", "--check").exit_code == 0


def test_a_rollback_is_undone_by_psql_too(cli, write, psql, tables, states):
    write(**TABLES)
    assert cli("migrate", "--to", "2").exit_code == 0
    psql(cli("rollback", "--steps", "2", "--dry-run").out)
    assert tables() == []
    assert {migration["state"] for migration in states()} == {"pending"}


def test_psql_continues_where_a_run_has_stopped(cli, write, psql, query, states):
    begins = f"{BARE}SET search_path = x;\nCREATE SCHEMA x;\nCREATE TABLE a (id int);\n"
    write(**{"001_a": f"{begins}SELECT 1/0;"})
    assert cli("migrate").exit_code == 1
    write(**{"001_a": f"{begins}CREATE TABLE b ();"})
    psql(cli("migrate", "--dry-run").out)
    assert query("SELECT count(*) FROM pg_tables WHERE schemaname = 'x'") == [(2,)]
    assert [migration["state"] for migration in states()] == ["applied"]
    assert query("SELECT statements_done, progress FROM schema_migrations") == [(4, None)]


@pytest.mark.usefixtures("empty_db")
def test_a_down_script_with_a_secret_is_not_recorded(cli, write, psql, query, role):
    secret = {"001_a": "CREATE TABLE a ();", "001_a.down": f"ALTER ROLE {role} PASSWORD 'sesame'; DROP TABLE a;"}
    write(**secret)
    printed = cli("migrate", "--dry-run")
    assert "sesame" not in printed.out + printed.err
    assert "001_a.down.sql: the down script contains a secret" in printed.err
    psql(printed.out)
    assert query("SELECT down_sql FROM schema_migrations") == [(None,)]
    assert "'sesame'" in cli("rollback", "--dry-run", "--show-secrets").out


def test_a_dry_run_prints_nothing_that_is_done_already(cli, write):
    write(**{"001_a": "CREATE TABLE a ();"})
    assert cli("migrate").exit_code == 0
    assert cli("migrate", "--dry-run").out == ""
    write(**{"002_b": "CREATE TABLE b ();"})
    assert "CREATE TABLE IF NOT EXISTS public.schema_migrations" not in cli("migrate", "--dry-run").out


@pytest.mark.usefixtures("empty_db")
def test_psql_keeps_the_partitions_ahead_too(cli, monkeypatch, psql, query):
    monkeypatch.delitem(os.environ, "MIGRATIONS_DIR")
    psql(cli("migrate", "--dry-run").out)
    assert cli("status", "--check").exit_code == 0
    assert query("SELECT count(*) > 0 FROM pg_inherits") == [(True,)]
