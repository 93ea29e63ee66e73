"""Building a managed database changes nothing that the server's databases share: roles, their settings, databases."""

from dataclasses import replace
from typing import Any

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.errors import Refused
from fowergram_db.migrations.events import StatementLeftOut, StepResult
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget
from fowergram_db.testdb.suite import TestDatabases
from tests.integration.conftest import environment

_HEADER = "-- fowergram: no-transaction\n"
# Statements that a migrate has run once: none may run again.
_STATEMENTS = {
    "create role": "CREATE ROLE app_{0} LOGIN PASSWORD 'one'",
    "create user": "CREATE USER \"App-{0}\" VALID UNTIL 'infinity'",
    "create group": "CREATE GROUP app_{0}",
    "alter role": "CREATE ROLE app_{0}; ALTER ROLE app_{0} PASSWORD 'two' CONNECTION LIMIT 3",
    "alter role set": "CREATE ROLE app_{0}; ALTER ROLE app_{0} SET work_mem = '4MB'",
    "alter all roles": "ALTER ROLE ALL SET application_name = 'app_{0}'",
    "alter own role": "ALTER ROLE CURRENT_USER SET application_name = 'app_{0}'",
    "comment on role": "CREATE ROLE app_{0}; COMMENT ON ROLE app_{0} IS 'one'",
    "grant role": "CREATE ROLE app_{0}; CREATE ROLE boss_{0}; GRANT app_{0} TO boss_{0} WITH ADMIN OPTION",
    "revoke role": "CREATE ROLE app_{0}; CREATE ROLE b_{0} ROLE app_{0}; REVOKE b_{0} FROM app_{0}",
    "drop role": "CREATE ROLE app_{0}; DROP ROLE app_{0}",
    "rename role": "CREATE ROLE app_{0}; ALTER ROLE app_{0} RENAME TO app2_{0}; ALTER ROLE app2_{0} NOINHERIT",
    "drop role if exists": "DROP ROLE IF EXISTS gone_{0}",
    "alter database set": "ALTER DATABASE prod SET work_mem = '4MB'",
    "grant on database": "GRANT CREATE ON DATABASE prod TO PUBLIC",
    "comment on database": "COMMENT ON DATABASE prod IS 'app_{0}'",
    "alter role in database": "ALTER ROLE postgres_like IN DATABASE prod SET work_mem = '4MB'",
    "alter database limit": "ALTER DATABASE prod CONNECTION LIMIT 7",
    "create database": _HEADER + "CREATE DATABASE app_{0}",
    "drop database": _HEADER + "DROP DATABASE IF EXISTS gone_{0}",
    "alter system": _HEADER + "ALTER SYSTEM SET application_name = 'app_{0}'",
    "subscription": "CREATE SUBSCRIPTION app_{0} CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false)",
    "replication slot": "SELECT pg_create_physical_replication_slot('app_{0}')",
    "role of a block that asks": (
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_{0}') THEN"
        " CREATE ROLE app_{0}; ALTER ROLE app_{0} SET work_mem = '4MB'; END IF; END $$"
    ),
    "role of a block that catches": (
        "DO $$ BEGIN CREATE ROLE app_{0}; EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
        " GRANT pg_monitor TO app_{0}"
    ),
    "role of a function": (
        "CREATE FUNCTION make() RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
        " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_{0}') THEN EXECUTE 'CREATE ROLE app_{0}'; END IF;"
        " END $$; SELECT make()"
    ),
    "role without a transaction": (
        _HEADER + "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_{0}') THEN"
        " CREATE ROLE app_{0}; END IF; END $$; CREATE TABLE t ()"
    ),
}
# Code that changes the server whatever is there: it is rolled back, and said so.
_HIDDEN = {
    "password in a block": "DO $$ BEGIN ALTER ROLE kept PASSWORD 'x'; END $$",
    "password by EXECUTE": "DO $$ BEGIN EXECUTE 'ALTER ' || 'ROLE kept VALID UNTIL ''infinity'''; END $$",
    "drop in a block": "DO $$ BEGIN EXECUTE 'DROP ' || 'ROLE kept'; END $$",
    "membership in a block": "DO $$ BEGIN GRANT pg_monitor TO kept; END $$",
    "revoked in a block": "DO $$ BEGIN REVOKE pg_read_all_stats FROM kept; END $$",
    "setting of a role": "DO $$ BEGIN ALTER ROLE kept SET work_mem = '4MB'; END $$",
    "setting taken from a role": "DO $$ BEGIN ALTER ROLE kept RESET ALL; END $$",
    "setting of a database": "DO $$ BEGIN ALTER DATABASE prod SET work_mem = '9MB'; END $$",
    "grant on a database": "DO $$ BEGIN GRANT CREATE ON DATABASE prod TO kept; END $$",
    "in a subtransaction": (
        "DO $$ BEGIN BEGIN GRANT TEMP ON DATABASE prod TO kept; EXCEPTION WHEN others THEN NULL; END; END $$"
    ),
    "replication origin": ("DO $$ BEGIN EXECUTE 'SELECT pg_replication_origin' || '_create(''hidden'')'; END $$"),
    "comment": "DO $$ BEGIN COMMENT ON ROLE kept IS 'x'; END $$",
    "what it owns": "DROP OWNED BY kept",
    "in a function": (
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'ALTER ROLE kept CONNECTION LIMIT 2'; SELECT f()"
    ),
    "in a trigger that waits": (
        "CREATE TABLE t (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " ALTER ROLE kept CONNECTION LIMIT 2; RETURN NULL; END $$;"
        "CREATE CONSTRAINT TRIGGER c AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();"
        "INSERT INTO t VALUES (1)"
    ),
    "without a transaction": _HEADER + "DO $$ BEGIN ALTER ROLE kept CONNECTION LIMIT 2; END $$",
    "a slot": "DO $$ BEGIN PERFORM pg_create_physical_replication_slot('hidden'); END $$",
}
_STATE = """
SELECT 'role', r.rolname, (r.*)::text || r.xmin FROM pg_authid AS r
UNION ALL SELECT 'member', m.roleid::text, (m.*)::text || m.xmin FROM pg_auth_members AS m
UNION ALL SELECT 'setting', s.setrole::text, (s.*)::text || s.xmin FROM pg_db_role_setting AS s
    LEFT JOIN pg_database AS d ON d.oid = s.setdatabase WHERE d.datname IS NULL OR d.datname = 'prod'
UNION ALL SELECT 'database', d.datname,
    concat(d.datacl, d.datconnlimit, d.datdba, shobj_description(d.oid, 'pg_database'))
    FROM pg_database AS d WHERE d.datname !~ '^fowergram_'
UNION ALL SELECT 'comment', c.objoid::text, c.description FROM pg_shdescription AS c WHERE c.classoid = 1260
UNION ALL SELECT 'subscription', s.subname, s.subdbid::text FROM pg_subscription AS s
UNION ALL SELECT 'slot', s.slot_name, s.slot_type FROM pg_replication_slots AS s
UNION ALL SELECT 'file', f.name, f.setting FROM pg_file_settings AS f
ORDER BY 1, 2, 3
"""


