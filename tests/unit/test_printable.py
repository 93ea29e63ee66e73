"""No text from others moves a terminal's cursor, hides text, reverses it, or starts a line that CI executes."""

import contextlib
import inspect
import io
import json
import os
import pty
import re
import sys
import unicodedata

import pytest

from fowergram_db.cli.log import LogLevel
from fowergram_db.cli.render import Screen
from fowergram_db.cli.tables import Row, TableColumn
from fowergram_db.errors import FowergramError, Location, ServerReport
from fowergram_db.printable import as_message, escaped, in_json, inert

# Joiners that scripts and emoji need, and signs of the category "format" that are seen.
SEEN = re.compile("[\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001345f]")
COMMAND = re.compile(r"(?m)^\s*::|##\w*\[|^(?:---|\+\+\+|~~~|\^\^\^)(?: |$)")
HOSTILE = [
    "::error::pwned",
    " \t::add-mask::x",
    "\xa0\u3000::stop-commands::x",
    "x\n::set-output name=a::b",
    "x\r::add-path::/tmp",
    "x\r\n\n  ::group::a",
    "x\x0b::a::\x0c::b::\x85::c::\x1c::d::",
    "x\u2028::warning::y\u2029::debug::z",
    "\x1b[2K\x1b[1G::error::y",
    "a ##[error]b",
    "##[add-path]/tmp",
    "##vso[task.setvariable variable=PATH]/tmp",
    "##teamcity[buildStatus status='SUCCESS']",
    "section_start:1:a\r\x1b[0Kb",
    "--- group",
    "x\n+++ group",
    "^^^ +++",
    "\x1b]52;c;cm0gLXJmIC8=\x07",
    "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "\x9b31mred\x9d0;title\x9c",
    "user\u202egnp.exe\u202c \u2066a\u2069 \u200eb\u200f \u061cc",
    "pay\u200bpal \ufeff\xad\u2060\u180e\u3164\uffa0",
    "\U000e0041\U000e007f\U000e0100",
    "lone \udc80 \ud800",
    "[red]x[/red] [link=https://evil.example]y[/link] :smile:",
    "nul \0 bell \a back \b del \x7f",
]


def shown_whole(text: str) -> None:
    """Assert that nothing in the output is a command, hidden or reversed."""
    assert not COMMAND.search(text), text
    unseen = [hex(ord(c)) for c in text if c not in "\n\t" and is_unseen(c)]
    assert unseen == []


def is_unseen(character: str) -> bool:
    if ord(character) in (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0):
        return True
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not SEEN.match(character)


