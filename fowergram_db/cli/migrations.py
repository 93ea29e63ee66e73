"""The commands that apply migrations, roll them back, and write the files of new ones."""

from typing import Annotated

import typer

from fowergram_db.cli.command import Needs, command
from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.options import DRY_RUN, SHOW_SECRETS, option
from fowergram_db.cli.preview import preview, require_dry_run
from fowergram_db.cli.steps import report_summary, step_listener
from fowergram_db.cli.versions import named_version
from fowergram_db.errors import UsageError

app = typer.Typer()


@command(
    app,
    "migrate",
    needs=Needs.MIGRATION_LOCK,
    examples="  fowergram-db migrate\n"
    "  DB_NAME=fowergram_dev fowergram-db migrate\n"
    "  fowergram-db migrate --to 3 --dry-run\n"
    "  fowergram-db migrate --database-url postgresql://me@db.example/app\n"
    "  fowergram-db migrate --dbname app --migrations-dir ./migrations\n\n"
    "\b\n"
    "Comments at the top of a migration file, which override the options:\n"
    "  -- fowergram: no-transaction           each statement commits by itself\n"
    "  -- fowergram: lock-timeout=2s          as --lock-timeout\n"
    "  -- fowergram: statement-timeout=10min  as --statement-timeout\n"
    "  -- fowergram: irreversible: REASON     `rollback` refuses the migration",
)
def migrate(
    context: CommandContext,
    to: Annotated[
        str | None,
        option(
            "The last version to apply.  [default: the newest]",
            "--to",
            variable="FOWERGRAM_MIGRATE_TO",
            metavar="VERSION",
        ),
    ] = None,
    dry_run: DRY_RUN = False,
    show_secrets: SHOW_SECRETS = False,
    atomic: Annotated[
        bool,
        option(
            "Apply all pending migrations in one transaction: all of them, or none.",
            "--atomic",
            variable="FOWERGRAM_ATOMIC",
        ),
    ] = False,
    allow_out_of_order: Annotated[
        bool,
        option(
            "Also apply pending migrations whose version is below the newest applied one. Without this option, they "
            "stop the command with exit code 4.",
            "--allow-out-of-order",
            variable="FOWERGRAM_ALLOW_OUT_OF_ORDER",
        ),
    ] = False,
) -> CommandResult:
    """Apply the pending migrations.

    Creates the database first if it does not exist, and checks all files before the first statement runs. Applies the
    migrations in order of version. Each runs in its own transaction, which also writes its row in the history, the
    table public.schema_migrations: either all of it is applied, or nothing. If one fails, those before it stay
    applied. Only one process at a time migrates a database. A statement that cannot acquire a lock within
    --lock-timeout does not block others: its migration is rolled back and retried.

    At the end, calls the function public.maintain_partitions() to create future partitions, if it exists.
    """
    from fowergram_db.migrations import migrate as use_case
    from fowergram_db.migrations.engine.groups import TransactionScope
    from fowergram_db.migrations.run import UpgradeTarget

    require_dry_run(context, dry_run=dry_run)
    transaction_scope = TransactionScope.WHOLE_RUN if atomic else TransactionScope.PER_MIGRATION
    listen, files = step_listener(context), context.read_files()
    upgrade_target = UpgradeTarget(
        named_version(to, files), allow_out_of_order, transaction_scope, only_own=context.is_assumed
    )
    wait_policy = context.wait_policy()
    with context.reached() as target:
        if dry_run:
            run = use_case.preview_migrate(target, files, upgrade_target, listen, wait_policy.locks)
            return preview(context, run, show_secrets=show_secrets)
        context.data["partitions"] = []
        context.announce()
        return report_summary(context, use_case.migrate(target, files, upgrade_target, listen, wait_policy))


@command(
    app,
    "rollback",
    needs=Needs.MIGRATION_LOCK,
    examples="  fowergram-db rollback\n  fowergram-db rollback --steps 2 --dry-run\n  fowergram-db rollback --to 3",
)
def rollback(
    context: CommandContext,
    steps: Annotated[
        int | None,
        option(
            "Number of migrations to roll back.  [default: 1]",
            "--steps",
            variable="FOWERGRAM_ROLLBACK_STEPS",
            metavar="N",
        ),
    ] = None,
    to: Annotated[
        str | None,
        option(
            "Roll back all migrations above this version; 0 = all.",
            "--to",
            variable="FOWERGRAM_ROLLBACK_TO",
            metavar="VERSION",
        ),
    ] = None,
    dry_run: DRY_RUN = False,
    show_secrets: SHOW_SECRETS = False,
) -> CommandResult:
    """Roll back the newest applied migrations.

    Rolls back the newest one, the newest N (--steps), or all above a version (--to), newest first. This can delete
    data: a down file that drops a table drops its rows. If one of the migrations has no down script, nothing is rolled
    back, and the exit code is 2.

    Runs each down file. If the file is no longer there, or the migration was edited after it was applied, runs the
    down script that was recorded with it. Each migration is rolled back in its own transaction. If the database is
    marked as production, you confirm by typing its name before more than one migration is rolled back.
    """
    from fowergram_db.migrations import migrate as use_case
    from fowergram_db.migrations.plan import RollbackTarget

    require_dry_run(context, dry_run=dry_run)
    if steps is not None and to is not None:
        steps, to = _typed_one(context, steps, to)
    listen, files = step_listener(context), context.read_files()
    rollback_target = RollbackTarget(1 if steps is None else steps, named_version(to, files))
    wait_policy = context.wait_policy()
    with context.reached() as target:
        if dry_run:
            run = use_case.preview_rollback(target, files, rollback_target, listen, wait_policy.locks)
            return preview(context, run, show_secrets=show_secrets)
        context.announce()
        policy = use_case.RollbackPolicy(context.confirm, wait_policy, context.environment)
        summary = use_case.rollback(target, files, rollback_target, listen, policy)
    return report_summary(context, summary)


@command(
    app,
    "new",
    needs=Needs.FILES,
    examples="  fowergram-db new add reactions --migrations-dir ./migrations\n"
    "  MIGRATIONS_DIR=./migrations fowergram-db new add_reactions",
)
def new(
    context: CommandContext,
    name: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME...",
            help="What the migration does, in a few words, which become a part of the file names.",
            show_default=False,
        ),
    ],
) -> CommandResult:
    """Write the files of the next migration.

    Writes an up file and a down file, with the next number and in the layout of the directory, and prints their paths.
    In a directory of timestamps, the number is the current time in UTC.
    Each contains only a comment: add the SQL that applies the migration to the up file, and the SQL that rolls it back
    to the down file. The directory is created if it does not exist. Name it with --migrations-dir or MIGRATIONS_DIR:
    an installed package is never written to.
    """
    from fowergram_db.migrations.files.new import write_migration

    paths = write_migration(context.directory(), " ".join(name))
    for path in paths:
        context.screen.line(str(path))
    return CommandResult({"files": [str(path) for path in paths]})


def _typed_one(context: CommandContext, steps: int, to: str) -> tuple[int | None, str | None]:
    """Return the one of two options that is on the command line; the other comes from the environment."""
    typed = context.settings.on_command_line & {"steps", "to"}
    if len(typed) != 1:
        raise UsageError("--steps and --to exclude each other", hint="Give one of them.")
    return (steps, None) if "steps" in typed else (None, to)
