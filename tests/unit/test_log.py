"""What the options of the log mean, in each way to give them; and what its objects look like."""

import io
import json
import logging
from typing import Any

import pytest
from psycopg import sql

from fowergram_db.cli.log import LogFormat, LogLevel, LogSettings, Verbosity, log_settings, move_log_options
from fowergram_db.cli.loggers import logging_to
from fowergram_db.cli.main import run
from fowergram_db.cli.render import Screen
from fowergram_db.database import statement_log
from fowergram_db.database.sql import load, name_of
from fowergram_db.errors import FowergramError, ServerReport

NOWHERE = ("--database-url", "postgresql://localhost:1/d")


class Shown(Screen):
    """A screen that keeps what is shown."""

    def __init__(self, log: LogSettings) -> None:
        self.written, self.logged = io.StringIO(), io.StringIO()
        super().__init__(self.written, self.logged, json=False, colour=False, log=log)


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "moved"),
    [
        (["-v", "status"], ["status", "-v"]),
        (["-vv", "-q", "status", "--json"], ["status", "-vv", "-q", "--json"]),
        (["--log-format=json", "testdb", "create", "x"], ["testdb", "create", "--log-format=json", "x"]),
        (["--log-format", "json", "--verbose", "status"], ["status", "--log-format", "json", "--verbose"]),
        (["testdb", "-v", "list", "x"], ["testdb", "list", "-v", "x"]),
        (["-q", "testdb", "--log-format", "json", "list"], ["testdb", "list", "-q", "--log-format", "json"]),
        (["-v"], ["-v"]),
        (["-v", "testdb"], ["testdb", "-v"]),
        (["-v", "--json", "status"], ["-v", "--json", "status"]),
        (["--log-format"], ["--log-format"]),
        (["-vx", "status"], ["-vx", "status"]),
        ([], []),
        (["status", "-v"], ["status", "-v"]),
    ],
)
def test_options_of_the_log_may_precede_the_command(arguments, moved):
    assert list(move_log_options(arguments, ["testdb"])) == moved


def test_more_than_two_v_say_no_more():
    assert log_settings(LogFormat.TEXT, 9, quiet=False).verbosity is Verbosity.SQL


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "-q", "-v"], "-q and -v exclude each other"),
        (["-vv", "status", "--quiet"], "-q and -v exclude each other"),
        (["status", "--log-format=xml"], "'xml' is not one of"),
        (["status", "--log-format", "text", "--log-format", "json"], "given more than once"),
        (["--log-format", "text", "status", "--log-format", "json"], "given more than once"),
        (["-v"], "No such option"),
        (["status", "--log-format"], "'--database-url' is not one of"),
    ],
)
def test_an_invalid_option_of_the_log_is_a_usage_error(capsys, arguments, said):
    assert run([*arguments, *NOWHERE]) == 2
    assert said in capsys.readouterr().err


