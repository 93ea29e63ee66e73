"""No text of others is shown as it is: every character of Unicode, and every hostile text in every argument."""

import sys
import unicodedata

import pytest

from fowergram_db.cli.main import run
from fowergram_db.printable import escaped
from tests.unit.test_printable import HOSTILE, is_unseen, shown_whole


def test_every_character_that_is_not_seen_is_escaped_and_no_other():
    wrong = []
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) != "Cn":
            is_changed = escaped(character) != character
            wrong += [hex(code)] if is_changed != (character not in "\n\t" and is_unseen(character)) else []
    assert wrong == []


@pytest.mark.parametrize("text", HOSTILE)
def test_usage_errors_show_no_argument_as_it_is(text, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    given = text.replace("\0", "").replace("\ud800", "")  # which no argument can hold
    for arguments in (
        [given],
        ["migrate", given],
        ["migrate", f"--{given}"],
        ["migrate", "--to", given],
        ["slow-queries", "--sort", given],
        ["status", "--env-file", given],
        ["status", "--migrations-dir", given],
        ["help", given],
        ["status", "--host", given, "--port", given],
        ["analyze", "--lock-timeout", given],
        ["migrate", "--lock-timeout", given],
    ):
        assert run(arguments) == 2, arguments
        shown_whole("".join(capsys.readouterr()))
        assert run([*arguments, "--json"]) == 2
        shown_whole("".join(capsys.readouterr()))
