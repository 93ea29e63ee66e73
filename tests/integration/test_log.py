"""What -v, -vv, -q and --log-format json write of real runs."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

SECRET = "Zq7secret"
FILES = {
    "001_a": "CREATE TABLE a (id int);",
    "002_b": "CREATE TABLE b (id int);",
    "003_c": "CREATE TABLE c (id int);\nCOPY c FROM stdin;\n1\n2\n\\.\n",
}


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_statements_are_named_with_their_file_and_their_duration(cli, write):
    write(**FILES)
    shown = cli("migrate", "-v")
    assert shown.exit_code == 0
    for said in (
        "connect to ",
        "BEGIN … COMMIT, ",
        "001_a.sql … ",
        "003_c.sql",
        "COPY 2, ",
        "ownership/relations, ",
        " ms\n",
    ):
        assert said in shown.err
    assert "CREATE TABLE a (" not in shown.err
    assert "applied  001_a.sql" in shown.out


def test_the_sql_is_logged_with_vv_in_front_of_the_command_too(cli, write):
    write(**FILES)
    shown = cli("-vv", "migrate")
    assert "\n  -- " in shown.err
    assert "CREATE TABLE a (id int);" in shown.err
    assert "COPY c FROM stdin;" in shown.err


def test_quiet_writes_nothing_where_nothing_fails(cli, write):
    write(**FILES)
    shown = cli("migrate", "-q", "--json")
    assert (shown.exit_code, shown.err) == (0, "")
    assert len(json.loads(shown.out)["steps"]) == 3
    write(**{"004_d": "DO $$ BEGIN RAISE WARNING 'a warning'; END $$; SELECT 1 / 0"})
    failed = cli("migrate", "--quiet")
    assert failed.exit_code == 1
    assert failed.err.startswith("error: 004_d.sql")


def test_all_of_stderr_is_objects(cli, write, target):
    write(**FILES, **{"004_d": "DO $$ BEGIN RAISE NOTICE E'a\\n::error::b\\x1b[2J'; END $$; SELECT 1 / 0;"})
    shown = cli("migrate", "-vv", "--log-format", "json")
    found = objects(shown.err)
    assert shown.exit_code == 1
    assert {each["event"] for each in found} >= {"target", "statement", "notice", "error"}
    assert {"timestamp", "level", "event", "target"} <= set.intersection(*map(set, found))
    statements = [each for each in found if each["event"] == "statement"]
    assert any(each["target"]["database"] == target.dbname and each.get("sql") for each in statements)
    assert any(each["sqlstate"] == "22012" and each["name"].endswith("004_d.sql") for each in statements)
    assert found[-1]["sqlstate"] == "22012"
    assert "::error::b" not in shown.err.replace("\\n::error::b", "")


@pytest.mark.parametrize(
    "script",
    [
        "DO $$ BEGIN CREATE ROLE zq PASSWORD '{}'; DROP ROLE zq; END $$;",
        "SELECT pg_catalog.set_config('app.password', '{}', true);",
        "-- fowergram: no-transaction\nSELECT pg_catalog.set_config('app.password', '{}', true);\nSELECT 2;",
        "CREATE TABLE t (i int);\nCOPY t FROM stdin;\n\\.\nDO $$ BEGIN PERFORM 'ALTER ROLE a PASSWORD ''{}'''; END $$;",
        "CREATE ROLE zq PASSWORD '{}' NOSUCHOPTION;",
    ],
)
def test_no_secret_of_a_script_is_in_the_log(cli, write, script):
    text = script.format(SECRET)
    write(**{"001_a": text, "001_a.down": f"SELECT pg_catalog.set_config('app.password', '{SECRET}', true);"})
    runs = [cli("migrate", "-vv"), cli("rollback", "-vv"), cli("migrate", "-vv", "--log-format", "json")]
    assert [run.err for run in runs if "Zq7" in run.err + run.out] == []
    assert "app.password" in runs[0].err or "ROLE" in runs[0].err


def test_a_long_script_is_truncated_and_its_length_shown(cli, write):
    write(**{"001_a": f"SELECT 'a string', '{'x' * 3_000_000}';"})
    shown = cli("migrate", "-vv")
    assert shown.exit_code == 0
    assert " … (3,000,022 characters)" in shown.err
    assert "SELECT '…', '…'" in shown.err
    assert len(shown.err) < 500_000


def test_a_name_cannot_write_a_line_of_its_own(cli, write, monkeypatch):
    write(**FILES)
    monkeypatch.setenv("PGAPPNAME", "a\n::error::b")
    shown = cli("migrate", "-vv", "--log-format=text")
    assert not [line for line in shown.err.splitlines() if line.lstrip().startswith("::")]


@pytest.mark.parametrize("arguments", [("reset", "--yes"), ("testdb", "create"), ("rollback",), ("status",)])
def test_other_commands_log_and_do_the_same(cli, write, arguments):
    write(**FILES, **{f"{name}.down": f"DROP TABLE {name[-1]}" for name in FILES})
    assert cli("migrate").exit_code == 0
    shown = cli(*arguments, "-vv", "--log-format", "json")
    assert shown.exit_code == 0
    assert [each for each in objects(shown.err) if each["event"] == "statement"]


@pytest.mark.parametrize("stderr", ["/dev/full", "closed"])
def test_a_log_that_no_one_takes_stops_no_run(write, variables, directory, stderr):
    write(**FILES)
    redirected = "2>&-" if stderr == "closed" else "2>/dev/full"
    command = f"{sys.executable} -m fowergram_db migrate -vv --log-format json {redirected}"
    env = variables | {"MIGRATIONS_DIR": str(directory)}
    done = subprocess.run(["sh", "-c", command], env=env, capture_output=True, check=False)
    assert done.returncode == 0


def test_an_interrupted_statement_is_in_the_log(write, variables, directory):
    write(**{"001_a": "SELECT pg_catalog.pg_sleep(60)"})
    command = [sys.executable, "-m", "fowergram_db", "migrate", "-v", "--log-format", "json"]
    env = variables | {"MIGRATIONS_DIR": str(directory)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    for line in process.stderr:
        if json.loads(line)["event"] == "still_running":
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    found = objects(err)
    assert any(each.get("failure") == "KeyboardInterrupt" for each in found)
    assert found[-1]["event"] == "error"


def test_sessions_of_a_pooler_log_and_do_the_same(cli, write, pooled, monkeypatch):
    write(**FILES)
    monkeypatch.setenv("DB_HOST", pooled.host)
    monkeypatch.setenv("DB_PORT", pooled.port)
    shown = cli("migrate", "-vv", "--log-format", "json")
    assert shown.exit_code == 0, shown.err
    named = {each["name"] for each in objects(shown.err) if each["event"] == "statement"}
    assert {"ownership/relations", "bookkeeping/create"} <= named
    assert cli("status", "-q").err == ""
