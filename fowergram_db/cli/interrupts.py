"""Make a signal end a run as Ctrl-C does: the statement on the server is cancelled, the transaction rolled back."""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

_AGAIN_S = 0.01
# psycopg's own, in which it drops whatever the handler of a notice raises.
_DROPS = "_notice_handler"
_Handler = Callable[[int, FrameType | None], object]


class TerminationSignal(KeyboardInterrupt):
    """SIGTERM came, or the terminal was closed."""


def install_signal_handlers() -> None:
    """Have SIGTERM raise TerminationSignal from now on; SIGHUP too, where ``nohup`` has not had it ignored.

    These and Ctrl-C wait while psycopg passes on what the server says: there, what they raise would be lost.
    """
    signal.signal(signal.SIGTERM, _in_time(_raise))
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _in_time(_raise_once))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _in_time(signal.default_int_handler))


def _in_time(handle: _Handler) -> _Handler:
    """Return a handler that has the signal sent again a moment later where it comes at the wrong time."""

    def heed(number: int, frame: FrameType | None) -> None:
        if _is_dropped_in(frame):
            threading.Timer(_AGAIN_S, os.kill, (os.getpid(), number)).start()
        else:
            handle(number, frame)

    return heed


def _is_dropped_in(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == _DROPS:
            return True
        frame = frame.f_back
    return False


def _raise(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TerminationSignal


def _raise_once(number: int, _frame: FrameType | None) -> NoReturn:
    """Raise, and let nothing disturb what cleans up then: a shell and the kernel may both tell of one terminal."""
    signal.signal(number, signal.SIG_IGN)
    raise TerminationSignal
