"""Poolers with hardly a connection: one is too few and the error says so, two are enough, and nothing hangs."""

import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from psycopg import sql

from fowergram_db.database import advisory_lock
from fowergram_db.database.connection import connect
from fowergram_db.errors import LockTimeout
from fowergram_db.migrations.engine import watch
from fowergram_db.migrations.engine.lock import Backend, migration_lock
from tests.integration.pooler import find_pgbouncer, pooler_to
from tests.integration.test_engine import CONCURRENTLY, holding, start

pytestmark = pytest.mark.skipif(find_pgbouncer() is None, reason="PgBouncer is not installed")
FILES = {
    "001_a": "CREATE TABLE a (id int)",
    "001_a.down": "DROP TABLE a",
    "002_i": f"{CONCURRENTLY}CREATE INDEX CONCURRENTLY a_id ON a (id);",
    "003_b": "SELECT pg_sleep(0.3)",
}
# It takes no connection of PgBouncer's where everything is tried right away.
SECONDS = 10


@contextmanager
def pool(server, target, admin, **options):
    """Make the test's database, and start a pooler to it with this number of connections."""
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target.dbname)))
    with pooler_to(server, **options) as way:
        yield replace(way, dbname=target.dbname)


@pytest.fixture
def pool_of_one(server, target, admin):
    with pool(server, target, admin, pool_size=1) as way:
        yield way


@pytest.fixture
def pool_of_two(server, target, admin):
    with pool(server, target, admin, pool_size=2) as way:
        yield way


@pytest.fixture
def pooled_cli(cli):
    """Run a command through a pooler, which must not take long."""

    def call(way, *arguments: str):
        began = time.monotonic()
        result = cli(*arguments, "--host", way.host, "--port", way.port)
        assert time.monotonic() - began < SECONDS
        return result

    return call


@pytest.mark.parametrize(
    "arguments",
    [("migrate",), ("migrate", "--wait", "0"), ("rollback",), ("repair",), ("adopt", "--force")],
    ids=" ".join,
)
def test_a_pool_of_one_is_an_error_that_says_what_to_do(
    pooled_cli, cli, pool_of_one, write, tables, monkeypatch, arguments
):
    monkeypatch.setattr(advisory_lock, "_PROVIDED_WITHIN_S", 0.3)
    write(**{"001_a": FILES["001_a"], "001_a.down": FILES["001_a.down"]})
    if arguments[0] in {"rollback", "repair"}:
        assert cli("migrate").exit_code == 0
    before = tables()
    result = pooled_cli(pool_of_one, *arguments, "--json")
    error = result.document["error"]
    assert (result.exit_code, error["code"]) == (1, "pool_too_small"), error
    assert "default_pool_size" in error["hint"]
    assert "connect to the server directly" in error["hint"]
    assert "Traceback" not in result.err
    assert tables() == before


def test_a_pool_of_two_is_enough_without_a_watcher(pooled_cli, pool_of_two, write, tables, monkeypatch):
    monkeypatch.setattr(watch, "_FIRST_POLL_S", 0.1)
    write(**FILES)
    result = pooled_cli(pool_of_two, "migrate")
    assert result.exit_code == 0, result.err
    assert tables() == ["a"]


def test_small_scripts_that_travel_together_run_through_a_pool_of_two(
    pooled_cli, pool_of_two, write, query, monkeypatch
):
    monkeypatch.setattr(watch, "_FIRST_POLL_S", 0.05)
    query("CREATE TABLE large AS SELECT g AS id FROM generate_series(1, 600000) g")
    names = ("a", "b", "c")
    write(**{f"{n:03}_{name}": f"CREATE INDEX {name} ON large ((id % {n + 1}))" for n, name in enumerate(names, 1)})
    result = pooled_cli(pool_of_two, "migrate")
    assert result.exit_code == 0, result.err
    assert result.out.count("applied ") == 3


def test_waiting_for_a_lock_through_a_pool_of_two_does_not_hang(pooled_cli, pool_of_two, write, target, query):
    query("CREATE TABLE busy (id int)")
    write(**{"001_a": "ALTER TABLE busy ADD COLUMN more int"})
    with holding(target, "LOCK TABLE busy IN ACCESS SHARE MODE"):
        result = pooled_cli(pool_of_two, "migrate", "--lock-timeout", "300ms", "--lock-retries", "1")
    assert result.exit_code == 5
    assert "Tried 2 times." in result.err


