"""Decide which directories hold the migrations, and read them as one."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fowergram_db.database.environment import looks_like_url
from fowergram_db.database.sql import shipped_migrations
from fowergram_db.errors import ConfigurationError, raise_faults
from fowergram_db.migrations.files.directory import MigrationFile, in_order, read_migrations, with_text_version
from fowergram_db.migrations.files.every_fault import migration_faults
from fowergram_db.migrations.files.faults import Faults
from fowergram_db.migrations.files.listing import folders_with_migrations
from fowergram_db.redaction.connection_strings import looks_like_login

PACKAGED = "packaged:"
VARIABLE = "MIGRATIONS_DIR"
_HIDDEN = "…"
_USUAL = ("migrations", "db/migrations")
_PLANNED = "sqitch"  # its plan names what is run; other files have another purpose
_MARK = re.compile(r"\.sql$|^sqitch\.plan$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DirectoryChoice:
    """The directories of the migrations, as they were named: paths, and ``packaged:`` for those of the package.

    ``is_named`` is False if nothing names any, which means those of the package.
    """

    names: tuple[str, ...]
    is_named: bool

    @property
    def paths(self) -> tuple[Path, ...]:
        """Return where they are."""
        return tuple(shipped_migrations() if name == PACKAGED else Path(name) for name in self.names)

    def __str__(self) -> str:
        """Name them as they were given, joined by ``:``; those of the package by a word.

        >>> str(DirectoryChoice(("./migrations", "packaged:"), is_named=True))
        './migrations:packaged'
        """
        return ":".join(map(_shown, self.names))


def choose_directories(
    options: Sequence[str], environ: Mapping[str, str], env_file: Mapping[str, str]
) -> DirectoryChoice:
    """Return the directories of the command line, else the variable, else the env file, else those of the package.

    Raises ConfigurationError for an empty path, as a shell variable that is not set leaves it, and for a path that
    is named twice.
    """
    levels = (
        ("--migrations-dir", tuple(options)),
        (VARIABLE, split_paths(environ.get(VARIABLE, ""))),
        (f"{VARIABLE} in the env file", split_paths(env_file.get(VARIABLE, ""))),
        # The project file will be the level below.
    )
    label, names = next((level for level in levels if level[1]), ("", ()))
    choice = DirectoryChoice(names or (PACKAGED,), is_named=bool(names))
    if not all(name.strip() for name in names):
        raise ConfigurationError(
            f"{label} has an empty path",
            hint="Name each directory; --migrations-dir packaged: names the migrations inside the package.",
        )
    if len(names) > 1 and len({path.resolve() for path in choice.paths}) < len(names):
        raise ConfigurationError(f"{label} names a directory twice", hint="Name each directory once.")
    return choice


def split_paths(text: str) -> tuple[str, ...]:
    """Split paths at each ``:``, except the one of ``packaged:``.

    >>> split_paths("./a:packaged::/b"), split_paths("packaged:"), split_paths("a:"), split_paths("")
    (('./a', 'packaged:', '/b'), ('packaged:',), ('a', ''), ())
    """
    if looks_like_login(text) and not Path(text.partition(":")[0]).is_dir():
        return (text,)  # an error, which must not show a part of it
    names = text.split(":") if text else []
    for at in range(len(names) - 2, -1, -1):
        if names[at] == PACKAGED[:-1] and not names[at + 1]:
            names[at : at + 2] = [PACKAGED]
    return tuple(names)


def read_chosen(choice: DirectoryChoice) -> tuple[MigrationFile, ...]:
    """Read the migrations of all directories, in order of version.

    Raises what ``read_migrations`` raises, and FileFault if two directories have one version.
    """
    faults = Faults()
    read: list[tuple[MigrationFile, ...]] = []
    migrations: tuple[MigrationFile, ...] = ()
    for path in choice.paths:
        with faults:
            read.append(read_migrations(path))
    if len(choice.paths) == 1 and read:
        return read[0]
    with faults:
        migrations = in_order(with_text_version(migration) for files in read for migration in files)
    if faults.found:
        raise_faults([*faults.found, *migration_faults(migration for files in read for migration in files)])
    return migrations


def unused_directories(choice: DirectoryChoice, root: Path = Path()) -> tuple[str, ...]:
    """Return the usual directories that hold migrations, if those of the package are used because nothing is named.

    Reads no file.
    """
    if choice.is_named:
        return ()
    return tuple(f"./{name}" for name in _USUAL if any(_migrations_like(root / name)))


def unread_folders(choice: DirectoryChoice, files: Iterable[MigrationFile]) -> tuple[str, ...]:
    """Return the folders below the directories that hold files named as migrations, none of which were read.

    Reads no file.
    """
    read, tools = {file.up.path.parent for file in files}, {file.tool for file in files}
    if _PLANNED in tools:
        return ()
    return tuple(
        str(folder) for directory in choice.paths for folder in folders_with_migrations(directory) if folder not in read
    )


def _migrations_like(directory: Path) -> Iterator[Path]:
    try:
        if directory.is_dir() and directory.resolve() != shipped_migrations().resolve():
            yield from (path for path in (*directory.glob("*"), *directory.glob("*/*")) if _MARK.search(path.name))
    except OSError:
        return


def _shown(name: str) -> str:
    if name == PACKAGED:
        return PACKAGED[:-1]
    return _HIDDEN if (looks_like_login(name) or looks_like_url(Path(name))) and not Path(name).is_dir() else name
