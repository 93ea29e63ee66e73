"""Find the statements that are about the whole server, not about the database that they run in. Pure.

Roles, databases, tablespaces, subscriptions and the server's configuration are shared by all databases of a server. A
statement that a function or a DO block builds is not found here: see ``engine/server_guard.py``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, auto

from fowergram_db.migrations.script.statements import Script, Statement
from fowergram_db.redaction.lexemes import Lexeme, LexemeKind, lexemes

_LONGEST_NAME_BYTES = 63
_ROLE = frozenset(("role", "user", "group"))
_SHARED = frozenset(("database", "tablespace", "system", "subscription"))
_FIRST = frozenset(("CREATE", "ALTER", "DROP", "COMMENT", "GRANT", "REVOKE", "SECURITY", "SELECT"))
_SECOND = frozenset(word.upper() for word in (*_ROLE, *_SHARED))
_FUNCTIONS = re.compile(
    r"\b(?:pg_(?:create|copy|drop)_(?:physical_|logical_)?replication_slot|pg_replication_origin_(?:create|drop|advance)"
    r"|pg_(?:terminate|cancel)_backend|pg_reload_conf|pg_rotate_logfile|pg_promote|pg_switch_wal"
    r"|pg_create_restore_point|pg_stat_reset_(?:shared|slru|replication_slot))\s*\(",
    re.IGNORECASE,
)
_CURRENT = frozenset(("current_role", "current_user", "session_user"))
_NO_NAMES = frozenset(("all", "public"))


class Concern(StrEnum):
    """What a statement is about: a role that it creates, roles that it changes, databases, or anything else."""

    NEW_ROLE = auto()
    ROLES = auto()
    DATABASES = auto()
    SERVER = auto()


@dataclass(frozen=True, slots=True)
class Named:
    """A name as the server stores it, "" for the current role, and where it is in the script."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ServerWide:
    """A statement about the whole server.

    ``names`` are the roles, or the databases, that it changes; empty if it does not name them. ``granted`` are the
    roles that GRANT makes them members of.
    """

    statement: Statement
    concern: Concern
    names: tuple[Named, ...] = ()
    granted: tuple[Named, ...] = ()

    @property
    def label(self) -> str:
        """Name the statement by its command: ALTER SYSTEM, GRANT."""
        words = self.statement.words
        return " ".join(words[: 1 if words[0] in {"GRANT", "REVOKE", "SELECT"} else 2])


def server_wide(script: Script) -> tuple[ServerWide, ...]:
    """Return the statements of a script that are about the whole server, in order.

    >>> from fowergram_db.migrations.script.scanner import scan
    >>> text = "CREATE TABLE t (); ALTER ROLE App SET work_mem = '4MB'; GRANT a TO b, c; GRANT SELECT ON t TO a"
    >>> [(found.concern.value, [role.name for role in found.names]) for found in server_wide(scan(text))]
    [('roles', ['app']), ('roles', ['b', 'c'])]
    """
    found = (_read(script, statement) for statement in script.statements if _may_be(statement))
    return tuple(each for each in found if each)


def hidden_calls(script: Script) -> tuple[Statement, ...]:
    """Return the DO blocks that call a function for the whole server: a rollback does not revert what it does."""
    return tuple(s for s in script.statements if s.words[0] == "DO" and _FUNCTIONS.search(script.text[s.start : s.end]))


def _may_be(statement: Statement) -> bool:
    first, second = statement.words[0], statement.words[1:2]
    if first in {"CREATE", "ALTER", "DROP"}:
        return not second or second[0] in _SECOND
    return first in _FIRST


def _read(script: Script, statement: Statement) -> ServerWide | None:
    text = script.text[statement.start : statement.end]
    first = statement.words[0]
    if first == "SELECT":
        return ServerWide(statement, Concern.SERVER) if _FUNCTIONS.search(text) else None
    tokens = lexemes(text).tokens
    reader = _StatementReader(tokens, text, statement.start)
    reader.at = 1
    if first in {"COMMENT", "SECURITY"}:
        concern, names = _remark(reader)
    elif first in {"GRANT", "REVOKE"}:
        concern, names = _grant(reader)
    else:
        concern, names = _definition(reader, first)
    granted = _granted(tokens, text) if first == "GRANT" and concern is Concern.ROLES else ()
    return ServerWide(statement, concern, names, granted) if concern else None


