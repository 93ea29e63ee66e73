"""Split one file that both applies and rolls back a migration, as goose, dbmate and others write it. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fowergram_db.errors import FileFault, raise_faults
from fowergram_db.migrations.files.directives import parse_directives
from fowergram_db.migrations.files.sql_file import SqlFile, location_in

GOOSE, DBMATE, SQL_MIGRATE = "goose", "dbmate", "sql-migrate"
NODE_PG_MIGRATE, TERN = "node-pg-migrate", "tern"
OPTIONAL = (NODE_PG_MIGRATE, TERN)
"""The tools that also read a file without a marker: as one that cannot be rolled back."""

# The lines that begin the two sections, for each tool; tern has none for the first.
MARKERS = {
    GOOSE: ("-- +goose Up", "-- +goose Down"),
    DBMATE: ("-- migrate:up", "-- migrate:down"),
    SQL_MIGRATE: ("-- +migrate Up", "-- +migrate Down"),
    NODE_PG_MIGRATE: ("-- Up Migration", "-- Down Migration"),
    TERN: ("", "---- create above / drop below ----"),
}
# These tools read line by line, also in strings and bodies of functions. Indented markers are found to be refused.
_MARKER = re.compile(
    r"^(?P<indent>[ \t]*)--(?:"
    r"[ \t]*\+(?P<plus>goose|migrate)(?!\w)(?P<annotation>[^\n]*)"
    r"|[ \t]*migrate:(?P<dbmate>\w+)(?!\S)(?P<options>[^\n]*)"
    r"|[ \t-]*(?P<node>(?i:up|down))[ \t]+(?i:migration)[ \t]*$"
    r"|-- (?P<tern>create above / drop below|tern: disable-tx) ----[ \t]*$)",
    re.MULTILINE,
)
_ANY = re.compile(r"\+goose|migrate|drop below|tern:|(?i:migration)")
# node-pg-migrate looks for this at the very beginning.
_NODE_NO_TRANSACTION = re.compile(r"\s*--[\s-]*no\s*transaction", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{\{-?\s*(?:\.|template\b|if\b|range\b|with\b|end\b|env\b|\$)")
_COMMENTS = re.compile(r"(?>[ \t\n\r\f\v]+|--[^\n]*|/\*(?>[^*]+|\*(?!/))*+\*/)*+")
_PLUS_TOOLS = {"goose": GOOSE, "migrate": SQL_MIGRATE}
_HARMLESS = frozenset(("statementbegin", "statementend", "envsub off"))
_DISABLE = "disable-tx"
_KNOWN = {
    GOOSE: "Up, Down, StatementBegin, StatementEnd and NO TRANSACTION",
    DBMATE: "up and down, each with transaction:false or without",
    SQL_MIGRATE: "Up and Down, each with notransaction or without, StatementBegin and StatementEnd",
}


@dataclass(frozen=True, slots=True)
class Sections:
    """A file's two sections, each as a file of its own: all other text is blank, so that places stay correct.

    The comments above the first marker belong to both. ``down`` is None if there is nothing to run.
    """

    tool: str
    up: SqlFile
    down: SqlFile | None


@dataclass(frozen=True, slots=True)
class _Marker:
    """A line that is an instruction to its tool; ``word`` is in lower case if the tool ignores case."""

    tool: str
    word: str
    transactional: bool
    start: int
    end: int


def split_sections(file: SqlFile, *, one_way: bool = False) -> Sections | None:
    """Split a file at its markers; None if it has none.

    ``one_way``: the file's name gives its direction, so node-pg-migrate's markers are only comments.

    Raises FileFault, with the places, for all markers that are unknown, indented or of another tool; then for one that
    is repeated or in the wrong order, and for SQL above the first.
    """
    if not _ANY.search(file.text):
        return None
    markers = tuple(marker for marker in _markers(file) if not (one_way and marker.tool == NODE_PG_MIGRATE))
    if not markers:
        return None
    raise_faults(
        [
            *(fault for marker in markers if (fault := _fault_of(file, marker))),
            *(
                _fault(
                    file,
                    marker,
                    f"is a marker of {marker.tool} in a file of {markers[0].tool}",
                    "Use the markers of one tool.",
                )
                for marker in markers[1:]
                if marker.tool != markers[0].tool
            ),
        ]
    )
    return _sections(file, markers)


def is_understood(comment: str) -> bool:
    """Return whether a line is a marker that ``split_sections`` reads; node-pg-migrate's may also be a comment.

    >>> [is_understood(line) for line in ("-- +goose Down", "-- migrate:down", "-- migrate: down", "-- Down Migration")]
    [True, True, False, False]
    """
    match = _MARKER.fullmatch(comment)
    return match is not None and not match["node"] and match["dbmate"] in (None, "up", "down")


def blank(text: str) -> str:
    r"""Replace all but the line breaks by spaces.

    >>> blank("ab\nc")
    '  \n '
    """
    return "\n".join(" " * len(line) for line in text.split("\n"))


def _markers(file: SqlFile) -> Iterator[_Marker]:
    matches = list(_MARKER.finditer(file.text))
    # A comment may contain "migrate:something" and not be dbmate's, or "up migration" and not be node-pg-migrate's.
    is_dbmate = any(match["dbmate"] in ("up", "down") for match in matches)
    is_node = all(match["node"] or (match["dbmate"] and not is_dbmate) for match in matches)
    for match in matches:
        if (match["dbmate"] and not is_dbmate) or (match["node"] and not is_node):
            continue
        yield _marker(match)


def _fault_of(file: SqlFile, marker: _Marker) -> FileFault | None:
    """Return what is wrong with a marker by itself."""
    tool, word = marker.tool, marker.word
    if file.text[marker.start] in " \t" and tool not in OPTIONAL:
        fact = f"is indented, and {tool} requires it at the start of the line"
        return _fault(file, marker, fact, "Remove the indentation.")
    if word == "envsub on":
        return _fault(file, marker, "asks to replace variables in the SQL", "Write the values themselves.")
    if word not in ("up", "down", "no transaction", _DISABLE) and word not in _HARMLESS:
        return _fault(file, marker, f"is not an annotation of {tool}", f"The annotations of {tool} are {_KNOWN[tool]}.")
    return None


def _marker(match: re.Match[str]) -> _Marker:
    at = {"start": match.start(), "end": match.end()}
    if match["tern"]:
        word = "down" if match["tern"].startswith("create") else _DISABLE
        return _Marker(TERN, word, transactional=word == "down", **at)
    if match["node"]:
        return _Marker(NODE_PG_MIGRATE, match["node"].lower(), transactional=True, **at)
    tool = _PLUS_TOOLS[match["plus"]] if match["plus"] else DBMATE
    words = (match["annotation"] or f"{match['dbmate'] or ''}{match['options'] or ''}").split()
    word, transactional = _meaning(tool, words)
    return _Marker(tool, word, transactional, **at)


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
    top = min(up.start, down.start) if down else up.start
    bare = _comments_end(text, 0)
    if bare < top:
        raise FileFault(
            f"{file.path.name}: there is SQL above the first marker of {up.tool}",
            hint="Move it below that marker.",
            location=location_in(file.path, text, bare),
        )
    if up.tool == TERN and (template := _TEMPLATE.search(text)):
        raise FileFault(
            f"{file.path.name}: tern would replace {template[0]}",
            hint="Write the value itself.",
            location=location_in(file.path, text, template.start()),
        )
    first, second = _spans(text, up, down)
    undoes = down and _comments_end(text, second[0]) < second[1]
    return Sections(
        up.tool,
        _part(file, markers, top, up, first),
        _part(file, markers, top, down, second) if down and undoes else None,
    )


def _spans(text: str, up: _Marker, down: _Marker | None) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where each of the two sections begins, its marker included, and where it ends."""
    if down is None:
        return (up.start, len(text)), (len(text), len(text))
    if down.start < up.start:
        return (up.start, len(text)), (down.start, up.start)
    return (up.start, down.start), (down.start, len(text))


