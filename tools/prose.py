"""Which parts of a file people read as prose: the text of a page, comments, docstrings, strings, names."""

import io
import keyword
import re
import token
import tokenize
from collections.abc import Iterator
from pathlib import PurePath

# Stands for one character of code. It is neither a word nor white space, so no phrase reaches across it.
CODE = "\0"

_MARKDOWN_CODE = re.compile(
    r"""^(?P<fence>[ ]*(?:```+|~~~+))[^\n]*\n.*?^(?P=fence)[ ]*$ # a block
    |(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`)                 # inline
    |(?<=\])\([^)\n]*\)                                         # where a link leads
    |<!--.*?-->|https?://\S+""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_INLINE_CODE = re.compile(r"`[^`\n]+`|^[ \t]*(?:>>>|\.\.\.)[ ].*$|https?://\S+", re.MULTILINE)
_SQL_PROSE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_HASH_COMMENT = re.compile(r"(?<!\S)#[^\n]*")
_STRING = re.compile(r"(?P<prefix>\w*)(?P<quote>\"\"\"|'''|\"|')(?P<body>.*)(?P=quote)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_NAMED = {"def", "class"}
_STARTS_STATEMENT = {token.NEWLINE, token.NL, token.INDENT, token.DEDENT, tokenize.COMMENT, tokenize.ENCODING}


def prose_of(path: PurePath, text: str, *, literals: bool) -> str:
    """Give back `text` with its code masked, each character in its old place.

    Files are read by their suffix: Markdown, Python, SQL; in others (Makefile, TOML, YAML) the `#` comments count.
    `literals` says whether the string literals of a Python file are prose, too; docstrings always are.

    >>> prose_of(PurePath("a.md"), "Run `cut -f1` first.", literals=True).replace(CODE, "_")
    'Run ____ ____ first.'
    """
    match path.suffix:
        case ".md":
            return _masked(text, _MARKDOWN_CODE)
        case ".py":
            return _only(text, _python_prose(text, literals=literals))
        case ".sql":
            return _only(text, _sql_prose(text))
        case _:
            return _only(text, ((m.start(), " " + m[0][1:]) for m in _HASH_COMMENT.finditer(text)))


def _only(text: str, pieces: Iterator[tuple[int, str]]) -> str:
    """Put the pieces into their places, and a mask everywhere else; white space stays."""
    result: list[str] = []
    end = 0
    for start, piece in pieces:
        result += [_mask(text[end:start]), _masked(piece, _INLINE_CODE)]
        end = start + len(piece)
    return "".join([*result, _mask(text[end:])])


def _masked(text: str, code: re.Pattern[str]) -> str:
    return code.sub(lambda found: _mask(found[0]), text)


def _mask(code: str) -> str:
    return re.sub(r"\S", CODE, code)


def _sql_prose(text: str) -> Iterator[tuple[int, str]]:
    for found in _SQL_PROSE.finditer(text):
        if " " in found[0]:  # a word in quotes is a value
            yield found.start(), re.sub(r"^(?:--|/\*|')|(?:\*/|')$", lambda mark: " " * len(mark[0]), found[0])


def _python_prose(text: str, *, literals: bool) -> Iterator[tuple[int, str]]:
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    before, before_string = "", token.NEWLINE
    for item in tokenize.generate_tokens(io.StringIO(text).readline):
        start = lines[item.start[0] - 1] + item.start[1]
        end = lines[item.end[0] - 1] + item.end[1] if item.end[0] <= len(lines) else len(text)
        piece = _piece(item, text[start:end], before, literals=literals or before_string in _STARTS_STATEMENT)
        if piece is not None:
            yield start, piece
        if item.type not in {tokenize.NL, tokenize.COMMENT}:
            before = item.string if keyword.iskeyword(item.string) else ""
        before_string = item.type


def _piece(item: tokenize.TokenInfo, source: str, before: str, *, literals: bool) -> str | None:
    """Give back the prose of one token, as long as its source, or nothing where it is code."""
    kind = token.tok_name[item.type]
    if kind == "COMMENT":
        return " " + source[1:]
    if kind == "NAME" and before in _NAMED:
        return source.replace("_", " ")
    if kind == "FSTRING_MIDDLE" and literals:
        return source
    if kind == "STRING" and literals and " " in source:  # a word in quotes is a value
        return _without_quotes(source)
    return None


def _without_quotes(source: str) -> str:
    found = _STRING.fullmatch(source)
    if found is None:
        return source
    body = found["body"]
    if "f" in found["prefix"].lower():  # one token before Python 3.12
        body = _masked(body, _PLACEHOLDER)
    return " " * found.start("body") + body + " " * len(found["quote"])
