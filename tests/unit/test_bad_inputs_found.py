"""Single inputs that were wrong once: each has its own error."""

import json

import pytest

from fowergram_db.cli.main import run

URL = ("--database-url", "postgresql://localhost:1/x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["migrate", "--to", "1", "--to", "2", *URL], "Option '--to' is given more than once."),
        (["status", *URL, *URL], "Option '--database-url' is given more than once."),
        (["migrate", *URL, "--wait", "inf"], "this is not a number of seconds"),
        (["migrate", *URL, "--wait-for-server", "1e999"], "this is not a number of seconds"),
        (["migrate", *URL, "--wait", "nan"], "this is not a number of seconds"),
        (["status", "--host", ".."], "the host is neither a name, nor an address, nor a directory"),
        (["status", "--host", "a" * 64], "the host is neither a name, nor an address, nor a directory"),
        (["status", "--dbname", "a\nb"], "the name of the database contains a control character"),
        (["status", "--user", "${DB_USER}"], "contains a variable that was not replaced"),
        (["status", "--dbname", "\udcff"], "bytes that are not UTF-8"),
        (["status", *URL, "--env-file", "/dev/zero"], "the env file '/dev/zero' is larger than 1 MB"),
        (["status", "--env-file", "postgresql://me:sesame@h/d"], "no env file 'postgresql://me:******@h/d'"),
        (["new", "x", "--migrations-dir", "postgresql://me:sesame@h/d"], "is a URL, not a directory"),
    ],
)
def test_the_error_says_what_is_wrong(arguments, message, capsys):
    assert run([*arguments, "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert message in error["message"]
    assert error["hint"]


def test_a_variable_cannot_ask_for_a_completion_in_the_place_of_a_command(monkeypatch, capsys):
    monkeypatch.setenv("_FOWERGRAM_DB_COMPLETE", "bash_source")
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("fowergram-db ")


@pytest.mark.parametrize("name", ["PGHOST", "PGDATABASE", "PGUSER"])
def test_values_that_libpq_finds_are_checked_too(name, monkeypatch, capsys):
    monkeypatch.setenv("PGHOST", "localhost")
    monkeypatch.setenv(name, "a\nb")
    assert run(["status"]) == 2
    assert "control character" in capsys.readouterr().err


def test_a_line_of_an_error_is_not_endless(capsys):
    assert run(["status", *URL, "--env-file", "x" * 70_000]) == 2
    assert max(map(len, capsys.readouterr().err.split("\n"))) < 2_100
