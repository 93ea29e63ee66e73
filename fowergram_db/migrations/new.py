"""Write the files of a new migration."""

import unicodedata
from pathlib import Path

from fowergram_db.database.sql import is_installed
from fowergram_db.errors import ConfigurationError, UsageError
from fowergram_db.migrations.files import GREATEST_VERSION, versions_in

_FEWEST_DIGITS = 3


def write_migration(directory: Path, name: str) -> tuple[Path, Path]:
    """Write the next ``NNN_name.sql`` and its down file, and return their paths.

    The directory is made where it is missing. Raises ConfigurationError inside an installed package and where
    the files cannot be written, UsageError for a name without a letter or digit.
    """
    words = "".join(character if _is_word(character) else " " for character in name.lower()).split()
    if not words:
        raise UsageError(f"{name!r} is not a name for a migration", hint="Say what it does: `new add_reactions`.")
    try:
        if is_installed(directory):
            raise ConfigurationError(
                "the migrations inside the installed package are not to be added to",
                hint="Name a directory of your own with --migrations-dir or MIGRATIONS_DIR.",
            )
        directory.mkdir(parents=True, exist_ok=True)
        number, title = _next_number(directory), " ".join(name.split())
        stem = f"{number}_{'_'.join(words)}"
        up, down = directory / f"{stem}.sql", directory / f"{stem}.down.sql"
        for path, text in ((up, f"-- {number}: {title}\n\n"), (down, f"-- Undo {number}: {title}\n\n")):
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write a migration into {str(directory)!r}: {error.strerror}",
            hint="Name a directory that you may write to with --migrations-dir or MIGRATIONS_DIR.",
        ) from error
    return up, down


def _is_word(character: str) -> bool:
    """Tell whether a character belongs in a file name; marks do, or Thai would lose its vowels."""
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _next_number(directory: Path) -> str:
    """Return the number after the highest, with as many digits as that has."""
    version, digits = max(versions_in(directory), default=(0, _FEWEST_DIGITS))
    if version >= GREATEST_VERSION:
        raise ConfigurationError(
            f"there is no number above {version}", hint="Renumber the newest migration: it uses the greatest there is."
        )
    return str(version + 1).zfill(max(digits, _FEWEST_DIGITS))