@pytest.fixture(scope="module", autouse=True)
def _prod(admin):
    """Make a database and a role that belong to others."""
    admin.execute("CREATE DATABASE prod")
    admin.execute("CREATE ROLE kept PASSWORD 'precious'")
    admin.execute("CREATE ROLE postgres_like")
    admin.execute("ALTER ROLE kept SET work_mem = '5MB'")
    admin.execute("GRANT pg_read_all_stats TO kept")
    admin.execute("GRANT CONNECT ON DATABASE prod TO kept")


@pytest.fixture
def shared(admin):
    """Read what the databases of the server share."""
    return lambda: admin.execute(_STATE).fetchall()


def _ignore(_event: object) -> None:
    pass


def _suite(_cli, target, directory):
    suite = TestDatabases(target, read_migrations(directory))
    try:
        database = suite.make()
        found = database.connection.execute("SELECT to_regclass('after')").fetchone()
        suite.discard(database)
        return found
    finally:
        suite.close()


def _command(*words):
    def call(cli, _target, _directory):
        result = cli(*words)
        assert result.exit_code == 0, result.err
        return result

    return call


def _adopt(cli, target, _directory):
    with connect(target) as session:
        session.execute(
            "ALTER TABLE schema_migrations RENAME TO theirs; CREATE TABLE goose_db_version (id serial PRIMARY KEY,"
            " version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp DEFAULT now());"
            "INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (3, true);"
            "DROP TABLE theirs"
        )
    result = cli("adopt")
    assert result.exit_code == 0, result.err


