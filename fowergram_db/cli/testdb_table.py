"""The table of the databases that the tool has created for itself, and their data for JSON."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fowergram_db.cli.context import CommandContext
from fowergram_db.cli.figures import age, size
from fowergram_db.cli.tables import Row, TableColumn
from fowergram_db.plurals import count as counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fowergram_db.testdb.pruning import ManagedDatabase

_COLUMNS = (
    TableColumn("database", preferred_width=63),
    TableColumn("kind", drop_order=1),
    TableColumn("age", "right", drop_order=3),
    TableColumn("size", "right", drop_order=2),
    TableColumn("clients", "right", drop_order=4),
    TableColumn("use"),
    TableColumn("owner", drop_order=5),
)


def show_databases(context: CommandContext, found: "Sequence[ManagedDatabase]") -> None:
    """Print the databases as a table, then their number and size."""
    now = datetime.now(UTC)
    context.screen.table(_COLUMNS, tuple(Row(_cells(database, now)) for database in found))
    total = sum(database.size_bytes or 0 for database in found)
    context.screen.line(f"{counted(len(found), 'database')}, {size(total)}")


def _cells(database: "ManagedDatabase", now: datetime) -> tuple[str, ...]:
    use = str(database.use)
    if use == "ready" and database.expires_at:
        use = f"expires in {age((database.expires_at - now).total_seconds())}"
    return (
        database.name,
        str(database.purpose),
        age((now - database.made_at).total_seconds()) if database.made_at else "?",
        size(database.size_bytes),
        str(database.connections),
        use,
        database.owner,
    )


def managed_data(database: "ManagedDatabase") -> dict[str, Any]:
    """Return what JSON says of a database."""
    return {
        "name": database.name,
        "kind": str(database.purpose),
        "owner": database.owner,
        "made_at": database.made_at,
        "expires_at": database.expires_at,
        "size_bytes": database.size_bytes,
        "connections": database.connections,
        "use": str(database.use),
    }
