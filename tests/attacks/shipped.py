"""The SQL that ships with the tool, as the tests of its resolution read it: files, and queries inside Python."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pglast.parser import ParseError, scan, split

from fowergram_db.database.sql import SCRIPTS

_ROOT = Path(__file__).resolve().parents[2]
_PARAMETER = re.compile(r"%\((\w+)\)[sbt]|%[sbt]|%%")
_NUMBER = re.compile(r"\$([0-9]+)")
# As for a directory whose versions are numbers.
_OF_VERSIONS = {"version_columns": "version", "version_values": "%(version)s", "position": "version"}
_PART = re.compile(r"\{([a-z_]+)\}")
_QUERY = re.compile(r"\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\b.*\b(?:FROM|INTO|SET|pg_catalog)\b", re.DOTALL)
_PREPARED = re.compile(r"(?:\s|--[^\n]*\n)*(?:SELECT|WITH|INSERT|UPDATE|DELETE)\b")
_DOLLARS = re.compile(r"\A(\$\w*\$)(.*)\1\Z", re.DOTALL)
# What the grammar turns into an operator: IN, BETWEEN, LIKE, ILIKE, SIMILAR TO, NULLIF, IS DISTINCT FROM, simple CASE.
_IMPLIED = frozenset(("=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "!~~*", "~"))


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its place, and its text with ``$1`` for parameters and the requested parts for placeholders."""

    file: str
    line: int
    text: str

    @property
    def is_query(self) -> bool:
        """Say whether it can be prepared: no utility command, whose expressions are analyzed when it runs."""
        return _PREPARED.match(self.text) is not None

    def line_of(self, offset: int) -> int:
        """Return the line of a byte of the text."""
        return self.line + self.text.encode()[:offset].count(b"\n")


def files() -> list[Path]:
    """Return all files of SQL that ship."""
    return sorted((_ROOT / "sql").rglob("*.sql"))


def statements(placeholders: dict[str, str]) -> Iterator[Statement]:
    """Yield the statements of all files outside of the migrations, then those inside Python.

    The scripts below ``upgrade`` are run by psql, and name no schema but ``pg_catalog`` and ``pg_temp`` to search.
    ``placeholders`` holds, for a file, what stands for its ``{table}`` or ``{schema}``. The name of another file in
    braces stands for that file's query, which is not yielded by itself.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in files() if path.parent.name not in SCRIPTS}
    queries = {path.stem: _in_one_line(text) for path, text in texts.items()}
    parts = {name for text in texts.values() for name in _PART.findall(text)} & queries.keys()
    for path, text in texts.items():
        if path.stem not in parts:
            stem = "slow_queries" if path.stem.startswith("slow_queries") else path.stem
            given = {"table": placeholders.get(stem, ""), "schema": placeholders.get(stem, "")}
            given["relation"] = queries["candidates"]
            given["view"] = "pg_stat_statements"
            given["source"] = f"{given['schema']}.pg_stat_statements"
            if stem == "citus_guard":
                given |= {"schema": "'public'", "kind": "'citus_tables'"}
            yield from split_file(str(path.relative_to(_ROOT)), _filled_in(text, queries | _OF_VERSIONS | given))
    yield from in_python(placeholders["slow_queries"])


def _filled_in(text: str, parts: dict[str, str]) -> str:
    while _PART.search(text):
        text = _PART.sub(lambda match: parts[match[1]], text)
    return text


def _in_one_line(text: str) -> str:
    """Put a query into one line, so that those after it keep their numbers."""
    return re.sub(r"--[^\n]*|\n", " ", text)


def split_file(name: str, text: str, first_line: int = 1) -> Iterator[Statement]:
    """Yield the statements of a text whose parameters are psycopg's."""
    numbered = _numbered(text)
    for part in split(numbered, only_slices=True):
        line = first_line + numbered[: part.start].count("\n")
        yield Statement(name, line, _from_one(numbered[part]))


def _from_one(text: str) -> str:
    """Number the parameters of one statement from 1 on, where others precede it in its file."""
    used = sorted({int(number) for number in _NUMBER.findall(text)})
    return _NUMBER.sub(lambda match: f"${used.index(int(match[1])) + 1}".ljust(len(match[0])), text)


def _numbered(text: str) -> str:
    """Write ``$1`` for the first parameter and so on, and keep the length of the text."""
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "% "
        key = match[1] or f"nameless {len(numbers)}"
        return f"${numbers.setdefault(key, len(numbers) + 1)}".ljust(len(match[0]))

    return _PARAMETER.sub(number, text)


def in_python(placeholder: str = "public") -> Iterator[Statement]:
    """Yield the queries that are literals in the package."""
    for path in sorted((_ROOT / "fowergram_db").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = _docstrings(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                text = re.sub(r"(?<!')\{\w*\}", placeholder, node.value.replace("({})", "(NULL)"))
                if _QUERY.match(text) and _parses(_numbered(text)):
                    yield from split_file(str(path.relative_to(_ROOT)), text, node.lineno)


def _docstrings(tree: ast.AST) -> set[int]:
    """Return the literals that are statements of their own."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _parses(text: str) -> bool:
    try:
        split(text)
    except ParseError:
        return False
    return True


@cache
def operators() -> tuple[str, ...]:
    """Return the symbols of all operators that shipped SQL uses, in bodies and dynamic SQL too."""
    found = set(_IMPLIED)
    for text in _texts():
        found |= {part for name, part in _tokens(text) if name == "Op" or name.startswith("ASCII_")}
        found |= {"<=", ">=", "<>"}
    return tuple(sorted(symbol for symbol in found if re.fullmatch(r"[-+*/<>=~!@#%^&|`?]+", symbol)))


@cache
def functions() -> tuple[str, ...]:
    """Return the names in front of a parenthesis in shipped SQL."""
    found: set[str] = set()
    for text in _texts():
        found |= {name.lower() for name in re.findall(r"\b([A-Za-z_]\w*)\s*\(", text)}
    return tuple(sorted(found))


@cache
def _texts() -> tuple[str, ...]:
    in_files = (_numbered(path.read_text(encoding="utf-8")) for path in files())
    return (*in_files, *(statement.text for statement in in_python()))


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of tokens, those inside of dollar quotes too."""
    try:
        tokens = scan(text)
    except ParseError:
        return
    encoded = text.encode()
    for token in tokens:
        part = encoded[token.start : token.end + 1].decode()
        if token.name == "SCONST" and (body := _DOLLARS.match(part)):
            yield from _tokens(body[2])
        else:
            yield token.name, part
