"""Take over a database that another tool migrated, or that was made by hand."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import partial

from psycopg import sql

from fowergram_db import __version__
from fowergram_db.database.citus import require_coordinator
from fowergram_db.database.connection import Connection, connect_safely, reported
from fowergram_db.database.scratch import scratch_database
from fowergram_db.database.sql import load
from fowergram_db.database.target import Target
from fowergram_db.database.throwaway import Run
from fowergram_db.errors import ForeignHistory, FowergramError, HistoryInconsistent
from fowergram_db.migrations.engine.checks import CheckedStep, check
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.events import OnEvent
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.foreign import (
    Claim,
    Claimed,
    ForeignRecords,
    Tool,
    claim_of,
    read_foreign,
    read_rows,
)
from fowergram_db.migrations.history import History, read_history, require_trusted_table
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.plan import plan_up
from fowergram_db.migrations.run import Goal
from fowergram_db.schema.fingerprint import Difference, Fingerprint, Kind, differences, fingerprint

_MOST_LISTED = 20
_MOST_PREFIXES = 100
Scratch = Callable[[], AbstractContextManager[Target]]


class Proof(StrEnum):
    """Whether the schema has to be what the files build, or the user answers for it."""

    REQUIRED = auto()
    WAIVED = auto()


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asks for: whose history counts, up to which version, and whether it is to be proven."""

    tool: Tool | None = None
    to: int | None = None
    proof: Proof = Proof.REQUIRED


@dataclass(frozen=True, slots=True)
class Resemblance:
    """The newest version of which nothing is missing; ``exact``: there is nothing besides, either."""

    version: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """How the schema differs from what the claimed migrations build. ``failure``: it could not be compared."""

    differences: tuple[Difference, ...] = ()
    resemblance: Resemblance | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What came of it. ``recorded`` are versions; with ``already``, the history was ours before.

    ``kept_as`` is the name that another tool's schema_migrations now has; ``forgotten`` are its rows that no file
    is there for, ``failed`` those that it knows to have failed; ``edited`` are the files that are not what was run.
    """

    tool: Tool | None = None
    already: bool = False
    claimed: tuple[int, ...] = ()
    recorded: tuple[int, ...] = ()
    failed: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    comparison: Comparison = Comparison()
    kept_as: str = ""
    left: tuple[str, ...] = ()

    @property
    def adopted(self) -> bool:
        """Tell whether the history is ours now."""
        return self.already or bool(self.recorded)


def adopt(
    target: Target, files: Sequence[MigrationFile], wish: Wish, on_event: OnEvent, wait_s: float = 60.0
) -> Adoption:
    """Record what is applied, once the schema has proven to be what those migrations build.

    Reads, builds in scratch and records under the migration lock; where the schema differs and proof is wanted,
    nothing is recorded. Raises UsageError and UnknownVersion where it is not clear what to record, ForeignHistory
    where a history cannot be taken over, and what fails in building.
    """
    with connect_safely(target) as connection:
        require_coordinator(connection)
        if _is_adopted(read_history(connection)):
            return Adoption(already=True)
        with migration_lock(target, wait_s, on_event) as lock:
            if _is_adopted(history := read_history(connection)):
                return Adoption(already=True)
            records = read_foreign(connection, wish.tool)
            _require_known_shape(history, records)
            claim = claim_of(records, files, wish.to)
            _require_files(claim, wish)
            found = _schema_without(connection, records)
            comparison = _compare(partial(scratch_database, target, Run(lock.run)), files, claim, found, wish)
            if wish.proof is Proof.REQUIRED and comparison.differences:
                return _adoption(records, claim, comparison)
            kept_as = _record(connection, records, claim)
            return _adoption(records, claim, comparison, tuple(c.file.version for c in claim.applied), kept_as)


def _is_adopted(history: History) -> bool:
    return bool(history.applied)


def _require_known_shape(history: History, records: ForeignRecords | None) -> None:
    if history.foreign and not (records and records.is_in_our_place):
        raise ForeignHistory(
            f"public.schema_migrations belongs to {history.foreign}, whose history is not the one to be taken over",
            hint="Name its tool with --from, or, where nobody needs it, rename the table by hand.",
        )


def _require_files(claim: Claim, wish: Wish) -> None:
    if claim.unknown and wish.proof is Proof.REQUIRED:
        listed = ", ".join(claim.unknown[:_MOST_LISTED])
        more = f", and {len(claim.unknown) - _MOST_LISTED} more" if len(claim.unknown) > _MOST_LISTED else ""
        raise ForeignHistory(
            f"the history has migrations that no file is there for: {listed}{more}; nothing was recorded",
            hint="Bring the files back, or check --migrations-dir. --force leaves these rows out.",
        )
    if not claim.applied:
        raise HistoryInconsistent(
            "by that history none of the migrations is applied; nothing was recorded",
            hint="Name the newest migration that the database has with --to, or, where it has none, drop the "
            "other tool's table and run `fowergram-db migrate`.",
        )


def _adoption(
    records: ForeignRecords | None,
    claim: Claim,
    comparison: Comparison,
    recorded: tuple[int, ...] = (),
    kept_as: str = "",
) -> Adoption:
    left = (table for table in records.tables if table != "public.schema_migrations") if records else ()
    return Adoption(
        tool=records.tool if records else None,
        claimed=tuple(claimed.file.version for claimed in claim.applied),
        recorded=recorded,
        failed=claim.failed,
        forgotten=claim.unknown,
        edited=tuple(claimed.file.filename for claimed in claim.applied if claimed.edited),
        comparison=comparison,
        kept_as=kept_as,
        left=tuple(left),
    )


def _schema_without(connection: Connection, records: ForeignRecords | None) -> Fingerprint:
    """Read the schema, the other tool's own tables left out."""
    if records is None:
        return fingerprint(connection).without_rights()
    schemas = (records.own_schema,) if records.own_schema else ()
    return fingerprint(connection, relations=records.tables, schemas=schemas).without_rights()


