"""Read what a script says about its transaction: isolation level, read only, deferrable. Pure."""

import re
from dataclasses import dataclass

from fowergram_db.lexer import words
from fowergram_db.migrations.script.statements import Script, Statement

_LEVEL = r"isolation level (?P<level>serializable|repeatable read|read committed|read uncommitted)"
_MODE = rf"(?: (?:{_LEVEL}|(?P<access>read (?:only|write))|(?P<deferrable>(?:not )?deferrable)))"
_MODES = re.compile(_MODE)
_BEGIN = re.compile(rf"(?:begin(?: work| transaction)?|start transaction)(?P<modes>{_MODE.replace('?P<', '?P<_')}*)")
_SET = re.compile(rf"set (?:local )?transaction(?P<modes>{_MODE.replace('?P<', '?P<_')}+)")
_SETTINGS = ("SET", "RESET")


@dataclass(frozen=True, slots=True)
class Modes:
    """How a transaction runs; ``isolation`` is "" for READ COMMITTED."""

    isolation: str = ""
    read_only: bool = False
    deferrable: bool = False


DEFAULT = Modes()


def modes_in(said: str) -> Modes | None:
    """Return the modes that a statement sets as it begins a transaction, None for any other; ``said`` is in lower case.

    >>> modes_in("begin isolation level serializable read only")
    Modes(isolation='SERIALIZABLE', read_only=True, deferrable=False)
    >>> modes_in("start transaction"), modes_in("begin atomic")
    (Modes(isolation='', read_only=False, deferrable=False), None)
    """
    match = _BEGIN.fullmatch(said)
    return _read(match["modes"], DEFAULT) if match else None


def modes_set(script: Script) -> tuple[Modes, tuple[Statement, ...]]:
    """Return the modes that a script sets before any statement but SET and RESET, and the statements that set them.

    >>> from fowergram_db.migrations.script.scanner import scan
    >>> modes_set(scan("SET lock_timeout = 0; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1"))[0].isolation
    'REPEATABLE READ'
    """
    modes, found = DEFAULT, []
    for statement in script.statements:
        if not statement.words or statement.words[0] not in _SETTINGS:
            break
        match = _SET.fullmatch(words(script.text[statement.start : statement.end]))
        if match:
            modes = _read(match["modes"], modes)
            found.append(statement)
    return modes, tuple(found)


def _read(text: str, modes: Modes) -> Modes:
    isolation, read_only, deferrable = modes.isolation, modes.read_only, modes.deferrable
    for match in _MODES.finditer(text):
        if match["level"]:
            isolation = "" if match["level"].startswith("read") else match["level"].upper()
        elif match["access"]:
            read_only = match["access"] == "read only"
        else:
            deferrable = match["deferrable"] == "deferrable"
    return Modes(isolation, read_only, deferrable)
