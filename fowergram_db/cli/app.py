"""The Typer application: which commands there are."""

from typing import Annotated, Any

import typer

from fowergram_db import __version__
from fowergram_db.cli import migrations, operations, schema, testdb
from fowergram_db.cli.options import JSON

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.add_typer(migrations.app)
app.add_typer(schema.app)
app.add_typer(operations.app)
app.add_typer(testdb.app, name="testdb")
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


@_help_app.command("help", epilog="\b\nExamples:\n  fowergram-db help\n  fowergram-db help testdb create")
def _help(
    ctx: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(help="The command to explain: migrate, or testdb create.", show_default=False)
    ] = None,
    json: JSON = False,
) -> int:
    """Show the help of a command."""
    from fowergram_db.cli.render import Screen

    explained = ctx.parent or ctx
    for word in command or ():
        found = _commands(explained).get(word)
        if found is None:
            raise typer.BadParameter(f"there is no command {word!r}", ctx=ctx.parent)
        explained = typer.Context(found, info_name=word, parent=explained)
    screen = Screen.of_process(json=json, no_color=True)
    screen.line(explained.get_help())
    screen.document("help", None, {"text": explained.get_help()}, None)
    if screen.lost:
        raise screen.lost
    return 0


app.add_typer(_help_app)
