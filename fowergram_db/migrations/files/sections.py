"""Cut one file that both does and undoes a migration, as goose, dbmate and sql-migrate write it. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.directives import parse_directives
from fowergram_db.migrations.files.source import SqlFile, place

GOOSE, DBMATE, SQL_MIGRATE = "goose", "dbmate", "sql-migrate"

# The lines that begin the two sections, for each tool.
MARKERS = {
    GOOSE: ("-- +goose Up", "-- +goose Down"),
    DBMATE: ("-- migrate:up", "-- migrate:down"),
    SQL_MIGRATE: ("-- +migrate Up", "-- +migrate Down"),
}
# These tools look at lines alone, strings and bodies of functions included. Indented markers are found to be refused.
_MARKER = re.compile(r"^([ \t]*)--[ \t]*(?:\+(goose|migrate)(?!\w)([^\n]*)|migrate:(\w+)(?!\S)([^\n]*))", re.MULTILINE)
_COMMENTS = re.compile(r"(?>[ \t\n\r\f\v]+|--[^\n]*|/\*(?>[^*]+|\*(?!/))*+\*/)*+")
_PLUS_TOOLS = {"goose": GOOSE, "migrate": SQL_MIGRATE}
_HARMLESS = frozenset(("statementbegin", "statementend", "envsub off"))
_KNOWN = {
    GOOSE: "Up, Down, StatementBegin, StatementEnd and NO TRANSACTION",
    DBMATE: "up and down, each with transaction:false or without",
    SQL_MIGRATE: "Up and Down, each with notransaction or without, StatementBegin and StatementEnd",
}


@dataclass(frozen=True, slots=True)
class Sections:
    """A file's two sections, each as a file of its own: what is not its own is blank, so that places stay true.

    The comments above the first marker belong to both. ``down`` is None where nothing is to be run.
    """

    tool: str
    up: SqlFile
    down: SqlFile | None


@dataclass(frozen=True, slots=True)
class _Marker:
    """A line that speaks to its tool; ``word`` in lower case as far as the tool does not mind."""

    tool: str
    word: str
    transactional: bool
    start: int
    end: int


def cut(file: SqlFile) -> Sections | None:
    """Cut a file at its markers; None where it has none.

    Raises FileFault, with the place, for a marker that is unknown, indented, of another tool, said twice or in
    the wrong order, and for SQL above the first.
    """
    if "migrate" not in file.text and "+goose" not in file.text:
        return None
    markers = tuple(_markers(file))
    if not markers:
        return None
    for marker in markers[1:]:
        if marker.tool != markers[0].tool:
            raise _fault(file, marker, f"is {marker.tool}'s in a file of {markers[0].tool}", "Write it for one tool.")
    return _sections(file, markers)


def blank(text: str) -> str:
    r"""Replace all but the line breaks by spaces.

    >>> blank("ab\nc")
    '  \n '
    """
    return "\n".join(" " * len(line) for line in text.split("\n"))


def _markers(file: SqlFile) -> Iterator[_Marker]:
    matches = list(_MARKER.finditer(file.text))
    # A comment may say "migrate:something" without being dbmate's.
    is_dbmate = any(match[4] in ("up", "down") for match in matches)
    for match in matches:
        if match[4] and not is_dbmate:
            continue
        tool = _PLUS_TOOLS[match[2]] if match[2] else DBMATE
        words = (match[3] or f"{match[4] or ''}{match[5] or ''}").split()
        word, transactional = _meaning(tool, words)
        marker = _Marker(tool, word, transactional, match.start(), match.end())
        if match[1]:
            raise _fault(file, marker, f"is indented, and {tool} wants it at the start of its line", "Move it there.")
        if word == "envsub on":
            raise _fault(file, marker, "asks for variables to be put into the SQL", "Write their values instead.")
        if word not in ("up", "down", "no transaction") and word not in _HARMLESS:
            raise _fault(file, marker, f"means nothing to {tool}", f"{tool}'s annotations are {_KNOWN[tool]}.")
        yield marker


def _meaning(tool: str, words: list[str]) -> tuple[str, bool]:
    """Return what an annotation says, and whether its section runs in a transaction.

    >>> _meaning(DBMATE, ["up", "transaction:false"]), _meaning(GOOSE, ["NO", "TRANSACTION"])
    (('up', False), ('no transaction', False))
    """
    if tool == GOOSE:
        word = " ".join(words).lower().replace("envsubst", "envsub")
        return word, word != "no transaction"
    first, *options = words or [""]
    known = {"Up": "up", "Down": "down", "StatementBegin": "statementbegin", "StatementEnd": "statementend"}
    word = known.get(first, "?") if tool == SQL_MIGRATE else first
    off, on = ("notransaction", "") if tool == SQL_MIGRATE else ("transaction:false", "transaction:true")
    if word not in _HARMLESS and not set(options) <= {off, on}:
        return "?", True
    return word, off not in options


def _sections(file: SqlFile, markers: tuple[_Marker, ...]) -> Sections:
    text = file.text
    up, down = _edges(file, markers)
    bare = _comments_end(text, 0)
    if bare < up.start:
        raise FileFault(
            f"{file.path.name}: SQL stands above the first marker of {up.tool}",
            hint="Move it below.",
            location=place(file.path, text, bare),
        )
    in_transaction = all(marker.word != "no transaction" for marker in markers)
    middle = down.start if down else len(text)
    first = _section(file, text[:middle], transactional=in_transaction and up.transactional)
    first = replace(first, gaps=tuple(gap for gap in file.gaps if gap.at < middle))
    second = None
    if down and _comments_end(text, middle) < len(text):
        # Lines that were never in the text count too, or what stands below them would be said to stand higher.
        skipped = sum(gap.lines for gap in first.gaps)
        blanked = text[: up.start] + blank(text[up.start : middle]) + "\n" * skipped + text[middle:]
        second = _section(file, blanked, transactional=in_transaction and down.transactional)
        second = replace(second, gaps=tuple(replace(g, at=g.at + skipped) for g in file.gaps if g.at >= middle))
    return Sections(up.tool, first, second)


def _edges(file: SqlFile, markers: Iterable[_Marker]) -> tuple[_Marker, _Marker | None]:
    """Return the markers that begin the two sections."""
    found: dict[str, _Marker] = {}
    for marker in markers:
        if marker.word not in ("up", "down"):
            continue
        if marker.word in found:
            raise _fault(file, marker, "stands here a second time", "Keep one, or make two migrations of it.")
        if marker.word == "down" and "up" not in found:
            raise _fault(file, marker, "stands above the section that it undoes", "Put the up section first.")
        found[marker.word] = marker
    if "up" not in found:
        marker = next(iter(markers))
        raise _fault(file, marker, "stands in a file without an up section", "Mark where that begins.")
    return found["up"], found.get("down")


def _section(file: SqlFile, text: str, *, transactional: bool) -> SqlFile:
    text = text.rstrip(" \t\n\r\f\v")
    directives = parse_directives(str(file.path), text)
    directives = replace(directives, transactional=transactional and directives.transactional)
    return replace(file, text=text, directives=directives)


def _comments_end(text: str, start: int) -> int:
    """Return the offset of the first character from there that is neither space nor comment."""
    return _COMMENTS.match(text, start).end()  # type: ignore[union-attr]  # it matches the empty string


def _fault(file: SqlFile, marker: _Marker, fact: str, hint: str) -> FileFault:
    said = file.text[marker.start : marker.end].strip()
    return FileFault(
        f"{file.path.name}: {said!r} {fact}", hint=hint, location=place(file.path, file.text, marker.start)
    )
