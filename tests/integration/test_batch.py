"""Small scripts that travel together: still a transaction each, and none begins for a client that has died."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing, contextmanager

import pytest

from fowergram_db.database import simple_query
from fowergram_db.database.connection import connect
from fowergram_db.errors import LockLost
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.events import StepResult, StepStarted
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.history_table import create_history
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget

pytestmark = pytest.mark.every_version

ENGINE = "fowergram_db.migrations.engine"
LOOKED = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = %s AND state = 'idle' AND query LIKE '%% the sessions that hold %%' AND pid <> pg_backend_pid()
"""
WAITING = "SELECT pid FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = %s)"
WORKERS = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name ~ '^fowergram-db [0-9a-f]{16}$'"
ENDS_WITHIN_S = 20


def await_row(watcher, query: str, database: str) -> int:
    until = time.monotonic() + ENDS_WITHIN_S
    while not (found := watcher.execute(query, [database]).fetchone()):
        assert time.monotonic() < until
    return found[0]


def await_none(watcher, query: str, database: str) -> None:
    until = time.monotonic() + ENDS_WITHIN_S
    while watcher.execute(query, [database]).fetchone():
        assert time.monotonic() < until


def small(count: int) -> dict[str, str]:
    return {f"{n:03}_t": f"CREATE TABLE t{n} (id int);" for n in range(1, count + 1)}


@pytest.fixture
def busy(empty_db):
    """A table that a foreign key waits for while another session locks it."""
    empty_db.execute("CREATE TABLE busy (id int PRIMARY KEY)")


def test_each_migration_of_a_batch_has_its_own_transaction_and_row(cli, write, query):
    write(
        **small(40), **{"041_x": "CREATE TABLE x (id int); -- no semicolon, and a comment last", "042_y": "-- nothing"}
    )
    result = cli("migrate", "--json")
    assert (result.exit_code, [step["version"] for step in result.document["steps"]]) == (0, list(range(1, 43)))
    assert all(step["duration_ms"] > 0 for step in result.document["steps"])
    rows = "SELECT count(*), count(DISTINCT xmin::text), min(duration_ms) > 0 FROM schema_migrations"
    assert query(rows) == [(42, 42, True)]
    shown = {m["version"]: m["duration_ms"] for m in cli("status", "--json").document["migrations"]}
    assert shown == {step["version"]: step["duration_ms"] for step in result.document["steps"]}


@pytest.mark.parametrize(
    ("script", "place", "said"),
    [
        ("CREATE TABLE fresh (id int);\nCREATE TABLE t3 (id int);", "007_t.sql:2:1", 'relation "t3" already exists'),
        ("CREATE TABLE fresh (\n  id int NUL);", "007_t.sql:2:10", 'syntax error at or near "NUL"'),
    ],
)
def test_a_migration_of_a_batch_that_fails_is_named_and_earlier_ones_stay(cli, write, tables, script, place, said):
    write(**small(20) | {"007_t": script})
    result = cli("migrate", "--json")
    error = result.document["error"]
    assert (result.exit_code, error["code"]) == (1, "migration_failed")
    assert said in error["message"]
    assert f"{error['file']}:{error['line']}:{error['column']}".endswith(place)
    assert [step["version"] for step in result.document["steps"]] == list(range(1, 7))
    assert result.err.splitlines()[-1].startswith("Applied now: 1, 2, 3, 4, 5, 6. Not applied: 7 to 20")
    assert tables() == sorted(f"t{n}" for n in range(1, 7))


@pytest.mark.usefixtures("busy")
def test_steps_before_one_that_waits_are_reported_and_the_waiting_one_is_named(cli, write, target, tables):
    write(**small(3) | {"002_t": "CREATE TABLE t2 (id int REFERENCES busy);"})
    with closing(connect(target)) as other:
        other.execute("BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")

        def let_go() -> None:
            try:
                with closing(connect(target)) as watcher:
                    await_row(watcher, LOOKED, target.dbname)
            finally:
                other.rollback()

        thread = threading.Thread(target=let_go)
        thread.start()
        result = cli("migrate", "--lock-timeout", "10s")
        thread.join()
    assert (result.exit_code, tables()) == (0, ["busy", "t1", "t2", "t3"])
    assert "002_t.sql waits for pid " in result.err
    assert [line.split()[1] for line in result.out.splitlines()[:3]] == ["001_t.sql", "002_t.sql", "003_t.sql"]


