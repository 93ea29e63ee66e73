"""Servers, disks, clocks and files that let a run down: one clear error each, and nothing half done."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from fowergram_db.database.connection import connect
from fowergram_db.migrations.engine.lock import migration_lock
from fowergram_db.migrations.history_sql import load_for
from fowergram_db.migrations.history_table import create_history
from tests.integration.conftest import Result
from tests.integration.processes import SOON_S, ended, started
from tools import servers

ONE = {"001_a": "CREATE TABLE a (id int);", "001_a.down": "DROP TABLE a;"}
TWO = ONE | {"002_b": "CREATE TABLE b (id int);"}
SLEEPING = (
    "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60%' AND state = 'active' AND pid <> pg_backend_pid()"
)


def failed(result, code, exit_code=1):
    """Check that a command ended in one clear error, as text and as the one document; return the document's."""
    assert result.exit_code == exit_code, result.err
    assert "Traceback" not in result.err
    assert [line.partition(":")[0] for line in result.err.splitlines()].count("error") == 1
    error = result.document["error"]
    assert error["code"] == code
    shown = error["message"].replace("\n", "\n  ")
    assert f"error: {shown}" in result.err
    assert error["hint"]
    return error


def database(server: servers.Server) -> str:
    """The URL of a database that a server of the test's own may have."""
    return server.url.removesuffix("postgres") + "fowergram_test"


def asked(url, query):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def soon(condition) -> None:
    """Wait until something is so."""
    until = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < until


@contextmanager
def replicating(native):
    """Run a server and a standby of it; yield both."""
    with servers.made(native) as cluster:
        standby = cluster.standby()
        with cluster.started() as primary:
            source = {"primary_conninfo": f"host=127.0.0.1 port={primary.port} user=postgres"}
            with standby.started(servers.FOR_TESTS | source) as follower:
                yield primary, follower


