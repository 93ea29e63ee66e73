"""Start, join and stop the embedded server; see ``embedded`` for the files and locks.

A postmaster is recognised by its lock and its socket, never by its pid alone, which another process may
have now.
"""

import fcntl
import os
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fowergram_db.database.embedded_files import (
    ANOTHER_PLACE,
    SUPERUSER,
    Cluster,
    last_lines,
    make_private_directory,
    open_cluster,
    prepare,
    run_program,
)
from fowergram_db.errors import EmbeddedFailed

_PORT = 5432  # only the name of a socket in a directory of its own
_SOCKETS = Path("/tmp")  # noqa: S108 - short, everywhere, and mkdtemp makes a private directory in it
_SOCKET_PREFIX = "fowergram-db-"

_START_S = 60.0
_STOP_S = 60.0
_SIGHT_S = 2.0
_TURN_S = 240.0  # another command may be at initdb, a start and a stop
_STEP_S = 0.005

_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "max_connections": "100",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """A running embedded server: where it listens, where its data is, where the programs are.

    ``host`` is the directory of its Unix socket; it listens on no network address. ``bin_dir`` holds
    ``psql``, ``pg_dump`` and ``pgbench`` of the server's own version.
    """

    host: str
    port: int
    user: str
    data_dir: Path
    bin_dir: Path


@dataclass(frozen=True, slots=True)
class _Postmaster:
    """What ``postmaster.pid`` says, 0 or empty what it does not; status: starting, ready or stopping."""

    pid: int
    port: str
    socket_dir: str
    status: str

    @property
    def may_live(self) -> bool:
        """Return whether its pid is unknown, or that of a process of the same user, by now maybe another one."""
        with suppress(OSError):
            os.kill(self.pid, 0)  # pid 0 means ourselves: no error
            return True
        return False

    @property
    def listens(self) -> bool:
        """Return whether it is certainly alive: only the postmaster itself listens on its socket."""
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.settimeout(1)
            probe.connect(self._socket)
            return True
        return False

    def belongs_to(self, user: int) -> bool:
        """Return whether its socket is one that this user has made."""
        with suppress(OSError):
            found = os.lstat(self._socket)
            return stat.S_ISSOCK(found.st_mode) and found.st_uid == user
        return False

    @property
    def _socket(self) -> str:
        return f"{self.socket_dir}/.s.PGSQL.{self.port}"


@contextmanager
def joined(home: Path, package: Path, *, copies: Path) -> Iterator[EmbeddedServer]:
    """Run the server of a directory, or join the running one; raises ``EmbeddedFailed``.

    ``copies`` is where root keeps a copy of the package's programs.
    """
    with ExitStack() as leaving:
        with _explained(home):
            cluster = open_cluster(home, package, copies)
            users = leaving.enter_context(_opened(cluster.users_lock))
            _await_lock(users, fcntl.LOCK_SH, cluster)
            leaving.callback(_leave, cluster, users)
            with _turn(cluster) as turn:
                postmaster = _join_or_start(cluster, turn)
        yield EmbeddedServer(postmaster.socket_dir, int(postmaster.port), SUPERUSER, home, cluster.bin_dir)


def _leave(cluster: Cluster, users: int) -> None:
    """Stop the server if no other user is left; a command that cannot get a turn leaves that to the others."""
    with suppress(OSError, EmbeddedFailed), _turn(cluster):
        if _try_lock(users, fcntl.LOCK_EX):
            _stop(cluster)


@contextmanager
def _turn(cluster: Cluster) -> Iterator[int]:
    """Be the only command that starts or stops this server; yields the lock that ensures it."""
    with _opened(cluster.turn_lock) as descriptor:
        _await_lock(descriptor, fcntl.LOCK_EX, cluster)
        yield descriptor


def _join_or_start(cluster: Cluster, turn: int) -> _Postmaster:
    """Return the running postmaster, or start one once no process of an earlier one is left."""
    prepare(cluster, turn)
    started = False
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        postmaster = _listening(cluster)
        if postmaster and postmaster.status == "ready":
            return postmaster
        with _opened(cluster.server_lock) as lock:
            if _try_lock(lock, fcntl.LOCK_EX) and not _started_by_hand(cluster):
                if started:
                    _remove_sockets(cluster)
                    raise _not_started(cluster, "did not start")
                _launch(cluster, lock)
                started = True
        time.sleep(_STEP_S)
    raise _not_started(cluster, f"was not ready after {_START_S:.0f} s")


