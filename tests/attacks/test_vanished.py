"""A client whose host vanishes, or whose network fails: its locks go, and it ends with an error, in good time.

FOWERGRAM_TEST_FULL_LENGTH=1 runs the tests with the times that users have, of up to two minutes each; ``-s`` shows what
was measured.
"""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass, replace

import psycopg
import pytest

from fowergram_db.database.liveness import Liveness
from fowergram_db.database.target import Target, url_of
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget
from tests.integration.pooler import find_pgbouncer, pooler_to
from tests.network import ADDRESSES, Client, Host, can_be_made, network
from tools import servers

pytestmark = [pytest.mark.matrix(every=0), pytest.mark.old_versions(whole=True)]
FULL_LENGTH = bool(os.environ.get("FOWERGRAM_TEST_FULL_LENGTH"))
TIMES = Liveness() if FULL_LENGTH else Liveness(1, 1, 1, 0.3, 3)
LIMIT_S = 120.0 if FULL_LENGTH else 40.0
# A connection attempt of its own may follow, to report what is applied now.
CONNECT_TIMEOUT = ("connect_timeout", "10" if FULL_LENGTH else "1")
PREAMBLE = f"""
import sys
from fowergram_db.database import liveness
liveness.LIVENESS = liveness.{TIMES!r}
from fowergram_db.cli.main import main
from fowergram_db.database.connection import connect
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.database.simple_query import run, send, send_data
from fowergram_db.database.target import resolve_target


def target():
    return resolve_target({{"database_url": sys.argv[1]}}, {{}}, {{}}, libpq=lambda _: {{}}, embedded_available=False)

def ready():
    print("ready", flush=True)
    sys.stdin.readline()
"""
HOLD = """
with migration_lock(target(), 0, print):
    ready()
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A server in a network of its own: its host and a client's, the way to it from there, and from its own host."""

    server: Host
    client: Client
    far: Target
    near: Target
    version: int


@pytest.fixture
def place(native):
    if not can_be_made():
        pytest.skip("this user may not make network namespaces, or there is no ip or iptables")
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(network())
        client = net.client()
        cluster = stack.enter_context(servers.made(native))
        with (cluster.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {ADDRESSES} trust\n")
        with net.server.inside():
            server = stack.enter_context(cluster.started(servers.FOR_TESTS | {"listen_addresses": "*"}))
        near = Target("postgres", "postgres", "127.0.0.1", str(server.port))
        far = replace(near, host=client.server_address, parameters=(CONNECT_TIMEOUT,))
        yield Place(net.server, client, far, near, server.version)


@contextlib.contextmanager
def process(place: Place, code: str, target: Target, *arguments: str, **options):
    """Run Python code in the client's namespace; its first argument is the target."""
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(code), url_of(target), *arguments]
    with place.client.inside():
        started = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
        )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


def is_ready(started) -> None:
    assert started.stdout.readline() == "ready\n", started.stderr.read()


def note(measured: str) -> None:
    print(measured)  # noqa: T201 - for who runs the full length


def seconds(began: float) -> float:
    return time.monotonic() - began


@pytest.fixture(params=["direct", "pooled"])
def way(request, place):
    """How the client gets there: a server in between keeps its own connection when the client has vanished."""
    if request.param == "direct":
        yield replace(place.far)
        return
    if find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed")
    with contextlib.ExitStack() as stack:
        with place.server.inside():
            pooler = stack.enter_context(pooler_to(place.near, address=place.client.server_address))
        yield replace(pooler, parameters=(CONNECT_TIMEOUT,))


@pytest.mark.matrix(every=2)
def test_another_migrator_gets_the_lock_of_one_that_has_vanished(place, way):
    with process(place, HOLD, way) as holder:
        is_ready(holder)
        place.client.silence()
        began = time.monotonic()
        with place.server.inside(), migration_lock(place.near, LIMIT_S, lambda _: None):
            note(f"lock of a vanished client, port {way.port}: free after {seconds(began):.1f} s")