def test_the_command_line_decides_between_quiet_and_verbose(capsys, monkeypatch):
    monkeypatch.setenv("FOWERGRAM_QUIET", "1")
    assert run(["status", "-v", *NOWHERE]) == 1
    assert "connect to" in capsys.readouterr().err
    monkeypatch.setenv("FOWERGRAM_VERBOSE", "1")
    assert run(["status", "-q", *NOWHERE]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert run(["status", *NOWHERE]) == 2


@pytest.mark.parametrize("value", ["-1", "x", "1.5"])
def test_a_variable_for_v_is_a_number(capsys, monkeypatch, value):
    monkeypatch.setenv("FOWERGRAM_VERBOSE", value)
    assert run(["status", *NOWHERE]) == 2
    assert "--verbose" in capsys.readouterr().err


def test_errors_of_usage_are_objects_too(capsys, monkeypatch):
    assert run(["status", "--wrong", "--log-format", "json"]) == 2
    (found,) = objects(capsys.readouterr().err)
    assert (found["level"], found["event"], found["code"]) == ("error", "error", "usage")
    monkeypatch.setenv("FOWERGRAM_LOG_FORMAT", "json")
    assert run(["status", "--wrong"]) == 2
    assert objects(capsys.readouterr().err)[0]["target"] is None


def test_quiet_leaves_errors_and_questions_only():
    shown = Shown(LogSettings(verbosity=Verbosity.QUIET))
    shown.note("a note")
    shown.note("a warning", level=LogLevel.WARNING)
    shown.progress("001_a.sql", 0, 1)
    shown.stop_progress()
    shown.error(FowergramError("it failed"))
    shown.line("data")
    assert (shown.logged.getvalue(), shown.written.getvalue()) == ("error: it failed\n", "data\n")


def test_an_object_is_one_line_whatever_it_holds():
    shown = Shown(LogSettings(LogFormat.JSON))
    shown.target = {"host": "h", "port": 1, "database": "a\n::error::b", "user": "u"}
    error = FowergramError("a\n::error::b", server=ServerReport("42601"))
    error.add_note("##vso[task.complete]\x1b[2J")
    shown.error(error)
    shown.note("\u202e\u2028\udcff\r\n##[error]")
    failed, noted = objects(shown.logged.getvalue())
    assert "::error::" not in shown.logged.getvalue().replace("\\n::error::", "")
    assert "##vso[" not in shown.logged.getvalue()
    assert (failed["sqlstate"], failed["notes"]) == ("42601", ["##vso[task.complete]\x1b[2J"])
    assert failed["target"]["database"] == "a\n::error::b"
    assert noted["timestamp"].endswith("Z")


def test_annotations_of_github_are_none_among_objects(monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    shown = Shown(LogSettings(LogFormat.JSON))
    shown.error(FowergramError("it failed"))
    assert len(objects(shown.logged.getvalue())) == 1


def test_psycopg_shows_no_password():
    logger, shown = logging.getLogger("psycopg"), Shown(LogSettings(verbosity=Verbosity.SQL))
    before = (logger.level, logger.propagate)
    with logging_to(shown, shown.log):
        logger.warning("error ignored: %s", "postgresql://me:Zq7secret@h/d password=Zq7secret")
        logger.debug("connection attempt: password=Zq7secret")
    assert "Zq7" not in shown.logged.getvalue()
    assert shown.logged.getvalue().startswith("error ignored")
    assert (logger.handlers, logger.level, logger.propagate) == ([], *before)


def test_nothing_is_set_up_without_options_of_the_log():
    shown = Shown(LogSettings())
    with logging_to(shown, shown.log):
        assert not statement_log.is_on()
        assert not logging.getLogger("fowergram_db").handlers


SECRET = "Zq7 'secret"


@pytest.mark.parametrize(
    "query",
    [
        sql.SQL("ALTER DATABASE {} SET app.x TO {}").format(sql.Identifier("d"), sql.Literal(SECRET)),
        sql.SQL("{}; COMMENT {}").format(sql.SQL("SET a = {}").format(sql.Literal(SECRET)), sql.Literal("Zq7")),
        b"INSERT INTO t VALUES ('Zq7 ''secret', E'Zq7\\\\', $$Zq7$$, $x$Zq7$x$, U&'Zq7', N'Zq7') -- end",
        b"INSERT INTO t VALUES ('Zq7",
        "ALTER ROLE a PASSWORD 'Zq7'",
    ],
)
def test_no_value_of_a_query_of_the_tool_s_own_is_logged(query):
    assert "Zq7" not in statement_log.own_sql(query)


def test_a_shipped_query_is_known_by_its_name():
    checked = f"LOCK TABLE x; {load('ownership/named')}; {load('bookkeeping/durations')}"
    assert name_of(load("bookkeeping/durations")) == name_of(checked) == "bookkeeping/durations"
    assert name_of("SELECT 1") == ""
