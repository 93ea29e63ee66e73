"""What a campaign consists of: cases drawn by a seed, and what each of them has left."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto


class Fault(StrEnum):
    """What happens to a run, its server, or what is between them."""

    KILL = auto()
    RESET = auto()
    CLOSE = auto()
    CRASH = auto()
    SHUTDOWN = auto()
    FAILOVER = auto()
    POOLER = auto()
    PAUSE = auto()
    FREEZE = auto()
    CLIENT_GONE = auto()
    SILENCE = auto()

    @property
    def heading(self) -> str:
        """What the fault is called in the table."""
        return _TITLES[self]


_TITLES = {
    Fault.KILL: "client killed (SIGKILL)",
    Fault.RESET: "connections reset",
    Fault.CLOSE: "connections closed",
    Fault.CRASH: "server crashes (SIGKILL of the postmaster)",
    Fault.SHUTDOWN: "immediate shutdown of the server",
    Fault.FAILOVER: "primary dies, standby is promoted",
    Fault.POOLER: "PgBouncer killed and started again",
    Fault.PAUSE: "client stopped for up to 2 s (SIGSTOP)",
    Fault.FREEZE: "client stopped until another has taken over",
    Fault.CLIENT_GONE: "client's host gone",
    Fault.SILENCE: "network silent, both hosts alive",
}


class Outcome(StrEnum):
    """How much of the run is there after the fault."""

    NOTHING = auto()
    SOME = auto()
    PARTIAL = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class Case:
    """One fault: in which command, and when, as a share of the time between its first connection and its end."""

    number: int
    fault: Fault
    command: str
    moment: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What a fault left: ``violation`` is empty, or says what was wrong.

    ``freed_s`` is how long the server kept a session of the run, ``recovery_s`` how long the next run took.
    """

    case: Case
    outcome: Outcome
    recovery_s: float
    freed_s: float = 0.0
    violation: str = ""


def draw(seed: int, counts: Mapping[Fault, int], commands: tuple[str, ...] = ("migrate", "rollback")) -> list[Case]:
    """Draw the cases of each fault: commands in turn, moments uniform. A seed draws the same cases each time."""
    chance = random.Random(seed)
    drawn: list[Case] = []
    for fault, count in counts.items():
        for number in range(count):
            command = commands[0] if fault is Fault.FREEZE else commands[number % len(commands)]
            drawn.append(Case(len(drawn), fault, command, chance.random()))
    return drawn
