"""Signs of life of a session that only holds a lock, so that the server may end it if there are none."""

import threading
import time

import psycopg

from fowergram_db.database import liveness
from fowergram_db.database.connection import Connection
from fowergram_db.database.simple_query import Unanswered, run

_ANSWER_WITHIN_S = 5.0


class Heartbeat:
    """Send empty queries from a thread of its own: the main one may wait for a statement, a person or a disk.

    An empty query takes no snapshot, so CREATE INDEX CONCURRENTLY does not wait for the session's transaction. From
    here until ``stop`` the session is the heartbeat's.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_lost = False
        self._heard_at = time.monotonic()
        self._silence_s = liveness.LIVENESS.silence_s
        self._at_work = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, args=(liveness.LIVENESS.heartbeat_s,), daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Return whether the session was there when it was last heard of. No round trip but one that is under way."""
        if self._at_work.acquire(timeout=_ANSWER_WITHIN_S):
            try:
                # The first reads what the server may have said last, the second then finds the end.
                for _ in range(2):
                    self._connection.pgconn.consume_input()
            except psycopg.Error:
                self._is_lost = True
            finally:
                self._at_work.release()
        # This process, or its whole machine, may have been stopped.
        return not self._is_lost and time.monotonic() - self._heard_at < self._silence_s

    def stop(self) -> None:
        """Stop, and give the session back; one that does not answer is closed."""
        self._stopped.set()
        self._thread.join()

    def _beat(self, every_s: float) -> None:
        while not self._stopped.wait(every_s):
            with self._at_work:
                try:
                    run(self._connection, "", self._stop_waiting)
                    self._heard_at = time.monotonic()
                except psycopg.Error:
                    self._is_lost = True
                    self._connection.close()
                    return

    def _stop_waiting(self) -> None:
        """End the wait for an answer with the run; the kernel ends it if the server has vanished."""
        if self._stopped.is_set():
            raise Unanswered("stopped")