def replayed(primary, follower) -> bool:
    ((written,),) = asked(primary.url, "SELECT pg_current_wal_insert_lsn()")
    return asked(follower.url, f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == [(True,)]


def test_a_standby_shows_its_status_and_takes_no_changes(cli, write, native):
    write(**ONE)
    with replicating(native) as (primary, follower):
        url = database(follower)

        def there(*arguments):
            return cli(*arguments, "--database-url", url, "--json")

        assert there("status").document["summary"] == {"applied": 0, "pending": 1, "problems": 0}
        assert failed(there("migrate"), "database_error")["sqlstate"] == "25006"
        assert cli("migrate", "--database-url", database(primary)).exit_code == 0
        soon(lambda: replayed(primary, follower))
        assert there("status", "--check").exit_code == 0
        assert there("migrate").exit_code == 0
        for text in (TWO["002_b"], f"-- fowergram: no-transaction\n{TWO['002_b']}"):
            write(**{"002_b": text})
            message = failed(there("migrate"), "database_error")["message"]
            assert message == "the server is a standby; nothing was run"
        assert there("migrate", "--dry-run").exit_code == 0
        for command in ("migrate", "rollback", "protect", "reset --yes"):
            assert "primary" in failed(there(*command.split()), "database_error")["hint"]
        assert [m["state"] for m in there("status").document["migrations"]] == ["applied", "pending"]


def test_a_read_only_default_of_the_database_stops_no_migration(cli, write, target, admin, tables):
    write(**ONE)
    cli("migrate")
    write(**TWO)
    admin.execute(f'ALTER DATABASE "{target.dbname}" SET default_transaction_read_only = on')
    assert cli("status").exit_code == 0
    assert cli("status", "--check").exit_code == 3
    assert cli("migrate").exit_code == 0
    assert tables() == ["a", "b"]


def test_a_role_that_may_not_write_the_history_leaves_nothing(cli, write, query, tables, role, monkeypatch):
    write(**ONE)
    cli("migrate")
    query(f"GRANT ALL ON SCHEMA public TO {role}; GRANT SELECT ON schema_migrations TO {role}")
    with monkeypatch.context() as plain:
        plain.setenv("DB_USER", role)
        plain.setenv("DB_PASSWORD", "plain password")
        for text in (TWO["002_b"], f"-- fowergram: no-transaction\n{TWO['002_b']}"):
            write(**{"002_b": text})
            error = failed(cli("migrate", "--json"), "migration_failed")
            assert error["sqlstate"] == "42501"
            assert "owner" in error["hint"]
            assert cli("status", "--json").document["summary"] == {"applied": 1, "pending": 1, "problems": 0}
    assert tables() == ["a"]


def test_a_role_that_is_another_from_its_start_stays_that_one(cli, write, query, admin, role, target, monkeypatch):
    owner = f"{role}_owner"
    admin.execute(f"ALTER ROLE {role} NOINHERIT; CREATE ROLE {owner} CREATEDB; GRANT {owner} TO {role}")
    admin.execute(f"ALTER ROLE {role} SET role = {owner}")
    admin.execute(f'CREATE DATABASE "{target.dbname}" OWNER {owner}')
    query(f"ALTER SCHEMA public OWNER TO {owner}; REVOKE ALL ON SCHEMA public FROM PUBLIC")
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    bare = "-- fowergram: no-transaction\n"
    write(
        **{"001_a": "CREATE TABLE a (id int);", "002_b": f"CREATE TABLE b (id int); SET ROLE {role};"},
        **{"003_c": f"{bare}CREATE TABLE c (id int); CREATE INDEX CONCURRENTLY c_id ON c (id); SET ROLE {role};"},
        **{"004_d": "CREATE TABLE d (id int);"},
    )
    try:
        assert cli("migrate").exit_code == 0
        assert query("SELECT DISTINCT executed_by FROM schema_migrations") == [(owner,)]
        assert query("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'") == [(owner,)]
    finally:
        admin.execute(f'DROP DATABASE "{target.dbname}" WITH (FORCE)')
        admin.execute(f"DROP ROLE {owner}")


def test_the_error_is_reported_where_the_flush_after_it_fails_too(
    cli, write, empty_db, admin, target, role, monkeypatch
):
    admin.execute(f'ALTER DATABASE "{target.dbname}" OWNER TO {role}')
    empty_db.execute(f"GRANT ALL ON SCHEMA public TO {role}")
    named = "SELECT oid::regprocedure FROM pg_proc WHERE proname = 'pg_logical_emit_message'"
    for (function,) in empty_db.execute(named).fetchall():
        empty_db.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    write(**ONE, **{"002_b": "SELECT nothing;"})
    result = cli("migrate", "--json")
    assert failed(result, "migration_failed")["line"] == 1
    assert "cannot write the commits to disk: permission denied" in result.err
    assert result.err.endswith("Applied now: 1. Not applied: 2.\n")


@pytest.mark.parametrize(
    ("end", "header", "states"),
    [
        (signal.SIGKILL, "", ["applied", "pending"]),
        (signal.SIGQUIT, "-- fowergram: no-transaction\n", ["applied", "partial"]),
    ],
)
def test_a_server_that_stops_during_a_run_is_reported_and_the_next_run_completes(
    cli, write, native, end, header, states
):
    write(**ONE)
    with servers.made(native) as cluster:
        with cluster.started() as server:
            assert cli("migrate", "--database-url", database(server)).exit_code == 0
            write(**{"002_b": f"{header}CREATE TABLE b (id int);\nSELECT pg_sleep(60);"})
            with started("migrate", "--json", "--database-url", database(server)) as run:
                soon(lambda: asked(server.url, SLEEPING))
                os.kill(server.pid, end)
                error = failed(ended(run), "migration_failed")
            assert "closed the connection unexpectedly" in error["message"]
            assert "when the server answers" in error["hint"]
        with cluster.started() as server:
            there = ("--database-url", database(server))
            assert [m["state"] for m in cli("status", "--json", *there).document["migrations"]] == states
            write(**{"002_b": f"{header}CREATE TABLE b (id int);\nSELECT 2;"})
            assert cli("migrate", *there).exit_code == 0
            assert asked(database(server), "SELECT to_regclass('a')::text, to_regclass('b')::text") == [("a", "b")]


@contextmanager
def small_disk(place: Path, owner: servers.Account, megabytes: int = 1):
    """Have a disk of a megabyte or so, where this user may mount one; the test is skipped otherwise."""
    place.mkdir()
    mount = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={megabytes}m,uid={owner.uid},gid={owner.gid},mode=700",
        "tmpfs",
        str(place),
    ]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


