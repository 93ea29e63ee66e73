"""A server that sends what a test gives it: it speaks the protocol, in any language, and holds no data."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_NEGOTIATIONS = (80877103, 80877104)  # SSLRequest, GSSENCRequest
PARAMETERS = {"server_version": "18.0", "client_encoding": "UTF8", "in_hot_standby": "off"}


@dataclass(slots=True)
class FakeServer:
    """``refusals`` are the SQLSTATE and the message for a database's name; the others answer queries with no row.

    ``asked`` are the names of the databases that a session was asked for, in order.
    """

    refusals: Mapping[str, tuple[str, str]]
    port: int = 0
    asked: list[str] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        """Answer one client until it leaves."""
        with contextlib.suppress(OSError, EOFError), client, client.makefile("rb") as stream:
            database = self._database(stream, client)
            self.asked.append(database)
            if refusal := self.refusals.get(database):
                client.sendall(_error(*refusal))
                return
            status = b"".join(message(b"S", text(name, value)) for name, value in PARAMETERS.items())
            client.sendall(message(b"R", bytes(4)) + status + message(b"Z", b"I"))
            while (kind := stream.read(1)) not in (b"", b"X"):
                stream.read(struct.unpack("!I", stream.read(4))[0] - 4)
                if kind == b"Q":
                    client.sendall(message(b"T", bytes(2)) + message(b"C", b"SELECT 0\0") + message(b"Z", b"I"))

    def _database(self, stream, client: socket.socket) -> str:
        while True:
            head = stream.read(8)
            if len(head) < 8:
                raise EOFError
            length, protocol = struct.unpack("!II", head)
            words = stream.read(length - 8).split(b"\0")
            if protocol not in _NEGOTIATIONS:
                return dict(zip(words[::2], words[1::2], strict=False))[b"database"].decode()
            client.sendall(b"N")


def text(*words: str) -> bytes:
    return b"".join(word.encode() + b"\0" for word in words)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _error(sqlstate: str, said: str) -> bytes:
    fields = {"S": "ФАТАЛЬНО", "V": "FATAL", "C": sqlstate, "M": said, "F": "x.c", "L": "1", "R": "x"}
    return message(b"E", b"".join(text(f"{name}{value}") for name, value in fields.items()) + b"\0")


@contextlib.contextmanager
def fake_server(refusals: Mapping[str, tuple[str, str]]) -> Iterator[FakeServer]:
    """Run a fake server until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = FakeServer(refusals, listener.getsockname()[1])

    def work() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=server.serve, args=(client,), daemon=True).start()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
