"""Match what another tool has recorded with the migration files. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from fowergram_db.errors import UsageError
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.other_tools.histories import OtherHistory
from fowergram_db.migrations.other_tools.records import ToolRecord, ToolRecords
from fowergram_db.migrations.other_tools.shapes import Tool
from fowergram_db.migrations.version import Version, find_version, is_below, order_of, require_version

_SHA256 = re.compile(r"\s*([0-9a-f]{64})(?![^\s])", re.IGNORECASE)


class RecordedMigration(NamedTuple):
    """A migration recorded as applied: its file, when (None if unknown), and the file name in that record.

    ``edited``: the recorded SHA-256 is that of another text.
    """

    file: MigrationFile
    executed_at: datetime | None = None
    recorded_as: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class RecordedMigrations:
    """Which of our migrations are recorded as applied, in order of version; which failed; which have no file."""

    applied: tuple[RecordedMigration, ...] = ()
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def match_files(
    records: ToolRecords | None,
    files: Sequence[MigrationFile],
    to: Version | str | None,
    unmatched: OtherHistory | None = None,
) -> RecordedMigrations:
    """Return which migrations are applied according to a tool's records, or, without them, all up to ``to``.

    With both, what is above ``to`` does not count, and what has failed up to it counts: the user has finished it by
    hand. If the records name none of the files, ``to`` alone counts. ``unmatched`` is a history that is here, but
    cannot be matched with files. Raises UnknownVersion for a ``to`` that no file has, and UsageError if there are
    neither records nor ``to``.
    """
    last = None if to is None else require_version(to, (file.version for file in files))
    if records is None:
        if last is None:
            raise UsageError(
                f"{unmatched.table}, the history of {unmatched.shown_tool}, cannot be matched with SQL files"
                if unmatched
                else "this database has no history of another tool, and --to does not name a version",
                hint="Name the newest migration that this database has: fowergram-db adopt --to VERSION. "
                "For an empty database, run `fowergram-db migrate`.",
            )
        return RecordedMigrations(_up_to(files, last))
    recorded_by_tool = _matched(records, files, last)
    if last is not None and not recorded_by_tool.applied and not recorded_by_tool.failed:
        # The files are not those that the tool has run, such as a dump in their place: the schema has to decide.
        return RecordedMigrations(_up_to(files, last))
    return recorded_by_tool


def _up_to(files: Sequence[MigrationFile], last: Version) -> tuple[RecordedMigration, ...]:
    return tuple(RecordedMigration(file) for file in files if order_of(file.version) <= order_of(last))


def _matched(records: ToolRecords, files: Sequence[MigrationFile], to: Version | None) -> RecordedMigrations:
    applied: dict[Version, RecordedMigration] = {}
    failed, unknown = [], []
    for row in records.rows:
        file = _file_of(row, files)
        if file is None:
            unknown += [] if _is_diesel_setup(records.tool, row) else [str(row)]
        elif not row.ok and (to is None or order_of(file.version) > order_of(to)):
            failed.append(str(row))
        else:
            applied[file.version] = RecordedMigration(file, row.executed_at, row.filename or "", _is_edited(file, row))
        if row.covers:
            for below in files:
                if is_below(below.version, row.version or ""):
                    applied.setdefault(below.version, RecordedMigration(below))
    ordered = sorted(applied, key=order_of)
    kept = (applied[version] for version in ordered if to is None or order_of(version) <= order_of(to))
    return RecordedMigrations(tuple(kept), tuple(failed), tuple(unknown))


def _file_of(row: ToolRecord, files: Sequence[MigrationFile]) -> MigrationFile | None:
    """Return the file of a row: by its file name, else by its number, else by its name."""
    if row.filename is not None:
        return next((f for f in files if row.filename in _names_of(f)), None)
    if row.version is not None:
        version = find_version(row.version, (file.version for file in files))
        return next((file for file in files if file.version == version), None)
    return next((f for f in files if f.name == row.name), None)


def _names_of(file: MigrationFile) -> tuple[str, ...]:
    """Return the names that a tool may record for a file: its own, that of its folder, or without the ending."""
    return (file.filename, file.up.path.name, file.up.path.stem, file.folder or file.filename)


def _is_edited(file: MigrationFile, row: ToolRecord) -> bool:
    """Return whether a row has the SHA-256 of another text. A checksum of another kind is ignored."""
    found = _SHA256.match(row.checksum or "")
    return found is not None and not file.is_recorded_by(found[1].lower())


def _is_diesel_setup(tool: Tool, row: ToolRecord) -> bool:
    """Return whether a row is diesel's own first one, whose file a directory need not have."""
    return tool is Tool.DIESEL and row.version is not None and not row.version.strip("0")
