"""Databases are made and replaced where the database postgres is missing or closed, or template1 has a session."""

import json
from dataclasses import replace

import pytest

from fowergram_db.cli.main import run
from fowergram_db.database.connection import connect
from fowergram_db.database.lifecycle import create_database
from fowergram_db.database.target import url_of
from tests.integration.conftest import server_like

WITHOUT_POSTGRES = {
    "dropped": ("DROP DATABASE postgres", "CREATE DATABASE postgres"),
    "closed": ("ALTER DATABASE postgres ALLOW_CONNECTIONS false", "ALTER DATABASE postgres ALLOW_CONNECTIONS true"),
}


@pytest.fixture(scope="module")
def lonely(server):
    """A server of its own, which a test may leave without the database postgres."""
    with server_like(server) as target:
        yield target


@pytest.fixture(params=WITHOUT_POSTGRES)
def without_postgres(lonely, request):
    do, undo = WITHOUT_POSTGRES[request.param]
    with connect(replace(lonely, dbname="template1")) as session:
        session.execute(do)
    yield lonely
    with connect(replace(lonely, dbname="template1")) as session:
        session.execute(undo)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command on a server of the test's, and return its document."""
    (tmp_path / "001_a.sql").write_text("CREATE TABLE a (id int)")
    (tmp_path / "002_b.sql").write_text("CREATE TABLE b (id int)")

    def call(target, *arguments):
        monkeypatch.setenv("DATABASE_URL", url_of(target))
        files = ["--migrations-dir", str(tmp_path)] if arguments[:2] != ("testdb", "list") else []
        exit_code = run([*arguments, *files, "--json"])
        document = json.loads(capsys.readouterr().out)
        assert exit_code == 0, document["error"]
        return document

    return call


def test_every_command_that_makes_databases_works_without_postgres(without_postgres, command):
    test = replace(without_postgres, dbname="shop_test")
    for arguments in (
        ["reset"],
        ["migrate"],
        ["reset"],
        ["reset", "--yes", "--dbname", "plain"],
        ["reset", "--yes", "--dbname", "plain"],
    ):
        assert command(test, *arguments)["ok"]
    assert len(command(test, "testdb", "create", "--count", "2")["databases"]) == 2
    assert command(test, "testdb", "list")["databases"]
    assert command(test, "testdb", "prune", "--older-than", "0")["dropped"]
    assert command(replace(test, dbname="new_one"), "migrate")["summary"]["applied"] == 2
    with connect(replace(test, dbname="template1")) as session:
        session.execute("DROP DATABASE shop_test")
        session.execute("DROP DATABASE plain")
        session.execute("DROP DATABASE new_one")


@pytest.mark.parametrize("own", [True, False], ids=["a database of its own name", "its target alone"])
def test_a_role_that_no_usual_database_lets_in_uses_another_one(lonely, command, own):
    with connect(lonely) as session:
        session.execute("CREATE ROLE maker LOGIN CREATEDB; REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
        session.execute("CREATE DATABASE shop_test OWNER maker")
        if own:
            session.execute("CREATE DATABASE maker OWNER maker")
    shop = replace(lonely, dbname="shop_test", user="maker")
    try:
        if own:
            assert command(shop, "reset", "--warm", "0")["ok"]
            assert command(shop, "reset", "--warm", "0")["ok"]
        assert command(shop, "testdb", "create")["databases"]
        assert command(shop, "testdb", "prune", "--older-than", "0")["dropped"]
    finally:
        with connect(lonely) as session:
            for name in ("maker", "shop_test"):
                session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            left = session.execute("SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = 'maker'").fetchall()
            for (of_maker,) in left:
                session.execute(f"ALTER DATABASE {of_maker} IS_TEMPLATE false")
                session.execute(f"DROP DATABASE {name}")
            session.execute("DROP ROLE maker; GRANT CONNECT ON DATABASE postgres, template1 TO PUBLIC")


@pytest.mark.matrix(every=0)
def test_a_database_is_made_while_another_session_stays_in_template1(lonely):
    with connect(replace(lonely, dbname="template1")), connect(lonely) as session:
        # The server itself waits 5 s for them.
        assert create_database(replace(lonely, dbname="made"))
        made, template = "made", "template1"
        facts = "SELECT encoding, datcollate, datctype FROM pg_database WHERE datname = %s"
        assert session.execute(facts, [made]).fetchone() == session.execute(facts, [template]).fetchone()
        session.execute("DROP DATABASE made")