_COMMANDS = {
    "reset": _command("reset", "--yes"),
    "testdb": _command("testdb", "create"),
    "suite": _suite,
    "adopt": _adopt,
}


@pytest.mark.matrix(every=18)
@pytest.mark.parametrize("command", _COMMANDS)
@pytest.mark.parametrize("name", _STATEMENTS, ids=lambda name: name.replace(" ", "-"))
def test_a_statement_about_the_whole_server_runs_once(cli, write, target, admin, shared, name, command):
    if command == "adopt" and name in {"drop role", "create database"}:
        pytest.skip("the role is gone, which adopt cannot know")
    statement = _STATEMENTS[name].format(target.dbname[-12:])
    directory = write(**{"001_a": "CREATE TABLE before (id int)", "002_b": statement, "003_c": "CREATE TABLE after ()"})
    if (name, command) == ("subscription", "reset"):
        pytest.skip("it stops a reset")
    migrate(target, read_migrations(directory), UpgradeTarget(), _ignore)
    before = shared()
    try:
        _COMMANDS[command](cli, target, directory)
        assert shared() == before
        with connect(target) as session:
            assert session.execute("SELECT to_regclass('public.after')").fetchone() != (None,)
    finally:
        _clear(admin, target)


def _clear(admin, target):
    with connect(target) as session:
        for (name,) in session.execute("SELECT subname FROM pg_subscription").fetchall():
            session.execute(sql.SQL("ALTER SUBSCRIPTION {} SET (slot_name = NONE)").format(sql.Identifier(str(name))))
            session.execute(sql.SQL("DROP SUBSCRIPTION {}").format(sql.Identifier(str(name))))
    admin.execute("ALTER SYSTEM RESET application_name")
    admin.execute("ALTER ROLE ALL RESET application_name")
    for (slot,) in admin.execute("SELECT slot_name FROM pg_replication_slots").fetchall():
        admin.execute("SELECT pg_drop_replication_slot(%s)", [slot])


@pytest.mark.matrix(every=18)
@pytest.mark.parametrize("command", ["testdb", "reset", "adopt"])
@pytest.mark.parametrize("name", _HIDDEN, ids=lambda name: name.replace(" ", "-"))
def test_changes_of_code_to_the_server_are_rolled_back(cli, write, target, shared, empty_db, name, command):
    directory = write(**{"001_a": f"CREATE TABLE of_{target.dbname[-12:]} ()", "002_b": _HIDDEN[name]})
    migrate(target, read_migrations(directory)[:1], UpgradeTarget(), _ignore)
    if command == "adopt":
        empty_db.execute("DROP TABLE schema_migrations")
    empty_db.close()
    before = shared()
    words = {"testdb": ["testdb", "create"], "reset": ["reset", "--yes"], "adopt": ["adopt", "--to", "2"]}[command]
    result = cli(*words)
    assert (result.exit_code != 0, "002_b.sql" in result.err) == (True, True), result.err
    assert shared() == before