@pytest.mark.parametrize("size", [2, 3])
def test_a_second_migrator_through_a_small_pool_waits_and_gives_up(server, target, admin, pooled_cli, write, size):
    write(**FILES)
    with pool(server, target, admin, pool_size=size) as way, migration_lock(way, 1, lambda _: None):
        result = pooled_cli(way, "migrate", "--wait", "0.5")
    assert result.exit_code == 5
    assert "the migration lock is held by" in result.err


@pytest.mark.parametrize("size", [2, 3])
def test_two_migrators_through_a_small_pool_both_succeed(server, target, admin, write, variables, query, size):
    directory = write(**FILES)
    with pool(server, target, admin, pool_size=size) as way:
        through = variables | {"DB_HOST": way.host, "DB_PORT": way.port}
        runners = [start(directory, through, "migrate") for _ in range(2)]
        outputs = [runner.communicate(timeout=30) for runner in runners]
    assert [runner.returncode for runner in runners] == [0, 0], outputs
    assert query("SELECT count(*) FROM schema_migrations WHERE state = 'applied'") == [(3,)]


def test_a_pool_that_others_have_emptied_is_waited_for(pooled_cli, pool_of_two, write, tables, monkeypatch):
    monkeypatch.setattr(advisory_lock, "_PROVIDED_WITHIN_S", 0.3)
    write(**FILES)
    with connect(pool_of_two) as other, connect(pool_of_two) as reader:
        reader.execute("SELECT 1")
        other.execute("BEGIN")
        other.execute("SELECT pg_advisory_xact_lock(1)")
        result = pooled_cli(pool_of_two, "migrate", "--wait", "1", "--json")
        assert (result.exit_code, result.document["error"]["code"]) == (5, "lock_timeout")
        assert "default_pool_size" in result.document["error"]["hint"]
        done = threading.Timer(1, other.rollback)
        done.start()
        result = pooled_cli(pool_of_two, "migrate")
        done.join()
    assert result.exit_code == 0, result.err
    assert tables() == ["a"]


def test_a_killed_run_is_waited_for_where_the_pool_has_no_connection_to_look_for_it(pool_of_two, monkeypatch):
    monkeypatch.setattr(advisory_lock, "_PROVIDED_WITHIN_S", 0.3)
    left = Backend("fowergram-db 0123456789abcdef", 0, "")
    with migration_lock(pool_of_two, 1, lambda _: None) as held, connect(pool_of_two) as other:
        other.execute("BEGIN")
        with pytest.raises(LockTimeout, match="the pooler provides no connection"):
            held.await_end_of(left, 0.5, lambda _: None)
        other.rollback()
        held.await_end_of(left, 0.5, lambda _: None)


def test_a_pool_of_whole_sessions_that_are_two_is_enough(server, target, admin, pooled_cli, write, tables, monkeypatch):
    monkeypatch.setattr(advisory_lock, "_PROVIDED_WITHIN_S", 0.3)
    write(**FILES)
    with pool(server, target, admin, pool_size=2, pool_mode="session") as way:
        result = pooled_cli(way, "migrate")
    assert result.exit_code == 0, result.err
    assert tables() == ["a"]


def test_a_pool_of_one_whole_session_ends_in_the_time_allowed(server, target, admin, pooled_cli, write, monkeypatch):
    monkeypatch.setattr(advisory_lock, "_PROVIDED_WITHIN_S", 0.3)
    write(**FILES)
    with pool(server, target, admin, pool_size=1, pool_mode="session") as way:
        result = pooled_cli(way, "migrate", "--wait", "0.5", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (5, "lock_timeout")
    assert "default_pool_size" in result.document["error"]["hint"]


@pytest.mark.matrix(every=0)
def test_test_databases_need_two_connections_and_say_so(pool_of_one, pooled_cli, write, monkeypatch):
    monkeypatch.setattr(advisory_lock, "_PROVIDED_WITHIN_S", 0.3)
    write(**{"001_a": "CREATE TABLE a (id int)"})
    for arguments in (["reset", "--force"], ["testdb", "create"]):
        result = pooled_cli(pool_of_one, *arguments, "--json")
        assert (result.exit_code, result.document["error"]["code"]) == (1, "pool_too_small")
        assert "migrator" not in result.document["error"]["hint"]


def test_test_databases_are_made_with_two_connections(pool_of_two, pooled_cli, write, target):
    write(**{"001_a": f"CREATE TABLE a (id int); COMMENT ON TABLE a IS '{target.dbname}'"})
    for arguments in (["reset", "--force"], ["reset", "--force"], ["testdb", "create", "--ttl", "1ms"]):
        result = pooled_cli(pool_of_two, *arguments, "--json")
        assert result.exit_code == 0, result.err
