"""The tokens of an SQL text with their places: also of a text that is truncated anywhere. Pure."""

import re
from collections.abc import Iterator
from enum import StrEnum, auto
from typing import NamedTuple

from fowergram_db.lexer import (
    NO_DIGIT_EITHER,
    NO_LETTER,
    NO_WORD_CHARACTER,
    comment_end,
    continued_string_end,
    dollar_end,
    escape_string_end,
    fold,
    quoted_end,
)

_NEXT = re.compile(
    rf"""(?P<space>[ \t\n\r\f\v]++)|(?P<comment>--|/\*)|(?P<string>(?:[eEbBxXnN]|[uU]&)?')|(?P<escaped>[uU]&")
    |(?P<name>")|(?P<dollar>\$(?:[^{NO_LETTER}][^{NO_DIGIT_EITHER}]*+)?\$)|(?P<parameter>\$[0-9]++)
    |(?P<word>[^{NO_LETTER}][^{NO_WORD_CHARACTER}]*+)|(?P<number>[0-9][0-9A-Za-z_.]*+)|(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_UESCAPE = re.compile(r"\s*+[uU][eE][sS][cC][aA][pP][eE]\s*+'.'")


class LexemeKind(StrEnum):
    """What a lexeme is."""

    WORD = auto()
    NAME = auto()
    STRING = auto()
    OTHER = auto()


class Lexeme(NamedTuple):
    """A token at ``start`` to ``end``: ``value`` is a word as the server folds it, a name without quotes, a character.

    That of a string is the quote or the dollar that it begins with, its prefix included.
    """

    kind: LexemeKind
    value: str
    start: int
    end: int


class Lexemes(NamedTuple):
    """The tokens of a text, its comments as (start, end), and whether a string or a comment has no end."""

    tokens: list[Lexeme]
    comments: list[tuple[int, int]]
    is_cut: bool


def lexemes(text: str) -> Lexemes:
    r"""Read a text to its end.

    >>> [(token.kind.value, token.value) for token in lexemes("ALTER /* x */ \"A\" E'b' $1").tokens]
    [('word', 'alter'), ('name', 'A'), ('string', "E'"), ('other', '$1')]
    """
    tokens: list[Lexeme] = []
    comments: list[tuple[int, int]] = []
    at, is_cut = 0, False
    while match := _NEXT.match(text, at):
        end = match.end()
        match match.lastgroup:
            case "space":
                pass
            case "comment":
                end = comment_end(text, at)
                comments.append((at, end))
            case "string":
                end = _string_end(text, match)
                tokens.append(Lexeme(LexemeKind.STRING, match[0], at, end))
                is_cut = end == len(text) and not _is_closed(text, match.end(), end, "'")
            case "dollar":
                end = dollar_end(text, at)
                tokens.append(Lexeme(LexemeKind.STRING, match[0], at, end))
                is_cut = end == len(text) and not _is_closed(text, match.end(), end, match[0])
            case "name" | "escaped":
                end = quoted_end(text, match.end() - 1)
                tokens.append(Lexeme(LexemeKind.NAME, text[match.end() : end - 1].replace('""', '"'), at, end))
                is_cut = end == len(text) and not _is_closed(text, match.end(), end, '"')
            case "word":
                tokens.append(Lexeme(LexemeKind.WORD, fold(match[0]), at, end))
            case _:
                tokens.append(Lexeme(LexemeKind.OTHER, match[0], at, end))
        at = end
    return Lexemes(tokens, comments, is_cut)


# What neither ends a statement nor begins what may hold a semicolon, and strings without escapes.
_FLAT = re.compile(
    r"""(?>[^'"$/\-;eE]++|[eE](?!')|(?<=[\w$])[eE]|'(?>[^']++|'')*+'|"[^"]*+"|\$(?=[0-9])|(?<=[\w$])\$|-(?!-)|/(?!\*))++"""
)


def statement_spans(text: str) -> Iterator[tuple[int, int]]:
    r"""Yield where statements are, comments and semicolons included, as (start, end): fast, for long texts.

    >>> text = "SELECT ';'; -- ;\n$$;$$; E'\\';'"
    >>> [text[start:end] for start, end in statement_spans(text)]
    ["SELECT ';';", ' -- ;\n$$;$$;', " E'\\';'"]
    """
    begin = at = 0
    while at < len(text):
        if flat := _FLAT.match(text, at):
            at = flat.end()
        elif text[at] == ";":
            at += 1
            yield begin, at
            begin = at
        elif match := _NEXT.match(text, at):
            at = _end_of(text, match)
    if begin < at:
        yield begin, at


def _end_of(text: str, match: re.Match[str]) -> int:
    """Return where what begins with a match ends, in a text whose strings may be open."""
    match match.lastgroup:
        case "comment":
            return comment_end(text, match.start())
        case "string":
            return _string_end(text, match)
        case "dollar":
            return dollar_end(text, match.start())
        case "name" | "escaped":
            return quoted_end(text, match.end() - 1)
        case _:
            return match.end()


def _string_end(text: str, match: re.Match[str]) -> int:
    quote = match.end() - 1
    if match[0][0] in "eE":
        return escape_string_end(text, quote)
    end = continued_string_end(text, quote)
    clause = _UESCAPE.match(text, end) if match[0][0] in "uU" else None
    return clause.end() if clause else end


def _is_closed(text: str, start: int, end: int, closing: str) -> bool:
    return end - start >= len(closing) and text.endswith(closing, start, end)