_OF_ITS_OWN = """
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET work_mem = 7000', current_database());
    EXECUTE format('ALTER ROLE kept IN DATABASE %I SET search_path = app, public', current_database());
    EXECUTE format('GRANT CREATE ON DATABASE %I TO kept', current_database());
END $$;
ALTER DATABASE {0} SET statement_timeout = '70s';
GRANT TEMPORARY ON DATABASE "{0}" TO kept WITH GRANT OPTION;
"""
_GIVEN = """
SELECT array_agg(concat(r.rolname, ' ', c) ORDER BY 1) FROM pg_db_role_setting AS s
CROSS JOIN unnest(s.setconfig) AS c LEFT JOIN pg_roles AS r ON r.oid = s.setrole
WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT array_agg(concat(a.privilege_type, a.is_grantable) ORDER BY 1) FROM pg_database AS d
CROSS JOIN aclexplode(d.datacl) AS a
WHERE d.datname = current_database() AND a.grantee = 'kept'::regrole::oid
"""


def _given(target):
    with connect(target) as session:
        rows: list[Any] = session.execute(_GIVEN).fetchall()
        (settings,), (grants,) = rows
        return sorted(settings), sorted(grants)


@pytest.mark.parametrize("is_there", [True, False], ids=["database is there", "database is missing"])
def test_what_migrations_give_their_own_database_is_in_each_clone_and_after_a_reset(cli, write, target, is_there):
    base = f"CREATE TABLE of_{target.dbname[-12:]} ()"
    migrated = replace(target, dbname=f"{target.dbname}_m")
    directory = write(**{"001_a": base, "002_b": _OF_ITS_OWN.format(migrated.dbname)})
    migrate(migrated, read_migrations(directory), UpgradeTarget(), _ignore)
    expected = _given(migrated)
    write(**{"002_b": _OF_ITS_OWN.format(target.dbname)})
    if is_there:
        migrate(target, read_migrations(directory)[:1], UpgradeTarget(), _ignore)
        with connect(target) as session:
            session.execute(f"ALTER DATABASE {target.dbname} SET work_mem = '5MB'")
            session.execute(f"ALTER DATABASE {target.dbname} SET bytea_output = 'escape'")
    for _ in range(3):
        result = cli("reset", "--yes")
        assert result.exit_code == 0, result.err
        settings, grants = _given(target)
        assert grants == expected[1]
        assert [each for each in settings if "bytea_output" not in each] == expected[0]
        assert is_there == (" bytea_output=escape" in settings)
    made = cli("testdb", "create", "--json").document["databases"][0]["name"]
    assert _given(replace(target, dbname=made)) == expected


def test_a_role_that_is_missing_is_made_for_test_databases_and_said_so(cli, write, target, admin):
    role = f"app_{target.dbname[-12:]}"
    write(**{"001_a": f"CREATE ROLE {role} CONNECTION LIMIT 3;\nALTER ROLE {role} SET work_mem = '4MB'"})
    first = cli("testdb", "create")
    assert (first.exit_code, f'Created role "{role}"' in first.err) == (0, True), first.err
    found = "SELECT rolconnlimit, rolconfig FROM pg_roles WHERE rolname = %s"
    assert admin.execute(found, [role]).fetchone() == (3, ["work_mem=4MB"])
    admin.execute(f"ALTER ROLE {role} CONNECTION LIMIT 5")
    write(**{"002_b": "CREATE TABLE b ()"})
    second = cli("testdb", "create")
    assert second.exit_code == 0, second.err
    assert f'001_a.sql:1: CREATE ROLE is skipped in the database that is built here: role "{role}" exists' in second.err
    assert "001_a.sql:2: ALTER ROLE is skipped" in second.err
    assert admin.execute(found, [role]).fetchone() == (5, ["work_mem=4MB"])


@pytest.mark.parametrize(
    "makes", ["CREATE ROLE {0}", "DO $$ BEGIN CREATE ROLE {0}; END $$"], ids=["statement", "block"]
)
def test_a_role_that_is_missing_is_not_made_to_compare_with(cli, write, empty_db, target, admin, makes):
    role = f"app_{target.dbname[-12:]}"
    write(**{"001_a": makes.format(role)})
    empty_db.close()
    result = cli("adopt", "--to", "1")
    assert (result.exit_code, role in result.err) == (2, True), result.err
    assert admin.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None
    assert cli("adopt", "--to", "1", "--force").exit_code == 0


