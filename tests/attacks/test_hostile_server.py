"""A server that is none, or a wrong one: each command ends soon, with one error that says what is wrong."""

import socket
import struct
import threading
import time

import pytest

from fowergram_db.database import session_settings
from fowergram_db.database.liveness import Liveness
from tests.attacks.fake_server import PARAMETERS, message, text

READY = message(b"Z", b"I")
LOGIN = message(b"R", bytes(4)) + b"".join(message(b"S", text(*pair)) for pair in PARAMETERS.items()) + READY


def rows(*values: bytes, oid: int = 23) -> bytes:
    """Return a result of one row; its columns are of one type, by default whole numbers."""
    column = b"a\0" + struct.pack("!IHIhih", 0, 0, oid, -1, -1, 0)
    described = struct.pack("!H", len(values)) + column * len(values)
    row = struct.pack("!H", len(values)) + b"".join(struct.pack("!i", len(value)) + value for value in values)
    return message(b"T", described) + message(b"D", row) + message(b"C", b"SELECT 1\0")


ANSWERS = {
    "ready without a result": READY,
    "no result, again and again": message(b"C", b"SET\0") * 9 + READY,
    "too few columns": rows(b"1") + READY,
    "too many columns": rows(*[b"1"] * 9) + READY,
    "no row": rows() + READY,
    "no number": rows(*[b"x"] * 4) + READY,
    "no numeric": rows(*[b"x"] * 4, oid=1700) + READY,
    "JSON that is too deep": rows(*[b"[" * 100_000] * 4, oid=114) + READY,
    "a time that Python lacks": rows(*[b"infinity"] * 4, oid=1184) + READY,
    "a copy to the server": message(b"G", b"\0\0\0") + READY,
    "a copy from the server": message(b"H", b"\0\0\0") + message(b"d", b"x\n") + message(b"c", b"") + READY,
    "an authentication": message(b"R", struct.pack("!I", 3)) + READY,
    "an error without fields": message(b"E", b"\0") + READY,
    "no message": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.fixture
def serve():
    """Serve one scripted client after the other; return the port. What is sent may be a function of the socket."""
    listeners = []

    def begin(login: object, answer: object = b"") -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=_work, args=(listener, login, answer), daemon=True).start()
        return str(listener.getsockname()[1])

    yield begin
    for listener in listeners:
        listener.close()


def _work(listener, login, answer) -> None:
    while True:
        try:
            client, _ = listener.accept()
            threading.Thread(target=_talk, args=(client, login, answer), daemon=True).start()
        except OSError:
            return


def _talk(client, login, answer) -> None:
    try:
        with client, client.makefile("rb") as stream:
            while struct.unpack("!II", (head := stream.read(8)))[1] in (80877103, 80877104):
                client.sendall(b"N")
            stream.read(struct.unpack("!I", head[:4])[0] - 8)
            _send(client, login)
            while stream.read(1) not in (b"", b"X"):
                stream.read(struct.unpack("!I", stream.read(4))[0] - 4)
                _send(client, answer)
    except (OSError, struct.error):
        return


def _send(client, what) -> None:
    if callable(what):
        what(client)
    else:
        client.sendall(what)


def failed(cli, port, *arguments) -> dict:
    url = f"postgresql://me@127.0.0.1:{port}/x?connect_timeout=2&sslmode=disable"
    result = cli(*arguments, "--database-url", url, "--json")
    assert result.exit_code == 1
    assert result.document["error"]["code"] in ("connection_failed", "database_error"), result.document["error"]
    assert result.err.count("error: ") == 1
    return result.document["error"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_makes_no_sense_is_an_error(cli, write, serve, answer):
    write(**{"001_a": "SELECT 1"})
    port = serve(LOGIN, ANSWERS[answer])
    for command in ("status", "analyze", "testdb list"):
        failed(cli, port, *command.split())


def test_a_login_that_comes_a_byte_at_a_time_ends_in_time(cli, write, serve):
    def trickle(client) -> None:
        for byte in message(b"R", bytes(4)) + message(b"S", text("x", "y" * 10_000)):
            client.sendall(bytes([byte]))
            time.sleep(0.05)

    write(**{"001_a": "SELECT 1"})
    began = time.monotonic()
    assert "timeout" in failed(cli, serve(trickle), "status")["message"]
    assert time.monotonic() - began < 6


def test_a_server_that_accepts_a_session_and_falls_silent_is_given_up(cli, write, serve, monkeypatch):
    monkeypatch.setattr(session_settings, "LIVENESS", Liveness(answer_s=1))
    write(**{"001_a": "SELECT 1"})
    assert "does not answer" in failed(cli, serve(LOGIN), "status")["message"]


@pytest.mark.parametrize("version", ["9.6.24", "99", "x", "", "-1"])
def test_an_invalid_server_version_is_an_error(cli, write, serve, version):
    login = LOGIN.replace(message(b"S", text("server_version", "18.0")), message(b"S", text("server_version", version)))
    write(**{"001_a": "SELECT 1"})
    url = f"postgresql://me@127.0.0.1:{serve(login, READY)}/x?sslmode=disable"
    result = cli("status", "--database-url", url, "--json")
    assert (result.exit_code, result.document["ok"]) == (1, False)
    assert result.document["error"]["code"] != "internal"
