"""The commands that know the schema."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.options import Needs, command, option
from fowergram_db.cli.steps import listener
from fowergram_db.cli.versions import named_version
from fowergram_db.errors import ExitCode
from fowergram_db.plurals import count

if TYPE_CHECKING:
    from fowergram_db.schema.adopt import Adoption, SchemaComparison

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
            "Whose history counts: run-migrations.sh, golang-migrate, dbmate, rails, sql-migrate, goose, flyway, "
            "diesel, sqlx, sqitch, or another that docs/adopting.md lists.  [default: the only one that is there]",
            "--from",
            variable="FOWERGRAM_ADOPT_FROM",
            metavar="TOOL",
        ),
    ] = None,
    to: Annotated[
        str | None,
        option(
            "The newest migration that the database has, where no history says so, or says more than is true.",
            "--to",
            variable="FOWERGRAM_ADOPT_TO",
            metavar="VERSION",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Record it even where the schema differs, or rows have no file.")
    ] = False,
) -> CommandResult:
    """Take over a database that another tool migrated, or that was made by hand.

    Builds the migrations that are said to be applied in a scratch database, compares the schemas, and records
    them in public.schema_migrations where they are the same. Runs no migration in the database itself. Where they
    differ it lists the differences and exits with 3.
    """
    from fowergram_db.migrations.other_tools.records import tool_named
    from fowergram_db.schema import adopt as use_case

    comparison = use_case.Comparison.SKIPPED if force else use_case.Comparison.REQUIRED
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
        note(f"{found.tool} started {name}, and it failed there: it counts as not applied, unless --to names it.")
    if found.forgotten:
        note(f"Left out, because no file is there for them: {', '.join(found.forgotten[:_MOST_LISTED])}")
    if found.edited:
        note(
            f"Edited after {found.tool} had run them: {', '.join(found.edited[:_MOST_LISTED])}. "
            "Only schemas are compared: see whether the data is what these files would make."
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
            f"The {len(found.ours)} that public.schema_migrations had before count as they were; what another tool "
            "says of the same versions does not."
        )
    if found.kept_as:
        note(f"The table of {found.tool} is now {found.kept_as}; DROP TABLE it when nobody needs it.")
    if found.left:
        note(
            f"Left as they are: {', '.join(other.table for other in found.left)}. They do not count any more, unless "
            "something is added to them. Drop them when nobody needs them."
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
    note(f"{differences} from what these migrations build; nothing was recorded.")
    looks = found.comparison.closest
    if looks and looks.exact:
        note(f"The schema is exactly that of version {looks.version}: `fowergram-db adopt --to {looks.version}`.")
    elif looks and looks.version != found.versions[-1]:
        note(
            f"Up to version {looks.version} nothing is missing: look at what the migrations after it should have made."
        )
    note("Mend the schema by hand, or add --force to record these migrations all the same.")


def _data(found: "Adoption") -> dict[str, Any]:
    from fowergram_db.migrations.version import as_data

    looks = found.comparison.closest
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
        "looks_like": {"version": as_data(looks.version), "exact": looks.exact} if looks else None,
        "kept_as": found.kept_as or None,
    }