@pytest.mark.parametrize("header", ["", _HEADER], ids=["transaction", "no transaction"])
def test_a_role_that_another_build_makes_first_is_there(write, target, admin, header):
    role = f"app_{target.dbname[-12:]}"
    write(**{"001_a": f"CREATE TABLE of_{role} ()", "002_b": f"{header}CREATE ROLE {role}"})
    files = read_migrations(write(**{"003_c": "SELECT 1"}))
    applied, left_out = [], []

    def listen(event):
        if isinstance(event, StepResult):
            applied.append(event.step.version)
            if applied == [1]:
                admin.execute(f"CREATE ROLE {role} CONNECTION LIMIT 3")
        elif isinstance(event, StatementLeftOut):
            left_out.append(str(event))

    TestDatabases(target, files, on_event=listen).close()
    assert (applied, len(left_out)) == ([1, 1, 2, 3], 1)
    assert admin.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", [role]).fetchone() == (3,)


@pytest.fixture
def creator(admin, server):
    """A role that is no superuser, and may create databases and roles."""
    name = "creator"
    admin.execute(f"CREATE ROLE {name} LOGIN CREATEDB CREATEROLE PASSWORD 'x'")
    if admin.info.server_version >= 160000:
        admin.execute(f"GRANT kept TO {name} WITH ADMIN OPTION")
    yield replace(server, user=name, password="x", dbname="creator_test")
    for (owned,) in admin.execute("SELECT datname FROM pg_database WHERE datdba = %s::regrole::oid", [name]).fetchall():
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(owned)))
    admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}; DROP ROLE IF EXISTS mine, yours")


@pytest.mark.parametrize("hidden", ["password in a block", "setting of a role", "membership of another"])
def test_code_of_a_role_that_is_no_superuser_changes_no_role_either(write, creator, admin, shared, hidden):
    admin.execute("DO $$ BEGIN IF to_regrole('other') IS NULL THEN CREATE ROLE other; END IF; END $$")
    if admin.info.server_version >= 160000:
        admin.execute("GRANT other TO creator WITH ADMIN OPTION")
    code = _HIDDEN.get(hidden, "DO $$ BEGIN GRANT other TO kept; END $$")
    files = read_migrations(write(**{"001_a": "CREATE TABLE after ()", "002_b": code}))
    before = shared()
    with pytest.raises(Refused, match=r"002_b\.sql"):
        TestDatabases(creator, files).close()
    assert shared() == before


def test_roles_of_a_role_that_is_no_superuser_are_made_and_left_out(write, creator, shared):
    makes = (
        "CREATE ROLE mine; GRANT mine TO CURRENT_USER; DO $$ BEGIN"
        " IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'yours') THEN CREATE ROLE yours; END IF; END $$;"
        "CREATE TABLE t (); GRANT CREATE ON SCHEMA public TO mine; ALTER TABLE t OWNER TO mine;"
        "ALTER ROLE mine SET work_mem = '4MB'; CREATE TABLE after ()"
    )
    directory = write(**{"001_a": makes})
    _suite(None, creator, directory)
    before = shared()
    write(**{"002_b": "CREATE TABLE b ()"})
    _suite(None, creator, directory)
    assert shared() == before


def test_a_reset_in_place_changes_no_role_either(write, cli, creator, shared, admin, monkeypatch):
    admin.execute("CREATE DATABASE creator_test OWNER creator")
    admin.execute("ALTER ROLE creator NOCREATEDB")
    write(**{"001_a": "CREATE ROLE mine; ALTER ROLE kept PASSWORD 'x'; CREATE TABLE after ()"})
    for name, value in environment(creator).items():
        monkeypatch.setenv(name, value)
    admin.execute("CREATE ROLE mine")
    before = shared()
    result = cli("reset", "--yes")
    assert (result.exit_code, result.err.count("is skipped")) == (0, 2), result.err
    assert shared() == before
