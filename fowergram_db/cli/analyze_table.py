"""Show the results of ANALYZE, and every table as it is now."""

from itertools import groupby
from typing import TYPE_CHECKING

from fowergram_db.cli.context import CommandContext
from fowergram_db.cli.figures import duration, moment, size
from fowergram_db.cli.tables import Row, TableColumn
from fowergram_db.errors import DatabaseError, LockTimeout
from fowergram_db.plurals import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fowergram_db.operations.analyze import AnalyzeReport, TableReport, TableResult

_MOST_NAMED = 5


def show_tables(context: CommandContext, report: "AnalyzeReport") -> None:
    """Show the tables, those that were not analyzed with the reason, and the summary."""
    columns = (
        TableColumn("table", preferred_width=63),
        TableColumn("total", "right"),
        TableColumn("heap", "right", drop_order=4),
        TableColumn("indexes", "right", drop_order=3),
        TableColumn("toast", "right", drop_order=5),
        TableColumn("~rows", "right"),
        TableColumn("dead", "right", drop_order=1),
        TableColumn("last analyzed (UTC)", drop_order=2),
    )
    context.screen.table(columns, tuple(map(_row, report.tables)))
    missed = [result for result in report.results if result.outcome != "done"]
    for (outcome, reason), those in groupby(sorted(missed, key=_reason), key=_reason):
        _show_missed(context, outcome, reason, tuple(those))
    done = [result for result in report.results if result.outcome == "done"]
    took = duration(sum(result.duration_ms for result in done))
    context.screen.line(f"{count(len(done), 'table')} analyzed in {took}, {len(missed)} not", "bold")


def require_done(report: "AnalyzeReport", *, named: bool) -> None:
    """Raise where a table was to be analyzed and was not.

    Those of other owners count where they were named, and where there was nothing else to do.
    """
    done = [result for result in report.results if result.outcome == "done"]
    harmless = ("done", "skipped") if done and not named else ("done",)
    missed = [result.outcome for result in report.results if result.outcome not in harmless]
    if missed:
        kind = LockTimeout if set(missed) == {"locked"} else DatabaseError
        was = "was" if len(missed) == 1 else "were"
        raise kind(
            f"{len(missed)} of {count(len(report.results), 'table')} {was} not analyzed",
            hint="The table above shows the reasons.",
        )


def _reason(result: "TableResult") -> tuple[str, str]:
    return str(result.outcome), result.reason


def _show_missed(context: CommandContext, outcome: str, reason: str, those: "Sequence[TableResult]") -> None:
    """Give the reason in one line, with the first of its tables, and what to do about it."""
    names = [f"{result.schema}.{result.name}" for result in those[:_MOST_NAMED]]
    others = len(those) - len(names)
    named = ", ".join(names) + (f" and {others:,} more" if others else "")
    context.screen.note(f"{outcome}: {reason}: {named}", "yellow")
    fixes = tuple(dict.fromkeys(result.fix for result in those if result.fix))
    for fix in fixes[:_MOST_NAMED]:
        context.screen.note(f"  {fix}")
    if len(fixes) > _MOST_NAMED:
        context.screen.note("  (the same for the others: --json lists each one)")


def _row(table: "TableReport") -> Row:
    sizes = (table.total_bytes, table.heap_bytes, table.index_bytes, table.toast_bytes)
    rows = "?" if table.rows is None else f"{table.rows:,}"
    name = table.name if table.schema == "public" else f"{table.schema}.{table.name}"
    return Row((name, *map(size, sizes), rows, f"{table.dead_rows:,}", moment(table.last_analyzed) or "never"))
