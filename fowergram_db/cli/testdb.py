"""The commands for test databases."""

import os
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fowergram_db.cli.command import Needs, command
from fowergram_db.cli.context import CommandContext, CommandResult, duration_ms
from fowergram_db.cli.options import option
from fowergram_db.cli.steps import step_listener
from fowergram_db.cli.testdb_table import managed_data, show_databases
from fowergram_db.errors import ConfigurationError, Refused
from fowergram_db.plurals import count as counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fowergram_db.database.target import Target
    from fowergram_db.migrations.events import OnEvent
    from fowergram_db.migrations.files.directory import MigrationFile
    from fowergram_db.testdb.databases import ClonePool, TestDatabase

app = typer.Typer(
    help="Create, list and drop databases for tests.\n\n"
    "Each is a clone of a template, a database that has all migrations and no other data. `fowergram-db testdb COMMAND "
    "--help` explains a command.",
    no_args_is_help=False,
)
_GROUP = "testdb"


_COUNT = Annotated[
    int,
    option(
        "Number of databases to create.  [default: 1]", "--count", variable="FOWERGRAM_TESTDB_COUNT", metavar="N", min=0
    ),
]
_NAME = Annotated[
    str | None,
    option(
        "Name of the database. With --count, each gets a number: NAME_1, NAME_2, …  [default: a new name each time]",
        "--name",
        variable="FOWERGRAM_TESTDB_NAME",
        metavar="NAME",
    ),
]
_TTL = Annotated[
    str,
    option(
        "Age at which `testdb prune` may drop the databases, such as 30min, 2h or 7d; 0 = never.  [default: 1d]",
        "--ttl",
        variable="FOWERGRAM_TESTDB_TTL",
        metavar="DURATION",
    ),
]
_WARM = Annotated[
    int,
    option(
        "Number of clones to prepare in advance for the next call. Each needs the disk space of an empty database.  "
        "[default: 0]",
        "--warm",
        variable="FOWERGRAM_TESTDB_WARM",
        metavar="N",
        min=0,
    ),
]


@command(
    app,
    "create",
    group=_GROUP,
    needs=Needs.BOTH,
    examples='  TEST_URL="$(fowergram-db testdb create)"\n'
    "  fowergram-db testdb create --count 4 --ttl 1h\n"
    "  fowergram-db testdb create --name shop_test\n"
    "  fowergram-db testdb create --count 0 --warm 8",
)
def create(
    context: CommandContext, count: _COUNT = 1, name: _NAME = None, ttl: _TTL = "1d", warm: _WARM = 0
) -> CommandResult:
    """Create databases for tests, and print their URLs.

    Prints one URL a line, which includes the password. The databases are created on the server that the options name;
    the database that they name is not changed. Your role needs CREATEDB. The embedded server is refused, because it
    stops when the command ends.

    Each database is a new clone of a template, which is built only once for the same files: all migrations are
    applied, and there is no other data. If a prepared clone exists, it is renamed, which is faster. With --warm,
    clones are prepared in the background after the URLs are printed; with --count 0, before the command ends.

    No database is dropped while a client is connected to it. `testdb prune`, and each command that builds a template,
    drop those that have expired (--ttl). You can also drop one yourself with DROP DATABASE.
    """
    from fowergram_db.database.protection import require_no_production
    from fowergram_db.testdb.databases import names_for

    listen, files, names = step_listener(context, context.screen.note), context.read_files(), names_for(name, count)
    lifetime = timedelta(milliseconds=duration_ms("--ttl", ttl)) or None
    context.data["databases"] = []
    require_no_production(context.environment, "no test databases are made here")
    with context.reached() as target:
        _require_lasting(context)
        context.announce(target.place)
        with _open_pool(context, target, files, names, listen) as source:
            for wanted in names:
                _print_url(context, source.give(wanted, lifetime))
            if warm and not names:
                _keep_ready(context, source, warm)
        if warm and names:
            _refill(context, target, warm)
    return CommandResult()


@contextmanager
def _open_pool(
    context: CommandContext,
    target: "Target",
    files: "Sequence[MigrationFile]",
    names: "Sequence[str | None]",
    listen: "OnEvent",
) -> "Iterator[ClonePool]":
    """Open a pool of clones of what the files make, once no database has one of the names."""
    from fowergram_db.database.state import default_facts
    from fowergram_db.testdb.databases import pool, require_free
    from fowergram_db.testdb.template import TemplateSpec

    with context.administer(target) as admin:
        require_free(admin, names)
        with pool(admin, TemplateSpec(target, files, default_facts(admin)), listen) as source:
            yield source


def _print_url(context: CommandContext, database: "TestDatabase") -> None:
    """Print the URL of a database as soon as it exists, so that the user knows it even if the next one fails."""
    from fowergram_db.database.target import url_of

    context.data["databases"].append(_database_data(database))
    context.screen.line(url_of(database.target))


def _keep_ready(context: CommandContext, source: "ClonePool", warm: int) -> None:
    context.data["ready"] = source.keep_ready(warm)
    context.screen.line(f"{counted(context.data['ready'], 'clone')} prepared.")


