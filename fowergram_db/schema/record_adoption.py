"""Write the history of an adopted database, in place of another tool's or in addition to it."""

from collections.abc import Sequence

from psycopg import sql

from fowergram_db import __version__
from fowergram_db.database.connection import Connection
from fowergram_db.database.query import set_local
from fowergram_db.database.sql import load
from fowergram_db.errors import HistoryInconsistent
from fowergram_db.migrations.alignment import prepare_table
from fowergram_db.migrations.engine.checks import CheckedStep, DownScripts, check_all
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import History
from fowergram_db.migrations.history_sql import load_with_version, set_version_type, values_of
from fowergram_db.migrations.history_table import no_claim, require_trusted_table
from fowergram_db.migrations.other_tools.histories import OtherHistory, mark_known
from fowergram_db.migrations.other_tools.matching import RecordedMigration
from fowergram_db.migrations.other_tools.records import ToolRecords, read_rows
from fowergram_db.migrations.other_tools.shapes import Tool
from fowergram_db.migrations.plan import plan_up
from fowergram_db.migrations.version import VersionType, type_of


def record_adoption(
    connection: Connection,
    history: History,
    records: ToolRecords | None,
    new: Sequence[RecordedMigration],
    files: Sequence[MigrationFile],
) -> tuple[str, tuple[OtherHistory, ...]]:
    """Record the ``new`` migrations, in addition to our ``history``, in the open transaction.

    ``records`` are another tool's: raises HistoryInconsistent if they have changed since they were read. Return the
    name under which a foreign table of its name is kept, and the histories that do not count any more.
    """
    planned = plan_up([migration.file for migration in new], History())
    steps = {checked.step.version: checked for checked in check_all(planned, DownScripts.SKIPPED)}
    rows = [_row(migration, steps[migration.file.version]) for migration in new]
    kept_as, in_place = "", history.in_our_place
    set_local(connection, {"lock_timeout": "5s"})
    if in_place:
        connection.execute("LOCK TABLE public.schema_migrations IN ACCESS EXCLUSIVE MODE")
    if records:
        # The table may have got another owner, or a trigger, since it was read: this checks again.
        _require_unchanged(connection, records)
    query = "bookkeeping/adopt_insert"
    if in_place and in_place.tool == Tool.RUN_MIGRATIONS_SH:
        connection.execute(load("bookkeeping/adopt_extend"))
        query = "bookkeeping/adopt_row"
    elif in_place:
        kept_as = _set_aside(connection, records.tool if records else in_place.tool)
    connection.execute(load("bookkeeping/create"))
    connection.execute("LOCK TABLE public.schema_migrations IN ACCESS EXCLUSIVE MODE")
    require_trusted_table(connection)
    version_type = type_of(file.version for file in files)
    if history.exists and not in_place:
        prepare_table(connection, files, history, no_claim)
    elif version_type is VersionType.TEXT:
        set_version_type(connection, version_type)
    for row in rows:
        connection.execute(load_with_version(query, version_type).encode(), row)
    if query == "bookkeeping/adopt_row":
        connection.execute(load("bookkeeping/adopt_complete"))
        if version_type is VersionType.NUMBER:
            set_version_type(connection, version_type)
    return kept_as, mark_known(connection)


def _row(migration: RecordedMigration, checked: CheckedStep) -> dict[str, object]:
    step = checked.step
    return {
        "filename": step.filename,
        "executed_at": migration.executed_at,
        "checksum": step.checksum,
        **values_of(step.version),
        "name": step.name,
        "tool_version": __version__,
        "down_sql": checked.row["down_sql"],
        "statements_done": len(checked.script.statements),
        "recorded_as": migration.recorded_as,
    }


def _require_unchanged(connection: Connection, records: ToolRecords) -> None:
    if read_rows(connection, records.tool, records.table) != records.rows:
        raise HistoryInconsistent(
            f"{records.tool} has migrated the database meanwhile; nothing was recorded",
            hint=f"Stop using {records.tool} on this database, then run the command again.",
        )


def _set_aside(connection: Connection, tool: str) -> str:
    """Rename another tool's schema_migrations, and its indexes, so that ours can have the names."""
    kept_as = f"schema_migrations_{tool.replace('-', '_')}"
    for (index,) in connection.execute(load("bookkeeping/adopt_indexes")).fetchall():
        new = str(index).replace("schema_migrations", kept_as, 1)
        if new != index:
            names = (sql.Identifier("public", str(index)), sql.Identifier(new[:63]))
            connection.execute(sql.SQL("ALTER INDEX {} RENAME TO {}").format(*names))
    connection.execute(sql.SQL("ALTER TABLE public.schema_migrations RENAME TO {}").format(sql.Identifier(kept_as)))
    return f"public.{kept_as}"
