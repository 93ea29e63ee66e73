"""PostgreSQL servers of all supported versions, fetched by name from npm, for tests and benchmarks.

``python -m tools.servers run 13 18 -- COMMAND`` runs a command once on each version, in a fresh server, with
``TEST_DATABASE_URL`` set; no version means all of them. ``fetch`` only fills the cache.
"""

import argparse
import contextlib
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.npm_packages import SERVERS, cache, run, unpacked

VERSIONS = tuple(SERVERS)
FOR_TESTS = {
    "fsync": "off",
    "shared_preload_libraries": "pg_stat_statements",
    # All tests together run more statements than the extension keeps by default.
    "pg_stat_statements.max": "50000",
    "max_connections": "200",
    "max_prepared_transactions": "10",
}
_STARTS_WITHIN_S = 60.0
_POLL_S = 0.01
_TAKES_CONNECTIONS = ("ready   \n", "standby \n")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its major version, its postmaster, and a superuser's way in."""

    version: int
    pid: int
    port: int
    url: str


@dataclass(frozen=True, slots=True)
class Account:
    """Who a server runs as."""

    uid: int
    gid: int

    @property
    def options(self) -> dict[str, Any]:
        """What makes subprocess run something as this account; nothing where that is us already."""
        return {} if self.uid == os.getuid() else {"user": self.uid, "group": self.gid, "extra_groups": []}


@contextlib.contextmanager
def started(
    version: int, settings: Mapping[str, str] = FOR_TESTS, place: Path | None = None, connect_as: str = "postgres"
) -> Iterator[Server]:
    """Run a fresh server on a free loopback port until the block ends, then remove it.

    ``place`` is the directory that holds its data: in memory where there is one, unless said otherwise.
    """
    with made(fetch(version), place, connect_as) as cluster, cluster.started(settings) as server:
        yield server


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server's data, created by ``made``: start it as often as you like, copy it while it is stopped."""

    native: Path
    data: Path
    owner: Account
    superuser: str

    @contextlib.contextmanager
    def started(self, settings: Mapping[str, str] = FOR_TESTS, prefix: Sequence[str] = ()) -> Iterator[Server]:
        """Run a server on the data until the block ends, which stops it as a crash would.

        ``prefix`` is a command that runs another one elsewhere, as ``ip netns exec`` does; it takes root.
        """
        with _postmaster(self.native, self.data, self.owner, settings, prefix) as (process, port):
            version = int((self.data / "PG_VERSION").read_text())
            url = f"postgresql://{self.superuser}@127.0.0.1:{port}/postgres"
            yield Server(version, process.pid, port, url)

    def copied(self, name: str) -> "Cluster":
        """Copy the data of a stopped server into a directory next to it."""
        data = self.data.with_name(name)
        data.mkdir(mode=0o700)
        os.chown(data, self.owner.uid, self.owner.gid)
        run(["cp", "-R", f"{self.data}/.", data], cwd="/", **self.owner.options)
        return Cluster(self.native, data, self.owner, self.superuser)

    def standby(self, name: str = "standby") -> "Cluster":
        """Copy the data for a standby; the caller sets its ``primary_conninfo``."""
        copy = self.copied(name)
        run(["touch", copy.data / "standby.signal"], cwd="/", **self.owner.options)
        return copy

    def remove(self) -> None:
        """Remove the data; the server has stopped."""
        shutil.rmtree(self.data)


@contextlib.contextmanager
def made(native: Path, place: Path | None = None, superuser: str = "postgres") -> Iterator[Cluster]:
    """Make a cluster with the programs below ``native``; it and all copies are gone after the block."""
    owner = account()
    home = Path(tempfile.mkdtemp(prefix="fowergram-db-server-", dir=place or _memory()))
    try:
        home.chmod(0o755)
        started = _reachable(native, owner, home)
        data = home / "data"
        data.mkdir(mode=0o700)
        os.chown(data, owner.uid, owner.gid)
        _initialise(started, data, owner, superuser)
        yield Cluster(started, data, owner, superuser)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def fetched(version: int) -> Path | None:
    """Return what ``fetch`` would, if it is there already."""
    native = cache() / SERVERS[version].release / "native" if version in SERVERS else None
    return native if native and (native / "bin/postgres").exists() else None


def fetch(version: int) -> Path:
    """Return the directory with a version's ``bin``, ``lib`` and ``share``, fetched where it is missing."""
    kept = cache() / SERVERS[version].release
    if found := fetched(version):
        return found
    _require_npm()
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=kept.parent) as scratch:
        package = unpacked(SERVERS[version], Path(scratch))
        run(["node", "scripts/hydrate-symlinks.js"], cwd=package)
        run(["chmod", "-R", "a+rX", "."], cwd=package)
        with contextlib.suppress(OSError):  # another process was faster: its copy is as good
            package.rename(kept)
    return kept / "native"


