"""Find in the text of a script what could not run as a migration. Pure."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from fowergram_db.errors import FileFault, Location, raise_faults
from fowergram_db.migrations.files.directives import Directives, header_end, is_directive
from fowergram_db.migrations.files.markers import misread
from fowergram_db.migrations.script.history_table import changes_history
from fowergram_db.migrations.script.positions import Gap, position
from fowergram_db.migrations.script.scanner import Script, Trait, scan

# Newer versions of pg_dump enclose a dump in these two: they protect psql, and mean nothing here.
_OF_PG_DUMP = re.compile(r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+[ \t\r]*")
_LONG = 1 << 20
_KINDS = {"/": "comment", '"': "quoted name"}
_HISTORY = (
    "Remove it: only fowergram-db writes that table. To make a dump without the table, run "
    "`pg_dump --exclude-table=public.schema_migrations`."
)
_TRANSACTION = (
    "Remove it: every migration already runs in one transaction, together with its history row. Put what must not be "
    "in that transaction into a separate migration."
)
_LINE_WITH_WORD = re.compile(r"[^\n]*\w[^\n]*")
_SECTIONS = (
    "Put the SQL that rolls the migration back into NNN_name.down.sql, or mark both sections as one tool does "
    "(`-- migrate:up` and `-- migrate:down`). If it is a remark, write a sentence: `-- This is how to undo it: …`."
)


def read_script(
    file: str, text: str, directives: Directives, gaps: tuple[Gap, ...] = (), *, undoes: bool = False
) -> Script:
    """Scan a script that is about to run, and refuse what could not run as its header says.

    ``gaps`` are those of the text; ``undoes``: it is a down script. Raises FileFault with the position of each fault.
    """
    script = _scan(text)
    in_transaction = _transaction_faults if directives.transactional else _no_transaction_faults
    found = [*in_transaction(script), *_marker_faults(script, undoes=undoes)]
    raise_faults([*_placed(file, script, gaps, found)])
    return script


def certain_faults(file: str, text: str, gaps: tuple[Gap, ...] = ()) -> Iterator[FileFault]:
    """Find what could not run whatever the header and the markers of a file say, if those themselves are wrong."""
    script = _scan(text)
    yield from _placed(file, script, gaps, _ending_faults(script))


def _placed(
    file: str, script: Script, gaps: tuple[Gap, ...], found: Iterable[tuple[int, str, str]]
) -> Iterator[FileFault]:
    """Yield the faults that were found, and those that do not depend on the header, in the order of the text."""
    faults = [
        *found,
        *_command_faults(script),
        *_copy_faults(script),
        *_open_faults(script),
        *_directive_faults(script),
        *_history_faults(script),
    ]
    for offset, message, hint in sorted(faults):
        yield FileFault(message, hint=hint, location=Location(file, *position(script.text, offset, gaps)))


def _scan(text: str) -> Script:
    return scan(text) if len(text) < _LONG else _scan_long(text)


@lru_cache(maxsize=2)
def _scan_long(text: str) -> Script:
    """Scan a long script; before a database is made it is checked, and again under the lock."""
    return scan(text)


def _command_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for start, end in script.commands:
        if not _OF_PG_DUMP.fullmatch(script.text, start, end):
            command = script.text[start:end].split()[0]
            yield start, f"{command} is a command of psql, not SQL", "Remove it, or write what it does in SQL."


def _copy_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for stray in script.trailing_text:
        yield (
            stray,
            "text follows a COPY … FROM stdin on the same line",
            "Write it after the data, which begins on the next line.",
        )
    for statement in script.statements:
        if Trait.COPIES_TO_CLIENT in statement.traits:
            yield statement.start, "nothing reads the output of COPY … TO stdout", "Remove it."


def _open_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    """Find what begins and does not end: all that follows would belong to it."""
    if script.open_at is not None:
        kind = _KINDS.get(script.text[script.open_at], "string")
        yield script.open_at, f"a {kind} begins here, and does not end", f"Write the end of the {kind}."
    if script.data and script.data[-1][1] == len(script.text):
        copy = [s for s in script.statements if Trait.COPIES_FROM_CLIENT in s.traits][-1]
        yield (
            copy.start,
            "the data of this COPY … FROM stdin does not end",
            "If all rows are there, write a line with only \\. after the last one. A dump without it is incomplete.",
        )


def _transaction_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    yield from _ending_faults(script)
    for statement in script.statements:
        if Trait.NEEDS_NO_TRANSACTION in statement.traits:
            yield (
                statement.start,
                f"{statement.label} cannot run in a transaction, and the migration runs in one",
                "Write `-- fowergram: no-transaction` at the top of the file: its statements then run one by one.",
            )


def _ending_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for statement in script.statements:
        if Trait.ENDS_TRANSACTION in statement.traits:
            yield (
                statement.start,
                f"{statement.words[0]} would break the transaction that the migration runs in",
                _TRANSACTION,
            )


def _no_transaction_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    from fowergram_db.migrations.script.concurrent import index_built

    for statement in script.statements:
        text = script.text[statement.start : statement.end]
        if Trait.ENDS_TRANSACTION in statement.traits:
            yield (
                statement.start,
                f"{statement.words[0]} is not allowed in a file without a transaction",
                "Remove it: each statement of the file is recorded on its own.",
            )
        elif Trait.CONCURRENT in statement.traits and statement.words[0] == "CREATE" and not index_built(text):
            yield (
                statement.start,
                "the names of an index that is built concurrently, and of its table, cannot be read",
                'Write them without U&"…": the next run has to find the invalid index that a failed build leaves.',
            )


def _directive_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    """Find directives below the header, which would otherwise be ignored without a message."""
    header = header_end(script.text)
    for start, end in script.comments:
        if start >= header and is_directive(script.text[start:end]):
            yield (
                start,
                "there is a directive below the header",
                "Move it to the comment lines at the top of the file.",
            )


def _history_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    """Find what would change the history, or drop its table."""
    for statement in script.statements:
        if changes_history(script.text[statement.start : statement.end]):
            yield (
                statement.start,
                f"{statement.label} would change the history of migrations, public.schema_migrations",
                _HISTORY,
            )


def _marker_faults(script: Script, *, undoes: bool) -> Iterator[tuple[int, str, str]]:
    """Find what would have split the file for the tool that it was written for: both halves would run."""
    for offset in misread(script, undoes=undoes):
        found = _LINE_WITH_WORD.search(script.text, offset)
        line = found[0].strip() if found else ""
        yield offset, f"{line!r} looks like the beginning of a section, but is not read as one", _SECTIONS
