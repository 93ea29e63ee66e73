"""The commands that read the schema of a database."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fowergram_db.cli.command import Needs, command
from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.options import option
from fowergram_db.cli.steps import listener
from fowergram_db.cli.versions import named_version
from fowergram_db.errors import ExitCode
from fowergram_db.plurals import count

if TYPE_CHECKING:
    from fowergram_db.schema.adopt import Adoption
    from fowergram_db.schema.comparison import SchemaComparison

app = typer.Typer()
_MOST_LISTED = 40


@command(
    app,
    "adopt",
    needs=Needs.BOTH,
    examples="  fowergram-db adopt\n"
    "  fowergram-db adopt --from flyway\n"
    "  fowergram-db adopt --to 7\n"
    "  fowergram-db adopt --from run-migrations.sh --force",
)
def adopt(
    context: CommandContext,
    tool: Annotated[
        str | None,
        option(
            "The tool whose history to read, in lower case: dbmate, flyway, golang-migrate, goose, rails, sqlx, … (an "
            "unknown name lists all of them).  [default: the only one found]",
            "--from",
            variable="FOWERGRAM_ADOPT_FROM",
            metavar="TOOL",
        ),
    ] = None,
    to: Annotated[
        str | None,
        option(
            "The newest migration that the database has. Needed if no tool has recorded it, or if the record is wrong.",
            "--to",
            variable="FOWERGRAM_ADOPT_TO",
            metavar="VERSION",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Record the migrations even if the schemas differ, and skip what the other tool recorded for "
            "files that are gone.",
        ),
    ] = False,
) -> CommandResult:
    """Take over a database that another tool has migrated.

    Runs no migration in the database itself, and changes none of its data. Reads what the other tool
    recorded, or with --to takes a database that was made by hand. Applies the same migrations in a scratch database on
    the same server, which is dropped at the end (your role needs CREATEDB), and compares the two schemas. If they are
    equal, the migrations are recorded as applied in public.schema_migrations. If they differ, the differences are
    listed, nothing is recorded, and the exit code is 3.

    The other tool's table stays; if it has the name schema_migrations, it is extended or renamed. Stop the other tool
    first.
    """
    from fowergram_db.migrations.other_tools.records import tool_named
    from fowergram_db.schema import adopt as use_case
    from fowergram_db.schema.comparison import Comparison

    comparison = Comparison.SKIPPED if force else Comparison.REQUIRED
    chosen, files = tool_named(tool) if tool else None, context.read_files()
    options = use_case.AdoptOptions(chosen, named_version(to, files), comparison)
    with context.reached() as target:
        context.announce()
        with context.connect(target):
            pass  # for the server's version
        found = use_case.adopt(target, files, options, listener(context, []))
    _show(context, found)
    return CommandResult(_data(found), ExitCode.DONE if found.adopted else ExitCode.FINDINGS)


def _show(context: CommandContext, found: "Adoption") -> None:
    line, note = context.screen.line, context.screen.note
    if found.already:
        line("Nothing to do.")
        return
    for name in found.failed:
        note(f"{found.tool} recorded that {name} failed: it counts as not applied, unless --to includes it.")
    if found.forgotten:
        note(f"Not recorded, because they have no file: {', '.join(found.forgotten[:_MOST_LISTED])}")
    if found.edited:
        note(
            f"Edited after {found.tool} ran them: {', '.join(found.edited[:_MOST_LISTED])}. "
            "Only schemas are compared: check that the data is what these files would write."
        )
    _show_comparison(context, found.comparison)
    if not found.adopted:
        _show_next_step(context, found)
        return
    assert context.target is not None  # noqa: S101 - what was adopted has been reached
    whose = f"from {found.tool}" if found.tool else "made by hand"
    recorded = count(len(found.recorded), "migration")
    line(f'Database "{context.target.dbname}" ({whose}) is adopted: {recorded} recorded.', "bold")
    if found.ours:
        note(
            f"The {len(found.ours)} already in public.schema_migrations stay as they were; what another tool "
            "recorded for the same versions is ignored."
        )
    if found.kept_as:
        note(f"The table of {found.tool} is now {found.kept_as}; drop it when it is no longer needed.")
    if found.left:
        note(
            f"Unchanged, and ignored from now on unless rows are added: "
            f"{', '.join(other.table for other in found.left)}. Drop them when they are no longer needed."
        )


def _show_comparison(context: CommandContext, comparison: "SchemaComparison") -> None:
    if comparison.failure:
        context.screen.note(f"The schema could not be compared: {comparison.failure}")
    for difference in comparison.differences[:_MOST_LISTED]:
        context.screen.line(str(difference))
    if more := len(comparison.differences[_MOST_LISTED:]):
        context.screen.line(f"… and {more} more")


def _show_next_step(context: CommandContext, found: "Adoption") -> None:
    note = context.screen.note
    differences = count(len(found.comparison.differences), "difference")
    note(f"{differences} from the schema that these migrations build; nothing was recorded.")
    if found.is_former_schema:
        from fowergram_db.schema.adopt import UPGRADE_HINT

        note(UPGRADE_HINT)
        return
    closest = found.comparison.closest
    if closest and closest.exact:
        note(
            f"The schema is exactly that of version {closest.version}: run `fowergram-db adopt --to {closest.version}`."
        )
    elif closest and closest.version != found.versions[-1]:
        note(f"The schema contains everything up to version {closest.version}: check what the later migrations change.")
    note("Correct the schema by hand, or record these migrations anyway with --force.")


def _data(found: "Adoption") -> dict[str, Any]:
    from fowergram_db.migrations.version import as_data

    closest = found.comparison.closest
    return {
        "adopted": found.adopted,
        "tool": found.tool,
        "recorded": list(map(as_data, found.recorded)),
        "kept": list(map(as_data, found.ours)),
        "failed": list(found.failed),
        "forgotten": list(found.forgotten),
        "edited": list(found.edited),
        "differences": [
            {"kind": d.kind, "what": d.what, "expected": d.expected, "found": d.found}
            for d in found.comparison.differences
        ],
        "not_compared": found.comparison.failure or None,
        "looks_like": {"version": as_data(closest.version), "exact": closest.exact} if closest else None,
        "kept_as": found.kept_as or None,
    }