@pytest.mark.matrix(every=2)
def test_a_migrator_that_is_alive_keeps_the_lock(place, way):
    with process(place, HOLD, way) as holder:
        is_ready(holder)
        with place.server.inside(), psycopg.connect(url_of(place.near), autocommit=True) as admin:
            query = "SELECT backend_xmin FROM pg_stat_activity WHERE application_name LIKE 'fowergram-db lock%'"
            until = time.monotonic() + TIMES.silence_s + 1
            while time.monotonic() < until:
                # CREATE INDEX CONCURRENTLY waits for who has a snapshot.
                assert admin.execute(query).fetchall() == [(None,)]
                time.sleep(TIMES.heartbeat_s / 3)
        assert holder.communicate("\n", timeout=20)[1] == ""
        assert holder.returncode == 0


def test_a_migrator_that_is_stopped_loses_the_lock_and_reports_it(place):
    code = """
    with migration_lock(target(), 0, print) as lock:
        lock.require_held()
        ready()
        lock.require_held()
    """
    with process(place, code, place.far) as holder:
        is_ready(holder)
        os.kill(holder.pid, signal.SIGSTOP)
        with place.server.inside(), migration_lock(place.near, LIMIT_S, lambda _: None):
            os.kill(holder.pid, signal.SIGCONT)
            _, err = holder.communicate("\n", timeout=20)
    assert "LockLost" in err


ENDS_THE_LOCK = """-- fowergram: no-transaction
DO $$ BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name LIKE 'fowergram-db lock%' AND datname = current_database();
END $$;
DO $$ BEGIN CREATE TABLE too_late (id int); END $$;
"""


@pytest.mark.parametrize("notices", [True, False])
def test_nothing_more_runs_without_the_lock(cli, write, query, monkeypatch, notices):
    write(**{"001_a": ENDS_THE_LOCK})
    if not notices:  # then the server refuses what the client still sends
        monkeypatch.setattr("fowergram_db.migrations.engine.lock.MigrationLock.require_held", lambda _: None)
    result = cli("migrate", "--json")
    assert result.exit_code == 1
    assert result.document["error"]["code"] == "lock_lost"
    assert query("SELECT to_regclass('too_late')") == [(None,)]


# What a client does when the network fails, or right after; each has a connection, and a table with a trigger.
STAGES = {
    "connect": "ready(); connect(target())",
    "query": "c = connect(target()); ready(); c.execute('SELECT 1')",
    "begin": "c = connect(target()); ready(); run(c, 'BEGIN')",
    "send a large script": "c = connect(target()); ready(); send(c, 'SELECT 1 --' + 'x' * 50_000_000, lambda: None)",
    "wait for an answer": """
        import threading
        c = connect(target())
        threading.Timer(0.5, ready).start()
        send(c, 'SELECT pg_sleep(600)', lambda: None)""",
    "receive a large answer": """
        import threading
        c = connect(target())
        threading.Timer(0.5, ready).start()
        c.execute("SELECT repeat('x', 1000) || pg_sleep(0.0001)::text FROM generate_series(1, 1000000000)")""",
    "COPY in": """
        c = connect(target())
        send(c, 'CREATE TEMPORARY TABLE t (x text); COPY t FROM STDIN', lambda: None)
        ready()
        send_data(c, (b'x' * 1000 + b'\\n' for _ in range(100_000)), lambda: None)""",
    "COMMIT": "c = connect(target()); run(c, 'BEGIN; CREATE TABLE committed (id int)'); ready(); run(c, 'COMMIT')",
    "wait for the lock": """
        import threading
        threading.Timer(1.5, ready).start()
        with migration_lock(target(), 3600, lambda _: None): pass""",
}
# Each at work on a database of its own, or waiting there for a lock.
COMMANDS = {
    "migrate": "migrate --migrations-dir {slow}",
    "rollback": "rollback --migrations-dir {quick}",
    "status": "status --migrations-dir {quick}",
    "analyze": "analyze",
    "slow-queries": "slow-queries",
    "reset": "reset --yes --migrations-dir {slow}",
    "testdb create": "testdb create --migrations-dir {slow}",
}


def test_a_client_that_loses_its_network_ends_with_an_error(place):
    with contextlib.ExitStack() as stack:
        with place.server.inside():
            stack.enter_context(migration_lock(place.near, 0, lambda _: None))
        clients = {name: stack.enter_context(process(place, code, place.far)) for name, code in STAGES.items()}
        for client in clients.values():
            is_ready(client)
        place.client.silence()
        began = time.monotonic()
        for client in clients.values():
            client.stdin.write("\n")
            client.stdin.flush()
        _end_in_time(place, clients, began)


