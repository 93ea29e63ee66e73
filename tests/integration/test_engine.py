"""The migration lock, waiting for others' locks, migrations without a transaction, --atomic, repair."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress

import psycopg
import pytest

from fowergram_db.database.connection import connect
from fowergram_db.migrations.engine.lock import migration_lock

pytestmark = pytest.mark.every_version

CONCURRENTLY = "-- fowergram: no-transaction\n"


def start(directory, variables, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "fowergram_db", *arguments, "--migrations-dir", str(directory)]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_file_of_very_many_statements_takes_little_memory(write, directory, variables, query):
    write(**{"001_a": "CREATE TABLE a (id int);\n" + "SELECT 1;\n" * 150_000})
    with start(directory, variables, "migrate") as process:
        _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert query("SELECT statements_done FROM schema_migrations") == [(150_001,)]
    assert usage.ru_maxrss < 350_000, "kB: all results together take 2 kB each"


@pytest.mark.usefixtures("empty_db")
def test_the_lock_is_waited_for_and_its_holder_named(cli, write, target):
    write(**{"001_a": "CREATE TABLE a (id int)"})
    with migration_lock(target, 1, lambda _: None):
        result = cli("migrate", "--wait", "0.3", "--json")
    assert result.exit_code == 5
    assert result.document["error"]["code"] == "lock_timeout"
    assert "fowergram-db lock" in result.document["error"]["message"]
    assert "Waiting for another migrator: pid " in result.err
    assert cli("migrate").exit_code == 0


def test_a_run_with_nothing_to_do_needs_no_lock(cli, write, target):
    write(**{"001_a": "CREATE TABLE a (id int)"})
    cli("migrate")
    with migration_lock(target, 1, lambda _: None):
        assert cli("migrate", "--wait", "0").exit_code == 0


@pytest.mark.usefixtures("empty_db")
def test_eight_runners_at_once_apply_each_migration_once(write, variables, query):
    files = {f"{n:03}_t": f"CREATE TABLE t{n} (id int);" for n in range(1, 6)}
    files["006_i"] = f"{CONCURRENTLY}CREATE INDEX CONCURRENTLY t1_id ON t1 (id);"
    directory = write(**files)
    runners = [start(directory, variables, "migrate") for _ in range(8)]
    outputs = [runner.communicate(timeout=90) for runner in runners]
    assert [runner.returncode for runner in runners] == [0] * 8, outputs
    applied = [line for out, _ in outputs for line in out.splitlines() if line.startswith("applied ")]
    assert len(applied) == 6
    assert query("SELECT count(*), bool_and(state = 'applied') FROM schema_migrations") == [(6, True)]


@pytest.mark.usefixtures("empty_db")
def test_a_worker_that_outlives_its_migrator_is_waited_for(cli, write, target):
    write(**{"001_a": "CREATE TABLE a (id int)"})
    with connect(target) as orphan:
        orphan.execute("BEGIN")
        orphan.execute("SELECT pg_advisory_xact_lock(1718581093, 2)")
        result = cli("migrate", "--wait", "0.3")
    assert result.exit_code == 5
    assert "still running" in result.err


@contextmanager
def holding(target, statement: str):
    """Hold a lock on another session, and release it at the end of the block."""
    with closing(connect(target)) as other:
        other.execute("BEGIN")
        other.execute(statement)
        yield other
        with suppress(psycopg.OperationalError):
            other.rollback()


def test_the_blocker_is_named_and_the_migration_succeeds_when_it_releases_the_lock(
    cli, write, target, tables, empty_db
):
    empty_db.execute("CREATE TABLE busy (id int)")
    write(**{"001_a": "ALTER TABLE busy ADD COLUMN more int; CREATE TABLE a (id int)"})
    with holding(target, "LOCK TABLE busy IN ACCESS SHARE MODE") as other:
        release = threading.Timer(1.5, empty_db.execute, ["SELECT pg_terminate_backend(%s)", [other.info.backend_pid]])
        release.start()
        result = cli("migrate", "--lock-timeout", "300ms")
        release.join()
    assert result.exit_code == 0
    assert "waits for pid " in result.err
    assert "LOCK TABLE busy IN ACCESS SHARE MODE" in result.err
    assert "was rolled back; try 2 of 11" in result.err
    assert tables() == ["a", "busy"]


def test_reads_wait_no_longer_than_the_lock_timeout_however_long_the_migration_waits(cli, write, target, empty_db):
    empty_db.execute("CREATE TABLE busy (id int)")
    write(**{"001_a": "ALTER TABLE busy ADD COLUMN more int"})
    over, reads, refused = threading.Event(), [], []

    def read() -> None:
        with closing(connect(target)) as reader:
            reader.execute("SET lock_timeout = '1s'")  # five times that of the migration
            while not over.is_set():
                try:
                    reads.append(reader.execute("SELECT count(*) FROM busy").fetchone())
                except psycopg.errors.LockNotAvailable as error:
                    refused.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    with holding(target, "LOCK TABLE busy IN ACCESS SHARE MODE") as other:
        release = threading.Timer(2.5, empty_db.execute, ["SELECT pg_terminate_backend(%s)", [other.info.backend_pid]])
        for thread in (release, *readers):
            thread.start()
        result = cli("migrate", "--lock-timeout", "200ms", "--lock-retries", "100")
        over.set()
        for thread in (release, *readers):
            thread.join()
    assert (result.exit_code, refused) == (0, [])
    assert "try 3 of 101" in result.err
    assert len(reads) > 10


def test_a_lock_that_never_goes_ends_the_run_and_leaves_nothing(cli, write, target, tables, empty_db):
    empty_db.execute("CREATE TABLE busy (id int)")
    write(**{"001_a": "CREATE TABLE a (id int); ALTER TABLE busy ADD COLUMN more int"})
    with holding(target, "LOCK TABLE busy IN ACCESS SHARE MODE"):
        result = cli("migrate", "--lock-timeout", "1s", "--lock-retries", "1")
    assert result.exit_code == 5
    assert "Tried 2 times. Blocked by: pid " in result.err
    assert tables() == ["busy"]


def test_a_statement_timeout_ends_a_migration(cli, write):
    write(**{"001_a": "SELECT pg_sleep(5)"})
    result = cli("migrate", "--statement-timeout", "100ms", "--json")
    assert (result.exit_code, result.document["error"]["sqlstate"]) == (1, "57014")


@pytest.mark.parametrize("arguments", [("--lock-timeout", "soon"), ("--statement-timeout", "3"), ("--wait", "-1")])
def test_an_invalid_duration_is_a_usage_error(cli, write, arguments):
    write(**{"001_a": "SELECT 1"})
    assert cli("migrate", *arguments).exit_code == 2


UNIQUE = {
    "001_a": "CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1);",
    "002_i": f"{CONCURRENTLY}INSERT INTO a VALUES (2);\n"
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);\n"
    "CREATE TABLE b (id int);",
    "002_i.down": f"{CONCURRENTLY}DROP TABLE b; DROP INDEX CONCURRENTLY a_id;",
}


def test_a_unique_build_that_fails_is_partial_and_continues_when_the_data_is_fixed(cli, write, query, tables):
    write(**UNIQUE)
    result = cli("migrate")
    assert result.exit_code == 1
    assert "statement 2 of 3 (CREATE UNIQUE INDEX" in result.err
    assert "hint: Fix the data" in result.err
    assert result.err.endswith("Applied now: 1. Stopped midway: 2. Not applied: none.\n")
    status = cli("status", "--json")
    assert [m["state"] for m in status.document["migrations"]] == ["applied", "partial"]
    assert status.document["summary"] == {"applied": 1, "pending": 0, "problems": 1}
    assert status.document["migrations"][1]["transactional"] is False
    assert "1 of 3 statements done, stopped at statement 2" in cli("status").out
    assert cli("status", "--check").exit_code == 4
    assert query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass") == [(False,)]
    query("DELETE FROM a WHERE ctid = (SELECT min(ctid) FROM a)")
    again = cli("migrate")
    assert again.exit_code == 0
    assert "continues with statement 2 of 3" in again.err
    assert "Dropped the invalid index public.a_id" in again.err
    assert query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass") == [(True,)]
    assert query("SELECT count(*) FROM a") == [(2,)]
    assert tables() == ["a", "b"]
    assert cli("rollback").exit_code == 0
    assert tables() == ["a"]
    assert query("SELECT array_agg(version) FROM schema_migrations") == [([1],)]


def test_a_run_without_a_transaction_reports_no_change_of_its_history(cli, write, query):
    write(**{"001_a": "SELECT 1", "002_b": f"{CONCURRENTLY}SELECT 2", "003_c": f"{CONCURRENTLY}SELECT 3"})
    assert cli("migrate", "--to", "1").exit_code == 0
    query("ALTER TABLE schema_migrations DROP COLUMN progress")
    for version in ("2", "3"):
        result = cli("migrate", "--to", version)
        assert (result.exit_code, len(result.err.splitlines())) == (0, 1)


def test_statements_that_have_run_may_not_be_edited_before_the_migration_continues(cli, write):
    write(**UNIQUE)
    cli("migrate")
    write(**{"002_i": UNIQUE["002_i"].replace("(2)", "(3)")})
    result = cli("migrate")
    assert result.exit_code == 4
    assert "002_i.sql:2:1" in result.err


def test_repair_closes_what_a_person_has_finished_and_records_what_was_edited(cli, write):
    write(**UNIQUE)
    cli("migrate")
    write(**{"001_a": "-- as it should have been\nCREATE TABLE a (id int);"})
    assert cli("migrate").exit_code == 4
    result = cli("repair", "--json")
    assert result.exit_code == 0
    assert [(r["version"], r["was"]) for r in result.document["repaired"]] == [(1, "changed"), (2, "partial")]
    assert cli("status", "--check").exit_code == 0
    assert cli("repair").out == "Nothing to do.\n"
    assert cli("repair", "--version", "1").exit_code == 2


def test_atomic_applies_all_or_nothing(cli, write, tables, query):
    write(**{"001_a": "CREATE TABLE a (id int)", "002_b": "CREATE TABLE b (id int)", "003_c": "SELECT 1/0"})
    assert cli("migrate", "--atomic").exit_code == 1
    assert tables() == []
    write(**{"003_c": "SELECT 1"})
    result = cli("migrate", "--atomic", "--json")
    assert (result.exit_code, len(result.document["steps"])) == (0, 3)
    assert query("SELECT count(DISTINCT executed_at), count(*) FROM schema_migrations") == [(1, 3)]


def test_the_hash_of_a_statement_that_has_run_is_short_and_a_whole_one_is_known_too(cli, write, query):
    write(**{"001_a": f"{CONCURRENTLY}CREATE TABLE a (id int);\nINSERT INTO a VALUES (1 / 0);"})
    assert cli("migrate").exit_code == 1
    whole = hashlib.sha256(b"CREATE TABLE a (id int)").hexdigest()
    assert query("SELECT progress->'done'->>0 FROM schema_migrations") == [(whole[:16],)]
    query(f"UPDATE schema_migrations SET progress = jsonb_set(progress, '{{done}}', '[\"{whole}\"]')")
    write(**{"001_a": f"{CONCURRENTLY}CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);"})
    assert cli("migrate").exit_code == 0
    assert query("SELECT id FROM a") == [(1,)]


def test_atomic_and_no_transaction_exclude_each_other(cli, write):
    write(**{"001_a": "CREATE TABLE a (id int)", "002_b": f"{CONCURRENTLY}CREATE INDEX CONCURRENTLY a_i ON a (id)"})
    assert cli("migrate", "--atomic").exit_code == 2
    assert cli("migrate").exit_code == 0


def test_wait_for_server_waits_for_one_that_is_not_there_and_not_for_a_wrong_password(cli, write):
    write(**{"001_a": "SELECT 1"})
    assert cli("migrate", "--wait-for-server", "5").exit_code == 0
    result = cli("status", "--host", "127.0.0.1", "--port", "1", "--wait-for-server", "0.3", "--json")
    assert (result.exit_code, json.loads(result.out)["error"]["code"]) == (1, "connection_failed")


def test_only_the_last_commit_of_a_run_waits_for_the_disk(cli, write, query):
    function = "CREATE FUNCTION note() RETURNS text LANGUAGE sql AS $$ SELECT current_setting('synchronous_commit') $$"
    write(**{"001_a": f"{function}; CREATE TABLE a (said text)", "002_b": "INSERT INTO a VALUES (note())"})
    assert cli("migrate").exit_code == 0
    assert query("SELECT said FROM a") == [("on",)]


def test_a_plain_dump_is_a_migration(cli, write, query):
    write(
        **{
            "001_d": "\\restrict abc\nSET client_encoding = 'UTF8';\n"
            "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.d (a int, t text);\n"
            "COPY public.d (a, t) FROM stdin;\n1\t'; DROP TABLE d; --\n2\tไทย\n\\.\n\n"
            "COPY public.d (a, t) FROM stdin;\n\\.\nALTER TABLE ONLY public.d ADD PRIMARY KEY (a);\n\\unrestrict abc\n"
        }
    )
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert query("SELECT a, t FROM d ORDER BY a") == [(1, "'; DROP TABLE d; --"), (2, "ไทย")]


def test_an_error_in_copy_data_and_one_after_it_show_their_place(cli, write, tables):
    copy = "CREATE TABLE d (a int);\nCOPY d FROM stdin;\n1\n{}\n\\.\nSELECT 1;\n{}"
    write(**{"001_d": copy.format("x", "")})
    result = cli("migrate", "--json")
    assert (result.exit_code, result.document["error"]["line"]) == (1, 2)
    write(**{"001_d": copy.format("2", "SELECT 1 / 0;")})
    assert cli("migrate", "--json").document["error"]["line"] == 7
    write(**{"001_d": copy.format("2", "SELECT nothing;")})
    error = cli("migrate", "--json").document["error"]
    assert (error["line"], error["column"]) == (7, 8)
    assert tables() == []


def test_copy_runs_in_a_file_without_a_transaction_too(cli, write, query):
    write(
        **{"001_d": f"{CONCURRENTLY}CREATE TABLE d (a int);\nCOPY d FROM stdin;\n1\n\\.\nCOPY d FROM stdin;\n2\n\\.\n"}
    )
    assert cli("migrate").exit_code == 0
    assert query("SELECT array_agg(a ORDER BY a) FROM d") == [([1, 2],)]


def test_settings_of_a_file_without_a_transaction_hold_when_it_continues(cli, write, query):
    write(
        **{
            "001_a": "CREATE SCHEMA s; CREATE TABLE s.a (id int); INSERT INTO s.a VALUES (1), (1)",
            "002_i": f"{CONCURRENTLY}SET search_path = s;\nSET statement_timeout = '1min';\nRESET statement_timeout;\n"
            "CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id);\nCREATE TABLE b (id int);",
        }
    )
    assert cli("migrate").exit_code == 1
    query("DELETE FROM s.a WHERE ctid = (SELECT min(ctid) FROM s.a)")
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert "Dropped the invalid index s.a_id" in result.err
    assert query("SELECT schemaname FROM pg_tables WHERE tablename = 'b'") == [("s",)]


WAITS = """
    SELECT pid FROM pg_locks
    WHERE NOT granted AND locktype = %s
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def until_it(watcher, waits: bool, locktype: str) -> None:
    until = time.monotonic() + 20
    while (watcher.execute(WAITS, [locktype]).fetchone() is not None) is not waits:
        assert time.monotonic() < until


def test_a_statement_that_is_done_does_not_run_again_when_it_could_not_be_recorded(cli, write, target, query, empty_db):
    empty_db.execute("CREATE TABLE ran (id int)")
    script = "INSERT INTO ran VALUES (1); COMMIT; SET LOCAL lock_timeout = 0; PERFORM pg_advisory_xact_lock(7);"
    write(**{"001_a": f"{CONCURRENTLY}DO $$ BEGIN {script} END $$;"})
    with closing(connect(target)) as other:
        other.execute("SELECT pg_advisory_lock(7)")

        def lock_the_history() -> None:
            try:
                until_it(empty_db, True, "advisory")
                other.execute("BEGIN; LOCK TABLE schema_migrations IN SHARE MODE; SELECT pg_advisory_unlock(7)")
                until_it(empty_db, True, "relation")
                until_it(empty_db, False, "relation")
            finally:
                other.close()

        thread = threading.Thread(target=lock_the_history)
        thread.start()
        result = cli("migrate", "--lock-timeout", "300ms")
        thread.join()
    assert result.exit_code == 0, result.err
    assert "could not be recorded: canceling statement due to lock timeout" in result.err
    assert query("SELECT count(*) FROM ran") == [(1,)]