def _started_by_hand(cluster: Cluster) -> bool:
    """Return whether a postmaster lives that does not hold our lock; one that has just begun listens soon."""
    postmaster = _read_postmaster(cluster)
    if postmaster is None or not postmaster.may_live:
        return False
    return _wait_for(lambda: _listening(cluster) is not None, _SIGHT_S)


def _launch(cluster: Cluster, lock: int) -> None:
    """Start a postmaster that holds the lock; no other one may live."""
    _remove_sockets(cluster)
    # PostgreSQL would not start if the pid in it were another process of the same user by now.
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    socket_dir = make_private_directory(cluster.account, _SOCKETS, _SOCKET_PREFIX)
    cluster.socket_link.symlink_to(socket_dir)
    settings = {**_SETTINGS, "unix_socket_directories": socket_dir}
    flags = [f"--{name}={value}" for name, value in settings.items()]
    postgres = ["/bin/sh", "-c", '"$@" &', "sh", str(cluster.bin_dir / "postgres"), "-D", str(cluster.data)]
    with _opened(cluster.log, os.O_TRUNC | os.O_APPEND) as log:
        # The shell hands the server to init at once: it is no child of ours, and any command may stop it.
        run_program(cluster.account, [*postgres, *flags], output=log, pass_fds=(lock,))


def _stop(cluster: Cluster) -> None:
    """Shut down the server that a command of ours started, fast, and wait for its last process."""
    with _opened(cluster.server_lock) as lock:
        # A start that was interrupted takes a moment until it listens.
        _wait_for(lambda: _try_lock(lock, fcntl.LOCK_EX) or _listening(cluster) is not None, _SIGHT_S)
        postmaster = _listening(cluster)
        if postmaster and not _try_lock(lock, fcntl.LOCK_EX):
            os.kill(postmaster.pid, signal.SIGINT)
            if _wait_for(lambda: _try_lock(lock, fcntl.LOCK_EX), _STOP_S):
                _remove_sockets(cluster)


def _listening(cluster: Cluster) -> _Postmaster | None:
    """Return the postmaster that lives, None if none does or it does not listen yet.

    When a server has died, any user can make a socket under /tmp of the name that its own had.
    """
    postmaster = _read_postmaster(cluster)
    owner = cluster.account.pw_uid if cluster.account else os.geteuid()
    is_up = postmaster and postmaster.pid and postmaster.belongs_to(owner) and postmaster.listens
    return postmaster if is_up else None


def _read_postmaster(cluster: Cluster) -> _Postmaster | None:
    """Read ``postmaster.pid``, None if it is missing; it is empty at first and grows with the start."""
    with suppress(FileNotFoundError):
        lines = (cluster.data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
        lines += [""] * 8  # pid, directory, time, port, socket directory, address, shared memory, status
        return _Postmaster(int(lines[0]) if lines[0].isdigit() else 0, lines[3], lines[4], lines[7].strip())
    return None


def _remove_sockets(cluster: Cluster) -> None:
    """Remove the socket directory of a server that is gone, if what the link names is one of ours."""
    with suppress(FileNotFoundError):
        directory = cluster.socket_link.readlink()
        if directory.parent == _SOCKETS and directory.name.startswith(_SOCKET_PREFIX):
            shutil.rmtree(directory, ignore_errors=True)
        cluster.socket_link.unlink()


def _not_started(cluster: Cluster, what: str) -> EmbeddedFailed:
    said = last_lines(cluster.log.read_text(errors="replace")) if cluster.log.exists() else ""
    return EmbeddedFailed(
        f"The embedded PostgreSQL in {cluster.home} {what}.\n{said}".rstrip(),
        hint=f"Fix what the server reports and run the command again, or {ANOTHER_PLACE}",
    )


@contextmanager
def _explained(home: Path) -> Iterator[None]:
    """Turn what the operating system says (no space, no permission, a hung program) into our own error."""
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedFailed(
            f"The embedded PostgreSQL cannot be set up in {home}: {error}",
            hint=f"Make the directory writable, with space left on its disk, or {ANOTHER_PLACE}",
        ) from error


@contextmanager
def _opened(path: Path, flags: int = 0) -> Iterator[int]:
    """Open a file of ours, made when missing; closing it frees a lock unless a child also has the file open."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _await_lock(descriptor: int, kind: int, cluster: Cluster) -> None:
    if not _wait_for(lambda: _try_lock(descriptor, kind), _TURN_S):
        raise EmbeddedFailed(
            f"Another command has kept the embedded PostgreSQL in {cluster.home} busy for {_TURN_S:.0f} s.",
            hint=f"Find the command and end it: fuser {cluster.turn_lock}",
        )


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Return whether a condition came true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(_STEP_S)
    return True
