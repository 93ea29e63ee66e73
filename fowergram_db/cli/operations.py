"""The commands that look after a running server."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from fowergram_db.cli.figures import duration, moment, size
from fowergram_db.cli.options import Needs, command, option
from fowergram_db.cli.render import Column, Row
from fowergram_db.cli.session import Outcome, Session
from fowergram_db.errors import DatabaseError, LockTimeout
from fowergram_db.operations.sort_key import SortKey

if TYPE_CHECKING:
    from fowergram_db.operations.analyze import AnalyzeReport, Progress, TableReport
    from fowergram_db.operations.slow_queries import SlowQueries, SlowQuery

app = typer.Typer()

_WIDEST_QUERY = 100


@command(
    app,
    "analyze",
    needs=Needs.DATABASE,
    examples="  fowergram-db analyze\n  fowergram-db analyze posts public.likes",
)
def analyze(
    session: Session,
    tables: Annotated[
        list[str] | None, typer.Argument(metavar="[TABLE]...", help="The tables.  [default: all]", show_default=False)
    ] = None,
) -> Outcome:
    """Refresh the planner's statistics.

    Then shows every table's size, rows and freshness. Partitioned tables are included: autovacuum never
    analyses those.
    """
    from fowergram_db.operations.analyze import analyze as run_analyze

    def show(progress: "Progress") -> None:
        done = progress.number if progress.result else progress.number - 1
        session.screen.progress(f"{progress.schema}.{progress.name}", done, progress.total)

    with session.reached() as target:
        session.announce()
        with session.connect(target) as connection:
            report = run_analyze(connection, tables or (), show)
    session.screen.stop_progress()
    _show_tables(session, report)
    session.data.update(results=list(map(asdict, report.results)), tables=list(map(asdict, report.tables)))
    _require_done(report, named=bool(tables))
    return Outcome()


@command(
    app,
    "slow-queries",
    "slow-query",
    needs=Needs.DATABASE,
    examples="  fowergram-db slow-queries\n"
    "  fowergram-db slow-queries --sort mean --limit 5\n"
    "  fowergram-db slow-queries --json",
)
def slow_queries(
    session: Session,
    limit: Annotated[
        int,
        option(
            "Show this many.",
            "--limit",
            variable="FOWERGRAM_SLOW_QUERIES_LIMIT",
            metavar="N",
            min=1,
            max=10_000,
            show_default=True,
        ),
    ] = 20,
    sort: Annotated[
        SortKey,
        option("Order by this, most first.", "--sort", variable="FOWERGRAM_SLOW_QUERIES_SORT", show_default=True),
    ] = SortKey.TOTAL,
) -> Outcome:
    """Show where the server's time goes.

    Reads pg_stat_statements for this database, and changes nothing.
    """
    from fowergram_db.operations.slow_queries import read_slow_queries

    with session.reached() as target, session.connect(target) as connection:
        found = read_slow_queries(connection, limit=limit, sort=sort)
    _show_queries(session, found)
    return Outcome(asdict(found))


def _require_done(report: "AnalyzeReport", *, named: bool) -> None:
    """Raise where a table was to be analysed and was not; those of other owners only where they were named."""
    harmless = ("done",) if named else ("done", "skipped")
    missed = [result.outcome for result in report.results if result.outcome not in harmless]
    if missed:
        kind = LockTimeout if set(missed) == {"locked"} else DatabaseError
        raise kind(f"{len(missed)} of {len(report.results)} tables were not analysed", hint="See above why.")


def _show_tables(session: Session, report: "AnalyzeReport") -> None:
    columns = (
        Column("table", wraps=True),
        Column("total", "right"),
        Column("heap", "right", wide_only=True),
        Column("indexes", "right", wide_only=True),
        Column("toast", "right", wide_only=True),
        Column("~rows", "right"),
        Column("dead", "right"),
        Column("last analysed (UTC)"),
    )
    session.screen.table(columns, tuple(map(_table_row, report.tables)))
    for result in report.results:
        if result.outcome != "done":
            session.screen.note(f"{result.outcome}: {result.schema}.{result.name}: {result.reason}", "yellow")
            if result.fix:
                session.screen.note(f"  {result.fix}")
    done = [result for result in report.results if result.outcome == "done"]
    took = duration(sum(result.duration_ms for result in done))
    session.screen.line(f"{len(done)} analysed in {took}, {len(report.results) - len(done)} not", "bold")


def _table_row(table: "TableReport") -> Row:
    sizes = (table.total_bytes, table.heap_bytes, table.index_bytes, table.toast_bytes)
    rows = "?" if table.rows is None else f"{table.rows:,}"
    name = table.name if table.schema == "public" else f"{table.schema}.{table.name}"
    return Row((name, *map(size, sizes), rows, f"{table.dead_rows:,}", moment(table.last_analyzed) or "never"))


def _show_queries(session: Session, found: "SlowQueries") -> None:
    columns = (
        Column("share", "right"),
        Column("total", "right"),
        Column("calls", "right"),
        Column("mean", "right"),
        Column("max", "right", wide_only=True),
        Column("stddev", "right", wide_only=True),
        Column("rows", "right", wide_only=True),
        Column("cache", "right", wide_only=True),
        Column("user", wide_only=True),
        Column("query", wraps=True, keeps_lines=True),
    )
    since = f" since {moment(found.since)} UTC" if found.since else ""
    session.screen.line(
        f"{found.statements} statement(s), {found.calls:,} call(s), {duration(found.total_ms)} in all{since}", "bold"
    )
    if found.queries:
        session.screen.table(columns, tuple(_query_row(session, query) for query in found.queries))
    if not found.has_texts:
        session.screen.note(
            "The texts cannot be read: a statement of another database is not valid in the encoding of this one.",
            "yellow",
        )
    for other in found.unreadable:
        session.screen.note(f"  {other.database} ({other.encoding}), {other.statements} counted. Forget: {other.reset}")
    if hidden := found.hidden:
        session.screen.note(
            f"{hidden.statements} statement(s) of other roles are hidden from this one: {hidden.share:.1%} of the "
            f"time. To see them: {hidden.grant}",
            "yellow",
        )


def _query_row(session: Session, query: "SlowQuery") -> Row:
    times = (query.mean_ms, query.max_ms, query.stddev_ms)
    return Row(
        (
            f"{query.share:.1%}",
            duration(query.total_ms),
            f"{query.calls:,}",
            *map(duration, times),
            f"{query.rows:,}",
            "" if query.cache_hit is None else f"{query.cache_hit:.1%}",
            query.user,
            _one_line(query.query) if session.screen.is_plain else _readable(query.query),
        )
    )


def _readable(query: str) -> str:
    from fowergram_db.operations.slow_queries import readable

    return readable(query)


def _one_line(query: str) -> str:
    text = " ".join(query.split())
    return text if len(text) <= _WIDEST_QUERY else f"{text[: _WIDEST_QUERY - 1]}…"
