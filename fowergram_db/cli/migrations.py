"""The commands that change a database by its migrations, and those that show or correct the history."""

from typing import Annotated

import typer

from fowergram_db.cli.command import Needs, command
from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.log import LogLevel
from fowergram_db.cli.options import DRY_RUN, SHOW_SECRETS, option
from fowergram_db.cli.preview import preview, require_dry_run
from fowergram_db.cli.status_table import migration_data, other_history_data, show_status
from fowergram_db.cli.steps import listener, report_summary, show_reset, step_listener
from fowergram_db.cli.versions import named_version
from fowergram_db.errors import ExitCode, UsageError

app = typer.Typer()


@command(
    app,
    "migrate",
    needs=Needs.MIGRATION_LOCK,
    examples="  fowergram-db migrate\n"
    "  DB_NAME=fowergram_dev fowergram-db migrate\n"
    "  fowergram-db migrate --to 3 --dry-run\n"
    "  fowergram-db migrate --database-url postgresql://me@db.example/app --migrations-dir ./migrations",
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

    A file can set its own way and limits in comments at its top: `-- fowergram: no-transaction` (statement by
    statement, for CREATE INDEX CONCURRENTLY), `-- fowergram: lock-timeout=2s`, `-- fowergram: statement-timeout=10min`.

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
    "status",
    needs=Needs.BOTH,
    examples="  fowergram-db status\n  fowergram-db status --check && ./start-server\n  fowergram-db status --json",
)
def status(
    context: CommandContext,
    check: Annotated[
        bool,
        option(
            "Exit with 3 if migrations are pending, with 4 if there is a problem, and with 2 if `migrate` would refuse "
            "a pending file. Without this option, exit with 0.",
            "--check",
            variable="FOWERGRAM_CHECK",
        ),
    ] = False,
) -> CommandResult:
    """Show every migration and its state.

    Only reads: it never creates or changes anything. If the database does not exist, all migrations are pending.

    A migration is applied, pending, or has a problem. changed: its file was edited after it was applied. missing: it
    was applied, and its file is gone. out_of_order: it is pending, and its version is below the newest applied one.
    partial: it runs without a transaction, and stopped after some of its statements. `>` marks pending migrations and
    `!` marks problems. The column "undo" says whether `rollback` can roll the migration back.
    """
    from fowergram_db.migrations import status as use_case

    files = context.read_files()
    with context.reached() as target:
        found = use_case.status(target, files, listener(context, []))
    problems = [migration for migration in found.migrations if migration.state.is_problem]
    pending = [migration for migration in found.migrations if migration.state == "pending"]
    show_status(context, found, len(pending), len(problems))
    exit_code = ExitCode.DONE
    if check and (problems or found.other_tool):
        exit_code = ExitCode.HISTORY
    elif check and pending:
        exit_code = ExitCode.FINDINGS
    summary = {"applied": len(found.summary.applied), "pending": len(pending), "problems": len(problems)}
    data = {"migrations": list(map(migration_data, found.migrations)), "summary": summary}
    data["other_histories"] = list(map(other_history_data, found.others))
    if found.other_tool:
        data["history_owner"] = found.other_tool
    context.data.update(data)
    if exit_code is ExitCode.FINDINGS:
        use_case.require_sound(found)
    return CommandResult(data, exit_code)


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
        policy = use_case.RollbackPolicy(lambda what: _confirm(context, what), wait_policy, context.environment)
        summary = use_case.rollback(target, files, rollback_target, listen, policy)
    return report_summary(context, summary)


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
            lambda: yes or _confirm(context, "delete all its data", target.dbname),
            Sessions.END if force else Sessions.SPARE,
            warm,
            lambda why: _confirm_directory(context, why, is_confirmed=yes),
            context.is_assumed,
        )
        return show_reset(context, files, use_case(target, files, options, listen))


@command(
    app,
    "repair",
    needs=Needs.HISTORY,
    examples="  fowergram-db repair\n  fowergram-db repair --version 7\n  fowergram-db repair --applied 8 --forget 5",
)
def repair(
    context: CommandContext,
    version: Annotated[
        str | None,
        option(
            "Repair only this changed or partial migration.",
            "--version",
            variable="FOWERGRAM_REPAIR_VERSION",
            metavar="VERSION",
        ),
    ] = None,
    applied: Annotated[
        str | None,
        option(
            "Record this pending migration as applied, without running it.",
            "--applied",
            variable="FOWERGRAM_REPAIR_APPLIED",
            metavar="VERSION",
        ),
    ] = None,
    forget: Annotated[
        str | None,
        option(
            "Delete the row of this migration, whose file is missing.",
            "--forget",
            variable="FOWERGRAM_REPAIR_FORGET",
            metavar="VERSION",
        ),
    ] = None,
) -> CommandResult:
    """Correct the history, after you have decided what is true.

    Runs no migration: only the history is written, the table public.schema_migrations. So first make sure that the
    database itself is right. `status` shows the state of each migration.

    For a changed migration, the checksum of the edited file is recorded. A partial one is recorded as applied (or, if
    its rollback stopped, as rolled back). With --applied, a pending migration is recorded as applied without running
    it; with --forget, the row of a missing one is deleted. With none of these options, all changed and partial
    migrations are repaired.
    """
    from fowergram_db.migrations.repair import Decision
    from fowergram_db.migrations.repair import repair as use_case
    from fowergram_db.migrations.version import as_data

    files = context.read_files()
    decision = Decision(*(named_version(given, files) for given in (version, applied, forget)))
    with context.reached() as target:
        context.announce()
        repaired = use_case(target, files, decision, listener(context, []), context.wait_s)
    for migration in repaired:
        context.screen.line(f"repaired {migration.filename} (it was {migration.state})")
    if not repaired:
        context.screen.line("Nothing to do.")
    return CommandResult(
        {"repaired": [{"version": as_data(m.version), "name": m.name, "was": str(m.state)} for m in repaired]}
    )


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


def _confirm_directory(context: CommandContext, why: str, *, is_confirmed: bool) -> bool:
    """Ask, after saying why, whether to build a database from other migrations than those in its history."""
    # The user must see the reason for the question, with --quiet too.
    context.screen.note(f"warning: {why}", level=LogLevel.WARNING if is_confirmed else LogLevel.ERROR)
    return is_confirmed or _confirm(context, "replace the schema of those migrations by that of these files")


def _confirm(context: CommandContext, what: str, name: str = "") -> bool:
    assert context.target is not None  # noqa: S101 - nothing is confirmed before there is a target
    wanted = name or context.target.dbname
    return context.screen.ask(f'This would {what}. Type "{wanted}" to continue: ') == wanted
