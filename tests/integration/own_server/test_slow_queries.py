"""Where the server's time goes, asked of a real pg_stat_statements in each of its versions."""

import json
import re
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from psycopg import sql

from fowergram_db.cli.main import run
from fowergram_db.database.connection import connect
from fowergram_db.database.target import url_of
from fowergram_db.errors import DatabaseError
from fowergram_db.operations import slow_queries
from fowergram_db.operations.pg_stat_statements import find_extension
from fowergram_db.operations.slow_queries import read_slow_queries
from fowergram_db.operations.sort_key import SortKey

_NOT_PRELOADED = """
CREATE EXTENSION pg_stat_statements;
ALTER EXTENSION pg_stat_statements DROP VIEW pg_stat_statements;
ALTER EXTENSION pg_stat_statements DROP FUNCTION pg_stat_statements(boolean);
DROP VIEW pg_stat_statements;
DROP FUNCTION pg_stat_statements(boolean);
CREATE FUNCTION pg_stat_statements(
    showtext boolean, OUT queryid bigint, OUT query text, OUT userid oid, OUT dbid oid, OUT calls bigint,
    OUT rows bigint, OUT shared_blks_hit bigint, OUT shared_blks_read bigint
) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'pg_stat_statements must be loaded via "shared_preload_libraries"' USING ERRCODE = '55000';
END $$;
CREATE VIEW pg_stat_statements AS SELECT * FROM pg_stat_statements(true);
ALTER EXTENSION pg_stat_statements ADD FUNCTION pg_stat_statements(boolean);
ALTER EXTENSION pg_stat_statements ADD VIEW pg_stat_statements;
"""


@pytest.fixture
def counted(empty_db):
    """A database whose statements are counted, without those that made it."""
    empty_db.execute("CREATE EXTENSION pg_stat_statements")
    forget(empty_db)
    return empty_db


@pytest.fixture
def role(counted):
    """A role of this test's own, without any right."""
    name = f'Plain "{uuid.uuid4().hex[:12]}'
    counted.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    yield name
    counted.execute("RESET ROLE")
    counted.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def forget(connection):
    """Drop what was counted for this database only, and count neither that nor SET ROLE and its like."""
    connection.execute("SET pg_stat_statements.track = 'none'")
    connection.execute("SET pg_stat_statements.track_utility = off")
    connection.execute(
        "SELECT pg_stat_statements_reset(0::oid, oid, 0) FROM pg_database WHERE datname = current_database()"
    )
    connection.execute("RESET pg_stat_statements.track")


def read(connection, limit=100, sort=SortKey.TOTAL):
    return read_slow_queries(connection, limit=limit, sort=sort)


def find(found, text):
    return next(query for query in found.queries if text in query.query)


def test_without_the_extension_the_hint_creates_it(empty_db):
    with pytest.raises(DatabaseError, match="not created in database") as caught:
        read(empty_db)
    assert caught.value.hint.endswith("CREATE EXTENSION pg_stat_statements;")


def test_without_the_preloaded_library_the_hint_preloads_it(empty_db, monkeypatch):
    empty_db.execute(_NOT_PRELOADED)
    find = find_extension  # this server has preloaded it, and says so
    monkeypatch.setattr(slow_queries, "find_extension", lambda session: replace(find(session), preloaded=False))
    with pytest.raises(DatabaseError, match="does not preload") as caught:
        read(empty_db)
    assert "shared_preload_libraries" in caught.value.hint
    assert "restart" in caught.value.hint


def test_a_database_that_did_nothing_has_an_empty_answer(counted):
    found = read(counted)
    assert (found.queries, found.statements, found.calls, found.total_ms) == ((), 0, 0, 0.0)
    assert found.hidden is None


