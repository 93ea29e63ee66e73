"""List what a directory of migrations holds, by name: enough to find which tool's layout it has."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from fowergram_db.database.environment import shown
from fowergram_db.errors import ConfigurationError, FileFault
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.sql_file import location_in

_PROGRAM = re.compile(
    r"(?:[0-9]+[_-]|[VU][0-9][0-9._]*__).+(?<![._]test)(?<!\.spec)(?<!\.d)\.([a-z]{2,4})", re.IGNORECASE | re.DOTALL
)
_NUMBERED = re.compile(r"[VU]?[0-9].*\.sql$", re.IGNORECASE | re.DOTALL)
_LANGUAGES = {
    "Go": "go",
    "Ruby": "rb",
    "JavaScript": "js mjs cjs",
    "TypeScript": "ts mts cts",
    "Python": "py",
    "PHP": "php",
    "Elixir": "exs",
    "Java": "java",
    "Kotlin": "kt",
    "C#": "cs",
    "a shell's language": "sh",
}
_BY_SUFFIX = {suffix: language for language, suffixes in _LANGUAGES.items() for suffix in suffixes.split()}


@dataclass(frozen=True, slots=True)
class Listing:
    """The entries of a directory, each kind in order of name: the files that end in .sql, and all others."""

    directory: Path
    sql: tuple[Path, ...]
    others: tuple[Path, ...]

    @property
    def journal(self) -> Path | None:
        """Return the journal of drizzle-kit, which lists the files, None if there is none."""
        folder = next((path for path in self.others if path.name == "meta"), None)
        return folder / "_journal.json" if folder and (folder / "_journal.json").is_file() else None


def list_directory(directory: Path, faults: Faults) -> Listing:
    """List a directory. Raises ConfigurationError if it cannot be read.

    Faults are migrations in a programming language. Names that begin with a dot are skipped, as by a shell's ``*``:
    macOS and editors create files with such names.
    """
    sql, others = [], []
    try:
        for path in directory.iterdir():
            name = path.name
            if name.startswith("."):
                continue
            if name.lower().endswith(".sql"):
                sql.append((name, path))
            elif (program := _PROGRAM.fullmatch(name)) and (language := _BY_SUFFIX.get(program[1].lower())):
                faults.add(_not_sql(path, language))
            else:
                others.append((name, path))
    except OSError as error:
        raise ConfigurationError(
            f"the migrations directory {shown(directory)} cannot be read: {error.strerror}",
            hint="Name the right one with --migrations-dir or MIGRATIONS_DIR.",
        ) from error
    # By name, not by path: to compare paths takes longer than to read the files.
    return Listing(directory, *(tuple(path for _, path in sorted(found)) for found in (sql, others)))


def folders_with_migrations(directory: Path) -> tuple[Path, ...]:
    """Return the folders directly below a directory that hold files named as migrations, in order of name."""
    found: list[Path] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and not entry.name.endswith(".sql") and entry.is_dir():
                    folder = directory / entry.name
                    found += [folder] if any(_NUMBERED.match(path.name) for path in folder.iterdir()) else []
    except OSError:
        return ()
    return tuple(sorted(found))


def require_printable(path: Path) -> None:
    """Raise FileFault for a name that cannot be shown."""
    if not path.name.isprintable():
        raise FileFault(f"the name {path.name!a} contains characters that cannot be shown", hint="Rename the file.")


def _not_sql(path: Path, language: str) -> FileFault:
    return FileFault(
        f"{path.name} is a migration in {language}, which fowergram-db cannot run",
        hint="Write it in SQL, or move it out of the directory when it is applied everywhere.",
        location=location_in(path),
    )
