"""Leave out the transactions that a script begins by itself, if its tool begins none. Pure.

Every migration is one transaction already. A statement that cannot be left out without a change of meaning stays, and
the checks refuse it with its place.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fowergram_db.lexer import PSQL_ONLY, WORD, statement_start, words
from fowergram_db.migrations.files.directives import header_end, parse_directives
from fowergram_db.migrations.files.sections import blank
from fowergram_db.migrations.files.sql_file import SqlFile
from fowergram_db.migrations.script.modes import DEFAULT, Modes, modes_in

if TYPE_CHECKING:
    from fowergram_db.migrations.script.statements import Script, Statement

# Cheaper than a scan: the body of a function has no such statement, except the BEGIN of a block without declarations.
_MAY_BEGIN = re.compile(
    r"\b(?:begin|start)\b(?:[\s,]|/\*(?>[^*]|\*(?!/))*+\*/|--[^\n]*|\b(?:work|transaction|isolation|level|read|only|write|committed|"
    r"uncommitted|repeatable|serializable|not|deferrable)\b)*+(?:;|/\*)",
    re.IGNORECASE,
)
# Every statement that cannot run in a transaction contains one of these.
_MAY_RUN_ALONE = ("concurrently", "vacuum", "reindex", "system", "database", "tablespace", "discard")
_SEMICOLON = re.compile(r"(?>\s|--[^\n]*\n|/\*(?>[^*]|\*(?!/))*+\*/)*+;")
_COMMIT = re.compile(r"(?:commit|end)(?: (?:work|transaction))?(?: and no chain)?")
_LOCAL = re.compile(r"set (?:local|transaction|constraints)\b|declare (?!.*\bwith hold\b)|create .*\bon commit\b")
_BEGINS = frozenset(("BEGIN", "START"))
_EDGES = frozenset(("BEGIN", "START", "COMMIT", "END"))
_CODE = ("SELECT", "DO", "CALL", "WITH", "PERFORM")
_LOCAL_IN_CODE = re.compile(r"\bset_config\s*\(|\bset\s+(?:local|constraints)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Block:
    """A transaction that a script begins and commits; ``begin`` and ``commit`` are indexes of statements."""

    begin: int
    commit: int
    modes: Modes


def does_something(text: str) -> bool:
    r"""Return whether a script holds a statement other than those that begin and end a transaction.

    >>> does_something("BEGIN;\n-- to be written\nCOMMIT;"), does_something("COMMIT;"), does_something("-- nothing")
    (False, True, False)
    """
    start = statement_start(text)
    first = WORD.match(text, start)
    if first is None or first[0].upper() not in _BEGINS:
        return start < len(text)
    from fowergram_db.migrations.script.scanner import Trait, scan

    script = scan(text)
    return not (
        all(Trait.ENDS_TRANSACTION in statement.traits for statement in script.statements)
        and all(PSQL_ONLY.fullmatch(text, *command) for command in script.commands)
    )


def as_sent(file: SqlFile) -> SqlFile:
    """Return a file of a tool that sends it unchanged: it runs in one transaction, or in none."""
    return alone(without_transactions(file))


def alone(file: SqlFile) -> SqlFile:
    """Return a file as one that runs without a transaction, if none of its statements can run in one."""
    lowered = file.text.lower()
    if not file.directives.transactional or not any(word in lowered for word in _MAY_RUN_ALONE):
        return file
    from fowergram_db.migrations.script.scanner import Trait, scan

    statements = scan(file.text).statements
    if not statements or not all(Trait.NEEDS_NO_TRANSACTION in statement.traits for statement in statements):
        return file
    return replace(file, directives=replace(file.directives, transactional=False))


def without_transactions(file: SqlFile) -> SqlFile:
    """Return a file with spaces for each BEGIN and its COMMIT; it then runs in the one transaction of its migration.

    A file stays as it is if its header says that it runs without a transaction, or if one of its statements cannot
    run in one.
    """
    lowered = file.text.lower()  # searched before the pattern, which takes longer
    if ("begin" not in lowered and "start" not in lowered) or not _MAY_BEGIN.search(file.text):
        return file
    said = parse_directives(str(file.path), file.text[: header_end(file.text)])
    if not said.transactional:
        return file
    from fowergram_db.migrations.script.scanner import Trait, scan

    script = scan(file.text)
    blocks = tuple(_blocks(script))
    if not blocks or any(Trait.NEEDS_NO_TRANSACTION in statement.traits for statement in script.statements):
        return file
    modes = _modes_of_all(script, blocks)
    text = file.text
    for block in blocks:
        if modes is not None:
            text = _without(text, script.statements[block.begin])
        if not _reaches_beyond(script, block):
            text = _without(text, script.statements[block.commit])
    directives = replace(file.directives, transactional=True, modes=modes or DEFAULT)
    return replace(file, text=text, directives=directives)


def _blocks(script: "Script") -> Iterator[_Block]:
    """Yield the transactions; a BEGIN without a COMMIT, or the reverse, makes none."""
    begin: tuple[int, Modes] | None = None
    for number, statement in enumerate(script.statements):
        if not _EDGES.intersection(statement.words[:1]):
            continue
        said = words(script.text[statement.start : statement.end])
        if begin is None and (modes := modes_in(said)) is not None:
            begin = number, modes
        elif begin is not None and _COMMIT.fullmatch(said):
            yield _Block(begin[0], number, begin[1])
            begin = None


def _modes_of_all(script: "Script", blocks: tuple[_Block, ...]) -> Modes | None:
    """Return the modes that all transactions have, None if they cannot be the modes of one transaction."""
    modes = {block.modes for block in blocks}
    if len(modes) > 1:
        return None
    found = modes.pop()
    inside = sum(block.commit - block.begin + 1 for block in blocks)
    return None if found.read_only and inside < len(script.statements) else found


def _reaches_beyond(script: "Script", block: _Block) -> bool:
    """Return whether something ends with this transaction that, without its COMMIT, would affect statements below."""
    after = script.statements[block.commit + 1 :]
    return bool(after) and any(_is_local(script, s) for s in script.statements[block.begin + 1 : block.commit])


def _is_local(script: "Script", statement: "Statement") -> bool:
    first = statement.words[0] if statement.words else ""
    if first in _CODE:
        return bool(_LOCAL_IN_CODE.search(script.text, statement.start, statement.end))
    text = script.text[statement.start : statement.end]
    return first in ("SET", "DECLARE", "CREATE") and bool(_LOCAL.match(words(text)))


def _without(text: str, statement: "Statement") -> str:
    semicolon = _SEMICOLON.match(text, statement.end)
    end = semicolon.end() if semicolon else statement.end
    return text[: statement.start] + blank(text[statement.start : end]) + text[end:]
