"""Show the current step: as a bar on a terminal, elsewhere by naming a step that takes long."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from fowergram_db.printable import on_one_line

if TYPE_CHECKING:
    from rich.console import Console

LONG_S = 2.0
"""After how many seconds a step is named where no terminal shows it."""
_BAR_WIDTH = len("⠋  ━━━━ 4999/5000 0:00:00 ")


class Bar:
    """A progress bar on a terminal. It clears its line at the end."""

    def __init__(self, console: "Console", total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        text = TextColumn("{task.description}", markup=False)
        columns = (SpinnerColumn(), text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress: Progress = Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task("", total=total)
        self.console: Console = self._progress.console
        self._progress.start()

    def show(self, text: str, done: int | None = None) -> None:
        """Show the current step, and how many steps are done; None: unchanged."""
        self._progress.update(self._task, description=self._fitting(text), completed=done)

    def stop(self) -> None:
        """Remove the bar from the terminal."""
        self._progress.stop()

    def _fitting(self, text: str) -> str:
        """Truncate a text to leave space in the line for a small bar, the number of steps done, and the time."""
        from rich.text import Text

        fitting = Text(on_one_line(text))
        fitting.truncate(max(1, self.console.width - _BAR_WIDTH), overflow="ellipsis")
        return fitting.plain


class LongSteps:
    """Name each step once, when it has taken long. Calls ``say`` with the step, in a thread of its own."""

    def __init__(self, say: Callable[[str], None], after_s: float = LONG_S) -> None:
        self._say = say
        self._after_s = after_s
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._step = self._text = ""
        self._due: float | None = None
        self._thread = threading.Thread(target=self._watch, name="long steps", daemon=True)
        self._thread.start()

    def begin(self, text: str) -> None:
        """Begin a step, and end the one before."""
        with self._lock:
            self._step = self._text = text
            self._due = time.monotonic() + self._after_s

    def end(self, text: str) -> None:
        """Take note that a step has ended: what follows it is not that step."""
        with self._lock:
            if text == self._step:
                self._due = None

    def show(self, text: str) -> None:
        """Change the text of the current step to its progress."""
        with self._lock:
            self._text = text

    def stop(self) -> None:
        """Stop naming steps."""
        with self._lock:
            self._due = None
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(self._pause()):
            with self._lock:
                text, is_due = self._text, self._due is not None and self._due <= time.monotonic()
                if is_due:
                    self._due = None
            if is_due:
                self._say(text)

    def _pause(self) -> float:
        with self._lock:
            due = self._due
        # A step that begins later cannot be due earlier than this.
        return self._after_s if due is None else max(0.0, due - time.monotonic())


def has_bar(stream: TextIO, term: str | None) -> bool:
    """Return whether a stream is a terminal that can clear a line."""
    return stream.isatty() and term not in ("dumb", "unknown")
