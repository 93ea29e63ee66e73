"""reset in a database of a Citus cluster, held by the stand-in."""

from dataclasses import replace

import psycopg
import pytest

from fowergram_db.database.citus import INTERNAL_SESSIONS
from fowergram_db.database.connection import connect
from fowergram_db.database.sessions import end_sessions, other_sessions
from fowergram_db.database.target import url_of
from tests.citus import server_with_citus
from tests.integration.conftest import programs_like


@pytest.fixture(scope="module")
def server(server):
    with connect(server) as session, server_with_citus(programs_like(session)) as target:
        yield target


@pytest.fixture(scope="module")
def admin(server):
    with connect(server) as connection:
        yield connection


@pytest.fixture
def with_citus(cli, unique, target):  # noqa: ARG001 - the migrations
    assert cli("migrate").exit_code == 0
    with connect(target) as session:
        session.execute("CREATE EXTENSION citus; INSERT INTO a VALUES (1)")
    return target


@pytest.fixture
def internal(with_citus):
    """A session as the nodes of a cluster open it."""
    with psycopg.connect(url_of(with_citus), application_name="citus_internal gpid=10000000001") as session:
        session.execute("SELECT 1")
        session.commit()
        yield session


def pids(sessions):
    """Return whose sessions these are; that of a command that has ended may still be among them."""
    return {session.pid for session in sessions}


def test_distributed_tables_are_not_left_behind(cli, with_citus, query):
    with connect(with_citus) as session:
        session.execute("SELECT create_distributed_table('a', 'id')")
    result = cli("reset", "--yes", "--force", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")
    assert "distributed by Citus" in result.document["error"]["message"]
    assert query("SELECT count(*) FROM a") == [(1,)]


def test_without_distributed_tables_a_database_is_reset(cli, with_citus, query):
    assert with_citus
    assert cli("reset").exit_code == 0
    assert query("SELECT count(*) FROM a") == [(0,)]


def test_sessions_of_other_nodes_are_neither_counted_nor_ended(admin, with_citus, internal):
    assert internal.info.backend_pid in pids(other_sessions(admin, with_citus.dbname))
    assert internal.info.backend_pid not in pids(other_sessions(admin, with_citus.dbname, INTERNAL_SESSIONS))
    end_sessions(admin, with_citus.dbname, INTERNAL_SESSIONS)
    assert internal.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.matrix(every=0)
def test_a_reset_that_such_a_session_stops_leaves_both(cli, with_citus, internal, query, monkeypatch):
    monkeypatch.setattr("fowergram_db.database.disposal._TRIES", 1)
    result = cli("reset", "--force")
    assert result.exit_code == 1
    assert f'Database "{with_citus.dbname}" is unchanged.' in result.err
    assert internal.execute("SELECT 1").fetchone() == (1,)
    assert query("SELECT count(*) FROM a") == [(1,)]


def test_without_the_extension_such_a_name_means_nothing(cli, target, unique):
    """Else a client could hide from the guard by its name."""
    assert unique
    assert cli("migrate").exit_code == 0
    with psycopg.connect(url_of(replace(target)), application_name="citus_internal gpid=1"):
        assert cli("reset").exit_code == 2
