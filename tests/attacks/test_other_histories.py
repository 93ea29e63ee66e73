"""A table that looks like another tool's history, and belongs to a role that is not trusted."""

import pytest

from tests.other_tools import TABLES

pytestmark = pytest.mark.old_versions

FILES = {"001_a": "CREATE TABLE a (id int);", "002_b": "CREATE TABLE b (id int);"}
GOOSE = next(table for table in TABLES if table.tool == "goose")
TRAPS = {
    "a policy": "ALTER TABLE private.goose_db_version ENABLE ROW LEVEL SECURITY; ALTER TABLE private.goose_db_version "
    "FORCE ROW LEVEL SECURITY; CREATE POLICY p ON private.goose_db_version USING (private.trap());",
    "a virtual column": "ALTER TABLE private.goose_db_version ADD c bool GENERATED ALWAYS AS (private.trap()) STORED;",
    "a child": "CREATE TABLE private.child () INHERITS (private.goose_db_version); ALTER TABLE private.child "
    "ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON private.child USING (private.trap());",
}


@pytest.fixture
def planted(open_public, mallory, write, admin):
    """Let mallory make a history of goose, with a trap in it, in a schema of her own."""
    write(**FILES)
    admin.execute(f'GRANT CREATE ON DATABASE "{open_public.info.dbname}" TO {mallory.name}')
    body = mallory.bring_trap(open_public)

    def plant(trap: str) -> None:
        with mallory.connect(open_public.info.dbname) as own:
            own.execute("CREATE SCHEMA private; GRANT USAGE ON SCHEMA private TO PUBLIC")
            own.execute(
                "CREATE FUNCTION private.trap() RETURNS bool IMMUTABLE LANGUAGE plpgsql "
                f"AS $f$BEGIN {body} RETURN true; END$f$"
            )
            own.execute(GOOSE.script("private"))
            own.execute(f"{TRAPS[trap]} GRANT ALL ON ALL TABLES IN SCHEMA private TO PUBLIC")

    return plant


@pytest.mark.parametrize("trap", TRAPS)
def test_a_history_of_another_role_stops_a_first_run_and_is_not_read(planted, cli, open_public, mallory, query, trap):
    """It may be true: an application's role has migrated, and now a superuser does."""
    planted(trap)
    for command in (("migrate",), ("rollback",), ("repair",), ("reset", "--yes", "--force"), ("adopt",)):
        result = cli(*command, "--json")
        error = result.document["error"]
        assert (result.exit_code, mallory.entries(open_public)) == (4, 0), command
        assert f'"{mallory.name}"' in error["message"]
        assert f"--user {mallory.name}" in error["hint"]
    status = cli("status", "--json")
    assert (status.exit_code, mallory.entries(open_public)) == (0, 0)
    *_, other = status.document["other_histories"]
    assert (other["table"], other["owner"], other["entries"]) == ("private.goose_db_version", mallory.name, None)
    assert query("SELECT to_regclass('public.a') IS NULL") == [(True,)]


def test_another_roles_table_does_not_stop_a_database_that_has_a_history_of_its_own(planted, cli):
    assert cli("migrate", "--to", "1").exit_code == 0
    planted("a policy")
    assert "does not count in this database" in cli("status").out
    assert cli("migrate").exit_code == 0
    assert cli("rollback", "--to", "1", "--dry-run").exit_code == 2  # there are no down files
    assert cli("reset", "--yes", "--force").exit_code == 0


@pytest.mark.matrix(every=0)
def test_a_table_that_another_session_locks_stops_a_first_run(cli, write, empty_db, target):
    """Another tool holds its table while it migrates."""
    from fowergram_db.database.connection import connect

    write(**FILES)
    empty_db.execute(GOOSE.script())
    with connect(target) as busy, busy.transaction():
        busy.execute("LOCK TABLE goose_db_version IN ACCESS EXCLUSIVE MODE")
        assert cli("migrate").exit_code == 4
        assert cli("status").exit_code == 0


def test_a_table_that_the_role_may_not_read_stops_a_first_run(cli, write, empty_db, role, monkeypatch):
    write(**FILES)
    empty_db.execute(f"GRANT ALL ON SCHEMA public TO {role}")
    empty_db.execute(GOOSE.script("hidden"))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    result = cli("migrate", "--json")
    assert (result.exit_code, "GRANT SELECT" in result.document["error"]["hint"]) == (4, True)
    assert cli("status").exit_code == 0