@pytest.mark.parametrize(
    "text",
    [
        "ผู้ใช้ น้ำ",
        "👩\u200d👧 ❤\ufe0f 🇹🇭",
        "می\u200cخواهم",
        "क्\u200dष",
        "e\u0301 \xa0 表",
        "a::text ---x",
        "C:\\x",
        "# [a]",
    ],
)
def test_ordinary_text_is_unchanged(text):
    assert as_message(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_inert_and_stays_so(text):
    shown_whole(inert(text))
    assert as_message(as_message(text)).replace(" ", "") == as_message(text).replace(" ", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_json_says_the_same_and_shows_nothing(text):
    document = in_json(json.dumps({text: text}, ensure_ascii=False))
    shown_whole(document)
    assert "\n" not in document
    document.encode()
    whole = "".join(c if not "\ud800" <= c < "\ue000" else f"\\u{ord(c):04x}" for c in text)
    assert json.loads(document) == {whole: whole}


def error_of(text: str) -> FowergramError:
    report, line = ServerReport("22000", text, text, text), escaped(text).split("\n")[0]
    error = FowergramError(text, hint=text, location=Location(text, 7, 1), excerpt=f"{line}\n^", server=report)
    error.add_note(text)
    return error


CALLS = {
    "line": lambda screen, text: screen.line(text, "bold"),
    "note": lambda screen, text: screen.note(text, "bold"),
    "table": lambda screen, text: screen.table(
        [TableColumn("a"), TableColumn("b")], [Row((text, "x")), Row(("y", text)), Row((text, text), "red")]
    ),
    "error": lambda screen, text: screen.error(error_of(text)),
    "progress": lambda screen, text: screen.progress(text, 1, 2),
    "progress_within": lambda screen, text: screen.progress_within(text),
    "document": lambda screen, text: screen.document("x", {text: text}, {text: [text]}, error_of(text)),
    "ask": lambda screen, text: screen.ask(text),
    "log_object": lambda screen, text: screen.log_object(LogLevel.INFO, "x", {text: text}, {text: text}),
}
WITHOUT_TEXT = {"for_process", "flush", "end_progress", "stop_progress", "is_plain"}
ELSEWHERE = {"summarize"}  # tests/unit/test_github.py
SCRIPTS = {"script", "passage"}


def test_every_way_to_show_something_is_listed_here():
    public = {name for name, _ in inspect.getmembers(Screen) if not name.startswith("_")}
    assert public == CALLS.keys() | WITHOUT_TEXT | ELSEWHERE | SCRIPTS


@pytest.mark.parametrize("json_wanted", [False, True])
@pytest.mark.parametrize("way", CALLS)
def test_no_way_to_show_something_lets_a_text_through(way, json_wanted, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for text in HOSTILE:
        out, err = io.StringIO(), io.StringIO()
        screen = Screen(out, err, json=json_wanted, colour=True)
        CALLS[way](screen, text)
        screen.stop_progress()
        lines = err.getvalue().splitlines(keepends=True)
        own = [line for line in lines if line.startswith("::error file=")] if way == "error" else []
        assert len(own) == (way == "error")
        shown_whole(out.getvalue() + "".join(line for line in lines if line not in own))
        shown_whole("".join(own)[1:])


@pytest.mark.parametrize("way", CALLS)
def test_no_terminal_receives_a_control_sequence_from_a_text(way, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    reader, writer = pty.openpty()
    with os.fdopen(writer, "w", encoding="utf-8") as terminal:
        screen = Screen(terminal, terminal, json=False, colour=True)
        for text in HOSTILE:
            CALLS[way](screen, f"x{text}")
        # Its thread would write to this terminal after the test has closed it.
        screen.stop_progress()
    shown = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(reader, 65536):
            shown += chunk
    os.close(reader)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r", "")
    shown_whole("".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("──")))


class Terminal(io.StringIO):
    """A text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [60, 67, 80])
def test_a_line_that_a_terminal_shows_begins_with_no_command(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    columns = [TableColumn("a"), TableColumn("b")]
    for length in range(20, 60):
        terminal = Terminal()
        screen = Screen(terminal, terminal, json=False, colour=True)
        screen.table(columns, [Row((f"{'x' * (length // 3)} ::add-path::y", f"a\n{'z' * length}::add-path::y"), "red")])
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
        assert "::" in text
        assert not COMMAND.search(text), text
        assert max(map(len, text.split("\n"))) <= width


def test_the_lines_of_a_message_cannot_look_like_messages():
    out = io.StringIO()
    Screen(out, out, json=False, colour=False).note("notice: x\nerror: the disk is gone\nTarget: y")
    assert out.getvalue() == "notice: x\n  error: the disk is gone\n  Target: y\n"


def dry_run(script: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    screen = Screen(out, err, json=False, colour=False)
    with screen.script():
        screen.passage(script)
    return out.getvalue(), err.getvalue()


def test_a_script_stays_a_script():
    script = "SELECT 1\n    ::text AS a, '##[x]';\n--- heading\n"
    assert dry_run(script) == (script, "")


def test_in_github_actions_a_script_is_shown_while_commands_are_off(monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (shown, said) = dry_run("SELECT '\n::add-path::/tmp';\n")
    match = re.fullmatch(
        r"/\*\n::stop-commands::([0-9a-f]{32})\n\*/\nSELECT '\n::add-path::/tmp';\n/\*\n::\1::\n\*/\n", shown
    )
    assert match
    assert said == ""
    assert match[1] not in dry_run("")[0]


def test_in_other_runners_a_command_in_a_script_is_shown_as_none(monkeypatch):
    monkeypatch.setenv("TF_BUILD", "True")
    (shown, said) = dry_run("SELECT '##vso[task.complete]';\n")
    assert shown == "SELECT '##vso\\[task.complete]';\n"
    assert "does not run as it is" in said


def test_a_script_shows_what_is_not_seen_and_says_that_it_does_not_run_so():
    (shown, said) = dry_run("SELECT '\u202e\x1b[2J';\n")
    assert shown == "SELECT '\\u202e\\x1b[2J';\n"
    assert "does not run as it is" in said
