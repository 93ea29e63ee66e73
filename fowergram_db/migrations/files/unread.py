"""Find what is wrong in the text of a file that no migration was made of, because of its name or its header, say."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from fowergram_db.errors import FileFault, combined
from fowergram_db.migrations.files.directives import parse_directives
from fowergram_db.migrations.files.script_faults import certain_faults, read_script
from fowergram_db.migrations.files.sections import split_sections
from fowergram_db.migrations.files.sql_file import SqlFile, read_without_header
from fowergram_db.migrations.files.transactions import as_sent, does_something


def with_all_faults(fault: FileFault, path: Path, *, undoes: bool, is_sent: bool = False) -> FileFault:
    """Return a fault of a file together with all others in its text."""
    return combined([fault, *unread_faults(path, undoes=undoes, is_sent=is_sent)]) or fault


def unread_faults(path: Path, *, undoes: bool, is_sent: bool = False) -> Iterator[FileFault]:
    """Yield what is wrong in the text of a file.

    What depends on a header or on markers that are themselves wrong is left out. ``undoes``: the file rolls a migration
    back; ``is_sent``: its tool sends it unchanged, so that it may begin and end transactions.
    """
    try:
        file = read_without_header(path)
    except FileFault as fault:
        yield fault
        return
    if undoes and not does_something(file.text):
        return
    wrong = [
        *_faults(lambda: parse_directives(str(path), file.text)),
        *_faults(lambda: _parts(file, undoes=undoes, is_sent=is_sent)),
    ]
    if wrong:
        yield from wrong
        yield from certain_faults(str(path), file.text, file.gaps)
        return
    for part, is_down in _parts(file, undoes=undoes, is_sent=is_sent):
        yield from _faults(
            lambda: read_script(str(path), part.text, part.directives, part.gaps, undoes=is_down)  # noqa: B023 - called at once
        )


def _parts(file: SqlFile, *, undoes: bool, is_sent: bool) -> tuple[tuple[SqlFile, bool], ...]:
    """Return the scripts in a file, each with whether it rolls back. Raises FileFault for its header or markers."""
    file = replace(file, directives=parse_directives(str(file.path), file.text))
    sections = split_sections(file, one_way=undoes)
    if sections is None:
        return ((as_sent(file) if is_sent else file, undoes),)
    return ((sections.up, False), *([(sections.down, True)] if sections.down else []))


def _faults(read: Callable[[], object]) -> tuple[FileFault, ...]:
    try:
        read()
    except FileFault as fault:
        return fault.faults
    return ()
