"""What PostgreSQL's lexer takes for a word, a string, a comment; and the tokens of a statement. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto

# Repeats are possessive, so that no text is read twice, and repeat atomic groups, since Python before 3.11.5
# matches a possessive repeat of others wrongly.
# PostgreSQL takes every character beyond ASCII as part of an identifier, and only these as space.
SPACES = " \t\n\r\f\v"
SPACE = re.compile(r"[ \t\n\r\f\v]++")
# Said by what is left out, all of it ASCII: a class with a million characters in it takes milliseconds to compile.
NO_LETTER = r"\x00-@\[-^`{-\x7f"
NO_DIGIT_EITHER = r"\x00-/:-@\[-^`{-\x7f"
NO_WORD_CHARACTER = r"\x00-#%-/:-@\[-^`{-\x7f"
WORD = re.compile(rf"[^{NO_LETTER}][^{NO_WORD_CHARACTER}]*+")
WORD_CHARACTERS = re.compile(rf"[^{NO_WORD_CHARACTER}]++")
LINE_COMMENT = re.compile(r"--[^\n\r]*+")
_NOTHING = re.compile(r"(?>[ \t\n\r\f\v;]++|--[^\n\r]*+)*+")
# pg_dump encloses a dump in \restrict and \unrestrict; the others change what psql shows, and nothing on the server.
PSQL_ONLY = re.compile(r"\\(?:(?:un)?restrict|q?echo|warn|(?:un)?set|timing|pset|conninfo|q)\b[^\n\\]*+(?=\n|\Z)")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_STRING = re.compile(r"(?>[^']++|'')*+'")
_ESCAPE_STRING = re.compile(r"(?>[^'\\]++|''|\\.)*+'", re.DOTALL)
CONTINUED = re.compile(r"(?>[ \t\f\v]|--[^\n\r]*+)*+[\n\r](?>[ \t\n\r\f\v]|--[^\n\r]*+[\n\r])*+'")
"""What is between two lines of a string, after the quote that closes the first."""
_QUOTED = re.compile(r'(?>[^"]++|"")*+"')
_DOLLAR = re.compile(rf"\$(?:[^{NO_LETTER}][^{NO_DIGIT_EITHER}]*+)?\$")
_ESCAPED_NAME = re.compile('[uU]&"')


def comment_end(text: str, at: int) -> int:
    """Return where the comment that begins at an offset ends; the offset itself if none does."""
    if text.startswith("--", at):
        return LINE_COMMENT.match(text, at).end()  # type: ignore[union-attr]  # it begins with what was found
    if not text.startswith("/*", at):
        return at
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def holds_statement(text: str) -> bool:
    r"""Return whether a script contains more than space, comments, semicolons and commands that only affect psql.

    >>> holds_statement("-- a\n/* b /* c */ */ ;"), holds_statement("\\restrict k\n"), holds_statement("; SELECT 1")
    (False, False, True)
    """
    return statement_start(text) < len(text)


def statement_start(text: str) -> int:
    """Return the offset of the first statement in a script, or of a command of psql; the length if there is none."""
    at = 0
    while at < len(text):
        at = _NOTHING.match(text, at).end()  # type: ignore[union-attr]  # it matches the empty string
        command = PSQL_ONLY.match(text, at)
        end = command.end() if command else comment_end(text, at)
        if end == at:
            break
        at = end
    return at


def string_end(text: str, at: int) -> int:
    """Return where the string whose opening quote is at an offset ends; an unclosed one takes in the rest."""
    return _end(_STRING.match(text, at + 1), text)


def escape_string_end(text: str, at: int) -> int:
    r"""Return where the ``E'…'`` whose opening quote is at an offset ends, all its lines included.

    >>> escape_string_end(r"E'it\'s'; x", 1)
    8
    """
    end = _end(_ESCAPE_STRING.match(text, at + 1), text)
    # A string continues after a line break, and keeps its kind.
    while more := CONTINUED.match(text, end):
        end = _end(_ESCAPE_STRING.match(text, more.end()), text)
    return end


def continued_string_end(text: str, at: int) -> int:
    r"""Return where the string whose opening quote is at an offset ends, its further lines included.

    >>> continued_string_end("'a'\n  'b' 'c'", 0)
    9
    """
    end = string_end(text, at)
    while more := CONTINUED.match(text, end):
        end = string_end(text, more.end() - 1)
    return end


def quoted_end(text: str, at: int) -> int:
    """Return where the quoted identifier whose opening quote is at an offset ends."""
    return _end(_QUOTED.match(text, at + 1), text)


def dollar_end(text: str, at: int) -> int:
    """Return where the dollar-quoted string at an offset ends; after the dollar if it begins none.

    >>> dollar_end("$a$ $b$ $a$;", 0), dollar_end("$1$ x", 0)
    (11, 1)
    """
    tag = _DOLLAR.match(text, at)
    if not tag:
        return at + 1
    end = text.find(tag[0], tag.end())
    return len(text) if end < 0 else end + len(tag[0])


def _end(match: re.Match[str] | None, text: str) -> int:
    return match.end() if match else len(text)


class TokenKind(StrEnum):
    """What a token is."""

    WORD = auto()
    NAME = auto()
    STRING = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token: a word in lower case as the server folds it, a quoted name without its quotes, or one character."""

    kind: TokenKind
    value: str


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a statement, comments left out. ``U&"…"`` is OTHER: its name would have to be decoded.

    >>> [token.value for token in tokens('CREATE INDEX /* x */ "A""b" ON T')]
    ['create', 'index', 'A"b', 'on', 't']
    """
    at = 0
    while at < len(text):
        if space := SPACE.match(text, at):
            at = space.end()
        elif (end := comment_end(text, at)) > at:
            at = end
        else:
            token, at = _token(text, at)
            yield token


def words(text: str) -> str:
    """Return the words of a statement in lower case, one space between them; other tokens are left out.

    >>> words('SET /* x */ TRANSACTION "a" READ ONLY')
    'set transaction read only'
    """
    return " ".join(token.value for token in tokens(text) if token.kind is TokenKind.WORD)


def _token(text: str, at: int) -> tuple[Token, int]:
    character = text[at]
    if _ESCAPED_NAME.match(text, at):
        return Token(TokenKind.OTHER, 'U&"'), quoted_end(text, at + 2)
    if character == '"':
        end = quoted_end(text, at)
        return Token(TokenKind.NAME, text[at + 1 : end - 1].replace('""', '"')), end
    if end := _string_token_end(text, at):
        return Token(TokenKind.STRING, ""), end
    if word := WORD.match(text, at):
        return Token(TokenKind.WORD, fold(word[0])), word.end()
    return Token(TokenKind.OTHER, character), at + 1


def _string_token_end(text: str, at: int) -> int:
    """Return where the string at an offset ends, 0 if there is none."""
    character = text[at]
    if character in "eE" and text.startswith("'", at + 1):
        return escape_string_end(text, at + 1)
    if character == "'":
        return string_end(text, at)
    end = dollar_end(text, at) if character == "$" else 0
    return end if end > at + 1 else 0


def fold(word: str) -> str:
    """Return an identifier in lower case, as a server folds it whose encoding is UTF-8: ASCII letters alone.

    >>> fold("ÀB")
    'Àb'
    """
    return word.lower() if word.isascii() else "".join(c.lower() if c.isascii() else c for c in word)
