"""The command line itself: help, environment variables, usage errors. No server."""

import contextlib
import io
import json
import os
import pty
import re
import sys
import termios
import threading
from pathlib import Path
from typing import Any

import pytest

from fowergram_db.cli import other_words
from fowergram_db.cli.app import build_command
from fowergram_db.cli.main import run
from fowergram_db.cli.progress import LongSteps
from fowergram_db.cli.render import Screen
from fowergram_db.cli.tables import Row, TableColumn

COMMANDS = [
    *"migrate status rollback repair adopt reset protect new analyze slow-queries help".split(),
    *("testdb create", "testdb list", "testdb prune"),
]
WITHOUT_VARIABLE = {"yes", "force", "help", "version"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_the_same_both_ways_and_on_record(command, capsys, recorded):
    assert run(["help", *command.split()]) == 0
    by_word = capsys.readouterr().out
    assert run([*command.split(), "--help"]) == 0
    by_option = capsys.readouterr().out
    assert by_word == by_option
    assert "Examples:" in by_option
    assert max(map(len, by_option.splitlines())) <= 80
    recorded(f"help_{command.replace(' ', '_')}", by_option)


def test_the_overview_is_on_record(capsys, recorded):
    assert run(["help"]) == 0
    overview = capsys.readouterr().out
    assert run(["--help"]) == 0
    assert capsys.readouterr().out == overview
    recorded("help", overview)


@pytest.mark.parametrize("words", [["--help"], ["testdb", "--help"]])
def test_the_overview_truncates_no_summary(words, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(words) == 0
    commands = capsys.readouterr().out.partition("Commands:")[2]
    assert re.search(r"^  \w", commands, re.MULTILINE)
    assert "..." not in commands


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_an_environment_variable_that_the_help_shows(command, capsys):
    run([*command.split(), "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    found: Any = build_command(["help"])
    for word in command.split():
        found = found.commands[word]
    for parameter in found.params:
        if parameter.param_type_name == "option" and parameter.name not in WITHOUT_VARIABLE:
            variable = "NO_COLOR" if parameter.name == "no_color" else parameter.envvar
            assert f"[env var: {variable}" in shown


@pytest.mark.parametrize("command", sorted({command.split()[0] for command in COMMANDS} - {"help"}))
def test_a_command_is_built_without_the_others(command):
    assert set(build_command([command]).commands) == {command, "help"}


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version(option, capsys):
    assert run([option]) == 0
    assert capsys.readouterr().out.startswith("fowergram-db ")


@pytest.mark.parametrize("before", [[], ["help"]])
@pytest.mark.parametrize(
    ("word", "instead"),
    [
        ("up", "`fowergram-db migrate`"),
        ("UP", "`fowergram-db migrate`"),
        ("goto", "`fowergram-db migrate --to VERSION`"),
        ("down", "`fowergram-db rollback`"),
        ("info", "`fowergram-db status`"),
        ("validate", "`fowergram-db status --check`"),
        ("create", "`fowergram-db new`"),
        ("baseline", "`fowergram-db adopt`"),
        ("dump", "`pg_dump --schema-only`"),
    ],
)
def test_the_word_of_another_tool_is_answered_with_the_command_that_is_meant(before, word, instead, capsys):
    assert run([*before, word]) == 2
    out, err = capsys.readouterr()
    assert (out, instead in err) == ("", True)
    assert run([*before, word, "--json"]) == 2
    assert instead in json.loads(capsys.readouterr().out)["error"]["hint"]


def test_the_word_of_another_tool_is_none_of_ours_and_stands_for_one():
    commands = build_command(["help"]).commands
    assert not set(other_words.INSTEAD) & set(commands)
    assert {command.split()[0] for command in other_words.INSTEAD.values()} <= set(commands)
    assert not set(other_words.DUMP) & {*commands, *other_words.INSTEAD}


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["migrate", "--nonsense"],
        ["migrate", "--to", "three"],
        ["migrate", "surplus"],
        ["slow-queries", "--limit", "0"],
        ["slow-queries", "--sort", "colour"],
        ["new"],
        ["help", "nonsense"],
        ["help", "testdb", "nonsense"],
        ["testdb"],
        ["testdb", "nonsense"],
        ["testdb", "create", "--count", "-1"],
        ["--to", "3"],
    ],
)
def test_usage_errors_are_clear_and_json_where_that_is_asked_for(arguments, capsys, monkeypatch):
    assert run(arguments) == 2
    plain = capsys.readouterr()
    assert plain.out == ""
    assert plain.err.startswith("error: ")
    assert "hint: " in plain.err
    assert run([*arguments, "--json"]) == 2
    by_option = json.loads(capsys.readouterr().out)
    assert (by_option["ok"], by_option["target"], by_option["error"]["code"]) == (False, None, "usage")
    monkeypatch.setenv("FOWERGRAM_JSON", "1")
    assert run(arguments) == 2
    assert json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_usage_error_names_the_whole_command(capsys):
    for words in (["testdb", "create"], ["reset"]):
        run([*words, "--nonsense", "--json"])
        assert json.loads(capsys.readouterr().out)["command"] == " ".join(words)


def test_new_takes_its_name_as_several_words_too(tmp_path, capsys):
    assert run(["new", "add", "likes", "--migrations-dir", str(tmp_path), "to posts"]) == 0
    written = [Path(line).name for line in capsys.readouterr().out.split()]
    assert written == ["001_add_likes_to_posts.sql", "001_add_likes_to_posts.down.sql"]


def test_new_refuses_a_connection_string_that_a_shell_has_split(tmp_path, capsys):
    assert run(["new", "host=db", "password=sesame", "--migrations-dir", str(tmp_path)]) == 2
    assert not list(tmp_path.iterdir())
    assert "sesame" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("option", ["--lock-timeout", "--lock-retries", "--statement-timeout"])
def test_repair_takes_no_option_that_would_have_no_effect(option, capsys):
    assert run(["repair", option, "1"]) == 2
    assert f"No such option: {option}" in capsys.readouterr().err


def test_new_writes_files_and_names_them(tmp_path, capsys):
    assert run(["new", "add likes", "--migrations-dir", str(tmp_path / "m"), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [Path(file).name for file in files] == ["001_add_likes.sql", "001_add_likes.down.sql"]


def test_an_env_file_that_is_named_must_be_there(capsys):
    assert run(["status", "--env-file", "nowhere", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "configuration"


def table(screen: Screen) -> None:
    columns = (TableColumn("name"), TableColumn("rows", "right"))
    screen.table(columns, (Row(("ตาราง\x1b[31m", "1")), Row(("b" * 90, "1,000"), "red")))


def test_a_table_for_a_pipe_is_plain_and_never_truncated(capsys):
    table(Screen.for_process(json=False, no_color=False))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("ตาราง\\x1b[31m")
    assert lines[2] == f"{'b' * 90}  1,000"


def test_a_table_for_a_pipe_has_room_for_what_is_seen(capsys):
    columns = (TableColumn("name"), TableColumn("state"))
    Screen.for_process(json=False, no_color=False).table(columns, (Row(("ผู้ใช้", "applied")), Row(("users", "pending"))))
    assert capsys.readouterr().out.splitlines()[1:] == ["ผู้ใช้    applied", "users  pending"]


def progress() -> str:
    """Show progress on a terminal, and return what has come there."""
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 80))
    with os.fdopen(writer, "w", encoding="utf-8") as terminal:
        screen = Screen(terminal, terminal, json=False, colour=False)
        screen.progress("003_index.sql", 2, 4)
        screen.progress_within("003_index.sql: building index: scanning table, 5,168 of 12,500 blocks, " + "x" * 80)
        screen.stop_progress()
    shown = b""
    with contextlib.suppress(OSError):  # the terminal is gone when all is read
        while chunk := os.read(reader, 65536):
            shown += chunk
    os.close(reader)
    return shown.decode()


def test_progress_keeps_its_figures_however_long_the_text_is(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert re.search(r". 003_index.sql: building index: scanning table, 5,168.*… ━\S* +2/4 0:00:00", progress())


def test_a_dumb_terminal_gets_no_progress_and_no_empty_line(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert not progress()


@pytest.mark.parametrize(
    ("variables", "has_colours"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "yes"}, True),
        ({"FORCE_COLOR": ""}, False),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
    ],
)
def test_a_pipe_has_colours_only_if_they_are_forced(variables, has_colours, monkeypatch, capsys):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    screen = Screen.for_process(json=False, no_color=False)
    table(screen)
    screen.line("bold words", "bold red")
    shown = capsys.readouterr().out
    assert ("\x1b[" in shown) is has_colours
    assert re.sub(r"\x1b\[[\d;]*m", "", shown).endswith("1,000\nbold words\n")
    assert "\x1b" not in re.sub(r"\x1b\[[\d;]*m", "", shown)


def test_the_option_no_color_overrides_force_color(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    Screen.for_process(json=False, no_color=True).line("words", "bold")
    assert capsys.readouterr().out == "words\n"


def test_a_step_that_takes_long_is_named_once_as_it_is_by_then(monkeypatch):
    named, has_named, now = [], threading.Event(), 0.0
    monkeypatch.setattr("fowergram_db.cli.progress.time.monotonic", lambda: now)

    def say(step):
        named.append(step)
        has_named.set()

    steps = LongSteps(say, after_s=0.01)
    steps.begin("001_a.sql")
    steps.begin("002_b.sql")
    steps.show("002_b.sql: statement 3 of 4")
    now = 1.0
    assert has_named.wait(60)
    steps.begin("003_c.sql")
    steps.stop()
    assert named == ["002_b.sql: statement 3 of 4"]


def test_a_step_that_has_ended_is_not_named(monkeypatch):
    named, has_named, now = [], threading.Event(), 0.0
    monkeypatch.setattr("fowergram_db.cli.progress.time.monotonic", lambda: now)

    def say(step):
        named.append(step)
        has_named.set()

    steps = LongSteps(say, after_s=0.01)
    steps.begin("001_a.sql")
    steps.end("001_a.sql")
    now = 1.0  # the template is completed, the database is cloned
    steps.begin("002_b.sql")
    steps.end("001_a.sql")
    now = 2.0
    assert has_named.wait(60)
    steps.stop()
    assert named == ["002_b.sql"]


def test_a_terminal_has_colours_unless_they_are_turned_off():
    outputs = {}
    for colour in (True, False):
        reader, writer = pty.openpty()
        with os.fdopen(writer, "w", encoding="utf-8") as terminal:
            screen = Screen(terminal, terminal, json=False, colour=colour)
            table(screen)
            screen.line("bold words", "bold red")
        outputs[colour] = ""
        while "bold words" not in outputs[colour]:
            outputs[colour] += os.read(reader, 65536).decode()
        os.close(reader)
    assert "\x1b[" in outputs[True]
    assert "\x1b[3" not in outputs[False]
    assert "bold words" in outputs[False]


def test_a_document_that_is_interrupted_is_followed_by_no_other(tmp_path, monkeypatch):
    class Interrupted(io.StringIO):
        def flush(self) -> None:
            if self.tell() and not interrupted:
                interrupted.append(True)
                raise KeyboardInterrupt

    interrupted: list[bool] = []
    stdout = Interrupted()
    monkeypatch.setattr(sys, "stdout", stdout)
    assert run(["new", "add likes", "--migrations-dir", str(tmp_path / "m"), "--json"]) == 130
    assert json.loads(stdout.getvalue())["ok"]


def test_help_is_json_too(capsys):
    assert run(["help", "migrate", "--json"]) == 0
    assert "Usage:" in json.loads(capsys.readouterr().out)["text"]


def test_a_password_in_the_wrong_place_is_not_shown(capsys):
    url = "postgresql://me:sesame@host/db"
    for arguments in ([url], ["migrate", "--to", url], ["status", url], ["status", "--dbname", url, "--json"],
                      [url, "--json"], ["status", "--host", url], ["status", "--port", url], ["status", "--user", url],
                      ["status", "--database-url", "postgresql://me:sesame/x@host/db"],
                      ["status", "--database-url", "postgresql://me:ses@sesame@host/db"]):  # fmt: skip
        assert run(arguments) == 2
        shown = capsys.readouterr()
        assert "sesame" not in shown.out + shown.err


def test_new_writes_nothing_but_comments(tmp_path, capsys):
    for name in ("a\nDROP TABLE users;", "fowergram: no-transaction"):
        assert run(["new", name, "--migrations-dir", str(tmp_path)]) == 0
    assert all(not line or line.startswith(("-- 0", "-- Undo"))
               for file in tmp_path.iterdir() for line in file.read_text().splitlines())  # fmt: skip
    assert run(["new", "third", "--migrations-dir", str(tmp_path)]) == 0
    assert "003_third.sql" in capsys.readouterr().out


def test_a_directory_that_is_called_env_is_no_env_file(tmp_path, capsys):
    (tmp_path / ".env").mkdir()
    assert run(["status", "--database-url", "postgresql://h:1/d", "--migrations-dir", "none", "--json"]) == 2
    assert "migrations directory" in json.loads(capsys.readouterr().out)["error"]["message"]


@pytest.fixture
def faulty(monkeypatch):
    """Let `new` meet a fault of the tool itself, whose message holds a password."""

    def fail(*_: object) -> None:
        raise RuntimeError("postgresql://me:sesame@host/db")

    monkeypatch.setattr("fowergram_db.migrations.files.new.write_migration", fail)


@pytest.mark.usefixtures("faulty")
def test_an_internal_error_says_where_to_report_it(capsys):
    assert run(["new", "x", "--migrations-dir", "m"]) == 1
    shown = capsys.readouterr().err
    assert "internal error: RuntimeError" in shown
    assert "Issues page" in shown
    assert "--debug" in shown
    assert "Traceback" not in shown


@pytest.mark.usefixtures("faulty")
@pytest.mark.parametrize("way", ["option", "variable"])
def test_debug_prints_the_traceback_of_an_internal_error_without_its_passwords(capsys, monkeypatch, way):
    if way == "variable":
        monkeypatch.setenv("FOWERGRAM_DEBUG", "1")
    debug = ["--debug"] if way == "option" else []
    assert run(["new", "x", "--migrations-dir", "m", "--json", *debug]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["code"] == "internal"
    assert "Traceback" in shown.err
    assert "RuntimeError" in shown.err
    assert "sesame" not in shown.out + shown.err


def test_debug_prints_no_traceback_of_any_other_error(capsys):
    assert run(["new", "!", "--migrations-dir", "m", "--debug"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_fault_before_a_command_has_begun_is_an_internal_error_too(capsys, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("x")

    monkeypatch.setattr("fowergram_db.cli.context.run_command", fail)
    assert run(["new", "x", "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["code"] == "internal"
    assert "Traceback" not in shown.err
