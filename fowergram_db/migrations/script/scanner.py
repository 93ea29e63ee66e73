"""Split an SQL script into statements, as PostgreSQL's own lexer would. Pure.

The server itself splits what it receives, so nothing depends on this if a script is sent whole. The statements
give numbers and labels to errors, and show what must not be in a file and where COPY data is.
"""

import re
from collections.abc import Callable

from fowergram_db.lexer import (
    NO_DIGIT_EITHER,
    NO_WORD_CHARACTER,
    SPACE,
    SPACES,
    WORD,
    WORD_CHARACTERS,
    comment_end,
    dollar_end,
    escape_string_end,
    quoted_end,
    string_end,
)
from fowergram_db.migrations.script.positions import position
from fowergram_db.migrations.script.statements import LABEL_WORDS, Piece, Script, Statement
from fowergram_db.migrations.script.traits import TRAIT_WORDS, Trait, traits_of

__all__ = ["Piece", "Script", "Statement", "Trait", "position", "scan"]

# Everything that cannot end a statement, read in one step: text, strings and quoted names, and parentheses around only
# such things. An E'…' that may continue in the next line is left out. (For the possessive repeats see lexer.py.)
_ESCAPES = rf"""(?<=[{NO_WORD_CHARACTER}][eE])'(?>[^'\\]++|''|\\.)*+'(?![ \t\f\v]*+(?:[\n\r]|--))"""
_FLAT = rf"""[^'"$\-/\\();]++|(?<![eE])'(?>[^']++|'')*+'|"(?>[^"]++|"")*+"|-(?!-)|/(?!\*)|{_ESCAPES}"""
_IN_ONE = rf"\((?>{_FLAT})*+\)"
_PLAIN = re.compile(rf"(?>{_FLAT}|{_IN_ONE}|\((?>{_FLAT}|{_IN_ONE})*+\))++", re.DOTALL)
_WORD_CHARACTER = re.compile(rf"[^{NO_DIGIT_EITHER}]")
_LINE_END = re.compile(r"\r?(?:\n|\Z)")

_MOST_WORDS = 5
_READ_ON = LABEL_WORDS | {"WORK", "TRANSACTION"}
_NO_TRAITS: frozenset[Trait] = frozenset()
_CLIENT = frozenset(("STDIN", "STDOUT"))


def scan(text: str) -> Script:
    r"""Split a script into its statements.

    >>> text = "/* ; */ SELECT ';' -- ;\n;;SELECT $a$;$a$"
    >>> [text[statement.start : statement.end] for statement in scan(text).statements]
    ["SELECT ';'", 'SELECT $a$;$a$']
    """
    return _Scanner(text).scan()


