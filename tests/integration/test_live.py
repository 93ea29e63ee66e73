"""What is shown of a long statement while it runs: how far it is, as the server reports it."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from fowergram_db.database.connection import connect
from fowergram_db.database.simple_query import send, send_data
from fowergram_db.migrations.engine import watch
from fowergram_db.migrations.events import Progressed, StatementReached
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget

CONCURRENTLY = "-- fowergram: no-transaction\n"
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(TG_ARGV[0]::float8); RETURN new; END $$;
CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN $1; END $$;
CREATE TABLE load (id int);
CREATE TRIGGER load_slowly BEFORE INSERT ON load FOR EACH ROW EXECUTE FUNCTION slow('0.02');
CREATE TABLE one (id int);
CREATE TRIGGER one_slowly BEFORE INSERT ON one FOR EACH ROW EXECUTE FUNCTION slow('0.5');
CREATE TABLE full_one (id int);
INSERT INTO full_one SELECT generate_series(1, 40);
"""
DATA = "".join(f"{number}\n" for number in range(10, 50))
COPY = f"COPY load FROM stdin;\n{DATA}\\.\n"


@pytest.fixture
def server_version(admin) -> int:
    return admin.info.server_version


@pytest.fixture
def seen(write, target, monkeypatch):
    """Run these files with ten looks a second, and return what was reported of their long statements."""
    monkeypatch.setattr(watch, "_FIRST_POLL_S", 0.1)
    monkeypatch.setattr(watch, "_POLL_S", 0.1)

    def run(**files: str) -> list[Progressed]:
        events: list[object] = []
        migrate(target, read_migrations(write(**{"001_slow": SLOW}, **files)), UpgradeTarget(), events.append)
        return [event for event in events if isinstance(event, Progressed)]

    return run


@pytest.mark.parametrize("header", ["", CONCURRENTLY])
def test_a_copy_shows_the_bytes_and_rows_that_the_server_has_read(seen, server_version, header):
    found = seen(**{"002_copy": header + COPY})
    if server_version < 140000:
        assert found == []
        return
    assert {(event.unit, event.total) for event in found} == {("bytes", 0)}
    # In one transaction with the table it would be COPY FROM alone: no other session finds that table yet.
    assert {event.phase for event in found} == {"COPY FROM load"}
    assert {event.done for event in found} == {len(DATA)}
    rows = [event.rows for event in found]
    assert rows == sorted(rows)
    assert 0 < rows[-1] <= 40


def test_a_copy_from_a_file_of_the_server_shows_the_size_of_the_file(seen, admin, server_version):
    ((place,),) = admin.execute("SHOW data_directory").fetchall()
    found = seen(**{"002_copy": f"COPY one FROM '{place}/PG_VERSION';"})
    assert {(event.unit, event.total) for event in found} == ({("bytes", 3)} if server_version >= 140000 else set())


@pytest.mark.parametrize(
    "how", ["CREATE INDEX i ON full_one (slow(id))", "CREATE INDEX CONCURRENTLY i ON full_one (slow(id))"]
)
def test_an_index_build_shows_its_phase(seen, how):
    header = CONCURRENTLY if "CONCURRENTLY" in how else ""
    found = seen(**{"002_index": f"{header}{how};"})
    assert any(event.phase.startswith("building index") for event in found)
    assert {event.rows for event in found} == {0}


def test_analyze_shows_its_phase(seen, server_version):
    found = seen(**{"002_index": "CREATE INDEX i ON full_one (slow(id));", "003_analyze": "ANALYZE full_one;"})
    phases = {event.phase for event in found if event.step.version == 3}
    assert "ANALYZE, computing statistics" in phases or server_version < 140000


def test_the_watcher_runs_with_each_block_of_data_however_fast_the_server_takes_it(empty_db, target):
    looks = []
    empty_db.execute("CREATE TABLE t (id int)")
    with connect(target) as connection:
        send(connection, "COPY t FROM stdin", lambda: None)
        send_data(connection, [b"1\n"] * 10, lambda: looks.append(1))
    assert len(looks) >= 10


def test_a_terminal_shows_how_far_a_copy_is(write, variables, server_version):
    if server_version < 140000:
        pytest.skip("PostgreSQL 13 does not tell")
    directory = write(**{"001_slow": SLOW, "002_copy": COPY})
    shown = run_on_a_terminal(
        [sys.executable, "-m", "fowergram_db", "migrate", "--migrations-dir", directory], variables
    )
    assert re.search(r"002_copy\.sql: COPY FROM load, 120 B, \d+ rows", shown), shown


def run_on_a_terminal(command: list, variables: dict[str, str]) -> str:
    """Run a command on a terminal of its own, 160 columns wide; return all that it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    variables = variables | {"TERM": "xterm-256color"}
    process = subprocess.Popen(command, env=variables, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 65536):
            shown += block
    except OSError:  # the end of a terminal
        pass
    os.close(ours)
    assert process.wait() == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def statements_reached(target, directory) -> list[tuple[int, int, bool]]:
    events: list[object] = []
    migrate(target, read_migrations(directory), UpgradeTarget(), events.append)
    return [(event.number, event.total, event.is_exact) for event in events if isinstance(event, StatementReached)]


def test_each_statement_outside_a_transaction_is_reported(write, target):
    files = {"001_three": f"{CONCURRENTLY}SELECT 1; SELECT 2; SELECT 3;", "002_one": f"{CONCURRENTLY}SELECT 1;"}
    assert statements_reached(target, write(**files)) == [(1, 3, True), (2, 3, True), (3, 3, True)]


def test_the_statement_of_a_transaction_is_reported_as_soon_as_the_server_reports_it(write, target, monkeypatch):
    monkeypatch.setattr(watch, "_FIRST_POLL_S", 0.1)
    # The server holds results back; with a notice it sends what it has.
    notice = "DO $$BEGIN RAISE NOTICE 'x'; END$$;"
    files = {"001_four": f"SELECT 1; SELECT 2; {notice} SELECT pg_sleep(0.5); "}
    assert (3, 4, False) in statements_reached(target, write(**files))