def _require_npm() -> None:
    """Exit if servers cannot be fetched: a check of six versions that silently checks none is worse than none."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        sys.exit("tools.servers: only for Linux on x86-64. Set TEST_DATABASE_URL to a server of your own.")
    for tool in ("npm", "node"):
        if shutil.which(tool) is None:
            sys.exit(f"tools.servers: {tool} is missing, which fetches the servers. Install Node.js with npm.")


def _memory() -> Path:
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else Path("/var/tmp")


def account() -> Account:
    """Return the account of the server: our own, or an unprivileged one if we are root, which PostgreSQL refuses."""
    if os.getuid():
        return Account(os.getuid(), os.getgid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_uid, entry.pw_gid)
    sys.exit("tools.servers: root cannot run a server, and there is no user postgres to run it as.")


def _reachable(native: Path, owner: Account, home: Path) -> Path:
    """Return the binaries, or a copy next to the data if that account may not enter one of their directories."""
    found = subprocess.run(["test", "-x", native / "bin/postgres"], check=False, cwd="/", **owner.options)
    if found.returncode == 0:
        return native
    # A wheel has its libraries next to the package, and its programs look for them there.
    libraries = native.parent.with_name(f"{native.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, home / libraries.name, symlinks=True)
    return shutil.copytree(native, home / native.parent.name / native.name, symlinks=True)


def _initialise(native: Path, data: Path, owner: Account, superuser: str) -> None:
    options = ["--auth=trust", f"--username={superuser}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    run([native / "bin/initdb", f"--pgdata={data}", *options], cwd=data, **owner.options)


@contextlib.contextmanager
def _postmaster(
    native: Path, data: Path, owner: Account, settings: Mapping[str, str], prefix: Sequence[str]
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    every = {"port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "", **settings}
    options = [part for name, value in every.items() for part in ("-c", f"{name}={value}")]
    log = data.with_name(f"{data.name}.log")
    with log.open("wb") as output:
        command: list[str | Path] = [native / "bin/postgres", "-D", data, *options]
        switch = owner.options
        if prefix:
            # The prefix still runs as root: the command after it switches to the account.
            ids = (f"--reuid={owner.uid}", f"--regid={owner.gid}", "--clear-groups")
            command, switch = [*prefix, "setpriv", *ids, *command], {}
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=data, **switch)
    try:
        _wait(process, data / "postmaster.pid", log)
        yield process, port
    finally:
        # SIGQUIT: the data goes away with the server, so nothing needs to be written for a next start.
        process.send_signal(signal.SIGQUIT)
        process.wait()


def _wait(process: subprocess.Popen[bytes], pid_file: Path, log: Path) -> None:
    """Wait until the server says in the last line of its pid file that it takes connections, if only as a standby."""
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while not _takes_connections(pid_file, process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')}")
        time.sleep(_POLL_S)


def _takes_connections(pid_file: Path, pid: int) -> bool:
    """Return whether the file says so; a file that a crash has left is another process's."""
    said = pid_file.read_text() if pid_file.exists() else ""
    return said.startswith(f"{pid}\n") and said.endswith(_TAKES_CONNECTIONS)


def free_port() -> int:
    """Return a loopback port that no process listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class _Outcome:
    version: int
    exit_code: int
    seconds: float


def _run_on(version: int, command: Sequence[str]) -> _Outcome:
    """Run the command on a version, and show each line of its output at once, after its version."""
    began = time.monotonic()
    with started(version) as server:
        variables = os.environ | {"TEST_DATABASE_URL": server.url}
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in process.stdout or ():
            # One write for the whole line: other versions write theirs at the same time.
            sys.stdout.buffer.write(b"%d: %s\n" % (version, line.rstrip(b"\n")))
            sys.stdout.flush()
        return _Outcome(version, process.wait(), time.monotonic() - began)


def _run_on_each(versions: Sequence[int], command: Sequence[str], jobs: int) -> int:
    """Run the command on every version, ``jobs`` at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(lambda version: _run_on(version, command), versions))
    for outcome in outcomes:
        sys.stdout.write(f"PostgreSQL {outcome.version}: {outcome.seconds:.1f} s, exit {outcome.exit_code}\n")
    failed = [str(outcome.version) for outcome in outcomes if outcome.exit_code]
    if failed:
        sys.stdout.write(f"failed on {', '.join(failed)}\n")
    return 1 if failed else 0


def _arguments(given: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m tools.servers", description=__doc__)
    parser.add_argument("action", choices=("fetch", "run"))
    parser.add_argument("versions", nargs="*", type=int, choices=(*VERSIONS, []), default=[])
    parser.add_argument("--jobs", type=int, default=1, help="number of versions at a time")
    split = given.index("--") if "--" in given else len(given)
    options, command = parser.parse_args(given[:split]), list(given[split + 1 :])
    if (options.action == "run") != bool(command):
        parser.error("run takes a command after --, fetch takes none")
    return options, command


def main(given: Sequence[str]) -> int:
    """Fetch, or run the command, as the arguments say."""
    options, command = _arguments(given)
    versions = options.versions or VERSIONS
    # Ended by a supervisor, the servers are to go, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if options.action == "run":
        return _run_on_each(versions, command, options.jobs)
    for version in versions:
        sys.stdout.write(f"{fetch(version)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
