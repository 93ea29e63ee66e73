"""Show the state of every migration: as a table, as data."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from fowergram_db.cli.context import CommandContext
from fowergram_db.cli.figures import duration, moment
from fowergram_db.cli.steps import rounded
from fowergram_db.cli.tables import Row, TableColumn
from fowergram_db.database.connection_values import doubt_about
from fowergram_db.plurals import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fowergram_db.migrations.migration_states import Migration
    from fowergram_db.migrations.other_tools.histories import OtherHistory
    from fowergram_db.migrations.status import Status

_MARKS = {"applied": " ", "pending": ">"}
_STYLES = {"applied": "", "pending": "yellow"}
_PROBLEM_MARK, _PROBLEM_STYLE = "!", "bold red"


def migration_data(migration: "Migration") -> dict[str, Any]:
    """Return one migration for the JSON document."""
    from fowergram_db.migrations.version import as_data

    return {
        "version": as_data(migration.version),
        "name": migration.name,
        "file": migration.filename,
        "state": str(migration.state),
        "reversible": migration.reversible,
        "transactional": migration.transactional,
        "executed_at": migration.executed_at,
        "duration_ms": rounded(migration.duration_ms),
        "checksum": migration.checksum,
    }


def show_status(context: CommandContext, found: "Status", pending: int, problems: int) -> None:
    """Show the table, the problems of the database and other tools' histories, and the summary as the last line."""
    columns = (
        TableColumn(""),
        TableColumn("version", "right"),
        TableColumn("name", preferred_width=63),
        TableColumn("state"),
        TableColumn("applied at (UTC)", drop_order=1),
        TableColumn("took", "right", drop_order=3),
        TableColumn("undo", drop_order=2),
    )
    context.screen.table(columns, tuple(_status_rows(found.migrations)))
    if not found.database_exists and context.target:
        fault = doubt_about(context.target.dbname, context.target.port)
        then = f"its name {fault}, so `fowergram-db migrate` does not create it" if fault else ""
        then = then or "`fowergram-db migrate` creates it"
        context.screen.line(f'Database "{context.target.dbname}" does not exist: {then}.')
    for migration in found.migrations:
        if migration.state == "partial":
            context.screen.line(f"! {migration.filename}: {migration.meaning}")
    if found.fault:
        context.screen.line(f"! {found.fault}")
    for other in found.others:
        context.screen.line(f"! {other.meaning}{_since(other)}" if other.stops else f"{other.meaning}{_since(other)}")
    applied = len(found.summary.applied)
    context.screen.line(f"{applied} applied, {pending} pending, {count(problems, 'problem')}")


def other_history_data(other: "OtherHistory") -> dict[str, Any]:
    """Return another tool's history for the JSON document."""
    return {
        "tool": other.tool,
        "table": other.table,
        "owner": other.owner or None,
        "entries": other.entries,
        "newest": other.newest or None,
        "since": other.since,
        "last": other.last,
        "state": str(other.state),
        "stops": other.stops,
    }


def _since(other: "OtherHistory") -> str:
    return f", since {moment(other.since)}" if other.since else ""


def _status_rows(migrations: "Sequence[Migration]") -> Iterator[Row]:
    for migration in migrations:
        state = str(migration.state)
        took = migration.duration_ms
        yield Row(
            (
                _MARKS.get(state, _PROBLEM_MARK),
                str(migration.version),
                migration.name,
                state,
                moment(migration.executed_at),
                duration(took) if took else "",  # unknown if it was adopted or stopped midway
                "yes" if migration.reversible else "no",
            ),
            _STYLES.get(state, _PROBLEM_STYLE),
        )