def _require_lasting(context: CommandContext) -> None:
    """Refuse the embedded server, which stops together with its last client."""
    if context.target and context.target.embedded:
        raise Refused(
            "the embedded PostgreSQL stops when this command ends, and the databases with it",
            hint="Name a server with --database-url or DATABASE_URL. The pytest fixtures keep it running.",
        )


def _refill(context: CommandContext, target: "Target", warm: int) -> None:
    """Start to prepare clones in a background process; do not wait for it."""
    from fowergram_db.cli.background import start
    from fowergram_db.database.target import VARIABLES, url_of

    variables = {name: value for name, value in os.environ.items() if name not in {*VARIABLES.values(), "DATABASE_URL"}}
    variables |= {"DATABASE_URL": url_of(target), "FOWERGRAM_ENV_FILE": os.devnull}
    directories = [word for path in context.directories.paths for word in ("--migrations-dir", str(path.resolve()))]
    try:
        start(["testdb", "create", "--count", "0", "--warm", str(warm), *directories], variables)
    except OSError as error:
        context.screen.note(f"No clones are prepared: their process cannot be started: {error.strerror}")


def _database_data(database: "TestDatabase") -> dict[str, Any]:
    from fowergram_db.database.target import url_of

    return {
        "name": database.target.dbname,
        "url": url_of(database.target),
        "made_at": database.made_at,
        "expires_at": database.expires_at,
    }


@command(
    app,
    "list",
    group=_GROUP,
    needs=Needs.DATABASE,
    examples="  fowergram-db testdb list\n  fowergram-db testdb list --json",
)
def list_(context: CommandContext) -> CommandResult:
    """Show the databases that the tool has created for itself.

    Only reads. Lists those of the whole server. Shows the age and size of each, how many clients are connected, its
    owner, and whether it is still in use.

    The kind: a test database (test), a clone that was prepared (warm), a template, a database that a killed `reset`
    left (reset), or one that a killed command built to compare schemas (scratch).
    """
    from fowergram_db.testdb.pruning import list_managed

    with context.reached() as target, context.administer(target) as admin:
        found = list_managed(admin)
    show_databases(context, found)
    return CommandResult({"databases": [managed_data(database) for database in found]})


@command(
    app,
    "prune",
    group=_GROUP,
    needs=Needs.BOTH,
    examples="  fowergram-db testdb prune\n  fowergram-db testdb prune --older-than 2h\n"
    "  fowergram-db testdb prune --older-than 0 --dry-run\n  fowergram-db testdb prune --older-than 0 --all",
)
def prune(
    context: CommandContext,
    older_than: Annotated[
        str | None,
        option(
            "Also drop databases of this project that are older than this, such as 30min, 2h or 7d; templates too. 0 = "
            "of any age.",
            "--older-than",
            variable="FOWERGRAM_TESTDB_OLDER_THAN",
            metavar="DURATION",
        ),
    ] = None,
    everything: Annotated[
        bool,
        option(
            "With --older-than: also those of all other projects on the server.",
            "--all",
            variable="FOWERGRAM_TESTDB_ALL",
        ),
    ] = False,
    dry_run: Annotated[
        bool, option("Drop nothing: print what would be dropped.", "--dry-run", variable="FOWERGRAM_DRY_RUN")
    ] = False,
) -> CommandResult:
    """Drop those databases of the tool that are no longer needed.

    Drops test databases that have expired, databases that killed processes have left, prepared clones that are older
    than a day or whose template is gone, and templates that were not used for a week. Prints the name of each.

    Never drops a database that was not created by this tool, is marked as production, has clients, or belongs to a
    running process. Databases belong to one project if their migrations begin with the same file.
    """
    from fowergram_db.database.protection import require_no_production
    from fowergram_db.testdb.pruning import due
    from fowergram_db.testdb.pruning import prune as use_case

    require_no_production(context.environment, "no database is dropped here")
    age_limit = None if older_than is None else timedelta(milliseconds=duration_ms("--older-than", older_than))
    project = None if everything or age_limit is None else _project(context)
    dropped: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    context.data.update(dry_run=dry_run, dropped=dropped, kept=kept)
    done = "would drop" if dry_run else "dropped "
    with context.reached() as target:
        context.announce(target.place)
        with context.administer(target) as admin:
            found = due(admin, age_limit, project) if dry_run else use_case(admin, target, age_limit, project)
            for database, kept_by in found:
                if kept_by:
                    kept.append({"name": database.name, "reason": kept_by})
                    context.screen.note(f"kept     {database.name}: {kept_by}")
                else:
                    dropped.append({"name": database.name, "kind": str(database.purpose), "use": str(database.use)})
                    context.screen.line(f"{done} {database.name} ({database.use})")
    if not dropped:
        context.screen.line("Nothing to do.")
    return CommandResult()


def _project(context: CommandContext) -> str:
    """Return what identifies this project, "" if there are no migrations: then no database belongs to it."""
    from fowergram_db.testdb.template import project_of

    try:
        return project_of(context.read_files())
    except ConfigurationError as error:
        context.screen.note(f"No database is counted as one of this project: {error.message}.")
        return ""
