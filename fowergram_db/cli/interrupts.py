"""Make SIGTERM end a run as Ctrl-C does: the statement on the server is cancelled, the transaction rolled back."""

import signal
from types import FrameType
from typing import NoReturn


class TerminationSignal(KeyboardInterrupt):
    """SIGTERM came."""


def heed_termination() -> None:
    """Have SIGTERM raise TerminationSignal from now on."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise TerminationSignal
