"""Refuse, before anything runs, what could not run as a migration. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import TYPE_CHECKING

from fowergram_db import __version__
from fowergram_db.errors import FileFault, raise_faults
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.files.every_fault import down_faults
from fowergram_db.migrations.files.script_faults import read_script
from fowergram_db.migrations.files.sections import blank
from fowergram_db.migrations.files.sql_file import OnData
from fowergram_db.migrations.history_sql import values_of
from fowergram_db.migrations.plan import Direction, Step
from fowergram_db.migrations.script.dump_settings import unknown_settings
from fowergram_db.migrations.script.modes import DEFAULT, modes_set
from fowergram_db.migrations.script.scanner import Script, Statement

if TYPE_CHECKING:
    from fowergram_db.redaction.psql_variables import Change


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step with its scanned script and what the header of the script says.

    If a database is built next to others, statements may be left out of the script; some run after it in another form
    (``statements_after``); ``recorded_statements`` is how many there were.
    """

    step: Step
    script: Script
    directives: Directives
    statements_after: tuple[str, ...] = ()
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
        faults.extend(down_faults(step.down, step.down_fault))
    raise_faults(faults)
    return checked


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
