"""Read the directories of sqitch."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.lexer import Token, TokenKind, tokens
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.listing import Listing
from fowergram_db.migrations.files.migration import MigrationFile, folder_of, read_down
from fowergram_db.migrations.files.sql_file import SqlFile, location_in, read_file
from fowergram_db.migrations.files.transactions import as_sent
from fowergram_db.migrations.version import TextVersion

TOOL = "sqitch"
TOOLS = (TOOL,)
_PLAN, _CONF = "sqitch.plan", "sqitch.conf"
_PLACES = ("top_dir", "plan_file", "deploy_dir", "revert_dir", "extension")
_SECTION = re.compile(r"\s*\[\s*([^\]]*?)\s*\]")
_VARIABLE = re.compile(r"""(?<!:):(?:'\w+'|"\w+")""")


@dataclass(frozen=True, slots=True)
class _Project:
    """Where sqitch keeps its plan and scripts, below the directory that is named."""

    plan: Path
    deploy: Path
    revert: Path
    extension: str = "sql"


def found(listing: Listing) -> tuple[Path, ...]:
    """Return the plan, which is where ``sqitch.conf`` says."""
    if not any(path.name in (_PLAN, _CONF) for path in listing.others):
        return ()
    plan = _project(listing.directory, Faults()).plan
    return (plan,) if plan.is_file() else ()


def version_of(tool: str, filename: str) -> TextVersion | None:  # noqa: ARG001 - the same in all layouts
    """Return None: only the plan gives the place of a change."""
    return None


def read(listing: Listing, faults: Faults) -> Iterator[MigrationFile]:
    """Read the changes of ``sqitch.plan`` from ``deploy`` and ``revert``; a version is a place in the plan."""
    project = _project(listing.directory, faults)
    for version, name in enumerate(_planned(project.plan, faults), start=1):
        filename = f"{name}.{project.extension}"
        up_path, down_path = project.deploy / filename, project.revert / filename
        with faults:
            up = _read_script(up_path)
        if faults.is_clean:
            down, fault = read_down(down_path, _read_script, is_sent=True)
            folder = folder_of(listing.directory, up_path)
            yield MigrationFile(version, name, up.checksum, up, down, folder, TOOL, fault)


def _read_script(path: Path) -> SqlFile:
    """Read one script. Raises FileFault if psql would put the value of a variable into it."""
    file = read_file(path)
    for variable in _VARIABLE.finditer(file.text):
        before = [*tokens(file.text[: variable.start() + 1])]
        if before and before[-1] == Token(TokenKind.OTHER, ":"):  # not in a string or a comment
            raise FileFault(
                f"{path.name}: psql would replace {variable[0]}",
                hint="Write the value itself: fowergram-db does not replace psql variables.",
                location=location_in(path, file.text, variable.start(), file.gaps),
            )
    return as_sent(file)


def _project(directory: Path, faults: Faults) -> _Project:
    """Read from ``sqitch.conf``, if there is one, where files are."""
    said: dict[str, str] = {}
    path = directory / _CONF
    if path.is_file():
        with faults:
            said = dict(_settings(path))
    top = directory / said.get("top_dir", ".")
    return _Project(
        directory / said["plan_file"] if "plan_file" in said else top / _PLAN,
        directory / said["deploy_dir"] if "deploy_dir" in said else top / "deploy",
        directory / said["revert_dir"] if "revert_dir" in said else top / "revert",
        said.get("extension", "sql"),
    )


def _settings(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the places that the core section names. Raises FileFault for a setting that cannot be followed."""
    section = ""
    for number, line in enumerate(read_file(path).text.split("\n"), start=1):
        if header := _SECTION.match(line):
            section = header[1].lower()
        key, _, value = (part.strip() for part in line.partition("="))
        if key.lower() not in _PLACES:
            continue
        value = value.strip('"')
        if section != "core" or value.startswith("/") or ".." in value.split("/"):
            raise FileFault(
                f"{path.name}: {line.strip()!r} is not supported",
                hint=f"Only {', '.join(_PLACES)} are, in [core], and only for places below the directory of "
                f"{path.name}.",
                location=replace(location_in(path), line=number, column=1),
            )
        yield key.lower(), value


def _planned(path: Path, faults: Faults) -> tuple[str, ...]:
    """Return the names of the changes in a plan, in its order."""
    names: dict[str, int] = {}
    for number, line in enumerate(read_file(path).text.split("\n"), start=1):
        change = line.partition("#")[0].split()
        if not change or change[0].startswith(("%", "@")):
            continue
        name = change[0].removeprefix("+")
        if name in names or name.startswith(("-", "/")) or ".." in name.split("/"):
            fact = f"is in the plan a second time (first in line {names[name]})" if name in names else "is not a change"
            fault = FileFault(
                f"{path.name}: {name!r} {fact}",
                hint="Reworked and reverted changes are not supported: give each change a name of its own.",
                location=replace(location_in(path), line=number, column=1),
            )
            faults.add(fault)
            continue
        names[name] = number
    return tuple(names)
