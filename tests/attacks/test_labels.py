"""The label of a database counts for the database that it was written for, and for no other one."""

from datetime import UTC, datetime

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.labelling import label_database
from fowergram_db.database.throwaway import facts_until
from tests.integration.conftest import _drop, server_like

# A sample of each set of cases, unless all are asked for.
pytestmark = pytest.mark.matrix(every=3)

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_SENTENCE = "a test database; it may be dropped."
_COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"


@pytest.fixture(scope="module")
def server(server):
    """A server of this module's own: ``prune`` would drop what other tests have made."""
    with server_like(server) as other:
        yield other


@pytest.fixture(scope="module")
def admin(server):
    """A superuser's session on that server."""
    with connect(server) as connection:
        yield connection


@pytest.fixture
def shop(admin, target):
    """A database that the tool has made and that has expired; ``shop`` is a name that says nothing."""
    name = f"shop_{target.dbname[-12:]}"
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    label_database(admin, name, _SENTENCE, facts_until(_LONG_AGO, _LONG_AGO))
    yield name
    for each in (name, f"{name}_2", f"{name}_3"):
        _drop(admin, each)


def exists(admin, name):
    return admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def test_an_expired_database_is_dropped(cli, admin, shop):
    result = cli("testdb", "prune")
    assert result.exit_code == 0
    assert f"dropped  {shop} (expired)" in result.out
    assert not exists(admin, shop)


def test_the_label_of_a_renamed_database_does_not_count(cli, admin, shop):
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (shop, f"{shop}_2"))))
    assert cli("testdb", "prune", "--older-than", "0").exit_code == 0
    assert exists(admin, f"{shop}_2")


def test_a_label_that_was_copied_to_another_database_does_not_count(cli, admin, shop):
    (comment,) = admin.execute(_COMMENT, [shop]).fetchone()
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"{shop}_2")))
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(f"{shop}_2"), sql.Literal(comment)))
    assert cli("testdb", "prune", "--older-than", "0").exit_code == 0
    assert exists(admin, f"{shop}_2")


def test_the_label_does_not_count_for_a_new_database_of_the_same_name(cli, admin, shop):
    (comment,) = admin.execute(_COMMENT, [shop]).fetchone()
    name = sql.Identifier(shop)
    admin.execute(sql.SQL("DROP DATABASE {}").format(name))
    admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(comment)))
    assert cli("testdb", "prune", "--older-than", "0").exit_code == 0
    assert exists(admin, shop)


def test_the_label_of_a_database_that_was_given_to_another_role_does_not_count(cli, admin, shop, role):
    admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(*map(sql.Identifier, (shop, role))))
    assert cli("testdb", "prune", "--older-than", "0").exit_code == 0
    assert exists(admin, shop)


def test_two_names_exchanged_exchange_no_labels(cli, admin, shop):
    """A blue/green deployment puts the real database under a name that was a test database's."""
    names = [sql.Identifier(name) for name in (shop, f"{shop}_2", f"{shop}_3")]
    admin.execute(sql.SQL("CREATE DATABASE {}").format(names[1]))
    for old, new in ((0, 2), (1, 0), (2, 1)):
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(names[old], names[new]))
    assert cli("testdb", "prune", "--older-than", "0").exit_code == 0
    assert exists(admin, shop)
    assert exists(admin, f"{shop}_2")


def test_the_label_does_not_count_on_another_server(cli, admin, shop, server, monkeypatch):
    """The OID, the owner and the name may be the same there, as the first database of each cluster has the same OID."""
    (comment,) = admin.execute(_COMMENT, [shop]).fetchone()
    identity = comment.partition('"of":"')[2].partition('"')[0]
    with server_like(server) as elsewhere, connect(elsewhere) as session:
        name = sql.Identifier(shop)
        session.execute(sql.SQL("CREATE DATABASE {}").format(name))
        row = session.execute("SELECT oid, datdba FROM pg_database WHERE datname = %s", [shop]).fetchone()
        same = "/".join((identity.partition("/")[0], *map(str, row), shop))
        session.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(comment.replace(identity, same)))
        )
        for variable, value in (("DB_HOST", elsewhere.host), ("DB_PORT", elsewhere.port)):
            monkeypatch.setenv(variable, value)
        assert cli("testdb", "prune", "--older-than", "0").exit_code == 0
        assert exists(session, shop)
