"""The fixtures, as a user's test suite uses them: in processes of their own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest

from fowergram_db.database.managed_databases import Purpose, facts_of, origin_of
from fowergram_db.database.target import url_of
from fowergram_db.testdb.pruning import prune
from tests.integration.conftest import in_memory

MIGRATION = """
CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text);
CREATE TABLE kinds (code text PRIMARY KEY);
INSERT INTO kinds VALUES ('a'), ('b');
"""
EACH_ITS_OWN = """
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_alone(fowergram_database, number):
    connection = fowergram_database.connection
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    connection.execute("INSERT INTO notes (text) VALUES ('x')")
    connection.commit()
"""


@pytest.fixture
def suite(tmp_path, server):
    """Write a test suite with its migrations, and run pytest over it."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql/001_notes.sql").write_text(MIGRATION, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfowergram_migrations = sql\n", encoding="utf-8")

    def command(text: str, *arguments: str) -> dict:
        (tmp_path / "test_suite.py").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *arguments]
        variables = os.environ | {"TEST_DATABASE_URL": url_of(server)}
        return {"args": command, "env": variables, "cwd": tmp_path}

    return command


@pytest.fixture
def run(suite):
    def run_suite(text: str, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(**suite(text, *arguments), check=False, capture_output=True, text=True)

    return run_suite


def left(admin):
    """Return the names of the managed databases that are not templates."""
    names = [name for (name,) in admin.execute("SELECT datname FROM pg_database")]
    return [name for name in names if (origin := origin_of(name)) and origin.purpose is not Purpose.TEMPLATE]


def outcome(done):
    """What pytest says in its last line."""
    return re.sub(r" in .*s.*", "", done.stdout.strip().splitlines()[-1]).strip("= ")


@pytest.mark.matrix(every=2)
@pytest.mark.parametrize("count", [40, 200])
def test_tests_in_four_processes_have_each_its_own_database(run, admin, count):
    done = run(EACH_ITS_OWN.format(count=count), "-n", "4")
    assert outcome(done) == f"{count} passed", done.stdout
    assert left(admin) == []


def test_databases_of_killed_test_processes_are_pruned(suite, admin, server):
    command = suite(EACH_ITS_OWN.format(count=200), "-n", "4")
    process = subprocess.Popen(**command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 60
    while len(left(admin)) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert left(admin) != []
    # The server notices the death of a client a moment later, and completes what it was at.
    while left(admin) and time.monotonic() < until:
        list(prune(admin, server))
    assert left(admin) == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_statements_that_test_databases_leave_out_are_reported_once(run, tmp_path, admin, workers):
    role = f"maker_{len(workers)}"
    (tmp_path / "sql/002_roles.sql").write_text(f"CREATE ROLE {role};\nALTER ROLE ALL RESET work_mem;")
    first, second = (run(EACH_ITS_OWN.format(count=4), *workers) for _ in range(2))
    admin.execute(f"DROP ROLE {role}")
    assert outcome(first) == outcome(second) == "4 passed", first.stdout
    assert first.stdout.count(f'Created role "{role}"') == 1
    skipped = "002_roles.sql:2: ALTER ROLE is skipped in the database that is built here: "
    assert first.stdout.count(f"{skipped}it may change a role that exists") == 1
    assert "left out" not in second.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_the_database_of_a_failed_test_is_kept_and_printed(run, admin, server, workers):
    text = """
def test_fails(fowergram_database):
    fowergram_database.connection.execute("INSERT INTO notes (text) VALUES ('look at me')")
    fowergram_database.connection.commit()
    assert False

def test_passes(fowergram_database):
    pass
"""
    done = run(text, *workers)
    assert outcome(done) == "1 failed, 1 passed"
    url = re.search(r"^test_suite.py::test_fails: (postgresql://\S+)$", done.stdout, re.MULTILINE)[1]
    with psycopg.connect(url) as session:
        assert session.execute("SELECT text FROM notes").fetchone() == ("look at me",)
        name = session.info.dbname
        comment = session.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
        ).fetchone()[0]
    assert facts_of(comment)["until"] is not None
    assert left(admin) == [name]
    list(prune(admin, server))
    assert left(admin) == [name]
    admin.execute(f"DROP DATABASE {name}")


@pytest.mark.parametrize(("keep", "kept"), [("none", 0), ("all", 2)])
def test_what_is_kept_can_be_chosen(run, admin, keep, kept):
    text = """
def test_fails(fowergram_database):
    assert False

def test_passes(fowergram_emptied_database):
    pass
"""
    run(text, f"--fowergram-keep={keep}")
    names = left(admin)
    assert len(names) == kept
    for name in names:
        admin.execute(f"DROP DATABASE {name}")


def test_a_database_that_is_emptied_is_as_fresh_as_a_clone(run, admin):
    text = """
import pytest
seen = []

@pytest.mark.parametrize("harm", [
    "INSERT INTO notes (text) VALUES ('x')",
    "INSERT INTO notes (text) VALUES ('x')",
    "CREATE TABLE stray (id int)",
    "DELETE FROM kinds",
    "SELECT 1",
])
def test_fresh(fowergram_emptied_database, harm):
    connection = fowergram_emptied_database.connection
    assert connection.execute("SELECT count(*), min(id) FROM notes").fetchone() == (0, None)
    assert connection.execute("SELECT count(*) FROM kinds").fetchone() == (2,)
    assert connection.execute("SELECT to_regclass('stray')").fetchone() == (None,)
    assert connection.execute("INSERT INTO notes (text) VALUES ('y') RETURNING id").fetchone() == (1,)
    connection.execute(harm)
    connection.commit()
    seen.append(fowergram_emptied_database.name)

def test_the_same_one_as_long_as_it_is_exact():
    first, second, third, fourth, fifth = seen
    assert first == second == third != fourth != fifth
"""
    done = run(text)
    assert outcome(done) == "6 passed", done.stdout
    assert left(admin) == []


def test_a_transaction_is_rolled_back_and_what_was_committed_is_deleted(run, admin):
    text = """
import pytest

@pytest.mark.parametrize("end", ["leave", "leave", "commit", "commit and go on", "fail", "close", "leave"])
def test_fresh(fowergram_transaction, end):
    connection = fowergram_transaction
    assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    connection.execute("INSERT INTO notes (text) VALUES ('x')")
    if end.startswith("commit"):
        connection.commit()
    if end == "commit and go on":
        connection.execute("SELECT 1")
    if end == "fail":
        with pytest.raises(Exception, match="division"):
            connection.execute("SELECT 1/0")
    if end == "close":
        connection.close()
"""
    done = run(text)
    assert outcome(done) == "7 passed", done.stdout
    assert left(admin) == []


def test_one_database_for_the_whole_process(run, admin):
    text = """
def test_writes(fowergram_session_database):
    with fowergram_session_database.connect(autocommit=True) as connection:
        connection.execute("INSERT INTO notes (text) VALUES ('x')")

def test_reads(fowergram_session_database):
    assert fowergram_session_database.connection.execute("SELECT count(*) FROM notes").fetchone() == (1,)
"""
    assert outcome(run(text)) == "2 passed"
    assert left(admin) == []


def test_clones_are_kept_ready_and_dropped_in_the_end(run, admin):
    done = run(EACH_ITS_OWN.format(count=20), "--fowergram-warm=3")
    assert outcome(done) == "20 passed", done.stdout
    assert left(admin) == []


def test_the_ways_to_a_database(run):
    text = """
import psycopg

def test_ways(fowergram_database):
    with psycopg.connect(fowergram_database.url) as connection:
        assert connection.info.dbname == fowergram_database.name
    assert fowergram_database.parts["dbname"] == fowergram_database.name
    assert fowergram_database.connection is fowergram_database.connection
    assert fowergram_database.connect() is not fowergram_database.connection
"""
    assert outcome(run(text)) == "1 passed"


def test_a_migration_that_fails_is_reported_without_a_traceback(run, tmp_path, admin):
    (tmp_path / "sql/002_wrong.sql").write_text("SELECT 1;\nSELECT 1/0;", encoding="utf-8")
    done = run("def test_it(fowergram_database): pass")
    assert outcome(done) == "1 error"
    assert "002_wrong.sql failed at statement 2 of 2 (SELECT): division by zero" in done.stdout
    assert "Traceback" not in done.stdout
    assert left(admin) == []


@pytest.mark.parametrize(
    ("option", "message"),
    [("--fowergram-keep=some", "failed, all or none"), ("--fowergram-warm=many", "a number of clones")],
)
def test_an_option_that_means_nothing_is_refused(run, option, message):
    done = run("def test_it(): pass", option)
    assert done.returncode == 4
    assert message in done.stderr


def test_a_url_that_is_given_as_a_directory_is_refused_and_not_shown(run):
    done = run(EACH_ITS_OWN.format(count=1), "--fowergram-migrations", "postgresql://me:secret@host/db")
    assert (done.returncode, "looks like a URL" in done.stdout) == (1, True)
    assert "secret" not in done.stdout + done.stderr


def test_no_databases_are_made_in_production(run, monkeypatch):
    monkeypatch.setenv("FOWERGRAM_ENVIRONMENT", "production")
    done = run("def test_it(fowergram_database): pass")
    assert outcome(done) == "1 error"
    assert "FOWERGRAM_ENVIRONMENT is production" in done.stdout


def test_a_suite_that_does_not_use_the_plugin_pays_nothing_for_it(run):
    text = """
import sys

def test_nothing_is_imported():
    assert [name for name in sys.modules if name.startswith("fowergram_db.")] == ["fowergram_db.pytest_plugin"]
    assert "psycopg" not in sys.modules
"""
    assert outcome(run(text, "-p", "no:hypothesispytest")) == "1 passed"


def test_the_embedded_server_runs_as_long_as_the_tests(run):
    text = "def test_it(fowergram_database): fowergram_database.connection.execute('SELECT * FROM notes')"
    with tempfile.TemporaryDirectory(dir=in_memory()) as place:
        Path(place).chmod(0o755)
        done = run(text, f"--fowergram-url=embedded://{place}/server")
    assert outcome(done) == "1 passed", done.stdout
