"""Report to GitHub Actions: an annotation for each place in a file, and the outcome as Markdown."""

import html
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fowergram_db.cli.figures import duration
from fowergram_db.errors import FileFault, FowergramError, Location
from fowergram_db.plurals import count
from fowergram_db.printable import escaped, on_one_line, without_brackets

_MOST_STEPS = 200
_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~$@:])")


def annotations(error: FowergramError, workspace: str) -> Iterator[str]:
    """Yield an annotation for each place in a file that an error is about. GitHub shows it at that line.

    A file inside the ``workspace`` is named relative to it, because GitHub knows the files of the repository so.
    """
    for one in error.faults if isinstance(error, FileFault) else (error,):
        if one.location:
            yield without_brackets(on_one_line(_annotation(one.message, one.location, workspace)))


def outcome_as_markdown(command: str, target: str, data: Mapping[str, Any], error: FowergramError | None) -> str:
    """Return the result of a command as Markdown, for a job summary. Names from outside are escaped."""
    parts = [f"### fowergram-db {_shown(command)}: {'failed' if error else 'done'}"]
    if target:
        parts.append(f"Target: {_shown(target)}")
    if error:
        parts.append("\n".join(_error_lines(error)))
    if steps := data.get("steps"):
        parts.append("\n".join(_steps(steps)))
    if summary := data.get("summary"):
        parts.append(", ".join(f"{figure} {_shown(name)}" for name, figure in summary.items()) + ".")
    return "\n\n".join(parts) + "\n\n"


def relative_to(file: str, workspace: str) -> str:
    """Return the path of a file relative to the workspace, unchanged if the file is not inside it.

    >>> relative_to("/home/repo/migrations/001_a.sql", "/home/repo"), relative_to("/elsewhere/001_a.sql", "/home/repo")
    ('migrations/001_a.sql', '/elsewhere/001_a.sql')
    """
    if not workspace:
        return file
    for resolve in (os.path.abspath, os.path.realpath):
        try:
            return Path(resolve(file)).relative_to(resolve(workspace)).as_posix()
        except ValueError:
            continue
    return file


def _annotation(message: str, place: Location, workspace: str) -> str:
    parts = {"file": relative_to(place.file, workspace), "line": place.line, "col": place.column}
    where = ",".join(
        f"{name}={_value(str(value)).replace(':', '%3A').replace(',', '%2C')}" for name, value in parts.items() if value
    )
    return f"::error {where}::{_value(message)}"


def _value(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _error_lines(error: FowergramError) -> Iterator[str]:
    text = escaped("\n".join((error.message, *([f"  at {error.location}"] if error.location else []))))
    fence = "`" * (max([2, *map(len, re.findall("`+", text))]) + 1)
    yield from (f"{fence}text", text, fence)
    if error.hint:
        yield f"\n{_shown(error.hint)}"
    yield from (f"\n{_shown(note)}" for note in getattr(error, "__notes__", ()))


def _steps(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("| file | direction | took |", "|---|---|---:|")
    for step in steps[:_MOST_STEPS]:
        took = step.get("duration_ms")
        yield f"| {_shown(str(step['file']))} | {step['direction']} | {'' if took is None else duration(took)} |"
    if more := len(steps) - _MOST_STEPS:
        yield f"\nand {count(more, 'more step')}" if more > 0 else ""


def _shown(text: str) -> str:
    r"""Escape a text for Markdown and for HTML in it.

    >>> print(_shown("a|b <img src=x> [c](d)"))
    a\|b &lt;img src=x&gt; \[c\]\(d\)
    """
    return _MARKS.sub(r"\\\1", html.escape(on_one_line(text), quote=False))
