"""Read the directories of sqitch."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.listing import Listing
from fowergram_db.migrations.files.migration import MigrationFile, folder_of
from fowergram_db.migrations.files.source import place, read_file
from fowergram_db.migrations.files.transactions import as_sent
from fowergram_db.migrations.version import TextVersion

TOOL = "sqitch"
TOOLS = (TOOL,)
_PLAN = "sqitch.plan"


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the plan."""
    return tuple(path for path in listing.others if path.name == _PLAN)


def version_of(tool: str, filename: str) -> TextVersion | None:  # noqa: ARG001 - the same in all layouts
    """Return None: only the plan says the place of a change."""
    return None


def read(listing: Listing) -> Iterator[MigrationFile]:
    """Read the changes of ``sqitch.plan`` from ``deploy`` and ``revert``; a version is a place in the plan."""
    directory = listing.directory
    for version, name in enumerate(_planned(directory / _PLAN), start=1):
        up_path, down_path = directory / "deploy" / f"{name}.sql", directory / "revert" / f"{name}.sql"
        up = read_file(up_path)
        down = as_sent(read_file(down_path)) if down_path.exists() else None
        yield MigrationFile(
            version,
            name,
            up.checksum,
            as_sent(up),
            down,
            folder_of(directory, up_path),
            TOOL,
        )


def _planned(path: Path) -> tuple[str, ...]:
    """Return the names of the changes in a plan, in its order."""
    names: dict[str, int] = {}
    for number, line in enumerate(read_file(path).text.split("\n"), start=1):
        change = line.partition("#")[0].split()
        if not change or change[0].startswith(("%", "@")):
            continue
        name = change[0].removeprefix("+")
        if name in names or name.startswith(("-", "/")) or ".." in name.split("/"):
            fact = f"is planned a second time (first in line {names[name]})" if name in names else "is no change"
            raise FileFault(
                f"{path.name}: {name!r} {fact}",
                hint="Reworked and reverted changes cannot be told apart here: make a change with a name of its own.",
                location=replace(place(path), line=number, column=1),
            )
        names[name] = number
    return tuple(names)
