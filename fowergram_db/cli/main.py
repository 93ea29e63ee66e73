"""The entry point: run a command, turn what comes out of it into an exit code."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from fowergram_db.cli.interrupts import heed_termination


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    heed_termination()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Usage errors, too, are JSON where that is asked for."""
    import typer

    from fowergram_db.cli.app import app
    from fowergram_db.cli.render import Screen
    from fowergram_db.cli.session import fail
    from fowergram_db.errors import UsageError

    _survive_any_text()
    command = typer.main.get_command(app)
    try:
        return int(command.main(list(arguments), prog_name="fowergram-db", standalone_mode=False) or 0)
    except typer.TyperException as error:
        usage = UsageError(error.format_message(), hint=_help_hint(error))
        screen = Screen.of_process(json=wants_json(arguments), no_color="--no-color" in arguments)
        return fail(screen, named_command(arguments), usage, target=None)


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether JSON is asked for, where the command line itself could not be understood."""
    return "--json" in arguments or os.environ.get("FOWERGRAM_JSON", "").lower() in ("1", "true", "t", "yes", "y", "on")


def named_command(arguments: Sequence[str]) -> str:
    """Return the word that stands where a command should."""
    return next((word for word in arguments if not word.startswith("-")), "")


def _help_hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "fowergram-db"
    return f"`{path} --help` shows what there is."


def _survive_any_text() -> None:
    """Let no character of a name or a message end the program on a terminal that cannot show it."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
