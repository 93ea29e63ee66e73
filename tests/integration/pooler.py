"""PgBouncer before a server, mostly in transaction mode: what applications, and some migrators, connect through."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from fowergram_db.database.target import Target
from tools.servers import account, free_port

_STARTS_WITHIN_S = 20.0
_POLL_S = 0.01
_CONFIGURATION = """\
[databases]
* = {upstream}
[pgbouncer]
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {pool_mode}
default_pool_size = {pool_size}
max_client_conn = 500
server_login_retry = 1
"""


def find_pgbouncer() -> str | None:
    """Return the program's path; Debian puts it into a directory that an ordinary user does not search."""
    return shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))


@dataclass(slots=True)
class Pooler:
    """A PgBouncer that runs; ``way`` is the way in."""

    way: Target
    _command: list[str]
    _log: Path
    _process: subprocess.Popen = field(init=False)

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd="/", **account().options)
        _wait(self._process, self.way, self._log)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop it at once, although clients are connected."""
        self._process.send_signal(how)
        self._process.wait()


@contextlib.contextmanager
def pooler_of(
    server: Target, pool_size: int = 20, pool_mode: str = "transaction", address: str = "127.0.0.1"
) -> Iterator[Pooler]:
    """Run PgBouncer before a server until the block ends; every database has its pool."""
    program = find_pgbouncer()
    if program is None:
        raise RuntimeError("PgBouncer is not installed")
    with tempfile.TemporaryDirectory(prefix="fowergram-db-pooler-") as place:
        home = Path(place)
        home.chmod(0o755)
        port = free_port()
        configuration = home / "pgbouncer.ini"
        text = _CONFIGURATION.format(
            upstream=_upstream(server), address=address, port=port, pool_size=pool_size, pool_mode=pool_mode
        )
        configuration.write_text(text, encoding="utf-8")
        way = replace(server, host=address, port=str(port))
        pooler = Pooler(way, [program, "--quiet", str(configuration)], home / "log")
        try:
            pooler.start()
            yield pooler
        finally:
            pooler.stop()


@contextlib.contextmanager
def pooler_to(
    server: Target, pool_size: int = 20, pool_mode: str = "transaction", address: str = "127.0.0.1"
) -> Iterator[Target]:
    """Do what ``pooler_of`` does, and return the way in."""
    with pooler_of(server, pool_size, pool_mode, address) as pooler:
        yield pooler.way


def _upstream(server: Target) -> str:
    parts = {"host": server.host, "port": server.port, "user": server.user, "password": server.password}
    return " ".join(f"{name}='{value}'" for name, value in parts.items() if value)


def _wait(process: subprocess.Popen, way: Target, log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection((way.host, int(way.port))):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PgBouncer did not start: {log.read_text(errors='replace')}")
        time.sleep(_POLL_S)
