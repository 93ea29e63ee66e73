"""The commands that change a database by its migrations, and tell where it stands."""

from typing import Annotated

import typer

from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.log import Level
from fowergram_db.cli.options import DRY_RUN, SHOW_SECRETS, Needs, command, option
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
        str | None, option("Stop after this version.", "--to", variable="FOWERGRAM_MIGRATE_TO", metavar="VERSION")
    ] = None,
    dry_run: DRY_RUN = False,
    show_secrets: SHOW_SECRETS = False,
    atomic: Annotated[
        bool,
        option("Apply all that is pending in one transaction, or nothing.", "--atomic", variable="FOWERGRAM_ATOMIC"),
    ] = False,
    allow_out_of_order: Annotated[
        bool,
        option(
            "Apply pending migrations below the newest applied one, too.",
            "--allow-out-of-order",
            variable="FOWERGRAM_ALLOW_OUT_OF_ORDER",
        ),
    ] = False,
) -> CommandResult:
    """Apply the pending migrations.

    They run in order of version; the database is created where it is missing. Each migration runs in a
    transaction of its own, together with its row in public.schema_migrations: all of it is applied, or
    nothing. All files are checked before the first statement runs. One migrator at a time works on a database;
    what others have locked is waited for, by turns and not for long. Afterwards maintain_partitions() is called,
    where the database has it.
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
            "Exit with 3 where migrations are pending, with 4 where the history is inconsistent, and with 2 where "
            "`migrate` would refuse a pending file.",
            "--check",
            variable="FOWERGRAM_CHECK",
        ),
    ] = False,
) -> CommandResult:
    """Show every migration and its state.

    Reads only: it never creates or alters anything, and a missing database is all pending.
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
            "Undo this many migrations, newest first.  [default: 1]",
            "--steps",
            variable="FOWERGRAM_ROLLBACK_STEPS",
            metavar="N",
        ),
    ] = None,
    to: Annotated[
        str | None,
        option(
            "Undo all above this version; 0 undoes everything.",
            "--to",
            variable="FOWERGRAM_ROLLBACK_TO",
            metavar="VERSION",
        ),
    ] = None,
    dry_run: DRY_RUN = False,
    show_secrets: SHOW_SECRETS = False,
) -> CommandResult:
    """Undo the newest applied migrations.

    Undoes one, or the newest N, or all above a version. Runs the down file, or the script recorded when
    the migration was applied where the checkout no longer has the file that fits. Each step is a transaction
    of its own.
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
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, whatever the database is called.")] = False,
    force: Annotated[bool, typer.Option("--force", help="End the sessions of other clients.")] = False,
    warm: Annotated[
        int,
        option(
            "Have so many clones ready for the next reset, whose wait is a rename then.  [default: 1]",
            "--warm",
            variable="FOWERGRAM_RESET_WARM",
            metavar="N",
            min=0,
        ),
    ] = 1,
) -> CommandResult:
    """Make the database anew: ALL DATA goes.

    Afterwards it is as a fresh `migrate` would make it. Asks for the database's name unless that name has
    test, tests, testing, dev or ci as a word. Never touches a database marked as production. A test database, which
    has such a name, is cloned from a template that is built once; where tests have changed nothing but data, that is
    taken out again. The old database stays as it is until the new one is complete; a role that may not create
    databases has what it owns dropped, and made again.
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
    needs=Needs.MIGRATION_LOCK,
    examples="  fowergram-db repair\n  fowergram-db repair --version 7\n  fowergram-db repair --applied 8 --forget 5",
)
def repair(
    context: CommandContext,
    version: Annotated[
        str | None,
        option("Repair this one alone.", "--version", variable="FOWERGRAM_REPAIR_VERSION", metavar="VERSION"),
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
            "Remove the row of this migration, whose file is gone.",
            "--forget",
            variable="FOWERGRAM_REPAIR_FORGET",
            metavar="VERSION",
        ),
    ] = None,
) -> CommandResult:
    """Bring the history into line with what a person has decided.

    A migration whose file was edited after it was applied is recorded as the file is now. One that stopped
    midway is recorded as done (or as undone, where its rollback stopped). With --applied, a pending migration is
    recorded as applied; with --forget, the row of a missing one is removed. Nothing but the history is written:
    the database itself must be right already.
    """
    from fowergram_db.migrations.repair import Decision
    from fowergram_db.migrations.repair import repair as use_case
    from fowergram_db.migrations.version import as_data

    files, wait_policy = context.read_files(), context.wait_policy()
    decision = Decision(*(named_version(given, files) for given in (version, applied, forget)))
    with context.reached() as target:
        context.announce()
        repaired = use_case(target, files, decision, listener(context, []), wait_policy.wait_s)
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
    off: Annotated[bool, option("Take the mark away.", "--off", variable="FOWERGRAM_PROTECT_OFF")] = False,
) -> CommandResult:
    """Mark the database as production.

    `reset` then refuses it, `testdb prune` leaves it alone, and a `rollback` of more than one step asks.
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
    examples='  fowergram-db new "add reactions" --migrations-dir ./migrations',
)
def new(
    context: CommandContext,
    name: Annotated[str, typer.Argument(help="What it does, in a few words.", show_default=False)],
) -> CommandResult:
    """Write the files of the next migration.

    Both the migration and its down file are empty but for a comment.
    """
    from fowergram_db.migrations.files.new import write_migration

    paths = write_migration(context.directory(), name)
    for path in paths:
        context.screen.line(str(path))
    return CommandResult({"files": [str(path) for path in paths]})


def _typed_one(context: CommandContext, steps: int, to: str) -> tuple[int | None, str | None]:
    """Return which of two goals stands on the command line, where the other comes from the environment."""
    typed = context.settings.on_command_line & {"steps", "to"}
    if len(typed) != 1:
        raise UsageError("--steps and --to exclude each other", hint="Give one of them.")
    return (steps, None) if "steps" in typed else (None, to)


def _confirm_directory(context: CommandContext, why: str, *, is_confirmed: bool) -> bool:
    """Ask, after saying why, whether a database is to be made by other migrations than those that it has had."""
    # Who is asked has to see why, with --quiet as well.
    context.screen.note(f"warning: {why}", level=Level.WARNING if is_confirmed else Level.ERROR)
    return is_confirmed or _confirm(context, "replace what those migrations have made by what these files make")


def _confirm(context: CommandContext, what: str, name: str = "") -> bool:
    assert context.target is not None  # noqa: S101 - nothing is confirmed before there is a target
    wanted = name or context.target.dbname
    return context.screen.ask(f'This would {what}. Type "{wanted}" to go on: ') == wanted
