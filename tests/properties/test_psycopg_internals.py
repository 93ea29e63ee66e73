"""What the tool uses of psycopg beyond its documentation is still as it was: docs/decisions/0034 lists it.

These need no server. That the parts work together on a server is held by the tests of the engine.
"""

import ast
import inspect
import re
import socket
import traceback
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from psycopg import abc, generators, pq
from psycopg.adapt import Transformer
from psycopg.types.datetime import TimestamptzBinaryLoader
from psycopg.waiting import Ready

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/decisions/0034-private-parts-of-psycopg.md").read_text(encoding="utf-8")
SOURCES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "fowergram_db").rglob("*.py")}


@pytest.fixture
def unconnected():
    """A connection of libpq that leads nowhere: it makes results, and every other use of it is an error."""
    pgconn = pq.PGconn.connect_start(b"host=/nonexistent dbname=x")
    yield pgconn
    pgconn.finish()


@pytest.fixture
def waiting():
    """A psycopg connection in all that ``wait`` uses of it, and the other end of its socket."""
    near, far = socket.socketpair()
    with near, far:
        pgconn = SimpleNamespace(socket=near.fileno(), transaction_status=pq.TransactionStatus.IDLE)
        yield SimpleNamespace(pgconn=pgconn), far


def test_connect_asks_the_class_for_a_generator_for_each_address():
    asked = []

    class Traced(psycopg.Connection):
        @classmethod
        def _connect_gen(cls, conninfo="", **_):
            asked.append(conninfo)
            raise psycopg.OperationalError("not tried")
            yield

    with pytest.raises(psycopg.OperationalError, match="not tried"):
        Traced.connect("host=127.0.0.1,127.0.0.2 port=1 dbname=x")
    assert [re.search(r"host=(\S+)", conninfo)[1] for conninfo in asked] == ["127.0.0.1", "127.0.0.2"]


def test_a_connection_is_made_of_one_of_libpq():
    first, *others = inspect.signature(psycopg.Connection).parameters.values()
    assert first.name == "pgconn"
    assert all(each.default is not each.empty for each in others)


def test_wait_sends_a_generator_nothing_when_time_passed_and_what_the_socket_is_ready_for(waiting):
    connection, far = waiting
    received = []

    def steps():
        received.append((yield generators.WAIT_R))
        far.send(b"x")
        received.append((yield generators.WAIT_R))
        return "done"

    assert psycopg.Connection.wait(connection, steps(), 0.001) == "done"
    assert not received[0]
    assert received[1] == Ready.R


def test_wait_takes_a_generator_first():
    assert list(inspect.signature(psycopg.Connection.wait).parameters)[:3] == ["self", "gen", "interval"]


@pytest.mark.parametrize(
    "start",
    [
        generators.send,
        generators.fetch,
        generators.execute,
        lambda pgconn: generators.copy_to(pgconn, b"data", flush=True),
    ],
    ids=["send", "fetch", "execute", "copy_to"],
)
def test_a_generator_takes_a_connection_of_libpq_and_raises_psycopgs_errors(unconnected, start):
    steps = start(unconnected)
    with pytest.raises((psycopg.Error, StopIteration)) as raised:
        next(steps)
    # Without a connection there is nothing to send, and no result to fetch.
    assert not isinstance(raised.value, StopIteration) or not raised.value.value


def test_the_names_of_types_are_there():
    assert abc.PQGen
    assert abc.PQGenConn
    assert abc.AdaptContext
    assert abc.Buffer


def test_a_transformer_makes_rows_of_a_result(unconnected):
    transformer = Transformer(None)
    transformer.set_pgresult(unconnected.make_empty_result(pq.ExecStatus.TUPLES_OK))
    assert transformer.load_rows(0, 0, tuple) == []


def test_an_error_is_made_of_a_result(unconnected):
    error = psycopg.errors.error_from_result(unconnected.make_empty_result(pq.ExecStatus.FATAL_ERROR))
    assert isinstance(error, psycopg.Error)
    assert error.diag.sqlstate is None


def test_a_binary_time_is_read_by_its_loader():
    assert TimestamptzBinaryLoader(0).load(bytes(8)).isoformat() == "2000-01-01T00:00:00+00:00"


def test_handlers_of_notices_run_below_the_frame_that_drops_their_errors(unconnected):
    frames = []

    def handler(_diagnostic):
        frames.extend(frame.name for frame in traceback.extract_stack())
        raise ValueError("dropped")

    connection = SimpleNamespace(_notice_handlers=[handler], pgconn=SimpleNamespace(_encoding="utf-8"))
    notice = unconnected.make_empty_result(pq.ExecStatus.NONFATAL_ERROR)
    psycopg.Connection._notice_handler(lambda: connection, notice)  # type: ignore[arg-type]  # not a connection
    assert "_notice_handler" in frames


def test_a_cursor_keeps_the_results_of_all_its_statements():
    assert any("_results" in getattr(parent, "__slots__", ()) for parent in psycopg.Cursor.__mro__)


def test_private_methods_are_overridden_only_where_the_page_says_so():
    parents = (psycopg.Connection, psycopg.Cursor, psycopg.ClientCursor, psycopg.adapt.Loader)
    defined = {
        node.name
        for text in SOURCES.values()
        if re.search("class .*(Connection|Cursor|Loader)", text)
        for each in ast.walk(ast.parse(text))
        if isinstance(each, ast.ClassDef)
        and any(re.search("Connection|Cursor|Loader", ast.unparse(base)) for base in each.bases)
        for node in each.body
        if isinstance(node, ast.FunctionDef) and re.match(r"_[a-z]", node.name)
    }
    overridden = {name for name in defined if any(hasattr(parent, name) for parent in parents)}
    assert overridden == {"_connect_gen"}


def test_each_part_that_the_page_lists_is_used_and_no_other_generator():
    text = "".join(SOURCES.values())
    listed = re.findall(r"^\| `([\w.]+)`", PAGE, re.MULTILINE)
    assert [name for name in listed if not re.search(rf"\b{re.escape(name.rpartition('.')[2])}\b", text)] == []
    used = set(re.findall(r"\bgenerators\.(\w+)", text)) - {"WAIT_R", "WAIT_W"}
    assert {f"generators.{name}" for name in used} <= set(listed)
