"""No server, no rights, wrong passwords: one clear error each, and the exit code that is documented."""

import json
import socket
import tempfile
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg import sql

from fowergram_db.cli.main import run
from fowergram_db.database import embedded
from fowergram_db.database.connection import connect
from fowergram_db.database.embedded import is_available, running
from fowergram_db.database.target import Target


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def as_role(cli, role, monkeypatch):
    """Run commands as a role that may log in and nothing else."""
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    return cli


def failed(result, exit_code=1):
    """Check that a command ended in one clear error, and return it."""
    assert result.exit_code == exit_code, result.err
    assert "Traceback" not in result.err
    error = result.document["error"]
    assert error["message"]
    assert error["hint"]
    return error


def test_no_server(cli, write, free_port):
    write(**{"001_a": "SELECT 1"})
    error = failed(cli("migrate", "--host", "127.0.0.1", "--port", free_port, "--json"))
    assert error["code"] == "connection_failed"
    assert free_port in error["message"]


def test_no_such_host(cli, write):
    write(**{"001_a": "SELECT 1"})
    assert failed(cli("status", "--host", "no-such-host.invalid", "--json"))["code"] == "connection_failed"


def test_no_such_role(cli, write):
    write(**{"001_a": "SELECT 1"})
    assert "nobody at all" in failed(cli("migrate", "--user", "nobody at all", "--json"))["message"]


def test_no_such_database_and_no_right_to_make_it(as_role, write, target, role):
    write(**{"001_a": "SELECT 1"})
    error = failed(as_role("migrate", "--json"))
    assert error["hint"].endswith(f'CREATE DATABASE "{target.dbname}" OWNER "{role}";')


def test_a_database_whose_name_is_like_a_path_is_used_but_not_created(cli, write, target, admin, monkeypatch):
    write(**{"001_a": "SELECT 1"})
    name = f"{target.dbname}/x"
    monkeypatch.setenv("DB_NAME", name)
    for command in (["migrate"], ["migrate", "--dry-run"], ["reset", "--yes"]):
        refused = cli(*command)
        assert (refused.exit_code, "is not created: its name contains '/'" in refused.err) == (2, True), refused.err
    found = cli("status")
    assert (found.exit_code, "`fowergram-db migrate` does not create it" in found.out) == (0, True)
    assert not admin.execute("SELECT FROM pg_catalog.pg_database WHERE datname = %s", [name]).fetchall()
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        assert cli("migrate").exit_code == 0
    finally:
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def test_a_missing_database_where_nothing_would_create_it(cli, write):
    write(**{"001_a": "SELECT 1"})
    for command in ("rollback", "analyze", "slow-queries", "protect"):
        assert failed(cli(command, "--json"))["code"] == "database_missing"


@pytest.mark.parametrize("command", ["migrate", "status"])
@pytest.mark.parametrize("there", [True, False])
def test_a_server_that_is_too_old(cli, write, monkeypatch, admin, target, command, there):
    if there:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target.dbname)))
    monkeypatch.setattr("fowergram_db.database.connection.OLDEST_SERVER", 990000)
    write(**{"001_a": "SELECT 1"})
    error = failed(cli(command, "--json"))
    assert error["code"] == "server_too_old"
    assert "13 or newer" in error["message"]


@pytest.mark.usefixtures("empty_db")
def test_the_hint_for_a_role_without_connect_grants_it(as_role, write, target, admin):
    admin.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(target.dbname)))
    write(**{"001_a": "SELECT 1"})
    for command in ("migrate", "status"):
        error = failed(as_role(command, "--wait-for-server", "30", "--json"))
        assert error["code"] == "connection_failed"
        assert "GRANT CONNECT" in error["hint"]


@pytest.mark.usefixtures("empty_db")
def test_a_role_that_has_no_connection_left(as_role, write, role, admin, empty_db):
    empty_db.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(role)))
    admin.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT 1").format(sql.Identifier(role)))
    write(**{"001_a": "SELECT 1"})
    assert as_role("status").exit_code == 0
    error = failed(as_role("migrate", "--json"))
    assert error["code"] == "connection_failed"
    assert "no connection left" in error["hint"]


def test_a_role_that_may_not_create_tables(as_role, write, empty_db):
    empty_db.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    write(**{"001_a": "SELECT 1"})
    error = failed(as_role("migrate", "--json"))
    assert (error["code"], error["sqlstate"]) == ("database_error", "42501")
    assert as_role("status").exit_code == 0


def test_a_role_that_may_not_read_the_history(as_role, cli, write, monkeypatch, target):
    write(**{"001_a": "SELECT 1"})
    with monkeypatch.context() as superuser:
        superuser.setenv("DB_USER", target.user)
        superuser.setenv("DB_PASSWORD", target.password or "")
        assert cli("migrate").exit_code == 0
    assert failed(as_role("status", "--json"))["sqlstate"] == "42501"


