"""Compare the schema of a database with what its migrations build in a scratch database."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import partial

from fowergram_db.database.connection import connect_safely
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget
from fowergram_db.migrations.version import Version
from fowergram_db.schema.fingerprint import Difference, DifferenceKind, Fingerprint, differences, fingerprint

_MOST_PREFIXES = 100
Scratch = Callable[[], AbstractContextManager[Target]]


class Comparison(StrEnum):
    """Whether the schema must equal what the files build, or the user takes responsibility for it."""

    REQUIRED = auto()
    SKIPPED = auto()


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


def compare_schema(  # noqa: PLR0913, PLR0917 - where, which files, with what, on which terms
    make_scratch: Scratch,
    files: Sequence[MigrationFile],
    versions: Sequence[Version],
    found: Fingerprint,
    comparison: Comparison,
    admit: Callable[[Sequence[MigrationFile]], str],
) -> SchemaComparison:
    """Compare the schema with what these migrations build; a failure is raised only if the comparison is required.

    ``admit`` checks the files of these versions, and returns the name of the database that they are built instead of.
    """
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
        if comparison is Comparison.REQUIRED:
            error.add_note(
                "This error occurred in a scratch database, made to compare the schema with: nothing was recorded."
            )
            raise
        return SchemaComparison(failure=error.message)


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
