"""Where a fault happens: how a run reaches its server, what is done to either, and where the truth is asked then."""

import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

import psycopg

from fowergram_db.database.connection import connect
from fowergram_db.database.target import Target
from fowergram_db.errors import FowergramError
from tests.integration.pooler import pooler_of
from tests.integration.proxy import ConnectionEnd, proxy_to
from tests.network import network
from tools.servers import Cluster, Server

_SOON_S = 60.0
_POLL_S = 0.01
_STARTS_AT_ONCE = 2
_SYNCHRONOUS = {"synchronous_standby_names": "*"}
_SESSIONS = "SELECT FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
# A session that has not run a statement yet holds nothing, and has no settings: only the server's own end it.
_IN_USE = f"{_SESSIONS} AND (state <> 'idle' OR query <> '')"
_AT_WORK = f"{_SESSIONS} AND state <> 'idle'"

Prefix = tuple[str, ...]


@dataclass(slots=True)
class Stage:
    """The surroundings of one case.

    ``server`` is a superuser's direct way to the server that counts, which a failover changes; ``way`` is what the run
    is given, and ``prefix`` what it is started with. ``report_summary`` waits for its first connection to a database.
    ``strike`` does to the surroundings what the fault means. Where ``is_pooled``, idle sessions are the pooler's.
    """

    server: Target
    way: Target
    report_summary: Callable[[str], None]
    strike: Callable[[], None] = lambda: None
    prefix: Prefix = ()
    is_pooled: bool = False

    def await_no_session(self, database: str, seconds: float) -> bool:
        """Wait until the server has no session in which the run ran a statement; return whether it has none.

        It waits for at most ``seconds``.
        """
        deadline = time.monotonic() + seconds
        query = _AT_WORK if self.is_pooled else _IN_USE
        while time.monotonic() < deadline:
            with suppress(FowergramError, psycopg.Error), connect(self.server) as admin:
                while time.monotonic() < deadline:
                    if admin.execute(query, [database]).fetchone() is None:
                        return True
                    time.sleep(_POLL_S)
            time.sleep(_POLL_S)
        return False


class Ground(Protocol):
    """Something that cases take place on."""

    parallel: int

    def stage(self) -> AbstractContextManager[Stage]:
        """Yield the surroundings of a case."""


class SharedServer:
    """One server for all cases, reached through a proxy that can interrupt connections."""

    def __init__(self, server: Target, cut: ConnectionEnd | None = None, parallel: int = 2) -> None:
        self.parallel = parallel
        self._server = server
        self._cut = cut

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Yield the surroundings of a proxy; ``strike`` interrupts its connections."""
        with proxy_to(self._server.host, int(self._server.port)) as proxy:
            strike = (lambda: None) if self._cut is None else (lambda: proxy.interrupt(self._cut))
            yield Stage(self._server, _through(self._server, proxy.port), _arrival(proxy.connected), strike)


class BehindPooler:
    """One server, reached through a PgBouncer of the case's own, which is killed and started again."""

    parallel = 2

    def __init__(self, server: Target) -> None:
        self._server = server

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Yield the surroundings of a pooler."""
        with pooler_of(self._server) as pooler, proxy_to("127.0.0.1", int(pooler.way.port)) as proxy:

            def restart() -> None:
                pooler.stop(signal.SIGKILL)
                pooler.start()

            way = _through(self._server, proxy.port)
            yield Stage(self._server, way, _arrival(proxy.connected), restart, is_pooled=True)


class OwnServer:
    """Servers that are stopped as ``how`` says and start again on their data; copies of ``base``."""

    parallel = 2

    def __init__(self, base: Cluster, settings: Mapping[str, str], how: signal.Signals) -> None:
        self._settings = settings
        self._how = how
        self._idle: queue.SimpleQueue[Cluster] = queue.SimpleQueue()
        for number in range(self.parallel):
            self._idle.put(base.copied(f"{how.name}-{number}"))

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Yield the surroundings of a server that no other case uses meanwhile."""
        cluster = self._idle.get()
        with ExitStack() as stack:
            stack.callback(self._idle.put, cluster)
            running = stack.enter_context(ExitStack())
            server = running.enter_context(_started(cluster, self._settings))
            proxy = stack.enter_context(proxy_to("127.0.0.1", server.port))
            stage = Stage(_target(server), _through(_target(server), proxy.port), _arrival(proxy.connected))

            def restart() -> None:
                os.kill(server.pid, self._how)
                running.close()
                stage.server = _target(running.enter_context(_started(cluster, self._settings)))

            stage.strike = restart
            yield stage