FILLS = {
    "CREATE TABLE b (x text) TABLESPACE small;\nINSERT INTO b SELECT repeat('x', 99) FROM generate_series(1, 9999);": 2,
    "CREATE TABLE b (x text) TABLESPACE small;\nCOPY b FROM stdin;\n" + f"{'x' * 999}\n" * 9999 + "\\.\n": 2,
    "CREATE TABLE b AS SELECT generate_series(1, 90000) AS x;\nCREATE INDEX b_x ON b (x) TABLESPACE small;": 2,
    "-- fowergram: no-transaction\nCREATE TABLE b AS SELECT generate_series(1, 90000) AS x;\n"
    "CREATE INDEX CONCURRENTLY b_x ON b (x) TABLESPACE small;": 3,
}


def test_a_full_disk_of_the_server_is_reported_and_the_next_run_completes(cli, write, native):
    write(**ONE)
    with servers.made(native) as cluster:
        disk = cluster.data.with_name("small")
        with small_disk(disk, cluster.owner), cluster.started() as server:
            url = database(server)

            def there(*arguments):
                return cli(*arguments, "--database-url", url)

            asked(server.url, f"CREATE TABLESPACE small LOCATION '{disk}'")
            assert there("migrate").exit_code == 0
            for script, line in FILLS.items():
                write(**{"002_b": script})
                error = failed(there("migrate", "--json"), "migration_failed")
                assert (error["sqlstate"], error["line"]) == ("53100", line)
                assert "free some space" in error["hint"]
                left = "b" if "no-transaction" in script else None
                assert asked(url, "SELECT to_regclass('a')::text, to_regclass('b')::text") == [("a", left)]
            write(**{"002_b": script.replace("TABLESPACE small", "")})
            assert there("migrate").exit_code == 0
            assert there("status", "--check").exit_code == 0


def test_a_disk_that_is_full_while_a_clone_is_made_leaves_the_old_database_and_nothing_else(cli, write, native):
    write(**ONE)
    with servers.made(native) as cluster:
        disk = cluster.data.with_name("small")
        # Room for one database, and not for two.
        with small_disk(disk, cluster.owner, 12), cluster.started() as server:
            url = f"{server.url.rpartition('/')[0]}/disk_test"
            asked(server.url, f"CREATE TABLESPACE small LOCATION '{disk}'")
            asked(server.url, "CREATE DATABASE disk_test TABLESPACE small")
            assert cli("migrate", "--database-url", url).exit_code == 0
            asked(url, "INSERT INTO a VALUES (7)")
            error = failed(cli("reset", "--database-url", url, "--json"), "database_error")
            assert error["sqlstate"] == "53100"
            assert "free some space" in error["hint"]
            assert asked(url, "SELECT id FROM a") == [(7,)]
            kept = asked(server.url, "SELECT datname FROM pg_database WHERE datname LIKE 'fowergram%'")
            assert [name.startswith("fowergram_template_") for (name,) in kept] == [True]


@pytest.fixture
def encoded(admin, target):
    """Make the test's database in an encoding."""

    def make(encoding: str) -> None:
        admin.execute(f"CREATE DATABASE \"{target.dbname}\" TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")

    return make


