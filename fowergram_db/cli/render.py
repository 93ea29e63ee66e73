"""Show data on stdout and everything else on stderr, with colours and progress only on a terminal."""

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from fowergram_db.cli.explanations import Interrupted
from fowergram_db.cli.failures import error_data, error_lines, note_lines
from fowergram_db.cli.json_document import document_text
from fowergram_db.cli.log import LogLevel, LogSettings, json_line
from fowergram_db.cli.progress import Bar, LongSteps, has_bar
from fowergram_db.cli.tables import Row, TableColumn, fitted_lines, plain_lines
from fowergram_db.errors import FowergramError
from fowergram_db.printable import as_message, escaped, inert_when_wrapped, without_brackets

if TYPE_CHECKING:
    from rich.console import Console

_SWITCHED_OFF = ("", "0", "false")


class Screen:
    """All output of one run. With --json, stdout holds one JSON document and nothing else.

    Each text goes through ``fowergram_db.printable``, so a caller can pass names and messages from outside.
    """

    def __init__(
        self,
        out: TextIO,
        err: TextIO,
        *,
        json: bool,
        colour: bool,
        is_forced: bool = False,
        log: LogSettings | None = None,
    ) -> None:
        self.out = out
        self.err = err
        self.json = json
        self.colour = colour
        self._is_forced = colour and is_forced
        self.log = log or LogSettings()
        self.target: Mapping[str, Any] | None = None
        """What the objects of the log name as the target."""
        self.lost: OSError | None = None
        self._has_document = False
        self._script_is_changed = False
        self._bar: Bar | None = None
        self._long_steps: LongSteps | None = None

    @classmethod
    def for_process(cls, *, json: bool, no_color: bool, log: LogSettings | None = None) -> Self:
        """Return the screen of this process. NO_COLOR overrides FORCE_COLOR, which enables colours in a pipe."""
        colour = not no_color and not os.environ.get("NO_COLOR")
        is_forced = os.environ.get("FORCE_COLOR", "").lower() not in _SWITCHED_OFF
        return cls(sys.stdout, sys.stderr, json=json, colour=colour, is_forced=is_forced, log=log)

    @property
    def is_plain(self) -> bool:
        """Return whether stdout is a pipe or a file, not a terminal."""
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
        """Print a SQL script on stdout within the block, in passages. Warn on stderr if it cannot run as it is shown.

        GitHub's runner executes no line of it as a workflow command: SQL comments around the script prevent this.
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
        """Print a part of the script on stdout, without a line end of its own."""
        if self.json:
            return
        # These runners have no way to ignore a line: what they would execute must be changed.
        obeyed = any(map(os.environ.get, ("TF_BUILD", "TEAMCITY_VERSION"))) and self._is_logged()
        shown = without_brackets(escaped(text)) if obeyed else escaped(text)
        self._script_is_changed |= shown != text
        self._write(self.out, shown)

    def _is_logged(self) -> bool:
        """Return whether a CI runner may read stdout: not if it is a file, or if nothing is printed on it."""
        try:
            return not self.json and not stat.S_ISREG(os.fstat(self.out.fileno()).st_mode)
        except (OSError, ValueError):
            return not self.json

    def note(self, text: str, style: str = "", *, level: LogLevel = LogLevel.INFO, event: str = "note") -> None:
        """Print a line about the run on stderr; ``event`` is the word that a collector knows it by."""
        if self.log.is_json:
            self.log_object(level, event, {"message": text})
        elif self.log.shows(level):
            self._print(self.err, text, style)

    def log_object(
        self, level: LogLevel, event: str, fields: Mapping[str, Any], target: Mapping[str, Any] | None = None
    ) -> None:
        """Write an object of the log on stderr; without a ``target``, it is about that of the command."""
        if self.log.shows(level):
            text = json_line(level, event, target or self.target, fields, self.err.encoding or "")
            self._write(self.err, f"{text}\n")

    def table(self, columns: Sequence[TableColumn], rows: Sequence[Row]) -> None:
        """Print a table on stdout, one row a line: fitted to the width of a terminal, in full for a pipe."""
        if self.json:
            return
        if self.out.isatty():
            self._draw(columns, rows)
            return
        heading, *lines = plain_lines(columns, rows)
        styled = zip((heading, *lines), ("bold", *(row.style for row in rows)), strict=True)
        if self._is_forced:
            for line, style in styled:
                self._print(self.out, line, style)
        else:
            self._write(self.out, "".join(f"{line}\n" for line, _ in styled))

    def document(
        self, command: str, target: Mapping[str, Any] | None, data: Mapping[str, Any], error: FowergramError | None
    ) -> None:
        """Print the JSON document with --json. After one that was interrupted, no second one is printed."""
        if not self.json or self._has_document:
            return
        failed = error_data(error) if error else None
        text = document_text(command, target, data, failed, self.out.encoding or "")
        self._has_document = True
        try:
            self._write(self.out, f"{text}\n")
        except UnicodeError:  # before any of it was written
            self._has_document = False
            raise

    def error(self, error: FowergramError) -> None:
        """Print an error on stderr: what happened, where, the server's report, what to do, and what is applied now."""
        self.stop_progress()
        if self.log.is_json:
            notes = list(getattr(error, "__notes__", ()))
            self.log_object(LogLevel.ERROR, "error", {**error_data(error), "notes": notes})
            return
        for text, style in error_lines(error):
            self._print(self.err, text, style)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from fowergram_db.cli.github import annotations

            for line in annotations(error, os.environ.get("GITHUB_WORKSPACE", "")):
                self._write(self.err, f"{line}\n")
        for text in note_lines(error):
            self._print(self.err, text, "")

    def summarize(self, command: str, target: str, data: Mapping[str, Any], error: FowergramError | None) -> None:
        """Append the outcome to the job summary of GitHub Actions, if there is one."""
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if not path:
            return
        from fowergram_db.cli.github import outcome_as_markdown

        try:
            # Without O_NONBLOCK, opening a pipe without a reader would wait, after the migrations are applied.
            opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o666)
            with os.fdopen(opened, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(outcome_as_markdown(command, target, data, error))
        except OSError as problem:
            text = f"The summary of the job could not be written: {problem.strerror}"
            self.note(text, level=LogLevel.WARNING)

    def progress(self, text: str, done: int, total: int) -> None:
        """Show the current step on a terminal. Without one, name a step on stderr after two seconds."""
        if not self.log.shows(LogLevel.INFO):
            return
        if self.log.is_json or not has_bar(self.err, os.environ.get("TERM")):
            self._long_steps = self._long_steps or LongSteps(self._still_running)
            self._long_steps.begin(text)
            return
        with self._giving_up(self.err):
            self._bar = self._bar or Bar(self._console(self.err), total)
            self._bar.show(text, done)

    def _still_running(self, step: str) -> None:
        self.note(f"Still running: {step}", event="still_running")

    def progress_within(self, text: str) -> None:
        """Show the progress within the current step, in place of its name."""
        if self._bar is not None:
            self._bar.show(text)
        elif self._long_steps is not None:
            self._long_steps.show(text)

    def end_progress(self, text: str) -> None:
        """Stop naming a step that has ended. A terminal shows it until the next one begins."""
        if self._long_steps is not None:
            self._long_steps.end(text)

    def stop_progress(self) -> None:
        """Remove the progress from the terminal."""
        bar, long_steps, self._bar, self._long_steps = self._bar, self._long_steps, None, None
        if bar is not None:
            with self._giving_up(self.err):
                bar.stop()
        if long_steps is not None:
            long_steps.stop()

    def ask(self, question: str) -> str | None:
        """Ask on the terminal and return the answer, None if stdin or stderr is not a terminal."""
        if not (sys.stdin.isatty() and self.err.isatty()):
            return None
        try:
            # The answer may follow at once: an interrupt must be handled from here on.
            self._write(self.err, as_message(question))
            return sys.stdin.readline().rstrip("\n")
        except KeyboardInterrupt as interrupt:
            self._write(self.err, "\n")
            raise Interrupted("interrupted", hint="Nothing was done. To answer, run the command again.") from interrupt

    def flush(self) -> None:
        """Flush both streams, so that an error of a stream is raised here and not when the process exits."""
        for stream in (self.out, self.err):
            self._write(stream, "")

    def _write(self, stream: TextIO, text: str) -> None:
        """Write, or stop using the stream if its reader is gone: that must not stop the command."""
        with self._giving_up(stream):
            stream.write(text)
            stream.flush()

    @contextlib.contextmanager
    def _giving_up(self, stream: TextIO) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # A lost stderr is no error: there is no place left to report it.
            if stream is self.out and not isinstance(error, BrokenPipeError):
                self.lost = error
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    def _print(self, stream: TextIO, text: str, style: str = "") -> None:
        text = as_message(text)
        with self._giving_up(stream):
            if self._bar is not None and stream.isatty():
                self._bar.console.print(text, style=style, soft_wrap=True)
            elif style and self.colour and (stream.isatty() or self._is_forced):
                self._console(stream).print(text, style=style, soft_wrap=True)
            else:
                stream.write(f"{text}\n")
                stream.flush()

    def _console(self, stream: TextIO) -> "Console":
        from rich.console import Console

        # Without this, rich finds no colours for a pipe or for the TERM of a CI runner.
        forced: Any = {"force_terminal": True, "color_system": "standard"} if self._is_forced else {}
        return Console(file=stream, highlight=False, markup=False, emoji=False, no_color=not self.colour, **forced)

    def _draw(self, columns: Sequence[TableColumn], rows: Sequence[Row]) -> None:
        from rich.text import Text

        console = self._console(self.out)
        heading, rule, *lines = fitted_lines(columns, rows, console.width)
        styles = ("bold", "dim", *(row.style for row in rows))
        with console.capture() as drawn:
            for line, style in zip((heading, rule, *lines), styles, strict=True):
                console.print(Text(line.rstrip(), style=style), soft_wrap=True)
        self._write(self.out, inert_when_wrapped(drawn.get()))
