"""The env file may hold the variable of every option; what is exported, and the command line, go before it."""

import json
from typing import Any

import pytest

from fowergram_db.cli.app import build_command
from fowergram_db.cli.main import run
from tests.bad_inputs.cases import commands

VALUES = {"Int": ("3", 3), "Float": ("2.5", 2.5), "Bool": ("yes", True), "Choice": ("mean", "mean")}
# Where to connect, and which migrations: of these, each level counts on its own.
ELSEWHERE = {"database_url", "host", "port", "dbname", "user", "env_file", "migrations_dir"}
EVERYTHING = build_command(["help"])
OPTIONS = [
    (words, parameter.name)
    for words, command in commands()
    for parameter in command.params
    if parameter.param_type_name == "option"
    and parameter.envvar
    and parameter.name not in ELSEWHERE
    and words != ("help",)
]


def parsed(words, arguments=()):
    """Return the parameters of a command as they are read, and the option of each."""
    command: Any = EVERYTHING
    # The commands are kept for the whole process, and Click keeps the --help of the first context.
    context = command.context_class(command, **command.context_settings)
    for word in words:
        command = command.commands[word]
    needed = ("a name",) if words == ("new",) else ()
    with command.make_context(words[-1], [*needed, *arguments], parent=context) as context:
        return context.params, {parameter.name: parameter for parameter in command.params}


@pytest.mark.parametrize(
    ("words", "name"), OPTIONS, ids=lambda value: value if isinstance(value, str) else "_".join(value)
)
def test_every_option_is_read_from_the_env_file(tmp_path, monkeypatch, words, name):
    _, options = parsed(words)
    option = options[name]
    kind = next((kind for kind in VALUES if kind in type(option.type).__name__), "")
    text, value = VALUES.get(kind, ("5s", "5s"))
    if kind == "Choice":
        text = value = list(option.type.choices)[-1]
    (tmp_path / ".env").write_text(f"{option.envvar}={text}\n")
    assert str(parsed(words)[0][name]) == str(value)
    (tmp_path / "other").write_text(f"export {option.envvar}='{text}'\r\n")
    (tmp_path / ".env").unlink()
    assert str(parsed(words, ["--env-file", "other"])[0][name]) == str(value)
    monkeypatch.setenv("FOWERGRAM_ENV_FILE", "other")
    assert str(parsed(words)[0][name]) == str(value)
    if kind in ("Int", "Float", "") and not option.count:
        monkeypatch.setenv(option.envvar, "7")
        assert str(parsed(words)[0][name]) in ("7", "7.0")
        assert str(parsed(words, [option.opts[0], "8"])[0][name]) in ("8", "8.0")
        monkeypatch.setenv(option.envvar, "")
        assert str(parsed(words)[0][name]) == str(value)


@pytest.mark.parametrize(
    "line", ["FOWERGRAM_WAIT=soon", "FOWERGRAM_DRY_RUN=maybe", "FOWERGRAM_MIGRATE_TO=x", "FOWERGRAM_LOCK_RETRIES=-1"]
)
def test_a_wrong_value_in_the_env_file_is_a_usage_error(tmp_path, capsys, line):
    (tmp_path / ".env").write_text(f"{line}\nFOWERGRAM_JSON=1\n")
    assert run(["migrate"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert (document["error"]["code"], document["command"]) == ("usage", "migrate")


@pytest.mark.parametrize(
    "line", ["FOWERGRAM_WAIT='open", "MIGRATIONS_DIR: 'x", "FOWERGRAM_ENV_FILE=other", "DB_NAME: 'x"]
)
def test_a_line_that_cannot_be_meant_is_an_error_and_the_help_is_shown(tmp_path, capsys, line):
    (tmp_path / ".env").write_text(f"{line}\n")
    assert run(["migrate", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "configuration"
    assert run(["migrate", "--help"]) == 0
    assert run(["help", "migrate"]) == 0


@pytest.mark.parametrize(("words", "name"), OPTIONS[::7])
def test_an_option_that_takes_one_value_refuses_a_second(capsys, words, name):
    option = parsed(words)[1][name]
    if not option.is_flag and not option.count:
        assert run([*words, option.opts[0], "1", option.opts[0], "1"]) == 2
        assert "more than once" in capsys.readouterr().err
