"""The commands that show the history of a database, and that correct it."""

from typing import Annotated

import typer

from fowergram_db.cli.command import Needs, command
from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.options import option
from fowergram_db.cli.status_table import migration_data, other_history_data, show_status
from fowergram_db.cli.steps import listener
from fowergram_db.cli.versions import named_version
from fowergram_db.errors import ExitCode

app = typer.Typer()


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