def test_a_statement_is_counted_with_its_figures(counted):
    counted.execute("CREATE TABLE shop AS SELECT generate_series(1, 100) AS id")
    for least in (1, 50, 90):
        counted.execute("SELECT id FROM shop WHERE id > %s", [least]).fetchall()
    found = read(counted)
    query = find(found, "FROM shop WHERE")
    assert (query.calls, query.rows) == (3, 99 + 50 + 10)
    assert query.query == "SELECT id FROM shop WHERE id > $1"
    assert (query.user, query.database) == (counted.info.user, counted.info.dbname)
    assert query.mean_ms * 3 == pytest.approx(query.total_ms)
    assert query.mean_ms <= query.max_ms <= query.total_ms
    assert query.stddev_ms >= 0
    assert query.cache_hit == 1.0
    assert query.share == pytest.approx(query.total_ms / found.total_ms)


def test_the_totals_cover_what_the_limit_leaves_out(counted):
    for column in "abcd":
        counted.execute(f"SELECT 1 AS {column}")
    everything, some = read(counted), read(counted, limit=2)
    assert some.queries == everything.queries[:2]
    assert (some.statements, some.calls, some.total_ms) == (
        len(everything.queries),
        sum(query.calls for query in everything.queries),
        pytest.approx(sum(query.total_ms for query in everything.queries)),
    )
    assert sum(query.share for query in everything.queries) == pytest.approx(1)


def test_no_hit_ratio_where_no_block_was_touched(counted):
    counted.execute("SELECT 1 AS untouched")
    assert find(read(counted), "untouched").cache_hit is None


@pytest.mark.parametrize(
    ("sort", "figure"),
    [(SortKey.TOTAL, "total_ms"), (SortKey.MEAN, "mean_ms"), (SortKey.CALLS, "calls")],
)
def test_the_largest_of_the_figure_asked_for_comes_first(counted, sort, figure):
    counted.execute("SELECT pg_sleep(0.05) AS slow")
    for _ in range(40):
        counted.execute("SELECT pg_sleep(0.002), 2 AS often")
    counted.execute("SELECT 1 AS quick")
    found = read(counted, sort=sort)
    figures = [getattr(query, figure) for query in found.queries]
    assert figures == sorted(figures, reverse=True)
    assert ("slow" if sort is SortKey.MEAN else "often") in found.queries[0].query


