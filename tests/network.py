"""Network namespaces of a test's own: a server's host, and a client's for each link to it, which may fall silent."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

ADDRESSES = "10.213.0.0/16"
"""Those of all hosts, for pg_hba.conf."""
_PREFIX = "10.213"
_ADDRESSES_PER_LINK = 4
_NETWORK_NAMESPACE = 0x40000000
_TRIES = 20
_numbers = count()


@dataclass(frozen=True, slots=True)
class Host:
    """A network namespace, by name."""

    name: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What makes a command run on this host."""
        return ("ip", "netns", "exec", self.name)

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be on this host, with this thread and what it starts, until the block ends."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        other = os.open(f"/var/run/netns/{self.name}", os.O_RDONLY)
        try:
            _enter(other)
            try:
                yield
            finally:
                _enter(own)
        finally:
            os.close(own)
            os.close(other)


@dataclass(frozen=True, slots=True)
class Client(Host):
    """A client's host. ``server_address`` is the server's, as this host reaches it."""

    server_address: str
    server: Host
    _link: str

    def silence(self) -> None:
        """Drop every packet that arrives on either side; neither side gets a notice."""
        _run(*self.prefix, "iptables", "-A", "INPUT", "-j", "DROP")
        _run(*self.server.prefix, "iptables", "-A", "INPUT", "-i", self._link, "-j", "DROP")


class Network:
    """A server's host and the clients' hosts; ``network`` makes them. They reach nothing else."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._name = f"fowergram{os.getpid()}_{next(_numbers)}"
        self.server = Host(self._name)
        self._add(self.server)

    def client(self, number: int = 0) -> Client:
        """Add a host with a link of its own to the server's; ``number`` is unique within the network."""
        third, fourth = divmod(number * _ADDRESSES_PER_LINK, 256)
        server_address, address = (f"{_PREFIX}.{third}.{fourth + at}" for at in (1, 2))
        link = f"to{number}"
        client = Client(f"{self._name}_{number}", server_address, self.server, link)
        self._add(client)
        peer = ("type", "veth", "peer", "name", "eth0", "netns", client.name)
        _run("ip", "link", "add", link, "netns", self.server.name, *peer)
        for host, device, own in ((self.server, link, server_address), (client, "eth0", address)):
            _run("ip", "-n", host.name, "address", "add", f"{own}/30", "dev", device)
            _run("ip", "-n", host.name, "link", "set", device, "up")
        return client

    def _add(self, host: Host) -> None:
        _run("ip", "netns", "add", host.name)
        self._stack.callback(_delete, host)
        _run("ip", "-n", host.name, "link", "set", "lo", "up")


@contextmanager
def network() -> Iterator[Network]:
    """Make the host of a server; it and those of its clients are gone after the block."""
    with ExitStack() as stack:
        yield Network(stack)


@cache
def can_be_made() -> bool:
    """Say whether this machine, and this user, can make such hosts and silence them."""
    try:
        with network() as probe:
            probe.client().silence()
    except (OSError, RuntimeError):
        return False
    return True


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _NETWORK_NAMESPACE):
        raise OSError(ctypes.get_errno(), "setns")


def _delete(host: Host) -> None:
    """Delete a namespace; it may be busy for a moment while another is made or deleted."""
    for _ in range(_TRIES):
        if not Path(f"/var/run/netns/{host.name}").exists():
            return
        with suppress(RuntimeError):
            _run("ip", "netns", "delete", host.name)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.strip()}")
