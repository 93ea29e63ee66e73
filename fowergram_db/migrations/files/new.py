"""Write the files of a new migration."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fowergram_db.database.environment import looks_like_url, shown
from fowergram_db.database.sql import is_installed
from fowergram_db.errors import ConfigurationError, UsageError
from fowergram_db.migrations.files.directory import numbers_in, recorded_version, tool_of
from fowergram_db.migrations.files.layouts.numbered import SUPABASE
from fowergram_db.migrations.files.layouts.numbered import TOOLS as NUMBERED
from fowergram_db.migrations.files.sections import MARKERS
from fowergram_db.migrations.version import GREATEST_NUMBER
from fowergram_db.redaction.connection_strings import looks_like_login

# Its value, its digits as written, and the character after them.
_Number = tuple[int, str, str]
_FEWEST_DIGITS = 3
_TIMESTAMPS = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_LIKE_A_LOGIN = "of the migration looks like a URL, or like a connection string"


def write_migration(directory: Path, name: str, *, now: datetime | None = None) -> tuple[Path, ...]:
    """Write the next ``NNN_name.sql`` and its down file, and return their paths.

    If the newest number is a timestamp of 12 or 14 digits, the next one is the current time (UTC), unless that is not
    above the newest. In a directory whose files have a section for each direction, it is one file with the same
    markers. Creates the directory if it is missing. Raises ConfigurationError inside an installed package, if the files
    cannot be written, and in the layout of a tool that names its files otherwise. Raises UsageError for a name without
    a letter or digit, and for a URL or a connection string: its password would be in a file, and in the file's name.
    """
    words = "".join(character if _is_word(character) else " " for character in name.lower()).split()
    if not words:
        raise UsageError(f"{name!r} is not a name for a migration", hint="Say what it does: `new add_reactions`.")
    if looks_like_login(name):
        raise UsageError(f"the name {_LIKE_A_LOGIN}", hint="Say what it does: `new add_reactions`.")
    if looks_like_url(directory):
        raise UsageError(f"{shown(directory)} is a URL, not a directory", hint="Name a directory: --migrations-dir.")
    if looks_like_login(str(directory)) and not directory.is_dir():
        raise UsageError(f"the directory {_LIKE_A_LOGIN}", hint="Name a directory: --migrations-dir.")
    try:
        if is_installed(directory):
            raise ConfigurationError(
                "a migration cannot be added to those inside the installed package",
                hint="Name a directory of your own with --migrations-dir or MIGRATIONS_DIR.",
            )
        directory.mkdir(parents=True, exist_ok=True)
        tool = tool_of(directory)
        found = numbers_in(directory)
        number, separator = _next_number(found, tool, now or datetime.now(UTC)) if tool in NUMBERED else ("", "")
        stem = f"{separator}{'_'.join(words)}"
        contents = _contents(tool, number, stem, " ".join(name.split()), _up_ending(directory, found))
        for filename, text in contents.items():
            with (directory / filename).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write a migration into {shown(directory)}: {error.strerror}",
            hint="Name a directory that you may write to with --migrations-dir or MIGRATIONS_DIR.",
        ) from error
    return tuple(directory / filename for filename in contents)


def _contents(tool: str, number: str, stem: str, title: str, up_ending: str) -> dict[str, str]:
    """Return the files of a new migration, by name, as the tool of its directory requires them."""
    heading = f"-- {number}: {title}\n\n"
    if tool in MARKERS:
        up, down = MARKERS[tool]
        return {f"{number}{stem}.sql": f"{heading}{up}\n\n{down}\n"}
    if tool not in NUMBERED:
        raise ConfigurationError(
            f"the migrations there use the layout of {tool}, which names its files differently",
            hint=f"Create the next one with {tool}, or by its rules: fowergram-db reads it.",
        )
    if tool == SUPABASE:  # it would read a down file as one more migration
        return {f"{number}{stem}.sql": heading}
    return {f"{number}{stem}{up_ending}": heading, f"{number}{stem}.down.sql": f"-- Undo {number}: {title}\n\n"}


def _up_ending(directory: Path, found: Sequence[_Number]) -> str:
    """Return ``.up.sql`` if the up file of the newest number ends so, else ``.sql``."""
    newest = max(found, default=(0, "", ""))
    ends_so = any(path.name.startswith("".join(newest[1:])) for path in directory.glob("*.up.sql"))
    return ".up.sql" if newest[1] and ends_so else ".sql"


def _is_word(character: str) -> bool:
    """Return whether a character belongs in a file name; marks do, because Thai vowels are marks."""
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _next_number(found: Sequence[_Number], tool: str, now: datetime) -> tuple[str, str]:
    """Return the number after those found, with at least as many digits as the highest, and the separator after it.

    It is the current time if the highest number is an earlier timestamp, else the number after the highest.
    Raises ConfigurationError if the tool would not run a file of that number last.
    """
    highest, written, separator = max(found, default=(0, "0" * _FEWEST_DIGITS, "_"))
    if highest == GREATEST_NUMBER:
        raise ConfigurationError(
            f"there is no number above {highest}",
            hint="Renumber the newest migration: it has the greatest number that is possible.",
        )
    number = str(max(highest + 1, _timestamp_like(written, now))).zfill(max(len(written), _FEWEST_DIGITS))
    position = recorded_version(tool, f"{number}{separator}x.sql")
    others = (recorded_version(tool, f"{digits}_x.sql") for _, digits, _ in found)
    if position and any(other and position < other for other in others):
        raise ConfigurationError(
            f"{tool} sorts file names as text, so {number} comes before {written}",
            hint=f"Name the file by hand, with a number that comes last: it needs {len(written)} digits or more.",
        )
    return number, separator


def _timestamp_like(digits: str, now: datetime) -> int:
    """Return the time in the form of a timestamp of 12 or 14 digits, and 0 for digits that are no timestamp.

    >>> now = datetime(2026, 12, 1, 16, 5, 9)
    >>> [_timestamp_like(digits, now) for digits in ("202401312359", "20240131235960", "000000000012", "012")]
    [202612011605, 20261201160509, 0, 0]
    """
    form = _TIMESTAMPS.get(len(digits))
    is_time = form and digits[:2] in ("19", "20") and "01" <= digits[4:6] <= "12" and "01" <= digits[6:8] <= "31"
    return int(now.strftime(form)) if form and is_time else 0
