"""Handle termination signals like Ctrl-C: cancel the statement on the server and roll the transaction back."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

_AGAIN_S = 0.01
# psycopg's own function, which discards exceptions that a notice handler raises.
_DROPS = "_notice_handler"
_Handler = Callable[[int, FrameType | None], object]


class TerminationSignal(KeyboardInterrupt):
    """The process received SIGTERM, or the terminal was closed (SIGHUP)."""


def install_signal_handlers() -> None:
    """Make SIGTERM raise TerminationSignal, and SIGHUP too unless ``nohup`` made the process ignore it.

    Both signals and Ctrl-C are deferred while psycopg calls a notice handler, because it discards exceptions there.
    """
    signal.signal(signal.SIGTERM, _in_time(_raise))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _in_time(_raise_once))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _in_time(signal.default_int_handler))


def _in_time(handle: _Handler) -> _Handler:
    """Return a handler that sends the signal again a moment later if it arrives during a notice handler."""

    def deferred(number: int, frame: FrameType | None) -> None:
        if _is_dropped_in(frame):
            threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number)).start()
        else:
            handle(number, frame)

    return deferred


def _is_dropped_in(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == _DROPS:
            return True
        frame = frame.f_back
    return False


def _raise(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TerminationSignal


def _raise_once(number: int, _frame: FrameType | None) -> NoReturn:
    """Raise once, and ignore further signals during cleanup: a shell and the kernel may both send one."""
    signal.signal(number, signal.SIG_IGN)
    raise TerminationSignal
