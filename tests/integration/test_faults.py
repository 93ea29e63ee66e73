"""Real processes that are really killed, sessions that are interrupted, prompts on a real terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from fowergram_db.database.connection import connect
from fowergram_db.database.simple_query import send

pytestmark = pytest.mark.every_version

SLOW = {"001_a": "CREATE TABLE a (id int);", "002_b": "CREATE TABLE b (id int); SELECT pg_sleep(2);"}
WORKING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = %s AND query LIKE '%%pg_sleep%%' AND state = 'active' AND pid <> pg_backend_pid()
"""


@contextmanager
def migrating(target, variables, directory, watcher):
    """Run a migrate in a process of its own, and yield it with its backend once that is at work."""
    command = [sys.executable, "-m", "fowergram_db", "migrate", "--json", "--migrations-dir", str(directory)]
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while not (found := watcher.execute(WORKING, [target.dbname]).fetchone()):
            assert process.poll() is None
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def gone(watcher, target) -> None:
    until = time.monotonic() + 20
    while watcher.execute(WORKING, [target.dbname]).fetchone():
        assert time.monotonic() < until


def test_a_migrator_that_is_killed_leaves_what_its_history_says(cli, write, admin, target, variables, query):
    directory = write(**SLOW)
    with migrating(target, variables, directory, admin) as (process, _):
        process.kill()
        process.wait()
        gone(admin, target)
    assert query("SELECT to_regclass('a'), to_regclass('b')") == [("a", None)]
    assert query("SELECT array_agg(version) FROM schema_migrations") == [([1],)]
    assert cli("migrate").exit_code == 0


def test_a_session_that_the_server_ends_is_reported_and_leaves_what_its_history_says(
    cli, write, admin, target, variables, query
):
    directory = write(**SLOW)
    with migrating(target, variables, directory, admin) as (process, backend):
        admin.execute("SELECT pg_terminate_backend(%s)", [backend])
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in err
    document = json.loads(out)
    assert (document["error"]["code"], len(document["steps"])) == ("migration_failed", 1)
    assert err.splitlines()[-1] == "Applied now: 1. Not applied: 2."
    assert query("SELECT to_regclass('a'), to_regclass('b')") == [("a", None)]
    assert cli("migrate").exit_code == 0


@pytest.mark.parametrize(
    ("number", "exit_code", "code"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_the_statement_on_the_server_and_rolls_back(
    write, admin, target, variables, query, number, exit_code, code
):
    directory = write(**{"001_a": SLOW["001_a"], "002_b": "CREATE TABLE b (id int); SELECT pg_sleep(60);"})
    with migrating(target, variables, directory, admin) as (process, _):
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        gone(admin, target)
    assert process.returncode == exit_code
    assert "Traceback" not in err
    assert json.loads(out)["error"]["code"] == code
    assert query("SELECT to_regclass('a'), to_regclass('b')") == [("a", None)]
    assert query("SELECT array_agg(version) FROM schema_migrations") == [([1],)]


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_no_signal_is_lost_while_the_server_has_much_to_say(write, admin, target, variables, number, exit_code):
    talk = "DO $$ BEGIN /* no pg_sleep */ LOOP RAISE NOTICE 'still here'; END LOOP; END $$"
    with migrating(target, variables, write(**{"001_a": talk}), admin) as (process, _):
        process.stderr.read(100_000)
        process.send_signal(number)
        out, err = process.communicate(timeout=120)
        gone(admin, target)
    assert (process.returncode, "Traceback" in err) == (exit_code, False)
    assert json.loads(out)["error"]["code"] in {"interrupted", "terminated"}


def typed(arguments: list[str], answer: str, variables, directory) -> tuple[int, str]:
    """Run a command on a terminal, type an answer when it asks, and return exit code and screen."""
    child, terminal = pty.fork()
    if child == 0:
        command = [sys.executable, "-m", "fowergram_db", *arguments, "--migrations-dir", str(directory)]
        os.execve(sys.executable, command, variables | {"TERM": "xterm", "COLUMNS": "200"})
    screen = b""  # a character may come in two pieces
    while b"Type " not in screen:
        screen += os.read(terminal, 1024)
    os.write(terminal, f"{answer}\n".encode())
    while True:
        try:
            screen += os.read(terminal, 1024)
        except OSError:  # the other side of the terminal is closed
            break
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen.decode()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_person_at_a_terminal_is_asked(cli, write, target, variables, tables):
    directory = write(
        **{
            "001_a": "CREATE TABLE a (id int)",
            "001_a.down": "DROP TABLE a",
            "002_b": "SELECT 1",
            "002_b.down": "SELECT 2",
        }
    )
    cli("migrate")
    cli("protect")
    back = ["rollback", "--to", "0"]
    assert typed(back, "no", variables, directory)[0] == 2
    assert tables() == ["a"]
    exit_code, screen = typed(back, target.dbname, variables, directory)
    assert exit_code == 0
    assert "undone" in screen
    assert tables() == []


def test_encodings_that_a_script_leaves_do_not_reach_the_history(cli, write, query):
    write(
        **{
            "001_ไทย": "SET client_encoding = 'LATIN1'; SET standard_conforming_strings = on;",
            "001_ไทย.down": "SELECT 'โพสต์'",
        }
    )
    assert cli("migrate").exit_code == 0
    assert query("SELECT name, down_sql FROM schema_migrations") == [("ไทย", "SELECT 'โพสต์'")]


def test_no_connection_is_left_open_by_any_command(cli, write, admin, target):
    write(**{"001_a": "SELECT 1", "001_a.down": "SELECT 1"})
    for command in ("migrate", "status", "rollback", "reset", "protect", "analyze"):
        cli(command)
    with connect(target) as only:
        counted = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> %s AND backend_type LIKE 'client%%'"
        )
        until = time.monotonic() + 5
        while admin.execute(counted, [target.dbname, only.info.backend_pid]).fetchone() != (0,):
            assert time.monotonic() < until


@pytest.mark.parametrize("arguments", [(), ("--atomic",)])
@pytest.mark.parametrize("committed", [True, False])
def test_an_interrupt_during_a_commit_is_reported_with_the_outcome_of_the_commit(
    cli, write, query, monkeypatch, arguments, committed
):
    def interrupt(connection, text):
        send(connection, text if committed else text.replace("COMMIT;", "SELECT nothing;"))
        raise KeyboardInterrupt

    monkeypatch.setattr("fowergram_db.migrations.engine.transaction.send", interrupt)
    write(**{"001_a": "CREATE TABLE a (id int); SELECT 1;"})
    result = cli("migrate", "--json", *arguments)
    assert (result.exit_code, len(result.document["steps"])) == (130, int(committed))
    assert query("SELECT count(*) FROM schema_migrations") == [(int(committed),)]