class Failover:
    """Pairs of a primary and a synchronous standby, copies of ``base``: the primary dies, the standby is promoted."""

    parallel = 2

    def __init__(self, base: Cluster, settings: Mapping[str, str]) -> None:
        self._base = base
        self._settings = dict(settings)
        self._numbers = iter(range(1_000_000))
        self._copying = threading.Lock()

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Yield the surroundings of a pair."""
        with ExitStack() as stack:
            primary, standby = self._copies(stack)
            first = stack.enter_context(_started(primary, self._settings | _SYNCHRONOUS))
            source = {"primary_conninfo": f"host=127.0.0.1 port={first.port} user=postgres"}
            second = stack.enter_context(_started(standby, self._settings | source))
            _until_true(_target(first), "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'")
            proxy = stack.enter_context(proxy_to("127.0.0.1", first.port))
            stage = Stage(_target(first), _through(_target(first), proxy.port), _arrival(proxy.connected))

            def fail_over() -> None:
                os.kill(first.pid, signal.SIGKILL)
                with connect(_target(second)) as session:
                    session.execute("SELECT pg_promote()")
                stage.server = _target(second)

            stage.strike = fail_over
            yield stage

    def _copies(self, stack: ExitStack) -> tuple[Cluster, Cluster]:
        with self._copying:
            number = next(self._numbers)
            copies = self._base.copied(f"primary-{number}"), self._base.standby(f"standby-{number}")
        for copy in copies:
            stack.callback(copy.remove)
        return copies


class SilentNetwork:
    """A server on a host of its own, and each run on another: between them the packets stop arriving.

    The check connects through a Unix socket, which does not depend on the network.
    """

    parallel = 24

    def __init__(self, base: Cluster, settings: Mapping[str, str], stack: ExitStack) -> None:
        self._network = stack.enter_context(network())
        cluster = base.copied("silent")
        with (cluster.data / "pg_hba.conf").open("a") as admitted:
            admitted.write("host all all samenet trust\n")
        sockets = str(cluster.data.parent)
        os.chown(sockets, cluster.owner.uid, cluster.owner.gid)
        mine = {**settings, "listen_addresses": "*", "unix_socket_directories": sockets}
        server = stack.enter_context(cluster.started(mine, self._network.server.prefix))
        self._server = Target("postgres", "postgres", sockets, str(server.port))
        self._numbers = iter(range(1_000_000))
        self._adding = threading.Lock()
        self._starting = threading.Semaphore(_STARTS_AT_ONCE)

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Yield the surroundings of a host; few runs are on their way at a time, many wait in silence."""
        with self._adding:
            host = self._network.client(next(self._numbers))
        self._starting.acquire()
        held = ExitStack()
        held.callback(self._starting.release)

        def silence() -> None:
            host.silence()
            held.close()

        with held, connect(self._server) as admin:

            def report_summary(database: str) -> None:
                _until(lambda: admin.execute(_SESSIONS, [database]).fetchone() is not None)

            way = replace(self._server, host=host.server_address)
            yield Stage(self._server, way, report_summary, silence, host.prefix)


def _target(server: Server) -> Target:
    return Target("postgres", "postgres", "127.0.0.1", str(server.port))


def _through(server: Target, port: int) -> Target:
    return replace(server, host="127.0.0.1", port=str(port))


def _arrival(connected: threading.Event) -> Callable[[str], None]:
    def report_summary(_database: str) -> None:
        if not connected.wait(_SOON_S):
            raise TimeoutError("the run has not connected")

    return report_summary


@contextmanager
def _started(cluster: Cluster, settings: Mapping[str, str]) -> Iterator[Server]:
    """Start a server as soon as what an earlier one has left, and its port, let it."""
    deadline = time.monotonic() + _SOON_S
    with ExitStack() as stack:
        while True:
            try:
                server = stack.enter_context(cluster.started(settings))
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)
            else:
                break
        yield server


def _until_true(target: Target, query: str) -> None:
    with connect(target) as session:
        _until(lambda: session.execute(query).fetchone() == (True,))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SOON_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("this has not come about")
        time.sleep(_POLL_S)


def end_of(process: subprocess.Popen, seconds: float) -> str | None:
    """Wait for a process, and return what it has printed; None: it hangs, and was killed."""
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None
