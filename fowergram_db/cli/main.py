"""The entry point: run a command, turn what comes out of it into an exit code."""

import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import NoReturn

from fowergram_db.cli.interrupts import TerminationSignal, install_signal_handlers

_COLLECT_AFTER = 100_000


def main() -> NoReturn:
    """Run the command line of this process and end it, without taking the interpreter apart: that takes a while."""
    install_signal_handlers()
    # What is imported stays: looking through it for rubbish takes one twentieth of a start.
    gc.set_threshold(_COLLECT_AFTER)
    try:
        exit_code = run(sys.argv[1:])
    except KeyboardInterrupt as interrupt:  # before the command has begun: nothing is open yet
        exit_code = 143 if isinstance(interrupt, TerminationSignal) else 130
    atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself would run now
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # nobody takes it any more, which was told
            stream.flush()
    os._exit(exit_code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Usage errors, too, are JSON where that is asked for."""
    import typer

    from fowergram_db.cli.app import GROUPS, build_command
    from fowergram_db.cli.context import fail, show_traceback
    from fowergram_db.cli.explanations import output_lost, unexpected
    from fowergram_db.cli.log import behind_command, settings_of
    from fowergram_db.cli.render import Screen
    from fowergram_db.errors import FowergramError, UsageError

    _survive_any_output()
    # The tool completes no words; Typer would do so in the place of the command.
    os.environ.pop("_FOWERGRAM_DB_COMPLETE", None)
    arguments = behind_command(arguments, GROUPS)
    command = build_command(arguments)
    try:
        return int(command.main(list(arguments), prog_name="fowergram-db", standalone_mode=False, obj=arguments) or 0)
    except typer.TyperException as error:
        usage = UsageError(error.format_message(), hint=_help_hint(error, arguments))
        in_file = getattr(getattr(error, "ctx", None), "default_map", None) or {}
        is_json = wants_json(arguments) or _is_true(str(in_file.get("json", "")))
        log = settings_of(arguments, in_file)
        screen = Screen.for_process(json=is_json, no_color="--no-color" in arguments, log=log)
        return fail(screen, named_command(arguments), usage, target=None, arguments=arguments)
    except FowergramError as error:  # in the env file, which is read with the options
        log = settings_of(arguments, {})
        screen = Screen.for_process(json=wants_json(arguments), no_color="--no-color" in arguments, log=log)
        return fail(screen, named_command(arguments), error, target=None, arguments=arguments)
    except OSError as error:  # of the help and the version, which Typer prints
        return fail(Screen.for_process(json=False, no_color=True), "", output_lost(error), target=None)
    except Exception as error:  # noqa: BLE001 - a fault of the tool before a command has begun
        screen = Screen.for_process(json=wants_json(arguments), no_color=True, log=settings_of(arguments, {}))
        if "--debug" in arguments or _is_set("FOWERGRAM_DEBUG"):
            show_traceback(screen, error, arguments)
        return fail(screen, named_command(arguments), unexpected(error), target=None, arguments=arguments)


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether JSON is asked for, where the command line itself could not be understood."""
    return "--json" in arguments or _is_set("FOWERGRAM_JSON")


def _is_set(variable: str) -> bool:
    return _is_true(os.environ.get(variable, ""))


def _is_true(text: str) -> bool:
    return text.lower() in ("1", "true", "t", "yes", "y", "on")


def named_command(arguments: Sequence[str]) -> str:
    """Return what stands where a command should; without anything, migrate is meant.

    >>> named_command([]), named_command(["status", "x"]), named_command(["testdb", "list", "x"])
    ('migrate', 'status', 'testdb list')
    """
    from fowergram_db.cli.arguments import may_hold_password

    words = list(takewhile(lambda word: not word.startswith("-"), arguments or ["migrate"]))
    words = words[: 2 if words[:1] == ["testdb"] else 1]
    return "" if any(map(may_hold_password, words)) else " ".join(words)


def _help_hint(error: Exception, arguments: Sequence[str]) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "fowergram-db"
    if arguments and arguments[0].startswith("-"):
        return f"Options stand behind a command: `fowergram-db migrate --json`. `{path} --help` shows what there is."
    return f"`{path} --help` shows what there is."


def _survive_any_output() -> None:
    """Let neither a closed stream nor a character that a terminal cannot show end the program."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for as long as we run
        if reconfigure := getattr(getattr(sys, name), "reconfigure", None):
            reconfigure(errors="backslashreplace")
