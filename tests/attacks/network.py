"""A network of a test's own: a server, a client, and a router between them that may stop to forward, silently."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SERVER_ADDRESS = "10.203.0.2"
_ROUTER_ADDRESSES = ("10.203.0.1", "10.203.1.1")
_CLIENT_ADDRESS = "10.203.1.2"
_TRIES = 20
_NETWORK_NAMESPACE = 0x40000000
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass(frozen=True, slots=True)
class Network:
    """Three network namespaces, by name."""

    server: str
    router: str
    client: str

    def cut(self) -> None:
        """Let no packet through any more, and tell neither side."""
        with inside(self.router):
            _FORWARDING.write_text("0")


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Be in a network namespace, with this thread and what it starts, until the block ends."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    try:
        _enter(other)
        try:
            yield
        finally:
            _enter(own)
    finally:
        os.close(own)
        os.close(other)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _NETWORK_NAMESPACE):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """Make a network until the block ends; the test is skipped where this user may not."""
    prefix = f"fowergram-{uuid.uuid4().hex[:8]}"
    made = Network(f"{prefix}-server", f"{prefix}-router", f"{prefix}-client")
    try:
        try:
            _build(made)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("this user may not make network namespaces")
        yield made
    finally:
        if shutil.which("ip"):
            for name in (made.server, made.router, made.client):
                _delete(name)


def _delete(name: str) -> None:
    """Delete a namespace; it may be busy for a moment while another is made or deleted."""
    for _ in range(_TRIES):
        if not Path(f"/var/run/netns/{name}").exists():
            return
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _build(made: Network) -> None:
    for name in (made.server, made.router, made.client):
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
    sides = ((made.server, SERVER_ADDRESS), (made.client, _CLIENT_ADDRESS))
    for number, ((name, address), gateway) in enumerate(zip(sides, _ROUTER_ADDRESSES, strict=True)):
        own, other = f"e{number}", f"r{number}"
        _ip("link", "add", own, "netns", name, "type", "veth", "peer", "name", other, "netns", made.router)
        for namespace, link, place in ((name, own, address), (made.router, other, gateway)):
            _ip("-n", namespace, "address", "add", f"{place}/24", "dev", link)
            _ip("-n", namespace, "link", "set", link, "up")
        _ip("-n", name, "route", "add", "default", "via", gateway)
    with inside(made.router):
        _FORWARDING.write_text("1")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