@pytest.mark.matrix(every=0)
def test_a_command_that_loses_its_network_ends_with_an_error(place, tmp_path):
    quick, slow = tmp_path / "quick", tmp_path / "slow"
    for directory, versions in ((quick, (1,)), (slow, (1, 2))):
        directory.mkdir()
        for version in versions:
            text = f"CREATE TABLE t{version} (id int); SELECT pg_sleep({600 * (version - 1)});"
            (directory / f"00{version}_t.sql").write_text(text)
            (directory / f"00{version}_t.down.sql").write_text(f"DROP TABLE t{version};")
    with contextlib.ExitStack() as stack:
        clients = {}
        for number, (name, words) in enumerate(COMMANDS.items()):
            dbname = f"cut_{number}_test"
            with place.server.inside():
                _prepare(stack, replace(place.near, dbname=dbname), quick, name)
            arguments = (*words.format(quick=quick, slow=slow).split(), "--database-url")
            code = "sys.argv = ['fowergram-db', *sys.argv[2:], sys.argv[1]]; sys.exit(main())"
            clients[name] = stack.enter_context(process(place, code, replace(place.far, dbname=dbname), *arguments))
        with place.server.inside(), psycopg.connect(url_of(place.near), autocommit=True) as admin:
            until = time.monotonic() + 20
            # One of the last two builds the template, and the other waits for it by asking again and again.
            while (busy := admin.execute(BUSY).fetchone()[0]) < len(COMMANDS) - 1:
                assert time.monotonic() < until, busy
                assert all(client.poll() is None for client in clients.values()), _left(clients)
                time.sleep(0.05)
        place.client.silence()
        _end_in_time(place, clients, time.monotonic())


def _left(clients):
    return {name: client.stderr.read() for name, client in clients.items() if client.poll() is not None}


OF_CLIENTS = f"SELECT * FROM pg_stat_activity WHERE client_addr <<= '{ADDRESSES}'"
BUSY = f"SELECT count(*) FROM ({OF_CLIENTS} AND (wait_event = 'PgSleep' OR wait_event_type = 'Lock')) AS s"


AT_WORK = dict.fromkeys(("rollback", "status"), "BEGIN; LOCK TABLE schema_migrations")
AT_WORK["slow-queries"] = "BEGIN; CREATE EXTENSION pg_stat_statements; COMMIT; BEGIN; LOCK TABLE pg_extension"
AT_WORK["analyze"] = """
    CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
    CREATE INDEX ON t1 (slow(id));
    INSERT INTO t1 VALUES (1);
    CREATE OR REPLACE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT length(pg_sleep(600)::text)';
"""


def _prepare(stack, near: Target, quick, command: str) -> None:
    """Make a database with a history, and what keeps a command at work there."""
    migrate(near, read_migrations(quick), UpgradeTarget(), lambda _: None)
    if command in AT_WORK:
        session = stack.enter_context(psycopg.connect(url_of(near), autocommit=True))
        session.execute(AT_WORK[command])


def _end_in_time(place, clients, began) -> None:
    ends = _ends(clients, began)
    for name, (ended, code, err) in ends.items():
        note(f"client cut off, {name}: {ended:.1f} s, exit {code}: {err.strip().splitlines()[-1][:90]}")
    assert 0 not in {code for _, code, _ in ends.values()}
    assert max(ended for ended, _, _ in ends.values()) < LIMIT_S
    with place.server.inside(), psycopg.connect(url_of(place.near), autocommit=True) as admin:
        # Before 14, a server at work does not look whether its client is there.
        still = OF_CLIENTS if place.version >= 14 else f"{OF_CLIENTS} AND wait_event_type IN ('Client', 'IO')"
        # One that lost its network before its first query has set nothing yet, and holds nothing.
        sessions = f"SELECT state, query FROM ({still}) AS s WHERE NOT (state = 'idle' AND query = '')"
        while found := admin.execute(sessions).fetchall():
            assert seconds(began) < LIMIT_S, found
            time.sleep(0.1)
    note(f"sessions of clients that were cut off: gone after {seconds(began):.1f} s")


def _ends(clients, began):
    """Return when each has ended, with its exit code and its error."""
    ends = {}
    while len(ends) < len(clients):
        for name, client in clients.items():
            if name not in ends and client.poll() is not None:
                ends[name] = (seconds(began), client.returncode, client.stderr.read())
        assert seconds(began) < LIMIT_S + 30, set(clients) - set(ends)
        time.sleep(0.05)
    return ends
