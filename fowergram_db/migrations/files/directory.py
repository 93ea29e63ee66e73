"""Find, read and check migration files, in the layout that their directory has."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from fowergram_db.database.environment import shown
from fowergram_db.errors import ConfigurationError, FileFault
from fowergram_db.migrations.files import layouts
from fowergram_db.migrations.files.layouts import MigrationFile, clash, outside_transaction, parse_version
from fowergram_db.migrations.files.sections import Sections, cut
from fowergram_db.migrations.files.source import SqlFile, place, read_file

__all__ = ("MigrationFile", "read_migrations", "tool_of", "versions_in")

_NAME = re.compile(r"([0-9]+)_([^.].*?)(\.up|\.down|\.citus)?\.sql", re.IGNORECASE | re.DOTALL)
_NAMES = "Name it NNN_name.sql with NNN_name.down.sql, or NNN_name.up.sql with NNN_name.down.sql."
_GO = re.compile(r"[0-9]+_.+(?<!_test)\.go", re.DOTALL)
# sqlx wants this at the very beginning of a file.
_NO_TRANSACTION = re.compile(r"-- no-transaction(?!\S)")


@dataclass(frozen=True, slots=True)
class _Listing:
    """What of a directory may be migrations, each in order of name."""

    sql: tuple[Path, ...]
    diesel: tuple[Path, ...]
    plan: tuple[Path, ...]


def read_migrations(directory: Path) -> tuple[MigrationFile, ...]:
    """Read every migration of a directory, in order of version, in whichever layout they are.

    Raises ConfigurationError where there is no such directory or nothing in it, and FileFault for the first
    file whose name, encoding, header or partner is wrong, or whose layout is not that of the others. Executes
    nothing.
    """
    migrations = _unique(sorted(_read(directory, _listed(directory)), key=attrgetter("version")))
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
    listing = _listed(directory)
    flyway = any(layouts.is_flyway(path.name) for path in listing.sql)
    for tool, found in (("sqitch", listing.plan), ("diesel", listing.diesel), ("Flyway", flyway)):
        if found:
            return tool
    sections = cut(read_file(listing.sql[0])) if listing.sql else None
    return sections.tool if sections else ""


def versions_in(directory: Path) -> tuple[tuple[int, int], ...]:
    """Return the version of each numbered file in a directory, with the number of digits it is written in."""
    found = (_NAME.fullmatch(path.name) for path in directory.iterdir())
    return tuple((int(match[1]), len(match[1])) for match in found if match)


def _listed(directory: Path) -> _Listing:
    sql, diesel, plan = [], [], []
    try:
        for path in directory.iterdir():
            name = path.name
            if name.lower().endswith(".sql"):
                sql.append((name, path))
            elif name == layouts.PLAN:
                plan.append((name, path))
            elif _GO.fullmatch(name):
                _refuse_go(path)
            elif layouts.is_diesel(path):
                diesel.append((name, path))
    except OSError as error:
        raise ConfigurationError(
            f"the migrations directory {shown(directory)} cannot be read: {error.strerror}",
            hint="Name the right one with --migrations-dir or MIGRATIONS_DIR.",
        ) from error
    # By name, and not by path: comparing those takes longer than reading the files.
    return _Listing(*(tuple(path for _, path in sorted(found)) for found in (sql, diesel, plan)))


def _refuse_go(path: Path) -> None:
    raise FileFault(
        f"{path.name} is a migration in Go, which only its own program can run",
        hint="Write it in SQL, or move it elsewhere once it is applied everywhere.",
        location=place(path),
    )


def _read(directory: Path, listing: _Listing) -> Iterable[MigrationFile]:
    for path in (*listing.sql, *listing.diesel):
        if not path.name.isprintable():
            raise FileFault(f"the name {path.name!a} holds characters that cannot be shown", hint="Rename the file.")
    flyway = tuple(path for path in listing.sql if layouts.is_flyway(path.name))
    if not (flyway or listing.diesel or listing.plan):
        return _read_numbered(listing.sql)
    numbered = tuple(path for path in listing.sql if _NAME.fullmatch(path.name))
    first, *others = (paths[0] for paths in (listing.plan, listing.diesel, flyway, numbered) if paths)
    if others:
        raise _mixture(first, others[0])
    if listing.plan:
        return layouts.read_sqitch(directory)
    return layouts.read_diesel(listing.diesel) if listing.diesel else layouts.read_flyway(directory)


def _mixture(first: Path, second: Path) -> FileFault:
    return FileFault(
        f"{first.name} and {second.name} are laid out for two different tools",
        hint="Keep one layout in a directory.",
        location=place(second),
    )


def _read_numbered(paths: Iterable[Path]) -> Iterator[MigrationFile]:
    """Read the files whose names begin with a number: a file for each direction, or one with a section for each."""
    whole: dict[int, tuple[str, SqlFile, Sections | None]] = {}
    downs: dict[int, tuple[str, SqlFile]] = {}
    tool: tuple[str, Path] | None = None
    for path, version, name, direction in _named(paths):
        found = downs if direction == ".down" else whole
        if version in found:
            raise clash(version, found[version][1].path, path)
        file = _plain(read_file(path))
        sections = cut(file)
        style = (sections.tool if sections else "", path)
        tool = tool or style
        if style[0] != tool[0] or (sections and direction == ".down"):
            raise _mixture(tool[1], path)
        if direction == ".down":
            downs[version] = (name, file)
        else:
            whole[version] = (name, file, sections)
    _check_partners(whole, downs)
    for version, (name, file, sections) in whole.items():
        if sections:
            yield MigrationFile(version, name, file.checksum, sections.up, sections.down)
        else:
            yield MigrationFile(version, name, file.checksum, file, downs[version][1] if version in downs else None)


def _plain(file: SqlFile) -> SqlFile:
    return outside_transaction(file) if _NO_TRANSACTION.match(file.text) else file


def _named(paths: Iterable[Path]) -> Iterator[tuple[Path, int, str, str]]:
    """Yield each path with the version, the name and the direction that its file name says."""
    for path in paths:
        match = _NAME.fullmatch(path.name)
        if not match:
            raise FileFault(f"{path.name} is not the name of a migration", hint=_NAMES, location=place(path))
        digits, name, direction = match[1], match[2], (match[3] or "").lower()
        if direction == ".citus":
            raise FileFault(
                f"{path.name}: names that end in .citus.sql are reserved", hint=_NAMES, location=place(path)
            )
        yield path, parse_version(path, digits), name, direction


def _check_partners(
    ups: dict[int, tuple[str, SqlFile, Sections | None]], downs: dict[int, tuple[str, SqlFile]]
) -> None:
    for version, (name, down) in sorted(downs.items()):
        if version not in ups:
            raise FileFault(
                f"{down.path.name} has no migration that it would undo",
                hint=f"Add the file that does version {version}, or remove this one.",
                location=place(down.path),
            )
        other, up, _ = ups[version]
        if other != name:
            raise FileFault(
                f"{down.path.name} and {up.path.name} have one version but two names",
                hint="Give both the same name.",
                location=place(down.path),
            )


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
