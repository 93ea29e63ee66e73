"""Take over a database that another tool migrated, or that was made by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from fowergram_db.database.citus import require_coordinator
from fowergram_db.database.connection import Connection, connect_safely
from fowergram_db.database.owner import Owner
from fowergram_db.database.scratch import scratch_database
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import ForeignHistory, HistoryInconsistent
from fowergram_db.migrations.alignment import align
from fowergram_db.migrations.engine.checks import DownScripts, check_all
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.engine.server_guard import MissingRoles, ServerGuard
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import History, RecordedState
from fowergram_db.migrations.history_table import read_history
from fowergram_db.migrations.other_tools.histories import OtherHistory
from fowergram_db.migrations.other_tools.matching import RecordedMigration, RecordedMigrations, match_files
from fowergram_db.migrations.other_tools.records import Kept, ToolRecords, find_kept, read_records
from fowergram_db.migrations.other_tools.shapes import UNKNOWN, Tool
from fowergram_db.migrations.plan import plan_up
from fowergram_db.migrations.same_directory import require_same_directory
from fowergram_db.migrations.version import Version, order_of
from fowergram_db.schema.comparison import Comparison, SchemaComparison, compare_schema
from fowergram_db.schema.fingerprint import Fingerprint, fingerprint
from fowergram_db.schema.record_adoption import record_adoption

UPGRADE_HINT = (
    "These are the tables of Fowergram's former schema. docs/upgrading.md says how to carry their rows into the new "
    "one; do not use --force."
)
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class AdoptOptions:
    """The options of ``adopt``: whose history counts, up to which version, and whether the schema is compared."""

    tool: str | None = None
    to: Version | str | None = None
    comparison: Comparison = Comparison.REQUIRED


@dataclass(frozen=True, slots=True)
class Adoption:
    """The result. ``recorded`` are versions; with ``already``, the history was ours before.

    ``kept_as`` is the name that another tool's schema_migrations now has; ``forgotten`` are its rows without a file,
    ``failed`` those that it records as failed; ``edited`` are the files that differ from what was run. ``ours`` are the
    versions that our history had before, and that count as they are; ``left`` are the histories of other tools that
    stay, and no longer count. ``is_former_schema``: the tables are those of Fowergram's former schema.
    """

    tool: str | None = None
    already: bool = False
    versions: tuple[Version, ...] = ()
    recorded: tuple[Version, ...] = ()
    ours: tuple[Version, ...] = ()
    failed: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    comparison: SchemaComparison = field(default_factory=SchemaComparison)
    kept_as: str = ""
    left: tuple[OtherHistory, ...] = ()
    is_recorded: bool = False
    is_former_schema: bool = False

    @property
    def adopted(self) -> bool:
        """Return whether the history is ours now."""
        return self.already or self.is_recorded


def adopt(
    target: Target, files: Sequence[MigrationFile], options: AdoptOptions, on_event: OnEvent, wait_s: float = 60.0
) -> Adoption:
    """Record what is applied, once the schema equals what those migrations build.

    Reads, builds in scratch and records under the migration lock; if the schema differs and the comparison is required,
    nothing is recorded. What our history holds already counts as it is; another tool's adds to it. Raises UsageError
    and UnknownVersion if it is not clear what to record, ForeignHistory if a history cannot be taken over,
    WrongDirectory if ours is that of other files, HistoryInconsistent if it is not in order, and the errors of
    building.
    """
    with connect_safely(target) as connection:
        require_coordinator(connection)
        if _is_adopted(history := read_history(connection), options):
            return _already_adopted(files, history)
        with migration_lock(target, wait_s, on_event) as lock:
            if _is_adopted(history := read_history(connection), options):
                return _already_adopted(files, history)
            files, history = align(files, history)
            records = read_records(connection, options.tool, history.others)
            _require_known_shape(history, records)
            job = _AdoptJob(history, records, _match_records(history, records, files, options))
            is_former = _is_former_schema(connection, records)
            _require_files(job, options, is_former=is_former)
            found = _schema_without(connection, find_kept(connection, history.others))
            make_scratch = partial(scratch_database, target, Owner(lock.run))
            admit = partial(_require_admitted, connection, on_event)
            comparison = compare_schema(make_scratch, files, job.versions, found, options.comparison, admit)
            if options.comparison is Comparison.REQUIRED and comparison.differences:
                return replace(job.result(comparison), is_former_schema=is_former)
            with translate_errors("record what is applied", Situation.HISTORY), connection.transaction():
                lock.claim(connection)
                kept_as, left = record_adoption(connection, history, records, job.new, files)
            return replace(
                job.result(comparison),
                recorded=tuple(migration.file.version for migration in job.new),
                kept_as=kept_as,
                left=left,
                is_recorded=True,
            )


@dataclass(frozen=True, slots=True)
class _AdoptJob:
    """What is to be adopted: what both histories hold, and what follows for the files."""

    history: History
    records: ToolRecords | None
    recorded_by_tool: RecordedMigrations

    @property
    def ours(self) -> tuple[Version, ...]:
        """Return the versions that our history holds."""
        return tuple(row.version for row in self.history.applied)

    @property
    def new(self) -> tuple[RecordedMigration, ...]:
        """Return what is to be recorded: what ours does not hold yet."""
        return tuple(
            migration for migration in self.recorded_by_tool.applied if migration.file.version not in self.ours
        )

    @property
    def versions(self) -> tuple[Version, ...]:
        """Return all versions that are applied, as both say."""
        of_tool = {migration.file.version for migration in self.recorded_by_tool.applied}
        return tuple(sorted({*self.ours, *of_tool}, key=order_of))

    def result(self, comparison: SchemaComparison) -> Adoption:
        """Return the result, before anything is recorded."""
        return Adoption(
            tool=self.records.tool if self.records else next((o.tool for o in self.history.others if o.stops), None),
            versions=self.versions,
            ours=self.ours,
            failed=self.recorded_by_tool.failed,
            forgotten=self.recorded_by_tool.unknown,
            edited=tuple(migration.file.filename for migration in self.recorded_by_tool.applied if migration.edited),
            comparison=comparison,
        )


def _is_adopted(history: History, options: AdoptOptions) -> bool:
    """Return whether ours counts already, and no other; with --from, whether that tool's is known not to count."""
    if not history.applied or any(other.stops for other in history.others):
        return False
    return not any(other.tool == options.tool and not other.is_marked for other in history.others)


