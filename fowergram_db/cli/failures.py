"""Format an error as lines and as JSON. Pure."""

from collections.abc import Iterator
from typing import Any

from fowergram_db.errors import FileFault, FileFaults, FowergramError

_LONGEST_LINE = 2_000


def error_lines(error: FowergramError) -> Iterator[tuple[str, str]]:
    """Yield the lines of an error with their styles. A very long line is shortened in its middle."""
    for text, style in _error_lines(error):
        yield "\n".join(map(_shortened, text.split("\n"))), style


def note_lines(error: FowergramError) -> Iterator[str]:
    """Yield the notes of an error, which say what is applied now."""
    for note in getattr(error, "__notes__", ()):
        yield "\n".join(map(_shortened, note.split("\n")))


def _shortened(line: str) -> str:
    half = _LONGEST_LINE // 2
    return line if len(line) <= _LONGEST_LINE else f"{line[:half]} … {line[-half:]}"


def _error_lines(error: FowergramError) -> Iterator[tuple[str, str]]:
    if isinstance(error, FileFaults):
        first, *others = error.message.split("\n")
        yield f"error: {first}", "bold red"
        yield from ((line, "bold" if line.startswith("  hint: ") else "") for line in others)
        return
    yield f"error: {error.message}", "bold red"
    if error.location:
        yield f"  at {error.location}", ""
    if error.excerpt:
        number = str(error.location.line) if error.location else ""
        source, _, caret = error.excerpt.partition("\n")
        yield f"{number} | {source}", ""
        yield f"{' ' * len(number)} | {caret}", "bold red"
    if server := error.server:
        said = (("SQLSTATE", server.sqlstate), ("DETAIL", server.detail), ("HINT", server.hint))
        yield from ((f"{name}: {text}", "") for name, text in (*said, ("CONTEXT", server.context)) if text)
    if error.hint:
        yield f"hint: {error.hint}", "bold"


def error_data(error: FowergramError) -> dict[str, Any]:
    """Return an error for the JSON document. An error in files includes each of their faults."""
    location, server = error.location, error.server
    faults = {"faults": list(map(_fault_data, error.faults))} if isinstance(error, FileFault) else {}
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint or (server.hint if server else "") or None,
        "file": location.file if location else None,
        "line": location.line if location else None,
        "column": location.column if location else None,
        "sqlstate": (server.sqlstate if server else None) or None,
        "detail": (server.detail if server else None) or None,
        **faults,
    }


def _fault_data(fault: FileFault) -> dict[str, Any]:
    place = fault.location
    return {
        "message": fault.message,
        "hint": fault.hint or None,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }
