"""Refuse, before anything runs, what could not run as a migration. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from functools import lru_cache
from typing import TYPE_CHECKING

from fowergram_db import __version__
from fowergram_db.errors import FileFault, Location, raise_faults
from fowergram_db.migrations.files.directives import Directives, header_end, is_directive, parse_directives
from fowergram_db.migrations.files.markers import misread
from fowergram_db.migrations.files.sections import blank
from fowergram_db.migrations.files.sql_file import OnData
from fowergram_db.migrations.history_sql import values_of
from fowergram_db.migrations.plan import Direction, Step
from fowergram_db.migrations.script.concurrent import index_built
from fowergram_db.migrations.script.dump_settings import unknown_settings
from fowergram_db.migrations.script.history_table import changes_history
from fowergram_db.migrations.script.modes import DEFAULT, modes_set
from fowergram_db.migrations.script.positions import Gap, position
from fowergram_db.migrations.script.scanner import Script, Statement, Trait, scan

if TYPE_CHECKING:
    from fowergram_db.redaction.psql_variables import Change

# Newer versions of pg_dump enclose a dump in these two: they protect psql, and mean nothing here.
_OF_PG_DUMP = re.compile(r"\\(?:un)?restrict[ \t]+[A-Za-z0-9]+[ \t\r]*")
_LONG = 1 << 20
_HISTORY = (
    "Leave it out: fowergram-db alone keeps that table. A dump is made without it by "
    "`pg_dump --exclude-table=public.schema_migrations`."
)
_TRANSACTION = (
    "Remove it: every migration is one transaction already, its bookkeeping included. Put what must not be in that "
    "into a migration of its own."
)
_LINE_WITH_WORD = re.compile(r"[^\n]*\w[^\n]*")
_SECTIONS = (
    "Put what reverts the migration into NNN_name.down.sql, or mark both sections as one tool does "
    "(`-- migrate:up` and `-- migrate:down`). Where it is only a remark, write a sentence."
)


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step with its scanned script and what the header of the script says.

    If a database is built next to others, statements may be left out of the script; some run after it in another form
    (``behind``); ``recorded_statements`` is how many there were.
    """

    step: Step
    script: Script
    directives: Directives
    behind: tuple[str, ...] = ()
    recorded_statements: int | None = None

    @property
    def row(self) -> dict[str, object]:
        """What the history records of it, by column, but for its duration. Reads a large down file from the disk.

        Raises FileFault if that was changed meanwhile.
        """
        return self.row_with(self.step.down.recordable_text() if self.step.down else None)

    def row_with(self, down_sql: str | None) -> dict[str, object]:
        """Return the row with a text of the down script."""
        step = self.step
        return {
            **values_of(step.version),
            "name": step.name,
            "filename": step.filename,
            "checksum": step.checksum,
            "down_sql": down_sql,
            "statements_done": len(self.script.statements)
            if self.recorded_statements is None
            else self.recorded_statements,
            "tool_version": __version__,
        }

    def text_of(self, statement: Statement) -> str:
        """Return the text of a statement of the script."""
        return self.script.text[statement.start : statement.end]

    def without(self, statements: Sequence[Statement]) -> "CheckedStep":
        """Return the step with these statements made blank; places stay true, and the checksum that of the file."""
        if not statements:
            return self
        text = self.script.text
        for statement in statements:
            text = text[: statement.start] + blank(text[statement.start : statement.end]) + text[statement.end :]
        rest = tuple(statement for statement in self.script.statements if statement not in statements)
        step = replace(self.step, sql=replace(self.step.sql, text=text))
        return replace(self, step=step, script=replace(self.script, text=text, statements=rest))

    def listing(self, changes: "Sequence[Change]" = (), on_data: OnData = iter) -> Iterator[str]:
        """Yield the script in parts, with all COPY data and ended so that another may follow.

        ``changes`` are made in it; COPY data that is not in memory passes through ``on_data``. Raises FileFault where
        a large file was changed meanwhile.
        """
        parts = self.step.sql.parts(changes, on_data)
        # What is blank at the beginning may be the place of another section of the file.
        yield next(parts).lstrip()
        yield from parts
        yield self.script.terminator


