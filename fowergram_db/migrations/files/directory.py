"""Read the migrations of a directory, in the layout that it has."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Protocol

from fowergram_db.database.environment import shown
from fowergram_db.errors import ConfigurationError, FileFault
from fowergram_db.migrations.files.layouts import diesel, flyway, numbered, sqitch
from fowergram_db.migrations.files.listing import Listing, list_directory, require_printable
from fowergram_db.migrations.files.migration import MigrationFile, clash
from fowergram_db.migrations.files.sections import cut
from fowergram_db.migrations.files.source import SqlFile, place, read_file

__all__ = ("MigrationFile", "read_migrations", "tool_of", "versions_in")


class Layout(Protocol):
    """A module that reads the directories of one tool."""

    @property
    def TOOL(self) -> str:  # noqa: N802 - a constant of the module
        """Its name; "" where only the files themselves tell."""

    def found(self, listing: Listing) -> tuple[Path, ...]:
        """Return what no other tool would have put there, or () where this is not its directory."""

    def read(self, listing: Listing) -> Iterator[MigrationFile]:
        """Read all migrations, in any order. Raises FileFault for the first that is not as the tool wants it."""


_LAYOUTS: tuple[Layout, ...] = (sqitch, diesel, flyway, numbered)


def read_migrations(directory: Path) -> tuple[MigrationFile, ...]:
    """Read every migration of a directory, in order of version, in whichever layout they are.

    Raises ConfigurationError where there is no such directory or nothing in it, and FileFault for the first
    file whose name, encoding, header or partner is wrong, or whose layout is not that of the others. Executes
    nothing.
    """
    listing = list_directory(directory)
    migrations = _unique(sorted(_layout_of(listing).read(listing), key=attrgetter("version")))
    if not migrations:
        raise ConfigurationError(
            f"there are no migrations in {shown(directory)}",
            hint="Name the right directory with --migrations-dir or MIGRATIONS_DIR, or write the first "
            "migration with `fowergram-db new NAME`.",
        )
    return migrations


def tool_of(directory: Path) -> str:
    """Name the tool that a directory is laid out for: "" for this one, or where nothing is there yet.

    Looks no further than the first file. Raises what ``read_migrations`` raises.
    """
    listing = list_directory(directory)
    tool = next((layout.TOOL for layout in _LAYOUTS if layout.found(listing)), "")
    sections = cut(read_file(listing.sql[0])) if listing.sql and not tool else None
    return sections.tool if sections else tool


def versions_in(directory: Path) -> tuple[tuple[int, int], ...]:
    """Return the version of each numbered file in a directory, with the number of digits it is written in."""
    found = (numbered.NAME.fullmatch(path.name) for path in directory.iterdir())
    return tuple((int(match[1]), len(match[1])) for match in found if match)


def _layout_of(listing: Listing) -> Layout:
    """Return the layout of a directory. Raises FileFault where it is that of two tools."""
    for path in listing.sql:
        require_printable(path)
    first, *others = [(layout, found[0]) for layout in _LAYOUTS if (found := layout.found(listing))] or [
        (numbered, listing.directory)
    ]
    if others:
        raise FileFault(
            f"{first[1].name} and {others[0][1].name} are laid out for two different tools",
            hint="Keep one layout in a directory.",
            location=place(others[0][1]),
        )
    return first[0]


def _unique(migrations: Sequence[MigrationFile]) -> tuple[MigrationFile, ...]:
    """Return them, in order of version, if no two have the same and none is both irreversible and undone."""
    for one, other in pairwise(migrations):
        if one.version == other.version:
            raise clash(one.version, Path(one.folder or one.up.path), Path(other.folder or other.up.path))
    for one in migrations:
        if one.down and one.up.directives.irreversible:
            raise FileFault(
                f"{one.up.path.name} says that it is irreversible, and {_undoing(one.up, one.down)} undoes it",
                hint="Remove the directive or what undoes it.",
                location=place(one.up.path),
            )
    return tuple(migrations)


def _undoing(up: SqlFile, down: SqlFile) -> str:
    return "its own second section" if up.path == down.path else down.path.name