@pytest.mark.parametrize(
    ("script", "place"),
    [
        ("CREATE TABLE b (x text);\nINSERT INTO b VALUES ('é ก');\n", (2, 26)),
        ("CREATE TABLE b (x text);\n-- ก\nSELECT 1;\n", (2, 4)),
        ("CREATE TABLE b (x text);\nCOPY b FROM stdin;\nx\nก\n\\.\n", (4, 1)),
    ],
)
def test_a_character_that_the_databases_encoding_lacks_is_shown(cli, write, encoded, tables, script, place):
    encoded("LATIN1")
    write(**ONE, **{"002_b": script})
    result = cli("migrate", "--json")
    error = failed(result, "migration_failed")
    assert (error["sqlstate"], error["line"], error["column"]) == ("22P05", *place)
    assert "ENCODING 'UTF8'" in error["hint"]
    assert tables() == ["a"]


@pytest.mark.parametrize("files", [{"002_ไทย": "SELECT 1"}, {"002_b": "SELECT 1", "002_b.down": "SELECT 'ก'"}])
def test_what_is_recorded_with_a_script_needs_the_encoding_too(cli, write, encoded, files):
    encoded("LATIN1")
    write(**ONE, **files)
    result = cli("migrate", "--json")
    assert failed(result, "migration_failed")["sqlstate"] == "22P05"
    assert result.err.endswith("Applied now: 1. Not applied: 2.\n")
    assert cli("status").exit_code == 0


def test_a_database_without_an_encoding_takes_the_bytes_as_they_are(cli, write, encoded, query):
    encoded("SQL_ASCII")
    data = "COPY b FROM stdin;\nไทย\n\\.\n"
    write(**{"001_ไทย": f"CREATE TABLE b (x text);\n{data}", "001_ไทย.down": "DROP TABLE b; -- ไทย"})
    assert cli("migrate").exit_code == 0
    assert query("SELECT x, name FROM b, schema_migrations") == [("ไทย", "ไทย")]
    write(**{"002_c": "SELECT 'ไทย',\n 'ไทย', nothing;"})
    error = failed(cli("migrate", "--json"), "migration_failed")
    assert (error["line"], error["column"]) == (2, 9)
    assert cli("rollback").exit_code == 0


DOWNS = {f"00{n}_{name}.down": f"DROP TABLE {name};" for n, name in enumerate("abc", start=1)}
UPS = {f"00{n}_{name}": f"CREATE TABLE {name} (id int);" for n, name in enumerate("abc", start=1)}
INSERT = (
    "INSERT INTO schema_migrations (filename, checksum, version, name, duration_ms, tool_version, statements_done)"
    " VALUES ('z.sql', 'z', {}, 'z', 0, '', 1)"
)


@pytest.mark.parametrize(
    "moment", ["now() + make_interval(years => 100 - version::int)", "'infinity'", "'-infinity'", "'20000-01-01'"]
)
def test_a_clock_that_goes_backwards_decides_nothing(cli, write, query, tables, moment):
    write(**UPS, **DOWNS)
    assert cli("migrate", "--to", "2").exit_code == 0
    query(f"UPDATE schema_migrations SET executed_at = {moment}")
    assert cli("status", "--json").document["summary"] == {"applied": 2, "pending": 1, "problems": 0}
    assert cli("migrate", "--json").document["steps"][0]["version"] == 3
    assert [row.split()[0] for row in cli("status").out.splitlines()[1:4]] == ["1", "2", "3"]
    assert cli("rollback", "--json").document["steps"][0]["version"] == 3
    assert cli("rollback", "--json").document["steps"][0]["version"] == 2
    assert tables() == ["a"]


def test_a_clock_that_is_put_back_during_a_run_makes_no_duration_negative(empty_db):
    create_history(empty_db)
    row = dict.fromkeys(("filename", "checksum", "name", "tool_version", "down_sql"), "x")
    with empty_db.transaction():
        empty_db.execute("SELECT set_config('fowergram.began', (extract(EPOCH FROM now()) + 3600)::text, true)")
        inserted = empty_db.execute(load_for("bookkeeping/insert_batch", 1), row | {"version": 1, "statements_done": 1})
        assert inserted.fetchone() == (0.0,)


