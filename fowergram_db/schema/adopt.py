"""Take over a database that another tool migrated, or that was made by hand."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from functools import partial

from psycopg import sql

from fowergram_db import __version__
from fowergram_db.database.citus import require_coordinator
from fowergram_db.database.connection import Connection, connect_safely
from fowergram_db.database.owner import Owner
from fowergram_db.database.query import set_local
from fowergram_db.database.scratch import scratch_database
from fowergram_db.database.server_errors import translate_errors
from fowergram_db.database.situations import Situation
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.errors import ForeignHistory, FowergramError, HistoryInconsistent
from fowergram_db.migrations.alignment import align, prepare_table
from fowergram_db.migrations.engine.checks import CheckedStep, DownScripts, check_all
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.engine.server_guard import MissingRoles, ServerGuard
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.history import History, RecordedState, read_history, require_trusted_table
from fowergram_db.migrations.history_sql import load_with_version, set_version_type, values_of
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.other_tools.histories import OtherHistory, OtherState, mark_known
from fowergram_db.migrations.other_tools.matching import RecordedMigration, RecordedMigrations, match_files
from fowergram_db.migrations.other_tools.records import Kept, ToolRecords, find_kept, read_records, read_rows
from fowergram_db.migrations.other_tools.shapes import UNKNOWN, Tool
from fowergram_db.migrations.plan import plan_up
from fowergram_db.migrations.run import UpgradeTarget
from fowergram_db.migrations.same_directory import require_same_directory
from fowergram_db.migrations.version import Version, VersionType, order_of, type_of
from fowergram_db.schema.fingerprint import Difference, DifferenceKind, Fingerprint, differences, fingerprint

_MOST_LISTED = 20
_MOST_PREFIXES = 100
Scratch = Callable[[], AbstractContextManager[Target]]


class Comparison(StrEnum):
    """Whether the schema must equal what the files build, or the user takes responsibility for it."""

    REQUIRED = auto()
    SKIPPED = auto()


@dataclass(frozen=True, slots=True)
class AdoptOptions:
    """The options of ``adopt``: whose history counts, up to which version, and whether the schema is compared."""

    tool: str | None = None
    to: Version | str | None = None
    comparison: Comparison = Comparison.REQUIRED


@dataclass(frozen=True, slots=True)
class ClosestVersion:
    """The newest version that the schema contains completely; ``exact``: the schema contains nothing else."""

    version: Version
    exact: bool


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """How the schema differs from what the recorded migrations build. ``failure``: it could not be compared."""

    differences: tuple[Difference, ...] = ()
    closest: ClosestVersion | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """The result. ``recorded`` are versions; with ``already``, the history was ours before.

    ``kept_as`` is the name that another tool's schema_migrations now has; ``forgotten`` are its rows without a file,
    ``failed`` those that it records as failed; ``edited`` are the files that differ from what was run. ``ours`` are the
    versions that our history had before, and that count as they are; ``left`` are the histories of other tools that
    stay, and no longer count.
    """

    tool: str | None = None
    already: bool = False
    versions: tuple[Version, ...] = ()
    recorded: tuple[Version, ...] = ()
    ours: tuple[Version, ...] = ()
    failed: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    comparison: SchemaComparison = SchemaComparison()
    kept_as: str = ""
    left: tuple[OtherHistory, ...] = ()
    is_recorded: bool = False

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
            _require_files(job, options)
            found = _schema_without(connection, find_kept(connection, history.others))
            make_scratch = partial(scratch_database, target, Owner(lock.run))
            admit = partial(_require_admitted, connection, on_event)
            comparison = _compare(make_scratch, files, job.versions, found, options, admit)
            if options.comparison is Comparison.REQUIRED and comparison.differences:
                return job.result(comparison)
            kept_as, left = _record(connection, job, files)
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
    in_place = _in_our_place(history)
    if in_place and (not records.is_in_our_place if records else in_place.tool == UNKNOWN):
        raise ForeignHistory(
            f"public.schema_migrations belongs to {in_place.shown_tool}, and its history is not the one to adopt",
            hint="Name its tool with --from. If that table is not needed any more, rename it by hand instead.",
        )


def _in_our_place(history: History) -> OtherHistory | None:
    return next((other for other in history.others if other.state is OtherState.IN_OUR_PLACE), None)


def _match_records(
    history: History, records: ToolRecords | None, files: Sequence[MigrationFile], options: AdoptOptions
) -> RecordedMigrations:
    if history.applied and records is None and options.to is None:
        return RecordedMigrations()
    unmatched = next((other for other in history.others if options.tool in {None, other.tool}), None)
    return match_files(records, files, options.to, unmatched)


def _require_files(job: _AdoptJob, options: AdoptOptions) -> None:
    unknown = job.recorded_by_tool.unknown
    if unknown and options.comparison is Comparison.REQUIRED:
        listed = ", ".join(unknown[:_MOST_LISTED])
        more = f", and {len(unknown) - _MOST_LISTED} more" if len(unknown) > _MOST_LISTED else ""
        raise ForeignHistory(
            f"the history contains migrations that have no file: {listed}{more}; nothing was recorded",
            hint="Restore the files, or correct --migrations-dir. With --force, these rows are left out.",
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


def _compare(  # noqa: PLR0913, PLR0917 - where, which files, with what, on which terms
    make_scratch: Scratch,
    files: Sequence[MigrationFile],
    versions: Sequence[Version],
    found: Fingerprint,
    options: AdoptOptions,
    admit: Callable[[Sequence[MigrationFile]], str],
) -> SchemaComparison:
    """Compare the schema with what these migrations build; a failure stops it only if the comparison is required."""
    try:
        build = partial(_build, instead_of=admit([file for file in files if file.version in versions]))
        with make_scratch() as scratch:
            build(scratch, files, versions)
            listed = differences(_fingerprint_of(scratch), found)
        return SchemaComparison(
            listed,
            _find_closest_version(make_scratch, partial(build, files=files), versions, found) if listed else None,
        )
    except FowergramError as error:
        if options.comparison is Comparison.REQUIRED:
            error.add_note(
                "This error occurred in a scratch database, made to compare the schema with: nothing was recorded."
            )
            raise
        return SchemaComparison(failure=error.message)


def _require_admitted(connection: Connection, on_event: OnEvent, files: Sequence[MigrationFile]) -> str:
    """Report what is left out in scratch, and return the database's name. Raises Refused if roles are missing."""
    name = connection.info.dbname
    guard = ServerGuard.begin(connection, MissingRoles.REFUSED, name)
    guard.admitted(check_all(plan_up(files, History()), DownScripts.SKIPPED), "", on_event)
    return name


