"""Show the statements that take most of the server's time: one line each, or each with its complete text."""

from typing import TYPE_CHECKING

from fowergram_db.cli.context import CommandContext
from fowergram_db.cli.figures import duration, moment
from fowergram_db.cli.tables import Row, TableColumn
from fowergram_db.plurals import count

if TYPE_CHECKING:
    from fowergram_db.operations.slow_queries import SlowQueries, SlowQuery

_WIDEST_QUERY = 100
_COLUMNS = (
    TableColumn("share", "right"),
    TableColumn("total", "right"),
    TableColumn("calls", "right", drop_order=1),
    TableColumn("mean", "right", drop_order=3),
    TableColumn("max", "right", drop_order=5),
    TableColumn("stddev", "right", drop_order=9),
    TableColumn("rows", "right", drop_order=6),
    TableColumn("cache", "right", drop_order=8),
    TableColumn("user", drop_order=4),
    TableColumn("id", "right", drop_order=2),
    TableColumn("query", preferred_width=24),
)


def show_queries(context: CommandContext, found: "SlowQueries", *, full: bool) -> None:
    """Show the totals, then the statements; with ``full``, the text of each, laid out."""
    since = f" since {moment(found.since)} UTC" if found.since else ""
    counted = f"{count(found.statements, 'statement')}, {count(found.calls, 'call')}"
    context.screen.line(f"{counted}, {duration(found.total_ms)} in total{since}", "bold")
    if full:
        for query in found.queries:
            _show_whole(context, query)
    elif found.queries:
        is_cut = context.screen.is_plain
        context.screen.table(_COLUMNS, tuple(_row(query, is_cut=is_cut) for query in found.queries))
        if not is_cut:
            context.screen.note("--full shows whole texts, --query ID one statement (--json has every ID).")
    _show_what_is_missing(context, found)


def _row(query: "SlowQuery", *, is_cut: bool) -> Row:
    text = " ".join(query.query.split())
    if is_cut and len(text) > _WIDEST_QUERY:
        text = f"{text[: _WIDEST_QUERY - 1]}…"
    return Row(
        (
            f"{query.share:.1%}",
            duration(query.total_ms),
            f"{query.calls:,}",
            *map(duration, (query.mean_ms, query.max_ms, query.stddev_ms)),
            f"{query.rows:,}",
            _cache(query),
            query.user,
            query.queryid_text,
            text,
        )
    )


def _cache(query: "SlowQuery") -> str:
    return "" if query.cache_hit is None else f"{query.cache_hit:.1%}"


def _show_whole(context: CommandContext, query: "SlowQuery") -> None:
    from fowergram_db.operations.slow_queries import readable

    line = context.screen.line
    line("")
    called = f"{count(query.calls, 'call')} by {query.user}"
    line(f"{query.share:.1%} of the time, {duration(query.total_ms)}, {called}", "bold")
    line(
        f"mean {duration(query.mean_ms)}, max {duration(query.max_ms)}, stddev {duration(query.stddev_ms)}, "
        f"{count(query.rows, 'row')}" + (f", {_cache(query)} from the cache" if query.cache_hit is not None else "")
    )
    line(f"id {query.queryid_text}")
    for text in readable(query.query).split("\n"):
        line(f"  {text}")


def _show_what_is_missing(context: CommandContext, found: "SlowQueries") -> None:
    note = context.screen.note
    if not found.has_texts:
        note(
            "The texts cannot be read: a text from another database is not valid in this database's encoding.", "yellow"
        )
    for other in found.unreadable:
        note(
            f"  {other.database} ({other.encoding}) has {count(other.statements, 'statement')}. "
            f"To remove them: {other.reset}"
        )
    if hidden := found.hidden:
        are = "is" if hidden.statements == 1 else "are"
        note(
            f"{count(hidden.statements, 'statement')} of other roles {are} hidden from this one: {hidden.share:.1%} of "
            f"the time. To see them: {hidden.grant}",
            "yellow",
        )
