"""Group the steps of a run by how they are sent to the server. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, auto

from fowergram_db.lexer import holds_statement
from fowergram_db.migrations.engine.checks import CheckedStep
from fowergram_db.migrations.events import Notice, StepStarted
from fowergram_db.migrations.plan import Direction
from fowergram_db.migrations.script.modes import DEFAULT
from fowergram_db.migrations.script.scanner import Script, scan

LARGEST_BATCH = 32
_MOST_CHARACTERS = 16_384
SCRIPT_END = "\n;"
"""What ends a script in a batch: the break ends a comment, the semicolon a statement; one too many changes nothing."""


class TransactionScope(StrEnum):
    """What one transaction holds: one migration, or the whole run."""

    PER_MIGRATION = auto()
    WHOLE_RUN = auto()


class GroupKind(StrEnum):
    """How a group runs; each kind is a module of the engine.

    BATCH: small steps in one query, each in its own transaction. TRANSACTION: one step in its own transaction, or all
    steps of the run in one. NO_TRANSACTION: one step, statement by statement.
    """

    BATCH = auto()
    TRANSACTION = auto()
    NO_TRANSACTION = auto()


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that are sent together.

    ``first`` is the number of the first of them, from 1, of ``total`` in the run. ``waits_for_disk``: its last commit
    does; those before it are then safe from a crash of the server, too.
    """

    kind: GroupKind
    steps: tuple[CheckedStep, ...]
    first: int
    total: int
    waits_for_disk: bool

    def started(self, index: int) -> tuple[StepStarted | Notice, ...]:
        """Return the events to report when the step of this index begins."""
        step = self.steps[index].step
        begun = StepStarted(step, self.first + index, self.total)
        if holds_statement(self.steps[index].script.text):
            return (begun,)
        return (begun, Notice("WARNING", f"{step.filename} contains no statement: it is recorded, and nothing is run"))

    def part(self, begin: int, end: int, kind: GroupKind) -> "Group":
        """Return a part of it, as a group of another kind."""
        waits_for_disk = self.waits_for_disk and end == len(self.steps)
        return replace(
            self, kind=kind, steps=self.steps[begin:end], first=self.first + begin, waits_for_disk=waits_for_disk
        )


def group_steps(
    steps: Sequence[CheckedStep],
    transaction_scope: TransactionScope = TransactionScope.PER_MIGRATION,
    largest_batch: int = LARGEST_BATCH,
) -> Iterator[Group]:
    """Yield the groups that steps run in, in their order; each step is in one of them.

    At most ``largest_batch`` steps share a query; 1 = none do.

    >>> from pathlib import Path
    >>> from fowergram_db.migrations.engine.checks import check
    >>> from fowergram_db.migrations.files.directives import parse_directives
    >>> from fowergram_db.migrations.files.sql_file import SqlFile
    >>> from fowergram_db.migrations.plan import Step
    >>> def step(text):
    ...     file = SqlFile(Path("1_a.sql"), text, parse_directives("1_a.sql", text))
    ...     return check(Step(Direction.UP, 1, "a", "1_a.sql", "1_a.sql", file))
    >>> small, code = step("CREATE TABLE a (id int)"), step("SELECT f()")
    >>> [(str(group.kind), len(group.steps)) for group in group_steps([small, small, code, small])]
    [('batch', 2), ('transaction', 1), ('transaction', 1)]
    """
    begin, total = 0, len(steps)
    while begin < total:
        if transaction_scope is TransactionScope.WHOLE_RUN:
            kind, end = GroupKind.TRANSACTION, total
        elif not steps[begin].directives.transactional:
            kind, end = GroupKind.NO_TRANSACTION, begin + 1
        elif (size := _batch_size(steps[begin : begin + largest_batch])) > 1:
            kind, end = GroupKind.BATCH, begin + size
        else:
            kind, end = GroupKind.TRANSACTION, begin + 1
        is_last = end == total or not steps[end].directives.transactional
        yield Group(kind, tuple(steps[begin:end]), begin + 1, total, waits_for_disk=is_last)
        begin = end


def _batch_size(steps: Sequence[CheckedStep]) -> int:
    """Return how many of the first steps may share a query."""
    characters = 0
    for number, checked in enumerate(steps):
        characters += len(checked.script.text) + (len(checked.step.down.text) if checked.step.down else 0)
        if characters > _MOST_CHARACTERS or not _may_share_a_query(checked):
            return number
    return len(steps)


def _may_share_a_query(checked: CheckedStep) -> bool:
    """Return whether a script only defines things and runs no code: it is short, and changes no settings."""
    down = checked.step.down
    has_large_down = down is not None and bool(down.gaps)
    is_simple = checked.step.direction is Direction.UP and not checked.script.runs_code and not checked.statements_after
    is_default = checked.directives.transactional and checked.directives.modes == DEFAULT
    return is_simple and is_default and not has_large_down and _is_closed(checked.script)


def _is_closed(script: Script) -> bool:
    """Return whether no comment, string or parenthesis is open at the end of a script, and so includes what follows.

    An open one would include the row and the COMMIT, and end in the next script.

    >>> _is_closed(scan("CREATE TABLE a (id int)")), _is_closed(scan("CREATE TABLE a (id int); /* to do"))
    (True, False)
    """
    end = f"{script.text[script.complete_until :]}{SCRIPT_END}"
    return scan(end).complete_until == len(end)
