"""Find all that is wrong in the migration files of a directory, for one report."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.directives import parse_directives
from fowergram_db.migrations.files.migration import MigrationFile
from fowergram_db.migrations.files.script_faults import read_script
from fowergram_db.migrations.files.sql_file import SqlFile
from fowergram_db.migrations.files.unread import unread_faults


def every_fault(
    migrations: Iterable[MigrationFile], found: Iterable[FileFault], others: Iterable[Path]
) -> Iterator[FileFault]:
    """Yield what was ``found`` wrong in files, and what is wrong in their text and in that of all others.

    ``others`` are files that may be none of the migrations, ``migrations`` those that could be read, applied or not.
    """
    found, migrations = tuple(found), tuple(migrations)
    yield from found
    yield from migration_faults(migrations)
    scripts = {script.path for one in migrations for script in (one.up, one.down) if script}
    named = tuple(Path(fault.location.file) for each in found for fault in each.faults if fault.location)
    is_sent = any(".up." in path.name.lower() for path in scripts.union(others))
    for path in dict.fromkeys((*others, *(beside for one in named for beside in (one, one.with_name("down.sql"))))):
        if path not in scripts and path.suffix.lower() == ".sql" and path.is_file():
            yield from unread_faults(path, undoes=_undoes(path), is_sent=is_sent)


def migration_faults(migrations: Iterable[MigrationFile]) -> Iterator[FileFault]:
    """Yield what is wrong in the scripts of migrations."""
    for one in migrations:
        yield from script_faults(one.up, undoes=False)
        yield from down_faults(one.down, one.down_fault)


def script_faults(file: SqlFile, *, undoes: bool) -> tuple[FileFault, ...]:
    """Return what is wrong in a script of a migration."""
    try:
        read_script(str(file.path), file.text, file.directives, file.gaps, undoes=undoes)
    except FileFault as fault:
        return fault.faults
    return ()


def down_faults(down: SqlFile | None, fault: FileFault | None) -> Iterator[FileFault]:
    """Yield what is wrong in a down script; ``fault`` is why it could not be read."""
    if fault:
        yield fault
    if down is None:
        return
    said = parse_directives(str(down.path), down.text)
    # Another tool's file may say so outside its section.
    transactional = said.transactional and down.directives.transactional
    yield from script_faults(replace(down, directives=replace(said, transactional=transactional)), undoes=True)


def _undoes(path: Path) -> bool:
    """Return whether a file rolls a migration back, by its name in any layout.

    >>> [_undoes(Path(name)) for name in ("1_a.down.sql", "1_a/down.sql", "U1__a.sql", "1_a.sql")]
    [True, True, True, False]
    """
    name = path.name.lower()
    return name.endswith(".down.sql") or name == "down.sql" or path.name.startswith("U") or path.parent.name == "revert"
