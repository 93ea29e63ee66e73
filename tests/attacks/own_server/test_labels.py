"""The label of a database counts for the database that it was written for, and for no other one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.disposal import ExpectedDatabase, drop_database
from fowergram_db.database.labelling import give_comment, label_database
from fowergram_db.database.managed_databases import Purpose, facts_until, label
from fowergram_db.database.owner import Owner
from fowergram_db.database.protection import protect, unprotect
from fowergram_db.database.state import database_state
from fowergram_db.errors import Refused
from tests.integration.conftest import _drop, server_like

# A sample of each set of cases, unless all are asked for.
pytestmark = [pytest.mark.matrix(every=3), pytest.mark.old_versions(whole=True)]

_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
_SENTENCE = "a test database; it may be dropped."
_EXPIRED = facts_until(_LONG_AGO, _LONG_AGO)
_CLUSTER = "SELECT system_identifier::text FROM pg_control_system()"
_NAMES = "SELECT datname FROM pg_database ORDER BY 1"
_COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"


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


def test_exchanging_the_names_of_two_databases_does_not_exchange_their_labels(cli, admin, shop):
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
    assert identity.partition("/")[0].isdigit()
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


class Forger:
    """A role with CREATEDB that makes a database of its own, and labels it for the role that it will belong to."""

    def __init__(self, mallory, name):
        self.name = name
        self.session = mallory.connect("postgres")
        self.role = sql.Identifier(mallory.name)
        self.run("CREATE DATABASE {}", sql.Identifier(name))

    def run(self, statement, *parts):
        return self.session.execute(sql.SQL(statement).format(*parts))

    def label_for(self, owner, called=None):
        (cluster,) = self.session.execute(_CLUSTER).fetchone()
        oids = "SELECT d.oid, r.oid FROM pg_database d, pg_roles r WHERE d.datname = %s AND r.rolname = %s"
        of = (cluster, *self.session.execute(oids, [self.name, owner]).fetchone(), called or self.name)
        return label(_SENTENCE, _EXPIRED | {"of": "/".join(map(str, of))})

    def write(self, text):
        self.run("COMMENT ON DATABASE {} IS {}", sql.Identifier(self.name), sql.Literal(text))


@pytest.fixture
def forger(admin, mallory_with_createdb, target):
    made = Forger(mallory_with_createdb, f"shop_{target.dbname[-12:]}")
    yield made
    made.session.close()
    for each in (made.name, f"{made.name}_2"):
        _drop(admin, each)


def give(admin, name, owner="CURRENT_USER"):
    admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO " + owner).format(sql.Identifier(name)))


def kept(cli, *arguments):
    result = cli("testdb", "prune", "--json", *arguments)
    assert result.exit_code == 0, result.err
    return {each["name"]: each["reason"] for each in result.document["kept"]}


def use_of(cli, name):
    listed = cli("testdb", "list", "--json").document["databases"]
    return next((each["use"] for each in listed if each["name"] == name), None)


HAND_OVERS = {
    "given": "ALTER DATABASE {name} OWNER TO CURRENT_USER",
    "reassigned": "REASSIGN OWNED BY {role} TO CURRENT_USER",
    "given in a transaction": "BEGIN; ALTER DATABASE {name} OWNER TO CURRENT_USER; COMMIT",
    "in the catalog": "UPDATE pg_database SET datdba = current_user::regrole WHERE datname = {text}",
}


@pytest.mark.parametrize("way", HAND_OVERS)
def test_a_label_that_names_the_next_owner_does_not_count_for_it(cli, admin, forger, way):
    forger.write(forger.label_for(admin.info.user))
    names = {"name": sql.Identifier(forger.name), "role": forger.role, "text": sql.Literal(forger.name)}
    admin.execute(sql.SQL(HAND_OVERS[way]).format(**names))
    assert use_of(cli, forger.name) == "altered"
    assert "its label is not valid" in kept(cli, "--older-than", "0")[forger.name]
    assert exists(admin, forger.name)


def test_a_label_that_names_the_next_owner_does_not_count_for_an_ordinary_role(
    cli, admin, forger, role, monkeypatch, server
):
    forger.write(forger.label_for(role))
    give(admin, forger.name, f'"{role}"')
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    assert forger.name in kept(cli)
    with connect(replace(server, user=role, password="plain password")) as own:
        drop = database_state(own, forger.name)
    assert drop.label is None


def test_a_label_that_is_written_while_the_database_changes_hands_does_not_count(cli, admin, forger):
    """Its transaction may have a higher number than that of the change."""
    with admin.transaction():
        admin.execute("SELECT txid_current()")
        forger.write(forger.label_for(admin.info.user))
        give(admin, forger.name)
    assert forger.name in kept(cli)


def test_a_label_that_is_committed_after_the_database_changed_hands_does_not_count(cli, admin, forger):
    with forger.session.transaction():
        forger.write(forger.label_for(admin.info.user))
        give(admin, forger.name)
    assert forger.name in kept(cli)


def test_a_label_for_the_name_that_a_database_is_given_later_does_not_count(cli, admin, forger):
    forger.write(forger.label_for(admin.info.user, f"{forger.name}_2"))
    give(admin, forger.name)
    admin.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (forger.name, f"{forger.name}_2")))
    )
    assert f"{forger.name}_2" in kept(cli, "--older-than", "0")
    assert exists(admin, f"{forger.name}_2")


def test_a_label_written_after_a_change_of_the_database_does_not_count_for_the_next_owner(cli, admin, forger):
    """As the tool writes its own, so that it counts for mallory."""
    with forger.session.transaction():
        forger.run("ALTER DATABASE {} IS_TEMPLATE false", sql.Identifier(forger.name))
        forger.write(forger.label_for(admin.info.user))
    give(admin, forger.name)
    assert forger.name in kept(cli)


@pytest.mark.parametrize("whose", ["ROLE CURRENT_USER IN DATABASE {}", "DATABASE {}"])
def test_a_seal_of_a_former_owner_does_not_count(cli, admin, forger, whose):
    text = forger.label_for(admin.info.user)
    forger.write(text)
    query = (
        "SELECT 'fowergram-db seal ' || xmin || ' ' || encode(sha256(%s), 'hex') FROM pg_database WHERE datname = %s"
    )
    (seal,) = forger.session.execute(query, [text.encode(), forger.name]).fetchone()
    forger.run(f"ALTER {whose} SET application_name TO {{}}", sql.Identifier(forger.name), sql.Literal(seal))
    give(admin, forger.name)
    assert forger.name in kept(cli)


@pytest.mark.parametrize("purpose", [Purpose.TEST, Purpose.RESET, Purpose.WARM, Purpose.SCRATCH])
def test_a_closed_database_without_a_label_is_not_taken_for_the_tool_s(cli, admin, mallory_with_createdb, purpose):
    forger = Forger(mallory_with_createdb, Owner.unmarked().fresh_name(purpose))
    forger.run("ALTER DATABASE {} ALLOW_CONNECTIONS false", sql.Identifier(forger.name))
    forger.session.close()
    give(admin, forger.name)
    assert "no label" in kept(cli, "--older-than", "0")[forger.name]
    assert exists(admin, forger.name)
    _drop(admin, forger.name)


@pytest.mark.usefixtures("unique")
@pytest.mark.parametrize("comment", [True, False])
def test_a_database_of_another_role_with_the_templates_name_is_not_dropped(cli, admin, mallory_with_createdb, comment):
    name = cli("reset", "--json", "--warm", "0").document["template"]
    _drop(admin, name)
    forger = Forger(mallory_with_createdb, name)
    if comment:
        forger.write(forger.label_for(admin.info.user))
    forger.run("ALTER DATABASE {} ALLOW_CONNECTIONS false", sql.Identifier(name))
    forger.session.close()
    give(admin, name)
    result = cli("testdb", "create", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")
    assert "no valid label says that fowergram-db created it" in result.document["error"]["message"]
    assert name in kept(cli, "--older-than", "0")
    assert exists(admin, name)
    _drop(admin, name)


def test_the_label_of_a_restored_dump_does_not_count(cli, admin, forger):
    """The OID of the database to come can be guessed; pg_dump writes owner and comment in this order, or another."""
    text = forger.label_for(admin.info.user)
    forger.write("ours")
    give(admin, forger.name)
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(forger.name), sql.Literal(text)))
    assert forger.name in kept(cli)


def test_a_comment_that_a_reset_carries_over_is_no_label(admin, forger):
    text = forger.label_for(admin.info.user, f"{forger.name}_2")
    give(admin, forger.name)
    with admin.transaction():
        admin.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (forger.name, f"{forger.name}_2")))
        )
        give_comment(admin, f"{forger.name}_2", text, is_label=False)
    state = database_state(admin, f"{forger.name}_2")
    assert (state.comment, state.label) == (text, None)


def test_a_database_that_changes_hands_before_the_drop_is_not_dropped(admin, forger, role):
    label_database(admin, forger.name, _SENTENCE, _EXPIRED)
    expected = ExpectedDatabase.of(database_state(admin, forger.name))
    give(admin, forger.name, f'"{role}"')
    with pytest.raises(Refused, match="the owner of database"):
        drop_database(admin, expected)
    state = database_state(admin, forger.name)
    assert (state.owner, state.comment) == (role, expected.comment)


@pytest.mark.parametrize("change", ["GRANT CONNECT ON DATABASE {} TO PUBLIC", "ALTER DATABASE {} CONNECTION LIMIT 9"])
def test_a_database_that_was_altered_since_it_was_labelled_is_kept_and_named(cli, admin, shop, change):
    admin.execute(sql.SQL(change).format(sql.Identifier(shop)))
    assert use_of(cli, shop) == "altered"
    assert "options of the database were changed later" in kept(cli)[shop]
    assert exists(admin, shop)


def test_a_label_counts_again_once_the_mark_is_taken_away(cli, admin, server, role, shop):
    give(admin, shop, f'"{role}"')
    label_database(admin, shop, _SENTENCE, _EXPIRED)
    with connect(replace(server, dbname=shop, user=role, password="plain password")) as own:
        protect(own)
        assert "production" in kept(cli)[shop]
        unprotect(own)
    assert shop not in kept(cli)
    assert not exists(admin, shop)


GRANTS = "DO $$ BEGIN EXECUTE format('GRANT CONNECT ON DATABASE %I TO PUBLIC', current_database()); END $$;"


@pytest.mark.parametrize("command", ["reset --warm 0", "reset --yes --warm 0"])
def test_a_failed_run_whose_migration_grants_connect_leaves_no_database(
    cli, admin, target, write, monkeypatch, command
):
    """The grant ends the label of the database that is being built; the run knows it by its OID."""
    if "--yes" in command:
        monkeypatch.setenv("DB_NAME", target.dbname.replace("test", "shop"))
    write(**{"001_a": f"CREATE TABLE a (id int); -- {target.dbname}"})
    assert cli("migrate").exit_code == 0
    before = admin.execute(_NAMES).fetchall()
    write(**{"002_b": GRANTS, "002_b.down": "SELECT 1", "003_c": "SELECT 1/0", "003_c.down": "SELECT 1"})
    result = cli(*command.split())
    assert "division by zero" in result.err
    assert admin.execute(_NAMES).fetchall() == before
    _drop(admin, target.dbname.replace("test", "shop"))
