"""Read the migrations of a directory, in the layout that it has."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from fowergram_db.database.environment import shown
from fowergram_db.errors import ConfigurationError, FileFault, raise_faults
from fowergram_db.migrations.files.every_fault import every_fault
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.layouts import diesel, drizzle, flyway, folders, numbered, sqitch
from fowergram_db.migrations.files.listing import Listing, folders_with_migrations, list_directory, require_printable
from fowergram_db.migrations.files.migration import MigrationFile, clash
from fowergram_db.migrations.files.sections import split_sections
from fowergram_db.migrations.files.sql_file import SqlFile, location_in, read_file
from fowergram_db.migrations.files.transactions import does_something, without_transactions
from fowergram_db.migrations.version import TextVersion, as_numbers, order_of
from fowergram_db.migrations.version import numbered as number_version

__all__ = (
    "MigrationFile",
    "in_order",
    "numbers_in",
    "read_migrations",
    "recorded_version",
    "tool_of",
    "with_text_version",
)


class Layout(Protocol):
    """A module that reads the directories of one tool."""

    @property
    def TOOL(self) -> str:  # noqa: N802 - a constant of the module
        """Its name; "" if only the files themselves show it."""

    @property
    def TOOLS(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """What ``MigrationFile.tool`` may be."""

    def found(self, listing: Listing) -> tuple[Path, ...]:
        """Return at least one path that no other tool would have created; () if this is not its directory."""

    def version_of(self, tool: str, filename: str) -> TextVersion | None:
        """Return the version that a recorded file name has in this layout, None if it has none."""

    def read(self, listing: Listing, faults: Faults) -> Iterator[MigrationFile]:
        """Read all migrations, in any order, each with its version; faults are files that are not as the tool requires.

        A version is a number if the tool orders by numbers, else a TextVersion.
        """


_LAYOUTS: tuple[Layout, ...] = (sqitch, diesel, folders, flyway, drizzle, numbered)


def read_migrations(directory: Path) -> tuple[MigrationFile, ...]:
    """Read every migration of a directory, in order of version, in any known layout.

    Raises ConfigurationError if there is no such directory or no migration in it, and FileFault for all
    files whose name, encoding, header or partner is wrong, or whose layout is not that of the others; its report
    includes what is wrong in the SQL of all files. Executes nothing.
    """
    faults = Faults()
    listing = list_directory(directory, faults)
    found: list[MigrationFile] = []
    migrations: tuple[MigrationFile, ...] = ()
    layout: Layout | None = None
    with faults:
        layout = _layout_of(listing, faults)
        for migration in layout.read(listing, faults):
            found.append(_as_run(migration))  # noqa: PERF401 - those before a fault stay
    with faults:
        migrations = in_order(found)
    if faults.found:
        others = listing.sql if layout in (numbered, None) else ()
        raise_faults(every_fault(found, faults.found, others))
    if not migrations:
        below = " and ".join(shown(folder) for folder in folders_with_migrations(directory))
        raise ConfigurationError(
            f"there are no migrations in {shown(directory)}" + (f", but in {below}" if below else ""),
            hint="Name the right directory with --migrations-dir or MIGRATIONS_DIR, or write the first "
            "migration with `fowergram-db new NAME`.",
        )
    return migrations


def tool_of(directory: Path) -> str:
    """Return the tool that a directory is laid out for: "" for this one, or if nothing is there yet.

    Reads at most the first file. Raises what ``read_migrations`` raises.
    """
    faults = Faults()
    listing = list_directory(directory, faults)
    faults.raise_all()
    tool = next((layout.TOOL for layout in _LAYOUTS if layout.found(listing)), "") or numbered.tool_of(directory)
    sections = split_sections(read_file(listing.sql[0])) if listing.sql and tool in numbered.TOOLS else None
    return sections.tool if sections else tool


def recorded_version(tool: str, filename: str) -> TextVersion | None:
    """Return the version that a recorded file name has in the layout of a tool, None if it has none."""
    layout = next(layout for layout in _LAYOUTS if tool in layout.TOOLS)
    return layout.version_of(tool, filename)


def with_text_version(file: MigrationFile) -> MigrationFile:
    """Return the file with a version that is a text."""
    if isinstance(file.version, TextVersion):
        return file
    return replace(file, version=recorded_version(file.tool, file.filename) or number_version(str(file.version)))


def numbers_in(directory: Path) -> tuple[tuple[int, str, str], ...]:
    """Return for each numbered file in a directory its number, the digits as written, and the character after them."""
    found = (numbered.NAME.fullmatch(path.name) for path in directory.iterdir())
    return tuple((int(match[1]), match[1], match.string[match.end(1)]) for match in found if match)


def _layout_of(listing: Listing, faults: Faults) -> Layout:
    """Return the layout of a directory. Raises FileFault if it is that of two tools."""
    for path in listing.sql:
        with faults:
            require_printable(path)
    first, *others = [(layout, found[0]) for layout in _LAYOUTS if (found := layout.found(listing))] or [
        (numbered, listing.directory)
    ]
    if others:
        raise FileFault(
            f"{first[1].name} and {others[0][1].name} belong to the layouts of two different tools",
            hint="Use one layout in a directory.",
            location=location_in(others[0][1]),
        )
    return first[0]


def _as_run(migration: MigrationFile) -> MigrationFile:
    """Return a migration without an empty down script, and without the BEGIN and COMMIT that its scripts do not need.

    A script may have them if its tool runs it without a transaction.
    """
    up, down = migration.up, migration.down
    if down and not does_something(down.text):
        down = None
    if not up.directives.transactional:
        up = without_transactions(up)
    if down and not down.directives.transactional:
        down = without_transactions(down)
    return migration if up is migration.up and down is migration.down else replace(migration, up=up, down=down)


def in_order(found: Iterable[MigrationFile]) -> tuple[MigrationFile, ...]:
    """Return the migrations in order of version. The versions are numbers if numbers give the same order.

    Raises FileFault if two have one version, or if an irreversible one has a down script.
    """
    migrations = list(found)
    if any(isinstance(migration.version, TextVersion) for migration in migrations):
        migrations = list(map(with_text_version, migrations))
    migrations.sort(key=lambda migration: order_of(migration.version))
    raise_faults([*_clashes(migrations), *_contradictions(migrations)])
    texts = [migration.version for migration in migrations if isinstance(migration.version, TextVersion)]
    numbers = as_numbers(texts) if texts else None
    if numbers is None:
        return tuple(migrations)
    return tuple(replace(one, version=number) for one, number in zip(migrations, numbers, strict=True))


def _clashes(migrations: Iterable[MigrationFile]) -> Iterator[FileFault]:
    """Find migrations that have the same version, however it is written."""
    known: dict[str, MigrationFile] = {}
    for one in migrations:
        version = one.version
        for name in (version.position, version.text) if isinstance(version, TextVersion) else (str(version),):
            other = known.setdefault(name, one)
            if other is not one:
                yield clash(version, Path(other.folder or other.up.path), Path(one.folder or one.up.path))
                break


def _contradictions(migrations: Iterable[MigrationFile]) -> Iterator[FileFault]:
    for one in migrations:
        if one.down and one.up.directives.irreversible:
            yield FileFault(
                f"{one.up.path.name} says that it is irreversible, but {_named_down(one.up, one.down)} rolls it back",
                hint="Remove the directive, or the script that rolls it back.",
                location=location_in(one.up.path),
            )


def _named_down(up: SqlFile, down: SqlFile) -> str:
    return "its own second section" if up.path == down.path else down.path.name
