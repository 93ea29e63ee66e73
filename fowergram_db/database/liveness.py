"""How soon the two ends of a session find out that the other has vanished: its host gone, or the network interrupted.

TCP alone takes two hours for a session that is silent, and a quarter of an hour for one that sends. Pure.
"""

from typing import NamedTuple

_MS = 1000


class Liveness(NamedTuple):
    """Times in seconds. The kernel probes a silent connection after ``idle_s``, then every ``interval_s``.

    It gives up after ``probes`` without an answer, or when what was sent is not acknowledged for as long as all of
    that takes. ``heartbeat_s``: how often the holder of a lock gives a sign of life. ``silence_s``: after this time
    without one, the server ends the session; that works behind a pooler too, whose own connection stays open.
    ``answer_s``: how long the first answer of a session may take; a pooler may keep it waiting, PgBouncer for 120 s.
    """

    idle_s: int = 15
    interval_s: int = 5
    probes: int = 7
    heartbeat_s: float = 15.0
    silence_s: int = 90
    answer_s: int = 110

    @property
    def lost_after_s(self) -> int:
        """Return how long a connection without any answer lasts.

        A client that cleans up may meet a second connection right before its end, and then waits as long again.

        >>> Liveness().lost_after_s
        50
        """
        return self.idle_s + self.interval_s * self.probes

    @property
    def parameters(self) -> dict[str, str]:
        """Return libpq's connection parameters, for the client's side."""
        return {
            "keepalives_idle": str(self.idle_s),
            "keepalives_interval": str(self.interval_s),
            "keepalives_count": str(self.probes),
            "tcp_user_timeout": str(self.lost_after_s * _MS),
        }

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings of a session, for the server's side. They do nothing on a Unix socket."""
        return {
            "tcp_keepalives_idle": str(self.idle_s),
            "tcp_keepalives_interval": str(self.interval_s),
            "tcp_keepalives_count": str(self.probes),
            "tcp_user_timeout": str(self.lost_after_s * _MS),
            "idle_in_transaction_session_timeout": str(self.silence_s * _MS),
        }


LIVENESS = Liveness()
