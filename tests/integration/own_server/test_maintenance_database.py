"""Databases are made and replaced where postgres and template1 are missing or closed, or template1 has a session."""

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


SHUT = {
    "closed": (
        "ALTER DATABASE postgres ALLOW_CONNECTIONS false",
        "ALTER DATABASE postgres ALLOW_CONNECTIONS true",
        "accepts no connections",
    ),
    "renamed": (
        "ALTER DATABASE postgres RENAME TO bygone; REVOKE CONNECT ON DATABASE bygone FROM PUBLIC",
        "ALTER DATABASE bygone RENAME TO postgres; GRANT CONNECT ON DATABASE postgres TO PUBLIC",
        "does not exist",
    ),
    "revoked": (
        "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC",
        "GRANT CONNECT ON DATABASE postgres TO PUBLIC",
        "CONNECT is not granted",
    ),
}
CREATING = (["migrate"], ["reset", "--warm", "0"], ["testdb", "create"])


@pytest.fixture(params=SHUT)
def shut(lonely, request):
    """A server whose databases postgres and template1 let no role in, and the reason that the first one gives."""
    do, undo, reason = SHUT[request.param]
    with connect(lonely) as session:
        session.execute("CREATE ROLE guest LOGIN CREATEDB")
        session.execute("CREATE DATABASE keeper")
    with connect(replace(lonely, dbname="keeper")) as keeper:
        keeper.execute(do)
        keeper.execute("ALTER DATABASE template1 ALLOW_CONNECTIONS false")
        yield keeper, replace(lonely, dbname="shop_test", user="guest"), reason
        keeper.execute("ALTER DATABASE template1 ALLOW_CONNECTIONS true")
        keeper.execute(undo)
    with connect(lonely) as session:
        session.execute("DROP DATABASE keeper WITH (FORCE)")
        session.execute("DROP ROLE guest")


@pytest.fixture
def guest(shut, monkeypatch):
    """Connect as a role that may create databases, on such a server; afterwards all its databases are gone."""
    keeper, shop, _ = shut
    monkeypatch.delenv("PGDATABASE", raising=False)
    yield shop
    for name in of_guest(keeper):
        keeper.execute(f"ALTER DATABASE {name} IS_TEMPLATE false")
        keeper.execute(f"DROP DATABASE {name} WITH (FORCE)")


def of_guest(keeper):
    owned = "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = 'guest' ORDER BY datname"
    return [name for (name,) in keeper.execute(owned)]


@pytest.mark.matrix(every=7)
@pytest.mark.parametrize("arguments", CREATING, ids=" ".join)
@pytest.mark.parametrize("way", ["PGDATABASE", "a lower level", "the name of the role"])
def test_a_missing_database_is_created_from_any_that_is_named(shut, guest, command, monkeypatch, way, arguments):
    keeper, shop = shut[0], guest
    match way:
        case "PGDATABASE":
            monkeypatch.setenv("PGDATABASE", "keeper")
        case "a lower level":
            shop = replace(guest, dbname="keeper")
            monkeypatch.setenv("DB_NAME", "shop_test")
        case _:
            keeper.execute("CREATE DATABASE guest OWNER guest")
    assert command(shop, *arguments)["ok"]
    assert ("shop_test" in of_guest(keeper)) == (arguments[0] != "testdb")


@pytest.mark.matrix(every=4)
@pytest.mark.parametrize("arguments", CREATING, ids=" ".join)
def test_the_error_names_each_database_that_was_tried_and_the_way_on(
    shut, guest, tmp_path, monkeypatch, capsys, arguments
):
    monkeypatch.setenv("PGDATABASE", "gone")
    monkeypatch.setenv("DATABASE_URL", url_of(guest))
    (tmp_path / "001_a.sql").write_text("CREATE TABLE a (id int)")
    files = ["--migrations-dir", str(tmp_path)]
    assert run([*arguments, *files, "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "no_maintenance_database"
    for tried in (f"postgres ({shut[2]})", "guest (does not exist)", "template1 (", "gone (does not exist)"):
        assert tried in error["message"]
    assert "PGDATABASE" in error["hint"]
    assert run(["status", *files, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["summary"]["pending"] == 1


@pytest.mark.matrix(every=5)
@pytest.mark.parametrize("arguments", [["reset", "--warm", "0"], ["reset", "--yes"]], ids=["cloned", "built"])
@pytest.mark.parametrize("other", [True, False], ids=["next to another one", "alone"])
def test_a_database_is_replaced_with_no_known_one_to_do_it_from(shut, guest, command, other, arguments):
    keeper = shut[0]
    name = "plain" if "--yes" in arguments else "shop_test"
    keeper.execute(f"CREATE DATABASE {name} OWNER guest")
    if not other:
        keeper.execute("REVOKE CONNECT ON DATABASE keeper FROM PUBLIC")
    try:
        for _ in range(2):
            assert command(replace(guest, dbname=name), *arguments)["ok"]
        assert [left for left in of_guest(keeper) if "_template_" not in left] == [name]
    finally:
        keeper.execute("GRANT CONNECT ON DATABASE keeper TO PUBLIC")


TEMPLATES = {
    "missing": ("ALTER DATABASE template1 RENAME TO bygone", "ALTER DATABASE bygone RENAME TO template1"),
    "no template": (
        "ALTER DATABASE template1 IS_TEMPLATE false; ALTER DATABASE template1 ALLOW_CONNECTIONS false",
        "ALTER DATABASE template1 IS_TEMPLATE true; ALTER DATABASE template1 ALLOW_CONNECTIONS true",
    ),
}


@pytest.mark.matrix(every=4)
@pytest.mark.parametrize("arguments", [*CREATING, ["reset", "--yes", "--dbname", "plain"]], ids=" ".join)
@pytest.mark.parametrize("template", TEMPLATES)
def test_template0_is_the_source_if_template1_cannot_be_copied(lonely, command, template, arguments):
    do, undo = TEMPLATES[template]
    with connect(lonely) as session:
        session.execute("CREATE ROLE guest LOGIN CREATEDB")
        for statement in do.split("; "):
            session.execute(statement)
        try:
            assert command(replace(lonely, dbname="shop_test", user="guest"), *arguments)["ok"]
        finally:
            for statement in undo.split("; "):
                session.execute(statement)
            for name in of_guest(session):
                session.execute(f"ALTER DATABASE {name} IS_TEMPLATE false")
                session.execute(f"DROP DATABASE {name} WITH (FORCE)")
            session.execute("DROP ROLE guest")
