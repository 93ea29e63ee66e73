"""A TCP proxy before a server, which interrupts its connections when a test calls `interrupt`."""

import contextlib
import queue
import selectors
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto

_CHUNK = 1 << 16
# Closing at once, without the rest of what was sent: the other side gets a reset.
_NO_LINGER = struct.pack("ii", 1, 0)


class ConnectionEnd(StrEnum):
    """How connections end: a reset, a regular end, or never: no more data is passed on."""

    RESET = auto()
    CLOSE = auto()
    STALL = auto()


@dataclass(frozen=True, slots=True)
class _Order:
    cut: ConnectionEnd
    done: threading.Event


class Proxy:
    """Passes on what comes to ``port``, in one thread of its own; ``proxy_to`` makes it."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.connected = threading.Event()
        """Set by the first connection; the test that waits for the next one clears it."""
        self._peers: dict[socket.socket, socket.socket] = {}
        self._stalled: list[socket.socket] = []
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        for ready in (self._listener, self._woken):
            self._selector.register(ready, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def interrupt(self, how: ConnectionEnd) -> None:
        """End all connections there are; those that come later are served. Returns when it is done."""
        order = _Order(how, threading.Event())
        self._send_order(order)
        order.done.wait()

    def close(self) -> None:
        """End everything."""
        self._send_order(None)
        self._thread.join()

    def _send_order(self, order: _Order | None) -> None:
        self._orders.put(order)
        self._wake.send(b"!")

    def _work(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(1)
                    if (order := self._orders.get()) is None:
                        self._shut()
                        return
                    self._carry_out(order)
                    break  # what else was ready may be closed by now
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj in self._peers:
                    self._pass_on(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = _connect(*self._server)
        except OSError:
            client.close()
            return
        for one, other in ((client, server), (server, client)):
            if one.family != socket.AF_UNIX:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)
        self.connected.set()

    def _pass_on(self, source: socket.socket) -> None:
        try:
            data = source.recv(_CHUNK)
            if data:
                self._passed(data)
                self._peers[source].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._end(source, ConnectionEnd.CLOSE)

    def _passed(self, data: bytes) -> None:
        """Do nothing; a subclass may read what is passed on."""

    def _carry_out(self, order: _Order) -> None:
        for one in list(self._peers):
            if one in self._peers:
                self._end(one, order.cut)
        order.done.set()

    def _end(self, one: socket.socket, how: ConnectionEnd) -> None:
        other = self._peers.pop(one)
        del self._peers[other]
        for each in (one, other):
            self._selector.unregister(each)
            if how is ConnectionEnd.STALL:
                self._stalled.append(each)
                continue
            if how is ConnectionEnd.RESET:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            each.close()

    def _shut(self) -> None:
        self._carry_out(_Order(ConnectionEnd.CLOSE, threading.Event()))
        for each in (*self._stalled, self._listener, self._wake, self._woken):
            each.close()
        self._selector.close()


def _connect(host: str, port: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{host}/.s.PGSQL.{port}")
    return server


@contextlib.contextmanager
def proxy_to(host: str, port: int) -> Iterator[Proxy]:
    """Run a proxy to a server until the block ends."""
    proxy = Proxy(host, port)
    try:
        yield proxy
    finally:
        proxy.close()