def _compare(
    make_scratch: Scratch, files: Sequence[MigrationFile], claim: Claim, found: Fingerprint, wish: Wish
) -> Comparison:
    """Compare the schema with what the claimed migrations build; where proof is waived, no failure stops it."""
    versions = [claimed.file.version for claimed in claim.applied]
    try:
        with make_scratch() as scratch:
            _build(scratch, files, versions)
            listed = differences(_fingerprint_of(scratch), found)
        return Comparison(listed, _resemblance(make_scratch, files, versions, found) if listed else None)
    except FowergramError as error:
        if wish.proof is Proof.REQUIRED:
            error.add_note("This was in a scratch database, to compare with: nothing was recorded.")
            raise
        return Comparison(failure=error.message)


def _build(target: Target, files: Sequence[MigrationFile], versions: Sequence[int]) -> None:
    """Make exactly these migrations in a scratch database."""
    wanted = tuple(file for file in files if file.version in versions)
    migrate(target, wanted, Goal(to=max(versions)), lambda _event: None)


def _fingerprint_of(target: Target) -> Fingerprint:
    with connect_safely(target) as connection:
        return fingerprint(connection).without_rights()


def _resemblance(
    make_scratch: Scratch, files: Sequence[MigrationFile], versions: Sequence[int], found: Fingerprint
) -> Resemblance | None:
    """Build the claimed migrations one by one, and find the newest state that is there whole."""
    best: Resemblance | None = None
    if len(versions) > _MOST_PREFIXES:
        return None
    with make_scratch() as scratch:
        for number, version in enumerate(versions, start=1):
            _build(scratch, files, versions[:number])
            listed = differences(_fingerprint_of(scratch), found)
            if not listed:
                return Resemblance(version, exact=True)
            if all(difference.kind is Kind.UNEXPECTED for difference in listed):
                best = Resemblance(version, exact=False)
    return best


def _record(connection: Connection, records: ForeignRecords | None, claim: Claim) -> str:
    """Write the history in one transaction; return the name under which a foreign table of its name is kept."""
    steps = {step.version: check(step) for step in plan_up([claimed.file for claimed in claim.applied], History())}
    rows = [_row(claimed, steps[claimed.file.version]) for claimed in claim.applied]
    kept_as = ""
    with reported("record what is applied"), connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '5s'")
        if records and records.is_in_our_place:
            connection.execute("LOCK TABLE public.schema_migrations IN ACCESS EXCLUSIVE MODE")
        if records:
            # The table may have got another owner, or a trigger, since it was read: this looks again.
            _require_unchanged(connection, records)
        query = "bookkeeping/adopt_insert"
        if records and records.is_in_our_place and records.tool is Tool.RUN_MIGRATIONS_SH:
            connection.execute(load("bookkeeping/adopt_extend"))
            query = "bookkeeping/adopt_row"
        elif records and records.is_in_our_place:
            kept_as = _set_aside(connection, records.tool)
        connection.execute(load("bookkeeping/create"))
        connection.execute("LOCK TABLE public.schema_migrations IN ACCESS EXCLUSIVE MODE")
        require_trusted_table(connection)
        for row in rows:
            connection.execute(load(query), row)
        if query == "bookkeeping/adopt_row":
            connection.execute(load("bookkeeping/adopt_complete"))
    return kept_as


def _row(claimed: Claimed, checked: CheckedStep) -> dict[str, object]:
    step = checked.step
    return {
        "filename": step.filename,
        "executed_at": claimed.executed_at,
        "checksum": step.checksum,
        "version": step.version,
        "name": step.name,
        "tool_version": __version__,
        "down_sql": step.down_sql,
        "statements_done": len(checked.script.statements),
        "recorded_as": claimed.recorded_as,
    }


def _require_unchanged(connection: Connection, records: ForeignRecords) -> None:
    if read_rows(connection, records.tool, records.schema, records.table) != records.rows:
        raise HistoryInconsistent(
            f"{records.tool} has migrated the database meanwhile; nothing was recorded",
            hint="Stop using it here, then run the command again.",
        )


def _set_aside(connection: Connection, tool: Tool) -> str:
    """Rename another tool's schema_migrations, and its indexes, so that ours can have the names."""
    kept_as = f"schema_migrations_{tool.value.replace('-', '_')}"
    for (index,) in connection.execute(load("bookkeeping/adopt_indexes")).fetchall():
        new = str(index).replace("schema_migrations", kept_as, 1)
        if new != index:
            names = (sql.Identifier("public", str(index)), sql.Identifier(new[:63]))
            connection.execute(sql.SQL("ALTER INDEX {} RENAME TO {}").format(*names))
    connection.execute(sql.SQL("ALTER TABLE public.schema_migrations RENAME TO {}").format(sql.Identifier(kept_as)))
    return f"public.{kept_as}"