def test_statements_of_other_databases_are_not_counted(counted):
    counted.execute("SELECT 1 AS here")
    elsewhere = counted.execute(
        "SELECT count(*) FROM pg_stat_statements WHERE dbid <> "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone()
    found = read(counted)
    assert elsewhere[0] > 0, "the test database itself was created from another"
    assert {query.database for query in found.queries} == {counted.info.dbname}
    assert found.statements == len(found.queries)


def test_reading_does_not_show_up_in_what_is_read(counted):
    counted.execute("SELECT 1 AS work")
    first, second = read(counted), read(counted)
    assert first == second


def test_the_queries_of_the_tool_are_not_among_those_of_others(counted, cli, write):
    counted.execute("SET pg_stat_statements.track_utility = on")
    write(**{"001_a": "CREATE TABLE a (id int); SELECT count(*) FROM a", "001_a.down": "DROP TABLE a"})
    for arguments in ("migrate", "status", "rollback", "migrate", "analyze", "slow-queries"):
        assert cli(*arguments.split()).exit_code == 0
    shown = [query["query"] for query in cli("slow-queries", "--json", "--limit", "1000").document["queries"]]
    assert "SELECT count(*) FROM a" in [text.strip() for text in shown]
    assert [text for text in shown if "-- Purpose:" in text or "fowergram-db */" in text] == []
    assert [text for text in shown if "FROM public.schema_migrations" in text or "pg_stat_statements AS" in text] == []


def test_the_identifier_is_a_text_too(counted):
    counted.execute("SELECT 1 AS work")
    assert {query.queryid_text == str(query.queryid) for query in read(counted).queries} == {True}


def test_every_version_of_the_extension_is_read(empty_db):
    versions = empty_db.execute(
        "SELECT version FROM pg_available_extension_versions WHERE name = 'pg_stat_statements'"
    ).fetchall()
    assert len(versions) > 1
    for (version,) in versions:
        empty_db.execute(sql.SQL("CREATE EXTENSION pg_stat_statements VERSION {}").format(version))
        empty_db.execute("SELECT pg_sleep(0.01) AS nap")
        found = read(empty_db)
        query = find(found, "nap")
        assert query.total_ms >= query.max_ms >= query.mean_ms >= 10, version
        assert query.stddev_ms >= 0, version
        newer = tuple(int(part) for part in version.split(".")) >= (1, 9)
        assert query.toplevel is (True if newer else None), version
        assert isinstance(found.since, datetime) is newer, version
        empty_db.execute("DROP EXTENSION pg_stat_statements")


def test_the_beginning_of_counting_is_in_utc(counted):
    counted.execute("SET TimeZone = 'Asia/Bangkok'")
    since = read(counted).since
    if counted.info.server_version < 140000:
        assert since is None
    else:
        assert since is not None
        assert since.tzinfo is UTC
        assert since < datetime.now(UTC)


def test_the_extension_is_found_in_any_schema(empty_db):
    empty_db.execute('CREATE SCHEMA "Odd {schema} %s"')
    empty_db.execute('CREATE EXTENSION pg_stat_statements SCHEMA "Odd {schema} %s"')
    empty_db.execute("SELECT 1 AS work")
    assert find(read(empty_db), "work").calls == 1


def test_a_password_in_a_statement_is_masked(counted, role):
    counted.execute("SET pg_stat_statements.track_utility = on")
    counted.execute(sql.SQL("ALTER ROLE {} PASSWORD 'hunter22'").format(sql.Identifier(role)))
    shown = find(read(counted), "PASSWORD")
    assert "hunter22" not in shown.query
    assert shown.query.startswith("ALTER ROLE")


def test_statements_that_a_role_may_not_read_are_summed_up_with_the_remedy(counted, role):
    counted.execute("SELECT pg_sleep(0.02) AS secret")
    counted.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    counted.execute("SELECT 1 AS mine")
    found = read(counted)
    assert [query.user for query in found.queries] == [role]
    assert found.hidden is not None
    assert found.hidden.statements == found.statements - 1
    assert found.hidden.calls == found.calls - 1
    assert found.hidden.total_ms + found.queries[0].total_ms == pytest.approx(found.total_ms)
    assert found.hidden.share + found.queries[0].share == pytest.approx(1)
    assert 0.9 < found.hidden.share < 1


def test_the_remedy_works_as_printed(counted, role):
    counted.execute("SELECT 1 AS secret")
    counted.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    hidden = read(counted).hidden
    assert hidden is not None
    counted.execute("RESET ROLE")
    counted.execute(hidden.grant)
    counted.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    found = read(counted)
    assert found.hidden is None
    assert find(found, "secret").calls == 1


def test_a_role_that_may_read_no_statement_has_an_empty_answer(counted, role):
    counted.execute("SELECT 1 AS secret")
    counted.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    found = read(counted)
    assert found.queries == ()
    assert found.hidden is not None
    assert found.hidden.share == 1


def test_a_whole_text_is_shown_on_request(cli, empty_db, target):
    empty_db.execute("CREATE EXTENSION pg_stat_statements")
    with connect(target) as other:
        other.execute("SELECT " + ", ".join(f"{n} AS column_{n}" for n in range(50)))
    (found,) = [q for q in cli("slow-queries", "--json").document["queries"] if "column_49" in q["query"]]
    assert "column_49" not in cli("slow-queries").out
    assert "column_49" in cli("slow-queries", "--full").out
    one = cli("slow-queries", "--query", found["queryid_text"], "--json").document
    assert [query["queryid"] for query in one["queries"]] == [found["queryid"]]
    shown = cli("slow-queries", "--query", found["queryid_text"]).out
    assert ("column_49" in shown, f"id {found['queryid_text']}" in shown) == (True, True)
    missing = cli("slow-queries", "--query", "-77")
    assert (missing.exit_code, "identifier -77" in missing.err) == (1, True)
    assert cli("slow-queries", "--query", "x").exit_code == 2


MIGRATIONS = {
    "001_a.sql": "CREATE EXTENSION pg_stat_statements;\nCREATE TABLE users (id int PRIMARY KEY, t text);",
    "002_b.sql": "-- fowergram: no-transaction\nCREATE INDEX CONCURRENTLY users_t ON users (t);",
    "002_b.down.sql": "-- fowergram: no-transaction\nDROP INDEX CONCURRENTLY users_t;",
    "003_c.sql": "-- fowergram: lock-timeout=2s\nSET search_path = public;\nCREATE TABLE posts (id int);",
    "003_c.down.sql": "DROP TABLE posts;",
    "004_d.sql": "COPY users (id) FROM stdin;\n1\n\\.\n",
    "004_d.down.sql": "DELETE FROM users;",
}
OF_MIGRATIONS = re.compile(r"(CREATE|DROP) (TABLE|INDEX|EXTENSION)|COPY users|DELETE FROM users", re.IGNORECASE)
GOOSE = "CREATE TABLE goose_db_version AS SELECT 1 AS id, 1::bigint AS version_id, true AS is_applied, now() AS tstamp"
COMMANDS = (
    *("migrate", "status", "rollback --steps 3", "migrate --atomic --to 1", "migrate --dry-run", "migrate"),
    *("rollback --to 3", "repair --applied 4", "analyze users", "slow-queries", "adopt --from goose --force"),
)


def test_no_statement_of_the_tool_is_listed_after_its_commands(server, tmp_path, monkeypatch, capsys):
    for name, text in MIGRATIONS.items():
        (tmp_path / name).write_text(text)
    target = replace(server, dbname=f"shop_{uuid.uuid4().hex[:12]}")
    monkeypatch.setenv("DATABASE_URL", url_of(target))
    monkeypatch.setenv("MIGRATIONS_DIR", str(tmp_path))
    try:
        for command in COMMANDS:
            if "goose" in command:
                with connect(target) as session:
                    session.execute("SET pg_stat_statements.track_utility = off; SET pg_stat_statements.track = 'none'")
                    session.execute(GOOSE)
            run(command.split())
        capsys.readouterr()
        run(["slow-queries", "--limit", "1000", "--json"])
        queries = json.loads(capsys.readouterr().out)["queries"]
    finally:
        with connect(server) as session:
            session.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(target.dbname)))
    texts = [query["query"] for query in queries]
    assert len(texts) > 5
    assert [text for text in texts if not OF_MIGRATIONS.match(text)] == []


def test_control_of_transactions_is_listed_only_if_it_is_slow(counted):
    counted.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    body = "BEGIN PERFORM pg_sleep(0.05); RETURN NULL; END"
    counted.execute(f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS '{body}'")
    deferred = "AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f()"
    counted.execute(f"CREATE CONSTRAINT TRIGGER slow {deferred}")
    forget(counted)
    counted.execute("RESET pg_stat_statements.track_utility")
    for statement in ("BEGIN", "SELECT 1", "COMMIT", "SET work_mem = '1MB'", "START TRANSACTION", "ROLLBACK"):
        counted.execute(statement)
    assert [query.query for query in read(counted).queries] == ["SELECT $1"]
    for statement in ("BEGIN", "UPDATE t SET a = 2", "SET CONSTRAINTS ALL IMMEDIATE", "COMMIT"):
        counted.execute(statement)
    shown = {query.query for query in read(counted).queries if "pg_sleep" not in query.query}
    assert shown == {"SELECT $1", "UPDATE t SET a = $1", "SET CONSTRAINTS ALL IMMEDIATE"}