def test_the_greatest_bigint_is_a_valid_version(cli, write, query, tables):
    write(**UPS, **DOWNS)
    cli("migrate", "--to", "2")
    query(INSERT.format(2**63 - 1))
    assert cli("status", "--json").document["migrations"][-1]["version"] == 2**63 - 1
    assert cli("status", "--check").exit_code == 4
    message = failed(cli("migrate", "--json"), "history_inconsistent", 4)["message"]
    assert "003_c.sql" in message
    assert "z.sql" in message
    failed(cli("rollback", "--json"), "refused", 2)
    assert tables() == ["a", "b"]
    write(**{f"{2**63 - 1}_z": "CREATE TABLE z (id int);", f"{2**63 - 1}_z.down": "DROP TABLE z;"})
    query(f"DELETE FROM schema_migrations WHERE version = {2**63 - 1}")
    assert cli("migrate", "--json").document["steps"][-1]["version"] == 2**63 - 1
    assert cli("rollback", "--to", "3").exit_code == 0
    assert tables() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("change", "version", "message"),
    [
        ("ALTER COLUMN version DROP NOT NULL", "NULL", "(version NULL) cannot be read: its version is NULL"),
        ("ALTER COLUMN version TYPE numeric", "1e30", "its column version is of type numeric, not int8"),
    ],
)
def test_an_invalid_version_is_reported(cli, write, query, tables, change, version, message):
    write(**UPS, **DOWNS)
    cli("migrate", "--to", "2")
    query(f"ALTER TABLE schema_migrations {change}")
    query(INSERT.format(version))
    for command in ("status", "migrate", "rollback", "repair"):
        error = failed(cli(command, "--json"), "history_inconsistent", 4)
        assert message in error["message"]
    assert tables() == ["a", "b"]


@pytest.mark.parametrize("version", [0, -5])
def test_a_version_that_no_file_can_have_is_missing(cli, write, query, version):
    write(**UPS, **DOWNS)
    cli("migrate", "--to", "2")
    query("ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_version_check")
    query(INSERT.format(version))
    assert cli("status", "--json").document["migrations"][0]["state"] == "missing"
    failed(cli("migrate", "--json"), "history_inconsistent", 4)
    assert cli("rollback", "--to", "1", "--json").document["steps"][0]["version"] == 2


def test_invalid_progress_is_reported(cli, write, query):
    write(**UPS)
    cli("migrate", "--to", "2")
    query("UPDATE schema_migrations SET state = 'partial', progress = '[]' WHERE version = 2")
    failed(cli("migrate", "--json"), "history_inconsistent", 4)


SMALL = "CREATE TABLE b (x text);\nCOPY b FROM stdin;\nx\n\\.\n"
LARGE = SMALL.replace("x\n", f"{'x' * 999}\n" * 8500)


def replace_by_another(path):
    another = path.with_suffix(".new")
    another.write_text("SELECT nothing;")
    another.rename(path)


def append(path):
    with path.open("a", encoding="utf-8") as file:
        file.write("SELECT nothing;\n")


@pytest.fixture
def run_while(target):
    """Run a migrate, and change something when it has read its files and waits for the lock."""

    def run(change) -> Result:
        with ExitStack() as lock:
            lock.enter_context(migration_lock(target, 1, lambda _: None))
            with started("migrate", "--json") as process:
                while "Waiting for another migrator" not in (line := process.stderr.readline()):
                    assert line
                change()
                lock.close()
                return ended(process)

    return run


