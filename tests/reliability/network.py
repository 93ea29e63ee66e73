"""Hosts in network namespaces of this process's own: a server's, and one for each client, to be silenced."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

_HOSTS_PER_NETWORK = 4
_NETWORK = "10.213"


@dataclass(frozen=True, slots=True)
class Host:
    """A client's namespace. ``server_address`` is the server's, as this host reaches it."""

    name: str
    server_address: str
    _network: "Network"
    _link: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What makes a command run on this host."""
        return ("ip", "netns", "exec", self.name)

    def silence(self) -> None:
        """Let no packet arrive on either side any more; neither side is told."""
        _run(*self.prefix, "iptables", "-A", "INPUT", "-j", "DROP")
        _run(*self._network.prefix, "iptables", "-A", "INPUT", "-i", self._link, "-j", "DROP")


class Network:
    """A server's namespace, to be had from ``network``. Reaches nothing but its own hosts."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self.name = name
        self._stack = stack
        self._add(name)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What makes a command run on the server's host."""
        return ("ip", "netns", "exec", self.name)

    def host(self, number: int) -> Host:
        """Add a host with a link of its own to the server's; ``number`` is unique within the network."""
        third, fourth = divmod(number * _HOSTS_PER_NETWORK, 256)
        server, client = (f"{_NETWORK}.{third}.{fourth + at}" for at in (1, 2))
        name, link = f"{self.name}_{number}", f"to{number}"
        self._add(name)
        _run("ip", "link", "add", link, "netns", self.name, "type", "veth", "peer", "name", "eth0", "netns", name)
        for namespace, device, address in ((self.name, link, server), (name, "eth0", client)):
            _run("ip", "-n", namespace, "address", "add", f"{address}/30", "dev", device)
            _run("ip", "-n", namespace, "link", "set", device, "up")
        return Host(name, server, self, link)

    def _add(self, name: str) -> None:
        _run("ip", "netns", "add", name)
        self._stack.callback(_run, "ip", "netns", "delete", name)
        _run("ip", "-n", name, "link", "set", "lo", "up")


@contextmanager
def network() -> Iterator[Network]:
    """Make the namespace of a server; it and those of its hosts are gone after the block."""
    with ExitStack() as stack:
        yield Network(f"fowergram{os.getpid()}", stack)


def can_be_made() -> bool:
    """Tell whether this machine, and this user, can make such hosts and silence them."""
    try:
        with network() as probe:
            probe.host(0).silence()
    except (OSError, RuntimeError):
        return False
    return True


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout.strip()}")
