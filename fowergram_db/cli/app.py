"""The Typer application: which commands there are."""

from typing import Annotated, Any

import typer

from fowergram_db import __version__
from fowergram_db.cli import migrations, operations

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.add_typer(migrations.app)
app.add_typer(operations.app)
_help_app = typer.Typer()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fowergram-db {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _bare(
    ctx: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> int:
    """Change and run PostgreSQL databases with plain SQL files.

    Without a command it does what `migrate` does. `fowergram-db help COMMAND` explains a command.
    """
    if ctx.invoked_subcommand is None:
        command = _commands(ctx)["migrate"]
        with command.make_context("migrate", [], parent=ctx) as inner:
            return int(command.invoke(inner) or 0)
    return 0


def _commands(ctx: Any) -> dict[str, Any]:  # noqa: ANN401 - Typer keeps the base of its contexts to itself
    """Return the commands by name; the context of the program itself holds the group of them."""
    commands: dict[str, Any] = getattr(ctx.command, "commands", {})
    return commands


@_help_app.command("help", epilog="\b\nExamples:\n  fowergram-db help\n  fowergram-db help migrate")
def _help(
    ctx: typer.Context, command: Annotated[str | None, typer.Argument(help="The command to explain.")] = None
) -> int:
    """Show the help of a command."""
    parent = ctx.parent or ctx
    if command is None:
        typer.echo(parent.get_help())
        return 0
    found = _commands(parent).get(command)
    if found is None:
        raise typer.BadParameter(f"there is no command {command!r}", ctx=parent)
    typer.echo(found.get_help(typer.Context(found, info_name=command, parent=parent)))
    return 0


app.add_typer(_help_app)