def test_reading_the_history_does_not_wait_for_a_session_that_has_locked_it(target, empty_db):
    create_history(empty_db)
    with migration_lock(target, 1, lambda _: None) as lock:
        empty_db.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = '20s'")
        empty_db.execute("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        assert lock.observer.durations([1]) is None
        empty_db.rollback()
        assert lock.observer.durations([1]) == {}


@pytest.mark.usefixtures("busy")
def test_one_of_a_batch_that_gets_no_lock_is_retried_by_itself(cli, write, target, tables):
    write(**small(4) | {"003_t": "CREATE TABLE t3 (id int REFERENCES busy);"})
    with closing(connect(target)) as other:
        other.execute("BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        result = cli("migrate", "--lock-timeout", "100ms", "--lock-retries", "1", "--json")
        other.rollback()
    assert (result.exit_code, result.document["error"]["code"]) == (5, "lock_timeout")
    assert "003_t.sql failed at statement 1 of 1" in result.document["error"]["message"]
    assert [step["version"] for step in result.document["steps"]] == [1, 2]
    assert tables() == ["busy", "t1", "t2"]
    assert cli("migrate").exit_code == 0


@pytest.mark.usefixtures("busy")
def test_a_server_whose_client_was_killed_does_not_begin_the_next(write, variables, target, admin, cli, tables, query):
    directory = write(**small(4) | {"002_t": "CREATE TABLE t2 (id int REFERENCES busy);"})
    command = [sys.executable, "-m", "fowergram_db", "migrate", "--lock-timeout", "0", "--migrations-dir", directory]
    with closing(connect(target)) as other:
        other.execute("BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_row(admin, WAITING, target.dbname)
        process.kill()
        process.wait()
        # The session that has the lock is gone at once; the worker may or may not have noticed.
        await_none(admin, WORKERS.replace("^fowergram-db [0-9a-f]{16}$", "^fowergram-db lock"), target.dbname)
        other.rollback()
    await_none(admin, WORKERS, target.dbname)
    assert "t3" not in tables()
    assert query("SELECT max(version) < 3 FROM schema_migrations") == [(True,)]
    assert cli("migrate").exit_code == 0


@pytest.mark.usefixtures("busy")
def test_a_run_whose_lock_is_gone_begins_nothing_more_on_the_server(write, variables, target, admin, tables):
    directory = write(**small(4) | {"002_t": "CREATE TABLE t2 (id int REFERENCES busy);"})
    command = [sys.executable, "-m", "fowergram_db", "migrate", "--json", "--migrations-dir", directory]
    with closing(connect(target)) as other:
        other.execute("BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        await_row(admin, WAITING, target.dbname)
        lock = WORKERS.replace("^fowergram-db [0-9a-f]{16}$", "^fowergram-db lock")
        admin.execute("SELECT pg_terminate_backend(%s)", [await_row(admin, lock, target.dbname)])
        await_none(admin, lock, target.dbname)
        other.rollback()
        out, _ = process.communicate(timeout=ENDS_WITHIN_S)
    document = json.loads(out)
    assert (process.returncode, document["error"]["code"]) == (1, "lock_lost")
    assert [step["version"] for step in document["steps"]] == [1, 2]
    assert tables() == ["busy", "t1", "t2"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_transaction_of_a_run_that_has_lost_its_lock_does_not_begin(write, target, admin, tables, monkeypatch, count):
    # The client does not notice it, and sends its scripts anyway.
    monkeypatch.setattr(f"{ENGINE}.lock.MigrationLock.require_held", lambda _: None)
    lock = WORKERS.replace("^fowergram-db [0-9a-f]{16}$", "^fowergram-db lock")

    def end_the_lock(event) -> None:
        if isinstance(event, StepStarted) and event.number == count:
            admin.execute("SELECT pg_terminate_backend(%s)", [await_row(admin, lock, target.dbname)])
            await_none(admin, lock, target.dbname)

    with pytest.raises(LockLost):
        migrate(target, read_migrations(write(**small(count))), UpgradeTarget(), end_the_lock)
    assert tables() == []


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE INDEX given_sly_idx ON given (sly(id));",
        "CREATE INDEX given_sly_idx ON given (id) WHERE sly(1) = '';",
        "CREATE TABLE parted (id int) PARTITION BY RANGE ((sly(1) || id));",
    ],
)
def test_what_a_function_sets_that_a_definition_calls_reaches_no_other_script(cli, write, empty_db, tables, definition):
    empty_db.execute("""
        CREATE SCHEMA trap;
        CREATE TABLE given (id int);
        INSERT INTO given VALUES (1);
        CREATE FUNCTION sly(int) RETURNS text LANGUAGE plpgsql IMMUTABLE
        AS $$ BEGIN RETURN set_config('search_path', 'trap', false); END $$;
    """)
    write(**{"001_i": definition, "002_t": "CREATE TABLE lands_in_public (id int);"})
    result = cli("migrate")
    assert (result.exit_code, [name for name in tables() if name != "parted"]) == (0, ["given", "lands_in_public"])


def test_a_migration_whose_history_row_a_trigger_prevents_is_not_committed(cli, write, query, tables):
    keeps_out = "CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
    on_history = "BEFORE INSERT ON schema_migrations FOR EACH ROW WHEN (NEW.version = 4) EXECUTE FUNCTION keep_out();"
    write(**small(5) | {"001_t": keeps_out, "002_t": f"CREATE TRIGGER kept_out {on_history}"})
    result = cli("migrate")
    assert result.exit_code == 1
    assert "004_t.sql has ended the transaction that it runs in, or its row in the history was changed" in result.err
    assert result.err.splitlines()[-1] == "Applied now: 1, 2, 3. Not applied: 4, 5."
    assert query("SELECT array_agg(version ORDER BY version) FROM schema_migrations") == [([1, 2, 3],)]
    assert tables() == ["t3"]


@pytest.mark.parametrize(
    ("opens", "ends"), [("/* to do", "*/"), ('COMMENT ON TABLE "', '" IS NULL;'), ("COMMENT ON TABLE a IS $x$", "$x$;")]
)
def test_an_unterminated_quote_or_comment_is_refused_before_anything_runs(cli, write, opens, ends):
    write(**{"001_a": f"CREATE TABLE a (id int); {opens}", "002_b": f"{ends} CREATE TABLE b (id int);"})
    result = cli("migrate")
    assert (result.exit_code, "001_a.sql:1:" in result.err, "does not end" in result.err) == (2, True, True)
    assert "does not exist" in cli("rollback").err  # the database was not created


def test_an_unclosed_parenthesis_takes_in_nothing_of_the_next_file(cli, write, query, tables):
    write(
        **{"001_a": "CREATE TABLE x (id int); CREATE TABLE a (id int", "002_b": "); CREATE TABLE b (id int);"},
        **{"003_c": "CREATE TABLE c (id int);"},
    )
    result = cli("migrate")
    assert (result.exit_code, tables(), query("SELECT version FROM schema_migrations")) == (1, [], [])
    assert "001_a.sql failed" in result.err


@contextmanager
def while_one_waits(target, then):
    """Hold the table that a script waits for until ``then`` was called with a session: once the run has looked."""
    with closing(connect(target)) as other, closing(connect(target)) as watcher:
        other.execute("BEGIN; LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")

        def act() -> None:
            try:
                await_row(watcher, LOOKED, target.dbname)
                then(watcher)
            finally:
                other.rollback()

        thread = threading.Thread(target=act)
        thread.start()
        yield
        thread.join()


@pytest.mark.usefixtures("busy")
def test_the_reason_why_the_server_ended_the_session_is_reported_for_the_step_that_was_running(
    cli, write, target, tables
):
    write(**small(3) | {"002_t": "CREATE TABLE t2 (id int REFERENCES busy);"})

    def end_worker(watcher) -> None:
        watcher.execute("SELECT pg_terminate_backend(%s)", [await_row(watcher, WORKERS, target.dbname)])

    with while_one_waits(target, end_worker):
        result = cli("migrate", "--lock-timeout", "0", "--json")
    error = result.document["error"]
    assert (result.exit_code, error["code"], error["sqlstate"]) == (1, "migration_failed", "57P01")
    assert error["message"].startswith("002_t.sql failed: terminating connection")
    assert [step["version"] for step in result.document["steps"]] == [1]
    assert result.err.splitlines()[-1] == "Applied now: 1. Not applied: 2, 3."
    assert tables() == ["busy", "t1"]


def test_what_the_server_still_commits_for_an_interrupted_connection_is_reported(
    cli, write, target, admin, query, empty_db, monkeypatch
):
    empty_db.execute("CREATE TABLE busy (id int PRIMARY KEY)")
    empty_db.execute("CREATE TABLE given AS SELECT generate_series(1, 300000) AS id")
    write(
        **{f"{n:03}_t": f"CREATE INDEX given_{n}_idx ON given (id);" for n in range(1, 13)}
        | {"002_t": "CREATE TABLE t2 (id int REFERENCES busy);"}
    )
    worker = []

    def start_noting(connection, query):
        worker[:] = [connection]
        simple_query.start(connection, query)

    def interrupt_connection(_watcher) -> None:
        with socket.socket(fileno=os.dup(worker[0].fileno())) as way:
            way.shutdown(socket.SHUT_RDWR)

    monkeypatch.setattr(f"{ENGINE}.batch.start", start_noting)
    with while_one_waits(target, interrupt_connection):
        result = cli("migrate", "--lock-timeout", "0", "--json")
    await_none(admin, WORKERS, target.dbname)
    ((applied,),) = query("SELECT array_agg(version ORDER BY version) FROM schema_migrations")
    assert (result.exit_code, [step["version"] for step in result.document["steps"]]) == (1, applied)
    assert result.err.splitlines()[-1].startswith(f"Applied now: {', '.join(map(str, applied))}. Not applied: ")
    assert cli("migrate").exit_code == 0


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("recorded", [2, 3])
def test_a_history_row_that_another_session_writes_meanwhile_makes_no_step_done(cli, write, target, tables, recorded):
    write(**small(4) | {"002_t": "CREATE TABLE t2 (id int REFERENCES busy); CREATE TABLE t1 (id int);"})

    def record(watcher) -> None:
        columns = "filename, checksum, version, name, duration_ms, tool_version, statements_done"
        watcher.execute(f"INSERT INTO schema_migrations ({columns}) VALUES ('x.sql', '', {recorded}, '', 0, '', 1)")
        (now,) = watcher.execute("SELECT clock_timestamp()::text").fetchone()
        await_row(watcher, f"{LOOKED} AND query_start > '{now}'", target.dbname)

    with while_one_waits(target, record):
        result = cli("migrate", "--lock-timeout", "0", "--json")
    error = result.document["error"]
    assert (result.exit_code, error["message"]) == (
        1,
        '002_t.sql failed at statement 2 of 2 (CREATE TABLE): relation "t1" already exists',
    )
    assert tables() == ["busy", "t1"]
    if recorded > 2:
        assert [step["version"] for step in result.document["steps"]] == [1]


def test_what_pg_dump_writes_for_psql_can_share_a_query(cli, write, tables):
    write(**{name: f"\\restrict a1\n{text}" for name, text in small(3).items()})
    assert (cli("migrate").exit_code, tables()) == (0, ["t1", "t2", "t3"])


def test_small_scripts_around_one_without_a_transaction_are_applied_in_their_order(cli, write, tables):
    write(**small(7) | {"003_t": "-- fowergram: no-transaction\nCREATE TABLE t3 (id int);"})
    result = cli("migrate", "--json")
    assert (result.exit_code, [step["version"] for step in result.document["steps"]]) == (0, list(range(1, 8)))
    assert tables() == [f"t{n}" for n in range(1, 8)]


def interrupt_once_sent(connection, query):
    simple_query.start(connection, query)
    raise KeyboardInterrupt


def interrupt_after_the_results(connection, on_tick):
    simple_query.finish(connection, on_tick)
    raise KeyboardInterrupt


@pytest.mark.parametrize(("name", "instead"), [("start", interrupt_once_sent), ("finish", interrupt_after_the_results)])
def test_what_is_committed_when_an_interrupt_comes_is_reported(cli, write, query, monkeypatch, name, instead):
    write(**small(5))
    monkeypatch.setattr(f"{ENGINE}.batch.{name}", instead)
    result = cli("migrate", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (130, "interrupted")
    rows = query("SELECT version FROM schema_migrations ORDER BY version")
    assert [(step["version"],) for step in result.document["steps"]] == rows


@pytest.mark.parametrize("results_before", [1, 3])
def test_what_is_committed_when_the_listener_is_interrupted_is_reported(write, target, query, results_before):
    results = []

    def listen(event) -> None:
        if isinstance(event, StepResult):
            results.append(event.step.version)
            if len(results) == results_before:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        migrate(target, read_migrations(write(**small(5))), UpgradeTarget(), listen)
    assert [(version,) for version in results] == query("SELECT version FROM schema_migrations ORDER BY version")


def test_a_history_that_goes_to_a_group_meanwhile_stops_no_run(cli, write, target, query, empty_db):
    group = f"group_{uuid.uuid4().hex[:8]}"
    files = read_migrations(write(**small(4)))
    cli("migrate", "--to", "1")
    query(f"CREATE ROLE {group}; GRANT {group} TO CURRENT_USER")

    started = []

    def give_away(event) -> None:
        if isinstance(event, StepStarted):
            started.append(event.number)
        if started == [1]:
            empty_db.execute(f"GRANT ALL ON SCHEMA public TO {group}; ALTER TABLE schema_migrations OWNER TO {group}")

    try:
        migrate(target, files, UpgradeTarget(), give_away)
        assert started[:5] == [1, 2, 3, 1, 2]  # none of the first batch is committed: each runs again
        assert query("SELECT version FROM schema_migrations ORDER BY version") == [(n,) for n in range(1, 5)]
    finally:
        query(f"DROP OWNED BY {group} CASCADE; DROP ROLE {group}")