def _already_adopted(files: Sequence[MigrationFile], history: History) -> Adoption:
    require_same_directory(*align(files, history))
    return Adoption(already=True)


def _require_known_shape(history: History, records: ToolRecords | None) -> None:
    in_place = history.in_our_place
    if in_place and (not records.is_in_our_place if records else in_place.tool == UNKNOWN):
        raise ForeignHistory(
            f"public.schema_migrations belongs to {in_place.shown_tool}, and its history is not the one to adopt",
            hint="Name its tool with --from. If that table is not needed any more, rename it by hand instead.",
        )


def _match_records(
    history: History, records: ToolRecords | None, files: Sequence[MigrationFile], options: AdoptOptions
) -> RecordedMigrations:
    if history.applied and records is None and options.to is None:
        return RecordedMigrations()
    unmatched = next((other for other in history.others if options.tool in {None, other.tool}), None)
    return match_files(records, files, options.to, unmatched)


def _is_former_schema(connection: Connection, records: ToolRecords | None) -> bool:
    """Return whether run-migrations.sh built Fowergram's former schema here, which no file of today builds."""
    if records is None or records.tool is not Tool.RUN_MIGRATIONS_SH:
        return False
    with translate_errors("look for the former schema"):
        row = connection.execute(load("catalog/former_schema")).fetchone()
    return row is not None and bool(row[0])


def _require_files(job: _AdoptJob, options: AdoptOptions, *, is_former: bool) -> None:
    unknown = job.recorded_by_tool.unknown
    if unknown and options.comparison is Comparison.REQUIRED:
        listed = ", ".join(unknown[:_MOST_LISTED])
        more = f", and {len(unknown) - _MOST_LISTED} more" if len(unknown) > _MOST_LISTED else ""
        raise ForeignHistory(
            f"the history contains migrations that have no file: {listed}{more}; nothing was recorded",
            hint=UPGRADE_HINT
            if is_former
            else "Restore the files, or correct --migrations-dir. With --force, these rows are left out.",
        )
    if half := next((row for row in job.history.applied if row.state is RecordedState.PARTIAL), None):
        raise HistoryInconsistent(
            f"{half.filename} stopped midway; nothing was recorded",
            hint="Finish that migration, or correct its row with `fowergram-db repair`; then run the command again.",
        )
    if not job.versions:
        raise HistoryInconsistent(
            "according to that history, no migration is applied; nothing was recorded",
            hint="Name the newest migration that the database has with --to. If it has none, drop the other tool's "
            "table and run `fowergram-db migrate`.",
        )


def _schema_without(connection: Connection, kept: Kept) -> Fingerprint:
    """Read the schema, the other tools' own tables left out."""
    return fingerprint(connection, relations=kept.tables, schemas=kept.schemas).without_rights()


def _require_admitted(connection: Connection, on_event: OnEvent, files: Sequence[MigrationFile]) -> str:
    """Report what is left out in scratch, and return the database's name. Raises Refused if roles are missing."""
    name = connection.info.dbname
    guard = ServerGuard.begin(connection, MissingRoles.REFUSED, name)
    guard.admitted(check_all(plan_up(files, History()), DownScripts.SKIPPED), "", on_event)
    return name
