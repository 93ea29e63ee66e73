"""Cut an SQL script into statements, as PostgreSQL's own lexer would. Pure.

Nothing is executed by what is found here alone: the server splits a transactional file itself. The
statements give numbers and labels to errors, and show what must not be in a file.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum, auto
from itertools import takewhile

# Repeats are possessive, so that no text is looked at twice, and repeat atomic groups, since Python before 3.11.5
# matches a possessive repeat of others wrongly.
# PostgreSQL takes every character beyond ASCII as part of an identifier, and only these as space.
_IDENTIFIER = r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*"
_SIMPLE_STRING = r"(?<![eE])'(?>[^']|'')*+'"
_NUMBER = "[0-9][A-Za-z0-9_.]*"
_OTHER = r"""[^A-Za-z0-9_\x80-\U0010ffff'"$\-/\\();]"""
_FLAT = f"{_IDENTIFIER}|{_NUMBER}|{_OTHER}|{_SIMPLE_STRING}"
# Everything that cannot end a statement, taken in one step: tokens, and parentheses around only such tokens.
_PLAIN = re.compile(rf"(?>{_FLAT}|\((?>{_FLAT})*+\))++")
_WORD = re.compile(_IDENTIFIER)
_SPACE = re.compile(r"[ \t\n\r\f\v]+")
_LINE_COMMENT = re.compile(r"--[^\n\r]*")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_STRING = re.compile(r"(?>[^']|'')*+'")
_ESCAPE_STRING = re.compile(r"(?>[^'\\]|''|\\.)*+'", re.DOTALL)
_CONTINUED = re.compile(r"(?>[ \t\f\v]|--[^\n\r]*)*+[\n\r](?>[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*+'")
_QUOTED = re.compile(r'(?>[^"]|"")*+"')
_DOLLAR = re.compile(r"\$(?:[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_\x80-\U0010ffff]*)?\$")
_END_OF_DATA = re.compile(r"^\\\.$", re.MULTILINE)
_IDENTIFIER_CHARACTER = re.compile(r"[A-Za-z0-9_$\x80-\U0010ffff]")

_MOST_WORDS = 5
_LABEL_WORDS = frozenset(
    "AGGREGATE ALTER CAST CLASS COLLATION COLUMN COMMENT CONFIGURATION CONSTRAINT CONVERSION CREATE "
    "DATABASE DEFAULT DELETE DICTIONARY DOMAIN DROP EVENT EXTENSION FAMILY FOREIGN FROM FUNCTION INDEX "
    "INSERT INTO LANGUAGE MATERIALIZED METHOD ON OPERATOR OR POLICY PRIVILEGES PROCEDURE PUBLICATION "
    "REPLACE ROLE RULE SCHEMA SEARCH SEQUENCE SERVER STATISTICS SUBSCRIPTION TABLE TABLESPACE TEMP "
    "TEMPORARY TEXT TRANSFORM TRIGGER TYPE UNIQUE UNLOGGED USER VIEW ".split()
)
_TRANSACTION_WORDS = frozenset(("ABORT", "BEGIN", "COMMIT", "END", "ROLLBACK"))
_TRANSACTION_PAIRS = frozenset((("START", "TRANSACTION"), ("PREPARE", "TRANSACTION")))
_CLIENT = frozenset(("STDIN", "STDOUT"))


class Trait(StrEnum):
    """What sets a statement apart from those that can simply be sent."""

    ENDS_TRANSACTION = auto()
    COPIES_FROM_CLIENT = auto()
    COPIES_TO_CLIENT = auto()


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: ``text[start:end]``, its semicolon and surrounding comments left out.

    ``words`` are its first keywords, upper case, for labels. Offsets are 0-based characters.
    """

    start: int
    end: int
    words: tuple[str, ...]
    traits: frozenset[Trait] = frozenset()

    @property
    def label(self) -> str:
        """Name the statement by its command.

        >>> Statement(0, 9, ("CREATE", "UNIQUE", "INDEX", "X", "ON")).label
        'CREATE UNIQUE INDEX'
        """
        rest = takewhile(_LABEL_WORDS.__contains__, self.words[1:])
        return " ".join((*self.words[:1], *rest))


@dataclass(frozen=True, slots=True)
class Script:
    """A scanned script.

    ``data`` are the blocks of COPY data, ``commands`` the meta-commands of psql, ``comments`` the comments, all
    as (start, end) in order.
    """

    text: str
    statements: tuple[Statement, ...]
    data: tuple[tuple[int, int], ...] = ()
    commands: tuple[tuple[int, int], ...] = ()
    comments: tuple[tuple[int, int], ...] = ()

    def number_at(self, offset: int) -> int:
        """Return the 1-based number of the statement that an offset lies in or after; 0 with none.

        >>> script = scan("SELECT 1; SELECT 2;")
        >>> script.number_at(0), script.number_at(12)
        (1, 2)
        """
        return bisect_left(self.statements, offset + 1, key=lambda statement: statement.start)


def position(text: str, offset: int) -> tuple[int, int]:
    r"""Return the 1-based line and column (in characters) of an offset.

    >>> position("SELECT 1;\n  ผิด", 12)
    (2, 3)
    """
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def scan(text: str) -> Script:
    r"""Cut a script into its statements.

    >>> text = "/* ; */ SELECT ';' -- ;\n;;SELECT $a$;$a$"
    >>> [text[statement.start : statement.end] for statement in scan(text).statements]
    ["SELECT ';'", 'SELECT $a$;$a$']
    """
    return _Scanner(text).scan()


class _Scanner:
    """One pass over the text; ``at`` is where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.statements: list[Statement] = []
        self.data: list[tuple[int, int]] = []
        self.commands: list[tuple[int, int]] = []
        self.comments: list[tuple[int, int]] = []
        self._begin_statement()

    def _begin_statement(self) -> None:
        self.start: int | None = None
        self.end = self.at
        self.words: list[str] = []
        self.traits: set[Trait] = set()
        self.previous = ""
        self.parentheses = 0
        self.body = 0
        self.reads_words = True

    def scan(self) -> Script:
        while self.at < len(self.text):
            if space := _SPACE.match(self.text, self.at):
                self.at = space.end()
            elif not self._comment():
                self._token()
        self._end_statement()
        return Script(self.text, tuple(self.statements), tuple(self.data), tuple(self.commands), tuple(self.comments))

    def _comment(self) -> bool:
        begin = self.at
        if line := _LINE_COMMENT.match(self.text, begin):
            self.at = line.end()
        elif self.text.startswith("/*", begin):
            self.at = self._end_of_block_comment()
        else:
            return False
        self.comments.append((begin, self.at))
        return True

    def _end_of_block_comment(self) -> int:
        depth = 0
        for edge in _COMMENT_EDGE.finditer(self.text, self.at):
            depth += 1 if edge[0] == "/*" else -1
            if depth == 0:
                return edge.end()
        return len(self.text)

    def _token(self) -> None:
        """Take one token, or a run of tokens none of which can matter."""
        character = self.text[self.at]
        if character == ";" and self.parentheses <= 0 and self.body == 0:
            self._semicolon()
            return
        if character == "\\":
            self._meta_command()
            return
        if self.start is None:
            self.start = self.at
        if character == "'":
            self._string()
        elif character == '"':
            self._skip_to(_QUOTED.match(self.text, self.at + 1))
            self.previous = ""
        elif character == "$":
            self._dollar()
        elif self.reads_words and (word := _WORD.match(self.text, self.at)):
            self._word(word)
        elif not self.reads_words and (plain := _PLAIN.match(self.text, self.at)):
            self.at = plain.end()
        else:
            self.parentheses += {"(": 1, ")": -1}.get(character, 0)
            self.previous = character
            self.at += 1
        self.end = self.at

    def _skip_to(self, match: re.Match[str] | None) -> None:
        """Move behind a closing quote; an unclosed one swallows the rest, as it does for the server."""
        self.at = match.end() if match else len(self.text)

    def _string(self) -> None:
        prefixed = self.at > 0 and self.text[self.at - 1] in "eE"
        if prefixed and not (self.at > 1 and _IDENTIFIER_CHARACTER.match(self.text, self.at - 2)):
            self._skip_to(_ESCAPE_STRING.match(self.text, self.at + 1))
            # A string goes on after a line break, and keeps its kind.
            while more := _CONTINUED.match(self.text, self.at):
                self._skip_to(_ESCAPE_STRING.match(self.text, more.end()))
        else:
            self._skip_to(_STRING.match(self.text, self.at + 1))

    def _dollar(self) -> None:
        if tag := _DOLLAR.match(self.text, self.at):
            end = self.text.find(tag[0], tag.end())
            self.at = len(self.text) if end < 0 else end + len(tag[0])
        else:
            self.at += 1

    def _word(self, match: re.Match[str]) -> None:
        word, before = match[0].upper(), self.previous
        self.at = match.end()
        if len(self.words) < _MOST_WORDS:
            self.words.append(word)
        self._look_for_body(word, before)
        self._look_for_copy(word, before)
        self.previous = word
        self.reads_words = len(self.words) < _MOST_WORDS or self._has_body() or self.words[0] == "COPY"

    def _has_body(self) -> bool:
        first, *rest = self.words
        return first == "CREATE" and not {"FUNCTION", "PROCEDURE"}.isdisjoint(rest[:3])

    def _look_for_body(self, word: str, before: str) -> None:
        """Follow BEGIN ATOMIC … END, in which semicolons do not end the statement."""
        if self.parentheses > 0:
            return
        if word == "ATOMIC" and before == "BEGIN" and self._has_body():
            self.body += 1
        elif self.body and before not in ("AS", "."):
            self.body += {"CASE": 1, "END": -1}.get(word, 0)

    def _look_for_copy(self, word: str, before: str) -> None:
        if self.words[0] == "COPY" and word in _CLIENT and self.parentheses == 0:
            if before == "FROM":
                self.traits.add(Trait.COPIES_FROM_CLIENT)
            elif before == "TO":
                self.traits.add(Trait.COPIES_TO_CLIENT)

    def _semicolon(self) -> None:
        self.at += 1
        copies = Trait.COPIES_FROM_CLIENT in self.traits
        self._end_statement()
        if copies:
            self._copy_data()

    def _copy_data(self) -> None:
        """Step over a block of COPY data: from the next line to a line that is only a backslash and a dot."""
        begin = self.text.find("\n", self.at) + 1 or len(self.text)
        end = _END_OF_DATA.search(self.text, begin)
        self.data.append((begin, end.start() if end else len(self.text)))
        self.at = end.end() if end else len(self.text)
        self._begin_statement()

    def _meta_command(self) -> None:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        self.commands.append((self.at, end))
        self.at = end

    def _end_statement(self) -> None:
        if self.start is not None:
            end = self.start + len(self.text[self.start : self.end].rstrip(" \t\n\r\f\v"))
            if _ends_transaction(self.words):
                self.traits.add(Trait.ENDS_TRANSACTION)
            statement = Statement(self.start, end, tuple(self.words), frozenset(self.traits))
            self.statements.append(statement)
        self._begin_statement()


def _ends_transaction(words: list[str]) -> bool:
    """Tell whether a statement would end or begin the transaction; ROLLBACK TO SAVEPOINT does not."""
    if not words or (words[0] == "ROLLBACK" and "TO" in words[1:3]):
        return False
    return words[0] in _TRANSACTION_WORDS or tuple(words[:2]) in _TRANSACTION_PAIRS
