"""Convert files and history to versions of one type, and the table to the type that the files need.

When the rows of a history were recorded, the directory may have had versions of the other type. They are matched with
the files by file name, then by version; a row whose file is gone gets the version in its file name.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.query import set_local
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.sql import load
from fowergram_db.errors import DatabaseError
from fowergram_db.migrations.files.directory import MigrationFile, recorded_version, with_text_version
from fowergram_db.migrations.history import AppliedMigration, History
from fowergram_db.migrations.history_sql import change_to
from fowergram_db.migrations.history_table import Claim, create_history, require_safe_to_write
from fowergram_db.migrations.version import (
    TextVersion,
    Version,
    VersionType,
    number_of,
    numbered,
    order_of,
    type_of,
)

Files = tuple[MigrationFile, ...]
# Hints for what prevents a conversion, by SQLSTATE.
_HINTS = {
    "42501": "The directory needs versions of another type than the table has: run the command once as the owner of "
    "the table.",
    "0A000": "Drop the objects that depend on the column version, run the command, and create them again.",
}


def align(files: Iterable[MigrationFile], history: History) -> tuple[Files, History]:
    """Return files and history with versions of one type; the history's rows in the order of the files. Pure."""
    found = tuple(files)
    rows = history.applied
    if not found or not rows or _are_aligned(found, history):
        return found, history
    matched: Sequence[AppliedMigration] = _matched(found, rows)
    if type_of(file.version for file in found) is VersionType.NUMBER:
        as_numbers = _as_numbers(found, matched)
        if as_numbers is not None:
            return found, _in_order(history, as_numbers)
        found = tuple(map(with_text_version, found))
        matched = _matched(found, rows)
    texts = (replace(row, version=_as_text(row, found[0].tool), recorded=row.recorded_version) for row in matched)
    return found, _in_order(history, texts)


def _are_aligned(files: Files, history: History) -> bool:
    """Return whether there is nothing to match: both have numbers, and earlier versions of the tool read the same."""
    numbers = VersionType.NUMBER
    are_numbers = type_of(file.version for file in files) is numbers and history.version_type is numbers
    return are_numbers and not _has_zero(files)


def _has_zero(files: Iterable[MigrationFile]) -> bool:
    """Return whether there is a version 0, which earlier versions of the tool read as 1, or refused."""
    return any(file.version == 0 for file in files)


def _in_order(history: History, rows: Iterable[AppliedMigration]) -> History:
    return replace(history, applied=tuple(sorted(rows, key=lambda row: order_of(row.version))))


def _matched(files: Files, rows: Sequence[AppliedMigration]) -> list[AppliedMigration]:
    """Give each row the version of its file, found by name, else by version; rows without a file stay as they are."""
    left = {file.filename: file for file in files}
    of_row = {at: left.pop(row.filename) for at, row in enumerate(rows) if row.filename in left}
    by_key: dict[tuple[str, object], list[MigrationFile]] = {}
    for file in left.values():
        for key in _keys(file.version):
            by_key.setdefault(key, []).append(file)
    matched = []
    for at, row in enumerate(rows):
        same = next((found for key in _keys(row.version) if len(found := by_key.get(key, [])) == 1), [])
        own = of_row.get(at) or next(iter(same), None)
        matched.append(replace(row, version=own.version, recorded=row.recorded_version) if own else row)
    return matched


def _keys(version: Version) -> Iterator[tuple[str, object]]:
    """Yield what two versions of one migration may have in common, the surest first."""
    yield "text", str(version)
    if isinstance(version, TextVersion):
        yield "position", version.position
    number = version if isinstance(version, int) else version.number
    if number is not None:
        yield "number", number


def _as_numbers(files: Files, rows: Sequence[AppliedMigration]) -> tuple[AppliedMigration, ...] | None:
    """Return rows that are matched with files as rows with numbers; None if a row has no number of its own."""
    numbers = [_number(row, files[0].tool) for row in rows]
    gone = [number for row, number in zip(rows, numbers, strict=True) if isinstance(row.version, TextVersion)]
    if None in numbers or len(set(numbers)) < len(numbers) or not {file.version for file in files}.isdisjoint(gone):
        return None
    pairs = zip(rows, numbers, strict=True)
    return tuple(replace(row, version=n, recorded=row.recorded_version) for row, n in pairs if n is not None)


def _number(row: AppliedMigration, tool: str) -> int | None:
    if isinstance(row.version, int):
        return row.version
    version = recorded_version(tool, row.filename)
    return version.number if version else number_of(row.version.text)


def _as_text(row: AppliedMigration, tool: str) -> TextVersion:
    if isinstance(row.version, TextVersion):
        return row.version
    return recorded_version(tool, row.filename) or numbered(str(row.version))


def prepare_table(connection: Connection, files: Sequence[MigrationFile], history: History, claim: Claim) -> History:
    """Create the table if it is missing, or convert it to the versions that files and history were aligned to.

    Call it under the migration lock. One transaction, which ``claim`` begins; it sends nothing if there is nothing to
    do. Returns the history as it is then recorded. A conversion fails, and changes nothing, if the role does not own
    the table.
    """
    wanted = type_of(file.version for file in files)
    if not history.exists:
        return create_history(connection, wanted, claim)
    if changes := table_changes(files, history):
        _convert(connection, changes, claim)
    rows = tuple(replace(row, recorded=None) for row in history.applied)
    return replace(history, applied=rows, version_type=wanted)


def _convert(connection: Connection, changes: Iterable[str], claim: Claim) -> None:
    try:
        with translate_errors("convert the versions in public.schema_migrations"), connection.transaction():
            set_local(connection, {"lock_timeout": "5s"})
            claim(connection)
            require_safe_to_write(connection)
            for change in changes:
                connection.execute(change.encode())
    except DatabaseError as error:
        error.hint = _HINTS.get(error.server.sqlstate if error.server else "", error.hint)
        raise


def table_changes(files: Sequence[MigrationFile], history: History) -> tuple[str, ...]:
    """Return the statements that create the table, or convert it to the versions of the files. Pure."""
    wanted = type_of(file.version for file in files)
    if not history.exists:
        change = () if wanted is VersionType.NUMBER else (change_to(wanted),)
        return (load("bookkeeping/create"), *change)
    if wanted is not history.version_type or any(row.version != row.recorded_version for row in history.applied):
        # Through texts also from numbers to numbers: two rows may exchange theirs.
        to_text = () if history.version_type is VersionType.TEXT else (change_to(VersionType.TEXT),)
        to_number = () if wanted is VersionType.TEXT else (change_to(VersionType.NUMBER),)
        return (*to_text, _renumbering(history.applied), *to_number)
    if _has_zero(files) and all(row.version != 0 for row in history.applied):
        # Earlier versions of the tool created tables that refuse version 0.
        return (change_to(wanted),)
    return ()


def _renumbering(rows: Sequence[AppliedMigration]) -> str:
    values = {
        "filenames": [row.filename for row in rows],
        "versions": [str(row.version) for row in rows],
        "positions": [getattr(row.version, "position", "") for row in rows],
    }
    table = sql.Identifier("public", "schema_migrations")
    query = sql.SQL(load("bookkeeping/renumber")).format(table=table).as_string()
    return query % {name: sql.Literal(value).as_string() for name, value in values.items()}
