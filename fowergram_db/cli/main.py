"""The entry point: run a command, and turn its result into an exit code."""

import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from fowergram_db.cli.interrupts import TerminationSignal, install_signal_handlers

if TYPE_CHECKING:
    from fowergram_db.cli.render import Screen

_COLLECT_AFTER = 100_000


def main() -> NoReturn:
    """Run the command line of this process and exit, without the slow shutdown of the interpreter."""
    install_signal_handlers()
    # Imported modules stay: searching them for garbage takes one twentieth of the start-up time.
    gc.set_threshold(_COLLECT_AFTER)
    try:
        exit_code = run(sys.argv[1:])
    except KeyboardInterrupt as interrupt:  # before the command starts: no transaction is open yet
        exit_code = 143 if isinstance(interrupt, TerminationSignal) else 130
    atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself would run now
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # the reader has closed it, and the user was warned
            stream.flush()
    os._exit(exit_code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. With --json, usage errors are JSON too."""
    import typer

    from fowergram_db.cli.app import GROUPS, build_command
    from fowergram_db.cli.context import fail, show_traceback
    from fowergram_db.cli.explanations import output_lost, unexpected
    from fowergram_db.cli.log import move_log_options, settings_of
    from fowergram_db.cli.render import Screen
    from fowergram_db.errors import FowergramError, UsageError

    _survive_any_output()
    # The tool has no shell completion; with this variable, Typer would complete words instead of running the command.
    os.environ.pop("_FOWERGRAM_DB_COMPLETE", None)
    arguments = move_log_options(arguments, GROUPS)
    command = build_command(arguments)
    try:
        return int(command.main(list(arguments), prog_name="fowergram-db", standalone_mode=False, obj=arguments) or 0)
    except typer.TyperException as error:
        usage = UsageError(error.format_message(), hint=_help_hint(error, arguments))
        screen = _screen_for(arguments, getattr(getattr(error, "ctx", None), "default_map", None) or {})
        return fail(screen, named_command(arguments), usage, target=None, arguments=arguments)
    except FowergramError as error:  # in the env file, which is read with the options
        return fail(_screen_for(arguments, {}), named_command(arguments), error, target=None, arguments=arguments)
    except OSError as error:  # from the help or the version, which Typer prints
        return fail(Screen.for_process(json=False, no_color=True), "", output_lost(error), target=None)
    except Exception as error:  # noqa: BLE001 - a bug of the tool before a command starts
        screen = Screen.for_process(json=is_json_requested(arguments), no_color=True, log=settings_of(arguments, {}))
        if "--debug" in arguments or _is_set("FOWERGRAM_DEBUG"):
            show_traceback(screen, error, arguments)
        return fail(screen, named_command(arguments), unexpected(error), target=None, arguments=arguments)


def _screen_for(arguments: Sequence[str], in_file: Mapping[str, object]) -> "Screen":
    """Return the screen of a command line that could not be parsed; ``in_file`` are options of the env file."""
    from fowergram_db.cli.log import settings_of
    from fowergram_db.cli.render import Screen

    is_json = is_json_requested(arguments) or _is_true(str(in_file.get("json", "")))
    return Screen.for_process(json=is_json, no_color="--no-color" in arguments, log=settings_of(arguments, in_file))


def is_json_requested(arguments: Sequence[str]) -> bool:
    """Return whether JSON is requested, if the command line itself could not be parsed."""
    return "--json" in arguments or _is_set("FOWERGRAM_JSON")


def _is_set(variable: str) -> bool:
    return _is_true(os.environ.get(variable, ""))


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "t", "yes", "y", "on")


def named_command(arguments: Sequence[str]) -> str:
    """Return the words at the place of the command; no words mean migrate.

    >>> named_command([]), named_command(["status", "x"]), named_command(["testdb", "list", "x"])
    ('migrate', 'status', 'testdb list')
    """
    from fowergram_db.cli.arguments import may_hold_password

    words = list(takewhile(lambda word: not word.startswith("-"), arguments or ["migrate"]))
    words = words[: 2 if words[:1] == ["testdb"] else 1]
    return "" if any(map(may_hold_password, words)) else " ".join(words)


def _help_hint(error: Exception, arguments: Sequence[str]) -> str:
    from fowergram_db.cli.other_words import hint_for

    if hint := hint_for(arguments):
        return hint
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "fowergram-db"
    if arguments and arguments[0].startswith("-"):
        return f"Put options after a command: `fowergram-db migrate --json`. `{path} --help` shows the options."
    return f"`{path} --help` shows the options."


def _survive_any_output() -> None:
    """Do not fail because of a closed stream, or of a character that a terminal cannot show."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open until the process ends
        if reconfigure := getattr(getattr(sys, name), "reconfigure", None):
            reconfigure(errors="backslashreplace")