def _granted(tokens: Sequence[Lexeme], text: str) -> tuple[Named, ...]:
    reader = _StatementReader(tokens, text, 0)
    reader.at = 1
    return reader.names()


_Read = tuple["Concern | None", "tuple[Named, ...]"]


def _definition(reader: "_StatementReader", verb: str) -> _Read:
    kind = reader.word()
    if kind in _ROLE and reader.peek() != "mapping":
        return _role(reader, verb)
    if kind == "database" and verb == "ALTER":
        names = reader.names()
        is_setting = reader.peek() == "reset" or (reader.peek() == "set" and reader.peek(1) != "tablespace")
        return (Concern.DATABASES, names) if is_setting else (Concern.SERVER, ())
    return (Concern.SERVER, ()) if kind in _SHARED else (None, ())


def _role(reader: "_StatementReader", verb: str) -> _Read:
    if reader.peek() == "if":
        reader.at += 2
    names = reader.names()
    if verb == "CREATE":
        return Concern.NEW_ROLE, names
    if verb == "ALTER" and [reader.peek(), reader.peek(1)] == ["in", "database"]:
        reader.at += 2
        return Concern.DATABASES, reader.names()
    if verb == "ALTER" and reader.peek() in {"add", "drop"} and reader.peek(1) == "user":  # ALTER GROUP
        reader.at += 2
        return Concern.ROLES, reader.names()
    if verb == "ALTER" and [reader.peek(), reader.peek(1)] == ["rename", "to"]:
        reader.at += 2
        return Concern.ROLES, (*names, *reader.names())
    return Concern.ROLES, names


def _remark(reader: "_StatementReader") -> _Read:
    """Read COMMENT ON, or SECURITY LABEL … ON."""
    reader.skip_past("on")
    kind = reader.word()
    if kind == "role":
        return Concern.ROLES, reader.names()
    return (Concern.SERVER, ()) if kind in _SHARED else (None, ())


def _grant(reader: "_StatementReader") -> _Read:
    """Read GRANT or REVOKE: of a role if no ON comes before the TO or FROM, else on an object."""
    while (word := reader.word()) not in {"", "on", "to", "from"}:
        pass
    if word in {"to", "from"}:
        if reader.peek() in _ROLE:
            reader.at += 1
        return Concern.ROLES, reader.names()
    kind = reader.word() if word == "on" else ""
    if kind == "database":
        return Concern.DATABASES, reader.names()
    return (Concern.SERVER, ()) if kind in {"tablespace", "parameter"} else (None, ())


class _StatementReader:
    """Reads the tokens of a statement, except those in parentheses."""

    def __init__(self, tokens: Sequence[Lexeme], text: str, start: int) -> None:
        self.tokens: list[Lexeme] = []
        depth = 0
        for token in tokens:
            depth += token.value == "(" and token.kind is LexemeKind.OTHER
            if depth == 0:
                self.tokens.append(token)
            depth -= token.value == ")" and token.kind is LexemeKind.OTHER
        self.text = text
        self.start = start
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        """Return the next word, or the one ``ahead`` tokens later; "" if there is none, and for a quoted name."""
        at = self.at + ahead
        return self.tokens[at].value if at < len(self.tokens) and self.tokens[at].kind is LexemeKind.WORD else ""

    def word(self) -> str:
        """Step over a token and return its word; "" at the end, "?" if the token is no word."""
        if self.at >= len(self.tokens):
            return ""
        self.at += 1
        return self.peek(-1) or "?"

    def skip_past(self, word: str) -> None:
        while self.word() not in {"", word}:
            pass

    def names(self) -> tuple[Named, ...]:
        """Step over names with commas between them and return them; () if one of them cannot be known."""
        found: list[Named] = []
        is_known = True
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind not in (LexemeKind.WORD, LexemeKind.NAME):
                is_known = False
                break
            is_plain = token.kind is LexemeKind.WORD or self.text[token.start] == '"'
            is_known &= is_plain and not (token.kind is LexemeKind.WORD and token.value in _NO_NAMES)
            name = token.value.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore")
            if token.kind is LexemeKind.WORD and name in _CURRENT:
                name = ""
            found.append(Named(name, self.start + token.start, self.start + token.end))
            self.at += 1
            if self.at >= len(self.tokens) or self.tokens[self.at].value != ",":
                break
            self.at += 1
        return tuple(found) if is_known else ()