@pytest.mark.usefixtures("empty_db")
@pytest.mark.parametrize("text", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize(("change", "state"), [(Path.unlink, "missing"), (replace_by_another, "changed")])
def test_the_file_that_was_read_runs_although_another_has_replaced_it(
    run_while, cli, write, query, text, change, state
):
    path = write(**ONE, **{"002_b": text}) / "002_b.sql"
    result = run_while(lambda: change(path))
    assert (result.exit_code, len(result.document["steps"])) == (0, 2), result.err
    assert query("SELECT count(*) FROM b") == [(text.count("x\n"),)]
    assert cli("status", "--json").document["migrations"][-1]["state"] == state


@pytest.mark.usefixtures("empty_db")
@pytest.mark.parametrize("header", ["", "-- fowergram: no-transaction\n"])
def test_a_large_file_that_is_written_to_while_it_is_waited_for_is_not_run_on(run_while, cli, write, tables, header):
    path = write(**ONE, **{"002_b": header + LARGE, "003_c": "CREATE TABLE c (id int);"}) / "002_b.sql"
    result = run_while(lambda: append(path))
    error = failed(result, "migration_failed")
    assert (error["message"], error["file"]) == ("002_b.sql was changed while it was in use", str(path))
    assert [step["version"] for step in result.document["steps"]] == [1]
    assert tables() == (["a", "b"] if header else ["a"])
    path.write_text(header + LARGE)
    assert cli("migrate").exit_code == 0


@pytest.mark.usefixtures("empty_db")
def test_a_small_file_that_is_written_to_runs_as_it_was_read(run_while, cli, write, tables):
    path = write(**ONE, **{"002_b": SMALL}) / "002_b.sql"
    assert run_while(lambda: append(path)).exit_code == 0
    assert tables() == ["a", "b"]
    assert cli("status", "--check", "--json").document["migrations"][-1]["state"] == "changed"


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("fowergram-db migrate >/dev/full", 1),
        ("fowergram-db migrate --json >/dev/full", 1),
        ("fowergram-db migrate --json >&- 2>&-", 0),
        ("fowergram-db migrate --json 2>/dev/full >document", 0),
        ("(fowergram-db migrate; echo $? >code) | true; exit $(cat code)", 0),
    ],
)
def test_a_run_whose_output_is_lost_applies_everything(write, variables, query, command, exit_code):
    variables["MIGRATIONS_DIR"] = str(write(**TWO))
    program = f"{sys.executable} -m fowergram_db"
    shell = ["/bin/bash", "-c", command.replace("fowergram-db", program)]
    done = subprocess.run(shell, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == exit_code
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if exit_code:
        assert done.stderr.endswith("hint: The command itself has finished.\n")
    if ">document" in command:
        assert json.loads(Path("document").read_text())["ok"]
    assert query("SELECT array_agg(version ORDER BY version) FROM schema_migrations") == [([1, 2],)]


@contextmanager
def on_a_terminal(shell: str):
    """Run a shell command on a terminal, which is closed after the block; yield its process."""
    child, terminal = pty.fork()
    if child == 0:
        # Where the tests run under nohup, the signal is ignored, and stays so in each process that they start.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.execv("/bin/sh", ["/bin/sh", "-c", shell.replace("fowergram-db", f"{sys.executable} -m fowergram_db")])
    try:
        yield child
    finally:
        os.close(terminal)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.usefixtures("cli")
def test_a_closed_terminal_ends_the_statement_on_the_server_and_rolls_back(write, target, admin, query):
    write(**ONE, **{"002_b": "CREATE TABLE b (id int);\nSELECT pg_sleep(60);"})
    asleep = f"{SLEEPING} AND datname = '{target.dbname}'"
    with on_a_terminal("exec fowergram-db migrate") as run:
        soon(lambda: admin.execute(asleep).fetchone())
    assert os.waitstatus_to_exitcode(os.waitpid(run, 0)[1]) == 143
    soon(lambda: not admin.execute(asleep).fetchone())
    assert query("SELECT array_agg(version) FROM schema_migrations") == [([1],)]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_run_that_ignores_sighup_outlives_its_terminal(cli, write, target, query):
    write(**ONE, **{"002_b": "SELECT pg_advisory_xact_lock(1, 1);", "003_c": "CREATE TABLE c (id int);"})
    cli("migrate", "--to", "1")
    waiting = "SELECT pid FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
    with connect(target) as other:
        other.execute("SELECT pg_advisory_lock(1, 1)")
        with on_a_terminal("trap '' HUP; exec fowergram-db migrate --lock-timeout 0 --json >document") as run:
            soon(lambda: other.execute(waiting).fetchone())
    assert os.waitstatus_to_exitcode(os.waitpid(run, 0)[1]) == 0
    assert json.loads(Path("document").read_text())["ok"]
    assert query("SELECT max(version) FROM schema_migrations") == [(3,)]