def _build(target: Target, files: Sequence[MigrationFile], versions: Sequence[Version], instead_of: str) -> None:
    """Make exactly these migrations in a scratch database."""
    wanted = tuple(file for file in files if file.version in versions)
    migrate(target, wanted, UpgradeTarget(to=versions[-1], instead_of=instead_of), lambda _event: None)


def _fingerprint_of(target: Target) -> Fingerprint:
    with connect_safely(target) as connection:
        return fingerprint(connection).without_rights()


def _find_closest_version(
    make_scratch: Scratch, build: Callable[..., None], versions: Sequence[Version], found: Fingerprint
) -> ClosestVersion | None:
    """Build the recorded migrations one by one, and find the newest version that the schema contains completely."""
    best: ClosestVersion | None = None
    if len(versions) > _MOST_PREFIXES:
        return None
    with make_scratch() as scratch:
        for number, version in enumerate(versions, start=1):
            build(scratch, versions=versions[:number])
            listed = differences(_fingerprint_of(scratch), found)
            if not listed:
                return ClosestVersion(version, exact=True)
            if all(difference.kind is DifferenceKind.UNEXPECTED for difference in listed):
                best = ClosestVersion(version, exact=False)
    return best


def _record(
    connection: Connection, job: _AdoptJob, files: Sequence[MigrationFile]
) -> tuple[str, tuple[OtherHistory, ...]]:
    """Write the history in one transaction.

    Return the name under which a foreign table of its name is kept, and the histories that do not count any more.
    """
    planned = plan_up([migration.file for migration in job.new], History())
    steps = {checked.step.version: checked for checked in check_all(planned, DownScripts.SKIPPED)}
    rows = [_row(migration, steps[migration.file.version]) for migration in job.new]
    kept_as, records, in_place = "", job.records, _in_our_place(job.history)
    with translate_errors("record what is applied", Situation.HISTORY), connection.transaction():
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
        if job.history.exists and not in_place:
            prepare_table(connection, files, job.history)
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
