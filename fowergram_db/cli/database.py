"""The commands for a database as a whole: recreate it, and mark it as production."""

from typing import Annotated

import typer

from fowergram_db.cli.command import Needs, command
from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.log import LogLevel
from fowergram_db.cli.options import option
from fowergram_db.cli.steps import show_reset, step_listener

app = typer.Typer()


@command(
    app,
    "reset",
    needs=Needs.BOTH,
    examples="  DB_NAME=fowergram_test fowergram-db reset\n"
    "  fowergram-db reset --dbname scratch --yes\n"
    "  DB_NAME=fowergram_test fowergram-db reset --force",
)
def reset(
    context: CommandContext,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help="Do not ask for confirmation. A database that is marked as production is always refused.",
        ),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="End the sessions of other clients. Without this option, they stop the command with exit code 2.",
        ),
    ] = False,
    warm: Annotated[
        int,
        option(
            "Number of clones to prepare in advance; a later reset then only renames one. Each needs the disk space of "
            "an empty database.  [default: 1]",
            "--warm",
            variable="FOWERGRAM_RESET_WARM",
            metavar="N",
            min=0,
        ),
    ] = 1,
) -> CommandResult:
    """Recreate the database: ALL DATA IS DELETED.

    The database is then as a fresh `migrate` would make it: the schema, and the rows that the migrations insert. Its
    settings, grants and owner are kept. You confirm by typing its name, unless the name has test, tests, testing, dev
    or ci as a word (shop_test, not latest). A database that is marked as production is always refused.

    A test database (one with such a name) is cloned from a template: a second database on the same server, which is
    built only once for the same files. If tests changed only rows, those rows are deleted instead. `testdb list` shows
    the templates and clones, `testdb prune` drops those that are no longer needed. The old database is kept until the
    new one is complete. If your role may not create databases, the objects that it owns in the database are dropped
    and created again.
    """
    from fowergram_db.database.sessions import Sessions
    from fowergram_db.testdb.reset import ResetOptions
    from fowergram_db.testdb.reset import reset as use_case

    listen, files = step_listener(context), context.read_files()
    with context.reached() as target:
        context.announce()
        options = ResetOptions(
            context.environment,
            lambda: yes or context.confirm("delete all its data", target.dbname),
            Sessions.END if force else Sessions.SPARE,
            warm,
            lambda why: _confirm_directory(context, why, is_confirmed=yes),
            context.is_assumed,
        )
        return show_reset(context, files, use_case(target, files, options, listen))


@command(
    app,
    "protect",
    needs=Needs.DATABASE,
    examples="  fowergram-db protect\n  fowergram-db protect --off",
)
def protect(
    context: CommandContext,
    off: Annotated[bool, option("Remove the mark instead.", "--off", variable="FOWERGRAM_PROTECT_OFF")] = False,
) -> CommandResult:
    """Mark the database as production.

    Then `reset` refuses the database, `testdb prune` never drops it, and `rollback` of more than one migration asks
    for confirmation. `migrate` works as before. The mark is stored with the database itself (ALTER DATABASE … SET), so
    your role has to be its owner or a superuser.
    """
    from fowergram_db.database import protection

    with context.reached() as target:
        context.announce()
        with context.connect(target) as connection:
            (protection.unprotect if off else protection.protect)(connection)
    said = "is no longer marked" if off else "is marked"
    context.screen.line(f'Database "{target.dbname}" {said} as production.')
    return CommandResult({"production": not off})


def _confirm_directory(context: CommandContext, why: str, *, is_confirmed: bool) -> bool:
    """Ask, after saying why, whether to build a database from other migrations than those in its history."""
    # The user must see the reason for the question, with --quiet too.
    context.screen.note(f"warning: {why}", level=LogLevel.WARNING if is_confirmed else LogLevel.ERROR)
    return is_confirmed or context.confirm("replace the schema of those migrations by that of these files")
