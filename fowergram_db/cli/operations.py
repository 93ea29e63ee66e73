"""The commands for the operation of a server."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from fowergram_db.cli.analyze_table import require_done, show_tables
from fowergram_db.cli.command import Needs, command
from fowergram_db.cli.context import CommandContext, CommandResult
from fowergram_db.cli.options import option
from fowergram_db.cli.slow_queries_table import show_queries
from fowergram_db.operations.sort_key import SortKey

if TYPE_CHECKING:
    from fowergram_db.operations.analyze import AnalyzeProgress

app = typer.Typer()


def _queryid(value: int | None) -> int | None:
    """Refuse what PostgreSQL cannot compare with a queryid, its bigint."""
    if value is not None and not -(2**63) <= value < 2**63:
        raise typer.BadParameter(f"{value} is not a queryid, which has 64 bits")
    return value


@command(
    app,
    "analyze",
    needs=Needs.DATABASE,
    examples="  fowergram-db analyze\n  fowergram-db analyze posts public.likes",
)
def analyze(
    context: CommandContext,
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE]...",
            help="Names of tables, as in SQL.  [default: all tables of the database]",
            show_default=False,
        ),
    ] = None,
) -> CommandResult:
    """Refresh the statistics that the query planner uses.

    Runs ANALYZE on each table, then shows the size, the rows and the age of the statistics of each. Includes
    partitioned tables, which autovacuum never analyzes. Changes no data, and blocks neither reads nor writes. A table
    that another session keeps locked for 5 seconds is skipped, and the exit code is then 5. Tables that your role may
    not analyze are skipped and named.
    """
    from fowergram_db.operations.analyze import analyze as run_analyze

    def show(progress: "AnalyzeProgress") -> None:
        done = progress.number if progress.result else progress.number - 1
        context.screen.progress(f"{progress.schema}.{progress.name}", done, progress.total)

    with context.reached() as target:
        context.announce()
        with context.connect(target) as connection:
            report = run_analyze(connection, tables or (), show)
    context.screen.stop_progress()
    show_tables(context, report)
    context.data.update(results=list(map(asdict, report.results)), tables=list(map(asdict, report.tables)))
    require_done(report, named=bool(tables))
    return CommandResult()


@command(
    app,
    "slow-queries",
    "slow-query",
    needs=Needs.DATABASE,
    examples="  fowergram-db slow-queries\n"
    "  fowergram-db slow-queries --sort mean --limit 5\n"
    "  fowergram-db slow-queries --limit 3 --full\n"
    "  fowergram-db slow-queries --json",
)
def slow_queries(
    context: CommandContext,
    limit: Annotated[
        int,
        option(
            "Number of statements to show.  [default: 20]",
            "--limit",
            variable="FOWERGRAM_SLOW_QUERIES_LIMIT",
            metavar="N",
            min=1,
            max=10_000,
        ),
    ] = 20,
    sort: Annotated[
        SortKey,
        option(
            "What to sort by, highest first: the total time, the mean time of one call, or the number of calls.  "
            "[default: total]",
            "--sort",
            variable="FOWERGRAM_SLOW_QUERIES_SORT",
        ),
    ] = SortKey.TOTAL,
    full: Annotated[
        bool, option("Show the complete text of each statement.", "--full", variable="FOWERGRAM_SLOW_QUERIES_FULL")
    ] = False,
    query: Annotated[
        int | None,
        option(
            "Show only the statement with this queryid, with its complete text. --json shows the queryid of each.",
            "--query",
            variable="FOWERGRAM_SLOW_QUERIES_QUERY",
            metavar="ID",
            callback=_queryid,
        ),
    ] = None,
) -> CommandResult:
    """Show the statements on which the server spends most time.

    Changes nothing. Reads the statistics that the extension pg_stat_statements has collected for this database since
    they were last reset. The extension has to be in shared_preload_libraries of the server, and created in the
    database: CREATE EXTENSION pg_stat_statements;
    """
    from fowergram_db.operations.slow_queries import read_slow_queries

    with context.reached() as target, context.connect(target) as connection:
        found = read_slow_queries(connection, limit=limit, sort=sort, only=query)
    show_queries(context, found, full=full or query is not None)
    return CommandResult(asdict(found))