def test_an_unreadable_migrations_directory(cli, monkeypatch, tmp_path):
    for path in (tmp_path / "none", tmp_path):
        monkeypatch.setenv("MIGRATIONS_DIR", str(path))
        assert failed(cli("migrate", "--json"), 2)["code"] == "configuration"


@pytest.fixture
def asking_server():
    """A server of its own that asks every role for a password; that of postgres is "sesame"."""
    with tempfile.TemporaryDirectory(prefix="fowergram-test-", dir="/var/tmp") as directory:
        Path(directory).chmod(0o755)
        with running(Path(directory) / "server") as server:
            with connect(Target("postgres", "postgres", server.host, str(server.port))) as admin:
                admin.execute("SET password_encryption = 'scram-sha-256'; ALTER ROLE postgres PASSWORD 'sesame'")
                (server.data_dir / "data/pg_hba.conf").write_text("local all all scram-sha-256\n")
                admin.execute("SELECT pg_reload_conf()")
            yield server


@pytest.mark.skipif(not is_available(), reason="the embedded extra is not installed")
def test_passwords_of_every_kind(cli, write, asking_server, monkeypatch, tmp_path):
    host, directory = asking_server.host, write(**{"001_a": "SELECT 1"})
    for part in ("HOST", "PORT", "USER", "PASSWORD"):
        monkeypatch.delenv(f"DB_{part}", raising=False)
    quoted = quote(host, safe="")
    urls = {password: f"postgresql://postgres:{password}@{quoted}/postgres" for password in ("sesame", "wr%25ng")}

    def status(*arguments: str):
        return cli("status", "--json", "--migrations-dir", str(directory), *arguments)

    def silent(result) -> bool:
        return not any(word in result.out + result.err for word in ("sesame", "wr%ng", "wr%25ng", "Traceback"))

    assert status("--database-url", urls["sesame"]).exit_code == 0
    wrong = status("--database-url", urls["wr%25ng"])
    assert "DB_PASSWORD" in failed(wrong)["hint"]
    missing = status("--host", host, "--user", "postgres")
    assert "DB_PASSWORD" in failed(missing)["hint"]
    monkeypatch.setenv("DATABASE_URL", urls["sesame"].replace(quoted, "elsewhere"))
    moved = status("--host", host)
    assert "given for elsewhere" in failed(moved)["hint"]
    assert silent(wrong)
    assert silent(missing)
    assert silent(moved)
    (tmp_path / "no-pgpass").write_text("*:*:*:postgres:sesame\n")
    (tmp_path / "no-pgpass").chmod(0o600)
    assert status("--host", host).exit_code == 0


@pytest.mark.skipif(not is_available(), reason="the embedded extra is not installed")
def test_nothing_configured_means_the_embedded_server(write, monkeypatch, capsys):
    directory = write(**{"001_a": "SELECT 1"})
    with tempfile.TemporaryDirectory(prefix="fowergram-test-", dir="/var/tmp") as home:
        Path(home).chmod(0o755)
        monkeypatch.setattr(embedded, "ROOT_DIRECTORY", Path(home))
        monkeypatch.setenv("XDG_DATA_HOME", home)
        assert run(["migrate", "--json", "--migrations-dir", str(directory)]) == 0
        shown = capsys.readouterr()
        assert "No database is configured: using the embedded PostgreSQL" in shown.err
        assert json.loads(shown.out)["target"]["database"] == "fowergram"
        assert run(["status", "--check", "--database-url", "embedded:", "--migrations-dir", str(directory)]) == 0
        assert (
            run(["status", "--database-url", "embedded:///dev/null/x", "--json", "--migrations-dir", str(directory)])
            == 1
        )
        failed_start = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (failed_start["target"], failed_start["error"]["code"]) == (None, "embedded_failed")


def test_a_service_names_the_server(cli, write, target, monkeypatch, tmp_path):
    write(**{"001_a": "SELECT 1"})
    for part in ("HOST", "PORT", "USER", "NAME", "PASSWORD"):
        monkeypatch.delenv(f"DB_{part}", raising=False)
    lines = {"host": target.host, "port": target.port, "user": target.user, "dbname": target.dbname}
    lines |= {"password": target.password} if target.password else {}
    (tmp_path / "services").write_text("[mine]\n" + "".join(f"{key}={value}\n" for key, value in lines.items()))
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    assert cli("migrate", "--database-url", "postgresql://?service=mine").exit_code == 0
    monkeypatch.setenv("PGSERVICE", "mine")
    document = cli("status", "--check", "--json").document
    assert (document["target"]["database"], document["summary"]["applied"]) == (target.dbname, 1)