class _Scanner:
    """Reads the text once; ``at`` is the current offset."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.complete_until = 0
        self.statements: list[Statement] = []
        self.data: list[tuple[int, int]] = []
        self.commands: list[tuple[int, int]] = []
        self.comments: list[tuple[int, int]] = []
        self.trailing_text: list[int] = []
        self.open_at: int | None = None
        # A million statements begin with the same few words.
        self.shared: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._begin_statement()

    def _begin_statement(self) -> None:
        self.start: int | None = None
        self.end = self.at
        self.words: list[str] = []
        self.copies: set[Trait] = set()
        self.previous = ""
        self.parentheses = 0
        self.body = 0
        self.inner = ""
        self.reads_words = True

    def scan(self) -> Script:
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in SPACES:
                self.at = SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # there is one
            elif character == ";" and self.parentheses == 0 and self.body == 0:
                self._semicolon()
            elif character == "\\":
                self._meta_command()
            elif character not in "-/" or not self._comment():
                self._token(character)
        if Trait.COPIES_FROM_CLIENT in self.copies:
            self.data.append((len(self.text), len(self.text)))
        self._end_statement()
        return Script(
            self.text,
            tuple(self.statements),
            tuple(self.data),
            tuple(self.commands),
            tuple(self.comments),
            tuple(self.trailing_text),
            self.complete_until,
            self.open_at,
        )

    def _comment(self) -> bool:
        begin = self.at
        end = comment_end(self.text, begin)
        if end == begin:
            return False
        self.at = end
        self.comments.append((begin, end))
        self._note_open(begin, comment_end)
        return True

    def _note_open(self, begin: int, end_of: Callable[[str, int], int]) -> None:
        """Note a token that reaches the end of the text, if it would continue in further text."""
        if self.at == len(self.text) and end_of(f"{self.text}\n", begin) > self.at:
            self.open_at = begin

    def _token(self, character: str) -> None:
        """Read one token, or several tokens that cannot end or change the statement."""
        if self.start is None:
            self.start = self.at
        if character == "'":
            self._string()
        elif character in '"$':
            self._enclosed(quoted_end if character == '"' else dollar_end)
        elif self.reads_words and (word := WORD.match(self.text, self.at)):
            self._word(word)
        elif not self.reads_words and (plain := _PLAIN.match(self.text, self.at)):
            self._plain(plain)
        else:
            if character == "(":
                self.parentheses += 1
            elif character == ")" and self.parentheses:
                self.parentheses -= 1
            self.previous = character
            self.at += 1
        self.end = self.at

    def _plain(self, match: re.Match[str]) -> None:
        """Step over plain text; a dollar sign after it may continue an identifier."""
        self.at = match.end()
        if self.text.startswith("$", self.at):
            start = self.at
            while start > match.start() and _WORD_CHARACTER.match(self.text, start - 1):
                start -= 1
            if start < self.at and self.text[start] not in "0123456789":
                self.at = WORD_CHARACTERS.match(self.text, self.at).end()  # type: ignore[union-attr]  # a dollar is one

    def _string(self) -> None:
        prefixed = self.at > 0 and self.text[self.at - 1] in "eE"
        has_escapes = prefixed and not (self.at > 1 and WORD_CHARACTERS.match(self.text, self.at - 2))
        self._enclosed(escape_string_end if has_escapes else string_end)

    def _enclosed(self, end_of: Callable[[str, int], int]) -> None:
        begin, self.at = self.at, end_of(self.text, self.at)
        self.previous = ""
        self._note_open(begin, end_of)

    def _word(self, match: re.Match[str]) -> None:
        word, before = match[0].upper(), self.previous
        self.at = match.end()
        if len(self.words) < _MOST_WORDS:
            self.words.append(word)
        self.previous = word
        has_body = self._has_body()
        if has_body:
            self._look_for_body(word, before)
        elif self.words[0] == "COPY":
            self._look_for_copy(word, before)
        goes_on = len(self.words) == 1 or (len(self.words) < _MOST_WORDS and word in _READ_ON)
        self.reads_words = goes_on or has_body or self.words[0] == "COPY"

    def _has_body(self) -> bool:
        return self.words[0] == "CREATE" and ("FUNCTION" in self.words[1:4] or "PROCEDURE" in self.words[1:4])

    def _look_for_body(self, word: str, before: str) -> None:
        """Follow BEGIN ATOMIC … END, in which semicolons do not end the statement.

        Every statement of a body ends in a semicolon, so the END that closes the body follows one, or is the first
        word. (END can also be a name: ``SELECT 1 end``.)
        """
        if self.parentheses:
            return
        if self.body and before == ";":
            self.inner = word
            self.body -= word == "END"
        elif word == "ATOMIC" and before == "BEGIN" and (self.body == 0 or self.inner == "CREATE"):
            self.body += 1
            # What comes next is the first word of a statement, as it is after a semicolon.
            self.previous = ";"

    def _look_for_copy(self, word: str, before: str) -> None:
        if word in _CLIENT and self.parentheses == 0:
            if before == "FROM":
                self.copies.add(Trait.COPIES_FROM_CLIENT)
            elif before == "TO":
                self.copies.add(Trait.COPIES_TO_CLIENT)

    def _semicolon(self) -> None:
        self.at += 1
        copies = Trait.COPIES_FROM_CLIENT in self.copies
        self._end_statement()
        if copies:
            self._copy_data()
        self.complete_until = self.at

    def _copy_data(self) -> None:
        """Step over a block of COPY data: from the next line to a line that is only a backslash and a dot.

        Without such a line the data reaches to the end of the text, as in psql.
        """
        begin = self.text.find("\n", self.at) + 1 or len(self.text)
        self._rest_of_line(begin)
        end = _end_of_data(self.text, begin)
        self.data.append((begin, end))
        self.at = min(end + 2, len(self.text))
        self._begin_statement()

    def _rest_of_line(self, line_end: int) -> None:
        """Record the text between a COPY's semicolon and its data, which psql would run after that data."""
        while self.at < line_end:
            begin = self.at
            if space := SPACE.match(self.text, begin, line_end):
                self.at = space.end()
            elif not self._comment() or self.at > line_end:
                self.trailing_text.append(begin)
                return

    def _meta_command(self) -> None:
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        self.commands.append((self.at, end))
        self.at = end

    def _end_statement(self) -> None:
        if self.start is not None:
            end = self.start + len(self.text[self.start : self.end].rstrip(SPACES))
            traits = self.copies
            if self.words and self.words[0] in TRAIT_WORDS:
                traits = traits | traits_of(self.words, self.text[self.start : end])
            words = tuple(self.words)
            self.statements.append(
                Statement(self.start, end, self.shared.setdefault(words, words), frozenset(traits) or _NO_TRAITS)
            )
        self._begin_statement()


def _end_of_data(text: str, begin: int) -> int:
    """Return where the line begins that ends a block of COPY data; without one, the end of the text."""
    at = text.find("\\.", begin)
    while at >= 0 and not (text[at - 1] == "\n" and _LINE_END.match(text, at + 2)):
        at = text.find("\n\\.", at) + 1 or -1
    return at if at >= 0 else len(text)
