"""Show things: data on stdout, the rest on stderr; colours and progress only on a terminal."""

import contextlib
import json as json_format
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from fowergram_db.cli.failures import annotation, error_data, error_lines
from fowergram_db.errors import FileFault, FowergramError
from fowergram_db.printable import (
    as_message,
    ascii_json,
    escaped,
    in_json,
    inert,
    inert_when_wrapped,
    on_one_line,
    without_brackets,
)

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod
    from rich.progress import Progress, TaskID

FORMAT = 1
WIDE = 110
_DUMB = ("dumb", "unknown")
_GAP = "  "
_BESIDE = len("⠋  ━━━━ 4999/5000 0:00:00 ")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its heading, the side its cells lean to, and how it gives way to others.

    ``wraps``: its cells may go on in the next line. ``keeps_lines``: a terminal shows a line of a cell as a line.
    ``wide_only``: a terminal of less than WIDE columns does without it.
    """

    heading: str
    justify: str = "left"
    wraps: bool = False
    keeps_lines: bool = False
    wide_only: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; ``style`` is a hint for terminals and never the only sign of anything."""

    cells: tuple[str, ...]
    style: str = ""


class Screen:
    """What the user sees of one run. As JSON it shows nothing on stdout but the one document.

    All that is shown goes through ``fowergram_db.printable``: no caller has to think of what a text may hold.
    """

    def __init__(self, out: TextIO, err: TextIO, *, json: bool, colour: bool) -> None:
        self.out = out
        self.err = err
        self.json = json
        self.colour = colour
        self.lost: OSError | None = None
        self._has_document = False
        self._script_is_changed = False
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    @classmethod
    def of_process(cls, *, json: bool, no_color: bool) -> Self:
        """Return the screen of this process."""
        return cls(sys.stdout, sys.stderr, json=json, colour=not no_color and not os.environ.get("NO_COLOR"))

    @property
    def is_plain(self) -> bool:
        """Tell whether stdout is read by a program, or a file, rather than seen on a terminal."""
        return not self.out.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_progress()

    def line(self, text: str, style: str = "") -> None:
        """Print a line of the result on stdout."""
        if not self.json:
            self._print(self.out, text, style)

    @contextlib.contextmanager
    def script(self) -> Iterator[None]:
        """Print a SQL script on stdout within the block, in passages; say on stderr if it cannot be run as it is shown.

        GitHub's runner obeys no line of it: the commands that see to that stand in comments of the script.
        """
        token = secrets.token_hex(16) if os.environ.get("GITHUB_ACTIONS") == "true" and self._is_logged() else ""
        if token:
            self._write(self.out, f"/*\n::stop-commands::{token}\n*/\n")
        try:
            yield
        finally:
            if token:
                self._write(self.out, f"/*\n::{token}::\n*/\n")
        if self._script_is_changed:
            self.note("Some characters of this script are shown as escapes (\\x1b): it does not run as it is.")

    def passage(self, text: str) -> None:
        """Print a part of the script on stdout, which ends where the next begins."""
        if self.json:
            return
        # For these runners there is no other way than to change what they would obey.
        obeyed = any(map(os.environ.get, ("TF_BUILD", "TEAMCITY_VERSION"))) and self._is_logged()
        shown = without_brackets(escaped(text)) if obeyed else escaped(text)
        self._script_is_changed |= shown != text
        self._write(self.out, shown)

    def _is_logged(self) -> bool:
        """Tell whether stdout may be what a CI runner reads: not where it is a file, or nothing is printed on it."""
        try:
            return not self.json and not stat.S_ISREG(os.fstat(self.out.fileno()).st_mode)
        except (OSError, ValueError):
            return not self.json

    def note(self, text: str, style: str = "") -> None:
        """Print a line about the run on stderr."""
        self._print(self.err, text, style)

    def table(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """Print a table on stdout: drawn for a terminal, plain and never cut for a pipe."""
        if self.json:
            return
        if self.out.isatty():
            self._draw(columns, rows)
        else:
            self._write(self.out, "".join(f"{line}\n" for line in _plain_table(columns, rows)))

    def document(
        self, command: str, target: Mapping[str, Any] | None, data: Mapping[str, Any], error: FowergramError | None
    ) -> None:
        """Print the one JSON document, where JSON is asked for; one that was interrupted is followed by no other."""
        if not self.json or self._has_document:
            return
        common = {"format": FORMAT, "command": command, "ok": error is None, "target": target, "migrations_dir": None}
        whole = {**common, "error": error_data(error) if error else None, **data}
        text = in_json(json_format.dumps(whole, ensure_ascii=False, default=_json_value))
        if (self.out.encoding or "").lower() not in ("utf-8", "utf8"):
            text = ascii_json(text)
        self._has_document = True
        try:
            self._write(self.out, f"{text}\n")
        except UnicodeError:  # before any of it was written
            self._has_document = False
            raise

    def error(self, error: FowergramError) -> None:
        """Print an error on stderr: what happened, where, what the server said, what to do."""
        self.stop_progress()
        for text, style in error_lines(error):
            self._print(self.err, text, style)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for one in error.faults if isinstance(error, FileFault) else (error,):
                if one.location:
                    self._write(self.err, f"{without_brackets(on_one_line(annotation(one)))}\n")

    def progress(self, text: str, done: int, total: int) -> None:
        """Show on a terminal what is being done now, if it can take a line back."""
        if not self.err.isatty() or os.environ.get("TERM") in _DUMB:
            return
        with self._giving_up(self.err):
            if self._progress is None:
                self._progress = _progress(self._console(self.err))
                self._task = self._progress.add_task("", total=total)
                self._progress.start()
            if self._task is not None:
                self._progress.update(self._task, description=_fitting(self._progress, text), completed=done)

    def progress_within(self, text: str) -> None:
        """Show on a terminal how far the step at hand is, in the place of its name."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=_fitting(self._progress, text))

    def stop_progress(self) -> None:
        """Take the progress off the terminal."""
        if self._progress is not None:
            with self._giving_up(self.err):
                self._progress.stop()
            self._progress = self._task = None

    def ask(self, question: str) -> str | None:
        """Ask on the terminal and return the answer, None where there is nobody to ask."""
        if not (sys.stdin.isatty() and self.err.isatty()):
            return None
        self._write(self.err, as_message(question))
        return sys.stdin.readline().rstrip("\n")

    def flush(self) -> None:
        """Write out what is buffered, so that what is wrong with a stream shows here and not at the very end."""
        for stream in (self.out, self.err):
            self._write(stream, "")

    def _write(self, stream: TextIO, text: str) -> None:
        """Write, or give the stream up where nobody takes it any more: that must not stop what is being done."""
        with self._giving_up(stream):
            stream.write(text)
            stream.flush()

    @contextlib.contextmanager
    def _giving_up(self, stream: TextIO) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # What stderr would have told is lost to nobody who could be told so.
            if stream is self.out and not isinstance(error, BrokenPipeError):
                self.lost = error
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    def _print(self, stream: TextIO, text: str, style: str = "") -> None:
        text = as_message(text)
        with self._giving_up(stream):
            if self._progress is not None and stream.isatty():
                self._progress.console.print(text, style=style, soft_wrap=True)
            elif style and self.colour and stream.isatty():
                self._console(stream).print(text, style=style, soft_wrap=True)
            else:
                stream.write(f"{text}\n")
                stream.flush()

    def _console(self, stream: TextIO) -> "Console":
        from rich.console import Console

        return Console(file=stream, highlight=False, markup=False, emoji=False, no_color=not self.colour)

    def _draw(self, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        from rich import box
        from rich.table import Table

        console = self._console(self.out)
        shown = [at for at, column in enumerate(columns) if console.width >= WIDE or not column.wide_only]
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in (columns[at] for at in shown):
            justify: JustifyMethod = "right" if column.justify == "right" else "left"
            table.add_column(column.heading, justify=justify, overflow="fold", no_wrap=not column.wraps)
        for row in rows:
            table.add_row(*(_cell(columns[at], row.cells[at]) for at in shown), style=row.style or None)
        with console.capture() as drawn:
            console.print(table)
        self._write(self.out, inert_when_wrapped(drawn.get()))


def _cell(column: Column, text: str) -> str:
    """Return what a terminal shows in a cell."""
    return inert(text) if column.keeps_lines else inert(on_one_line(text))


def _plain_table(columns: Sequence[Column], rows: Sequence[Row]) -> Iterator[str]:
    lines = [tuple(column.heading for column in columns)]
    lines.extend(tuple(map(on_one_line, row.cells)) for row in rows)
    widths = [max(map(_width, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        padded = []
        for cell, width, column in zip(line, widths, columns, strict=True):
            blank = " " * (width - _width(cell))
            padded.append(blank + cell if column.justify == "right" else cell + blank)
        yield inert(_GAP.join(padded).rstrip())


def _width(text: str) -> int:
    """Return how many columns a text takes: Thai vowels above and below take none.

    >>> _width("users"), _width("ผู้ใช้"), _width("表")
    (5, 3, 2)
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _progress(console: "Console") -> "Progress":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    text = TextColumn("{task.description}", markup=False)
    return Progress(
        SpinnerColumn(), text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True
    )


def _fitting(progress: "Progress", text: str) -> str:
    """Cut a text so that the rest of the line has its place: a small bar, how many are done, the time."""
    from rich.text import Text

    fitting = Text(on_one_line(text))
    fitting.truncate(max(1, progress.console.width - _BESIDE), overflow="ellipsis")
    return fitting.plain


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(type(value).__name__)
