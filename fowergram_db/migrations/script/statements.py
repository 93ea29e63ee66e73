"""Describe the statements and pieces that a script is split into. Pure."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, takewhile

from fowergram_db.migrations.script.traits import Trait, is_inert

LABEL_WORDS = frozenset(
    "AGGREGATE ALTER CAST CLASS COLLATION COLUMN COMMENT CONFIGURATION CONSTRAINT CONVERSION CREATE "
    "DATABASE DEFAULT DELETE DICTIONARY DOMAIN DROP EVENT EXTENSION FAMILY FOREIGN FROM FUNCTION INDEX "
    "INSERT INTO LANGUAGE MATERIALIZED METHOD ON OPERATOR OR POLICY PRIVILEGES PROCEDURE PUBLICATION "
    "REPLACE ROLE RULE SCHEMA SEARCH SEQUENCE SERVER STATISTICS SUBSCRIPTION TABLE TABLESPACE TEMP "
    "TEMPORARY TEXT TRANSFORM TRIGGER TYPE UNIQUE UNLOGGED USER VIEW ".split()
)
"""The words that are part of the names of commands."""
_LONGEST_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: ``text[start:end]``, without its semicolon and surrounding comments.

    ``words`` are its first keywords for labels, up to five, in upper case. Offsets are 0-based characters.
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
        rest = takewhile(LABEL_WORDS.__contains__, self.words[1:])
        return " ".join((*self.words[:1], *rest))


@dataclass(frozen=True, slots=True)
class Piece:
    """What can be sent at once: ``text`` from the offset ``start`` on, then the data of its COPY, if it ends in one.

    ``data`` is the place of that data in the script, (start, end).
    """

    start: int
    text: str
    data: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Script:
    r"""A scanned script.

    ``data`` are the blocks of COPY data, one for each ``COPY … FROM stdin``, ``commands`` the meta-commands of psql,
    ``comments`` the comments, all as (start, end) in order. ``trailing_text`` holds the offsets of text
    that follows the semicolon of such a COPY on its line. Text appended to the script cannot change what precedes
    ``complete_until``. ``open_at`` is the offset of a string, a quoted name or a comment that does not end.
    """

    text: str
    statements: tuple[Statement, ...]
    data: tuple[tuple[int, int], ...] = ()
    commands: tuple[tuple[int, int], ...] = ()
    comments: tuple[tuple[int, int], ...] = ()
    trailing_text: tuple[int, ...] = ()
    complete_until: int = 0
    open_at: int | None = None

    def pieces(self, longest: int = _LONGEST_PIECE) -> Iterator[Piece]:
        r"""Yield the script as pieces to be sent one after the other, with spaces for the commands of psql.

        Each COPY from stdin ends a piece, its semicolon included, and so does the first statement that ends after
        ``longest`` characters: while a piece is sent, memory holds it several times. Each piece holds a statement.

        >>> from fowergram_db.migrations.script.scanner import scan
        >>> [piece.text for piece in scan("SELECT 1; COPY t FROM stdin;\n1\n\\.\n;SELECT 2").pieces()]
        ['SELECT 1; COPY t FROM stdin;', '\n;SELECT 2']
        """
        copies = [s.end for s in self.statements if Trait.COPIES_FROM_CLIENT in s.traits]
        start = 0
        for end, data in zip(copies, self.data, strict=True):
            for begin in self._split_points(start, end, longest):
                yield Piece(start, self._sendable(start, begin))
                start = begin
            yield Piece(start, f"{self._sendable(start, end)};", data)
            start = data[1] + 2 if self.text.startswith("\\.", data[1]) else data[1]
        if self.number_at(len(self.text)) > self.number_at(start - 1):
            for begin in self._split_points(start, len(self.text), longest):
                yield Piece(start, self._sendable(start, begin))
                start = begin
            yield Piece(start, self._sendable(start, len(self.text)))

    def _split_points(self, start: int, end: int, longest: int) -> Iterator[int]:
        """Yield the starts of statements that split a part of the text, each ``longest`` or more after the last."""
        while end - start > longest:
            number = bisect_left(self.statements, start + longest, key=lambda statement: statement.start)
            if number == len(self.statements) or self.statements[number].start >= end:
                return
            start = self.statements[number].start
            yield start

    def _sendable(self, start: int, end: int) -> str:
        """Return a part of the text with spaces for the commands of psql, so that every offset stays correct."""
        spans = [span for span in self.commands if start <= span[0] < end]
        if not spans:
            return self.text[start:end]
        edges = pairwise((start, *(edge for span in spans for edge in span), end))
        kept = (self.text[a:b] if number % 2 == 0 else " " * (b - a) for number, (a, b) in enumerate(edges))
        return "".join(kept)

    @property
    def terminator(self) -> str:
        r"""Return what must follow the text before another script can be appended.

        >>> from fowergram_db.migrations.script.scanner import scan
        >>> [scan(text).terminator for text in ("SELECT 1;\n", "SELECT 1; -- x", "SELECT 1 -- x")]
        ['', '\n', '\n;\n']
        >>> [scan(text).terminator for text in ("COPY t FROM stdin;\n1\n", "COPY t FROM stdin;\n\\.\n")]
        ['\\.\n', '']
        """
        line_end = "\n" if self.text and not self.text.endswith("\n") else ""
        semicolon = ";\n" if self.statements and self.statements[-1].start >= self.complete_until else ""
        end_of_data = "\\.\n" if self.data and self.data[-1][1] == len(self.text) else ""
        return line_end + semicolon + end_of_data

    @property
    def runs_code(self) -> bool:
        """Return whether it may do more than define objects, by a SET or by code that it calls: change a setting, say.

        >>> from fowergram_db.migrations.script.scanner import scan
        >>> scan("CREATE TABLE t (id int); CREATE INDEX i ON t (f(id));").runs_code
        False
        >>> scan("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY); CREATE TYPE e AS ENUM ('a');").runs_code
        False
        >>> [scan(text).runs_code for text in ("SET ROLE me", "SELECT f()", "CREATE TABLE t AS SELECT f()")]
        [True, True, True]
        """
        return not all(is_inert(s.words, self.text[s.start : s.end]) for s in self.statements)

    def number_at(self, offset: int) -> int:
        """Return the 1-based number of the statement that an offset is in or after; 0 if there is none.

        >>> from fowergram_db.migrations.script.scanner import scan
        >>> script = scan("SELECT 1; SELECT 2;")
        >>> script.number_at(0), script.number_at(12)
        (1, 2)
        """
        return bisect_left(self.statements, offset + 1, key=lambda statement: statement.start)
