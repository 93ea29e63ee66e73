"""Sixteen migrators at once on one database: each migration runs once, and every one of them ends well.

``CROWDS=20`` in the environment runs each test 20 times.
"""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from psycopg import sql

RUNNERS = 16
EACH_ONCE = {
    "001_ran": "CREATE TABLE ran (version int NOT NULL);\nINSERT INTO ran VALUES (1);",
    # Some travel together, some do not.
    **{f"{n:03}_small": f"CREATE TABLE t{n} (id int);" for n in range(2, 5)},
    **{f"{n:03}_step": f"CREATE TABLE t{n} (id int);\nINSERT INTO ran VALUES ({n});" for n in range(5, 8)},
    "008_slow": "INSERT INTO ran VALUES (8);\nSELECT pg_sleep(0.3);",
    "009_last": "INSERT INTO ran VALUES (9);",
}
WITH_AN_INDEX = EACH_ONCE | {
    "008_index": "-- fowergram: no-transaction\nCREATE INDEX CONCURRENTLY ran_version_idx ON ran (version);\n"
    "CREATE INDEX CONCURRENTLY t2_id_idx ON t2 (id);",
}
del WITH_AN_INDEX["008_slow"]
RAN = [1, 5, 6, 7, 8, 9]
ADVISORY_LOCKS = """
    SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND d.datname = current_database()
"""


@pytest.fixture(autouse=True, params=range(int(os.environ.get("CROWDS", "1"))))
def turn(request) -> int:
    """Which time it is."""
    return request.param


@pytest.fixture
def run_all(write, variables):
    """Start a crowd of migrators with these files; return what each of them printed and its exit code."""

    def run(files: dict[str, str], **overrides: str) -> list[tuple[int, dict, str]]:
        directory = write(**files)
        command = [sys.executable, "-m", "fowergram_db", "migrate", "--json", "--migrations-dir", str(directory)]
        environment = variables | overrides
        processes = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(RUNNERS)
        ]
        try:
            outputs = [process.communicate(timeout=60) for process in processes]
        finally:
            for process in processes:
                process.kill()
                process.communicate()
        return [
            (process.returncode, json.loads(out), err) for process, (out, err) in zip(processes, outputs, strict=True)
        ]

    return run


def assert_each_once(results, query) -> None:
    assert [(code, err) for code, _, err in results if code] == []
    taken = Counter(step["version"] for _, document, _ in results for step in document["steps"])
    assert taken == dict.fromkeys(range(1, 10), 1)
    assert query("SELECT version, state FROM schema_migrations ORDER BY 1") == [(n, "applied") for n in range(1, 10)]


def test_a_crowd_that_finds_no_database_makes_one_and_applies_each_migration_once(run_all, query):
    assert_each_once(run_all(EACH_ONCE), query)
    assert query("SELECT array_agg(version ORDER BY version) FROM ran") == [(RAN,)]


def test_a_crowd_builds_an_index_concurrently_once(run_all, query):
    assert_each_once(run_all(WITH_AN_INDEX), query)
    assert query("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]


@pytest.mark.matrix(every=0)
def test_a_crowd_behind_a_pooler_applies_each_migration_once(run_all, query, pooled, admin):
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(pooled.dbname)))
    assert_each_once(run_all(WITH_AN_INDEX, DB_HOST=pooled.host, DB_PORT=pooled.port), query)
    assert query("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    assert query(ADVISORY_LOCKS) == [(0,)]