class DownScripts(StrEnum):
    """Whether the down scripts of migrations are checked, too."""

    CHECKED = auto()
    SKIPPED = auto()


def check_all(steps: Iterable[Step], down_scripts: DownScripts = DownScripts.CHECKED) -> tuple[CheckedStep, ...]:
    """Read the scripts of steps, and their down scripts. Raises FileFault for all faults in them."""
    checked: list[CheckedStep] = []
    faults: list[FileFault] = []
    for step in steps:
        try:
            checked.append(check(step, down_scripts))
        except FileFault as fault:
            faults.append(fault)
    raise_faults(faults)
    return tuple(checked)


def check(step: Step, down_scripts: DownScripts = DownScripts.CHECKED) -> CheckedStep:
    """Read a step's script, and its down script. Raises FileFault for all faults; runs nothing."""
    faults: list[FileFault] = []
    try:
        checked = _check_script(step)
    except FileFault as fault:
        faults.append(fault)
    if down_scripts is DownScripts.CHECKED:
        faults.extend(_down_faults(step))
    raise_faults(faults)
    return checked


def _down_faults(step: Step) -> Iterator[FileFault]:
    if step.down_fault:
        yield step.down_fault
    if (down := step.down) is None:
        return
    try:
        directives = parse_directives(str(down.path), down.text)
        # Another tool's file may say so outside its section.
        transactional = directives.transactional and down.directives.transactional
        directives = replace(directives, transactional=transactional)
        read_script(str(down.path), down.text, directives, down.gaps, undoes=True)
    except FileFault as fault:
        yield fault


def _check_script(step: Step) -> CheckedStep:
    directives = step.sql.directives
    undoes = step.direction is Direction.DOWN
    script = read_script(step.source, step.sql.text, directives, step.sql.gaps, undoes=undoes)
    modes, said = modes_set(script) if directives.transactional else (DEFAULT, ())
    if said:
        # The transaction begins so: the tool's own query, which comes before the script, would make it too late.
        directives = replace(directives, modes=modes)
    return CheckedStep(step, script, directives).without(said)


def for_server(checked: CheckedStep, server_version: int) -> CheckedStep:
    """Return the step without the settings of a dump that an older server would refuse."""
    return checked.without(unknown_settings(checked.script, server_version))


def read_script(
    file: str, text: str, directives: Directives, gaps: tuple[Gap, ...] = (), *, undoes: bool = False
) -> Script:
    """Scan a script that is about to run, and refuse what could not run as its header says.

    ``gaps`` are those of the text; ``undoes``: it is a down script. Raises FileFault with the position of each fault.
    """
    script = scan(text) if len(text) < _LONG else _scan_long(text)
    in_transaction = _transaction_faults if directives.transactional else _no_transaction_faults
    faults = [
        *_command_faults(script),
        *_copy_faults(script),
        *in_transaction(script),
        *_directive_faults(script),
        *_history_faults(script),
        *_marker_faults(script, undoes=undoes),
    ]
    raise_faults(
        [
            FileFault(message, hint=hint, location=Location(file, *position(text, offset, gaps)))
            for offset, message, hint in sorted(faults)
        ]
    )
    return script


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
            yield statement.start, "COPY … TO stdout has no reader here", "Remove it."


def _transaction_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for statement in script.statements:
        if Trait.ENDS_TRANSACTION in statement.traits:
            yield (
                statement.start,
                f"{statement.words[0]} would break the transaction that the migration runs in",
                _TRANSACTION,
            )
        elif Trait.NEEDS_NO_TRANSACTION in statement.traits:
            yield (
                statement.start,
                f"{statement.label} cannot run in a transaction, and the migration is one",
                "Write `-- fowergram: no-transaction` at the top of the file: its statements then run one by one.",
            )


def _no_transaction_faults(script: Script) -> Iterator[tuple[int, str, str]]:
    for statement in script.statements:
        text = script.text[statement.start : statement.end]
        if Trait.ENDS_TRANSACTION in statement.traits:
            yield (
                statement.start,
                f"{statement.words[0]} has no place in a file without a transaction",
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
        yield offset, f"{line!r} reads as the beginning of a section, and no section is known by it", _SECTIONS