def _part(file: SqlFile, markers: Iterable[_Marker], top: int, marker: _Marker, span: tuple[int, int]) -> SqlFile:
    """Return one section: the text above the first marker, blank lines, and its own text."""
    start, end = span
    # Lines that were never in the text count too, or line numbers of errors below them would be too small.
    skipped = sum(gap.lines for gap in file.gaps if gap.at < start)
    text = file.text[:top] + blank(file.text[top:start]) + "\n" * skipped + file.text[start:end]
    part = _section(file, text, transactional=marker.transactional and _in_transaction(file, markers, span))
    return replace(part, gaps=tuple(replace(g, at=g.at + skipped) for g in file.gaps if start <= g.at < end))


def _in_transaction(file: SqlFile, markers: Iterable[_Marker], span: tuple[int, int]) -> bool:
    """Return whether a section runs in a transaction: no annotation of the file, or of the section, forbids it."""
    if next(iter(markers)).tool == NODE_PG_MIGRATE and _NODE_NO_TRANSACTION.match(file.text):
        return False
    return not any(
        marker.word == "no transaction" or (marker.word == _DISABLE and span[0] <= marker.start < span[1])
        for marker in markers
    )


def _edges(file: SqlFile, markers: Iterable[_Marker]) -> tuple[_Marker, _Marker | None]:
    """Return the markers that begin the two sections."""
    found: dict[str, _Marker] = {}
    for marker in markers:
        if marker.word not in ("up", "down"):
            continue
        if marker.word in found:
            raise _fault(file, marker, "is here a second time", "Remove one, or split the file into two migrations.")
        if marker.word == "down" and "up" not in found and marker.tool not in OPTIONAL:
            raise _fault(file, marker, "is above the section that it rolls back", "Put the up section first.")
        found[marker.word] = marker
    marker = next(iter(markers))
    if marker.tool == TERN:
        found["up"] = replace(marker, word="up", transactional=True, start=0, end=0)
    if "up" not in found:
        raise _fault(
            file,
            marker,
            "is in a file without an up section",
            "Add the marker of the up section above the SQL that applies the migration.",
        )
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
        f"{file.path.name}: {said!r} {fact}", hint=hint, location=location_in(file.path, file.text, marker.start)
    )
