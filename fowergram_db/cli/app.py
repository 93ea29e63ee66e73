"""The Typer application: the commands and where each is defined."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fowergram_db import __version__
from fowergram_db.cli.options import JSON

# The module of each command, in the order of the help. To run one command, only its module is imported.
_HOME = {
    "migrate": "migrations",
    "status": "history",
    "rollback": "migrations",
    "reset": "database",
    "repair": "history",
    "protect": "database",
    "new": "migrations",
    "adopt": "schema",
    "analyze": "operations",
    "slow-queries": "operations",
    "slow-query": "operations",
    "testdb": "testdb",
}
GROUPS = ("testdb",)
_EPILOG = """\b
Exit codes:
  0         done, or nothing to do
  1         failed; the last lines say what is applied now
  2         wrong usage, configuration or files, or a command that was refused
  3         status --check: pending migrations; adopt: the schemas differ
  4         the files and the history contradict each other
  5         could not acquire a lock in time
  130, 143  interrupted, terminated; the open transaction was rolled back

\b
Examples:
  export DATABASE_URL=postgresql://postgres@localhost/shop_dev
  export MIGRATIONS_DIR=./migrations
  fowergram-db new create orders
  fowergram-db migrate
  fowergram-db status"""


def build_command(arguments: Sequence[str]) -> TyperGroup:
    """Return the command of the app that understands some arguments, which each process builds once for each word."""
    word = arguments[0] if arguments else "migrate"
    return _built(word if word in _HOME else "help")


@cache
def _built(word: str) -> TyperGroup:
    return typer.main.get_group(build_app([word]))


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """Return an application with the command that the arguments begin with, or with all commands if none is named."""
    word = arguments[0] if arguments else "migrate"
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(invoke_without_command=True, epilog=_EPILOG)(_bare)
    for module in (_HOME[word],) if word in _HOME else dict.fromkeys(_HOME.values()):
        found: typer.Typer = import_module(f"fowergram_db.cli.{module}").app
        if module in GROUPS:
            app.add_typer(found, name=module)
        else:
            chosen = (info for info in found.registered_commands if word not in _HOME or info.name == word)
            app.registered_commands += chosen
    app.registered_commands.sort(key=lambda info: list(_HOME).index(str(info.name)))
    app.command("help", epilog="\b\nExamples:\n  fowergram-db help\n  fowergram-db help testdb create")(_help)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fowergram-db {__version__}")
        raise typer.Exit


def _bare(
    ctx: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> int:
    """Migrate and operate PostgreSQL databases (13 to 18) with plain SQL files.

    Without a command, it runs `migrate`. `fowergram-db help COMMAND` explains a command, and shows the default and the
    environment variable of each option. Options come after the command: `fowergram-db migrate --dry-run`.

    The database: host, port, database, user and password are each taken from the first of these that names it: the
    options of the command; DB_HOST, DB_PORT, DB_NAME, DB_USER, DB_PASSWORD; DATABASE_URL; the same names in .env;
    PGHOST and the other variables of libpq. If none of them is set, the PostgreSQL server of the `embedded` extra is
    used, if it is installed.

    The migrations: --migrations-dir or MIGRATIONS_DIR names their directory. Without it, the migrations of Fowergram
    are used, which are inside the package.
    """
    if ctx.invoked_subcommand is None:
        command = _commands(ctx)["migrate"]
        with command.make_context("migrate", [], parent=ctx) as inner:
            return int(command.invoke(inner) or 0)
    return 0


def _commands(ctx: Any) -> dict[str, Any]:  # noqa: ANN401 - Typer does not export the base class of its contexts
    """Return the commands of an application or group, by name."""
    commands: dict[str, Any] = getattr(ctx.command, "commands", {})
    return commands


def _help(
    ctx: typer.Context,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND]...", help="The command to explain: migrate, or testdb create.", show_default=False
        ),
    ] = None,
    json: JSON = False,
) -> int:
    """Show the help of a command."""
    from fowergram_db.cli.render import Screen

    explained = ctx.parent or ctx
    for word in command or ():
        found = _commands(explained).get(word)
        if found is None:
            raise typer.BadParameter(f"no such command: {word!r}", ctx=ctx.parent)
        explained = typer.Context(found, info_name=word, parent=explained)
    screen = Screen.for_process(json=json, no_color=True)
    for line in explained.get_help().split("\n"):
        screen.line(line)
    screen.document("help", None, {"text": explained.get_help()}, None)
    if screen.lost:
        raise screen.lost
    return 0
