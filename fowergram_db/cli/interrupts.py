"""Make a signal end a run as Ctrl-C does: the statement on the server is cancelled, the transaction rolled back."""

import signal
from types import FrameType
from typing import NoReturn


class TerminationSignal(KeyboardInterrupt):
    """SIGTERM came, or the terminal was closed."""


def heed_termination() -> None:
    """Have SIGTERM raise TerminationSignal from now on; SIGHUP too, where ``nohup`` has not had it ignored."""
    signal.signal(signal.SIGTERM, _raise)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _raise_once)


def _raise(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TerminationSignal


def _raise_once(number: int, _frame: FrameType | None) -> NoReturn:
    """Raise, and let nothing disturb what cleans up then: a shell and the kernel may both tell of one terminal."""
    signal.signal(number, signal.SIG_IGN)
    raise TerminationSignal
