"""A Citus cluster, held by a stand-in: what the tool must not do there until it supports one."""

import json

import pytest

from fowergram_db.database.citus import Citus, read_citus
from fowergram_db.database.connection import connect
from tests.citus import server_with_citus
from tests.integration.conftest import programs_like

pytestmark = pytest.mark.every_version


@pytest.fixture(scope="module")
def server(server):
    with connect(server) as session, server_with_citus(programs_like(session)) as target:
        yield target


@pytest.fixture(scope="module")
def admin(server):
    with connect(server) as connection:
        yield connection


@pytest.fixture
def distributed(empty_db):
    """A session in a database with the extension and one distributed table."""
    empty_db.execute("CREATE EXTENSION citus; CREATE TABLE spread (id int)")
    empty_db.execute("SELECT create_distributed_table('spread', 'id')")
    return empty_db


def be_worker(admin, target) -> None:
    admin.execute(f"ALTER DATABASE \"{target.dbname}\" SET citus.stand_in = 'worker'")


def test_coordinators_workers_and_databases_without_citus_are_distinguished(empty_db, admin, target):
    assert read_citus(empty_db) is None
    empty_db.execute("CREATE EXTENSION citus; CREATE TABLE spread (id int)")
    assert read_citus(empty_db) == Citus(is_coordinator=True, distributed_tables=0)
    empty_db.execute("SELECT create_distributed_table('spread', 'id')")
    assert read_citus(empty_db) == Citus(is_coordinator=True, distributed_tables=1)
    be_worker(admin, target)
    with connect(target) as worker:
        assert read_citus(worker) == Citus(is_coordinator=False, distributed_tables=1)


@pytest.fixture
def committed(query):
    """Have each row of the history say whether its transaction waited for the disk when it ended."""
    query(
        "CREATE TABLE witnessed (version bigint, waits text, query text);"
        "CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.witnessed VALUES "
        "(new.version, current_setting('synchronous_commit'), current_query()); RETURN NULL; END$$"
    )

    def watch() -> None:
        query(
            "CREATE CONSTRAINT TRIGGER witness AFTER INSERT ON schema_migrations DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION witness()"
        )

    return watch


def small(first: int, last: int) -> dict[str, str]:
    return {f"{number:03}_small": f"CREATE TABLE small_{number} (id int);" for number in range(first, last + 1)}


def test_commits_wait_and_scripts_go_by_themselves_where_the_extension_is(cli, write, query, empty_db, committed):
    empty_db.execute("CREATE EXTENSION citus")
    write(**small(1, 1))
    assert cli("migrate").exit_code == 0
    committed()
    write(**small(2, 6))
    assert cli("migrate").exit_code == 0
    found = query("SELECT version, waits, query LIKE '%CREATE TABLE small_%' FROM witnessed ORDER BY version")
    assert found == [(version, "on", False) for version in range(2, 7)]


@pytest.mark.usefixtures("empty_db")
def test_the_same_from_the_beginning_of_a_run_that_makes_the_extension(cli, write, query, committed):
    write(**small(1, 1))
    assert cli("migrate").exit_code == 0
    committed()
    write(**{**small(2, 6), "004_small": "CREATE EXTENSION IF NOT EXISTS CITUS;"})
    assert cli("migrate").exit_code == 0
    assert query("SELECT DISTINCT waits, query LIKE '%CREATE TABLE small_%' FROM witnessed") == [("on", False)]


@pytest.mark.usefixtures("empty_db")
def test_elsewhere_only_the_last_commit_waits_and_small_scripts_share_a_query(cli, write, query, committed):
    write(**small(1, 1))
    assert cli("migrate").exit_code == 0
    committed()
    write(**small(2, 6))
    assert cli("migrate").exit_code == 0
    found = query("SELECT version, waits, query LIKE '%CREATE TABLE small_%' FROM witnessed ORDER BY version")
    assert found == [(version, "on" if version == 6 else "off", True) for version in range(2, 7)]


@pytest.mark.usefixtures("distributed")
@pytest.mark.parametrize(
    "command",
    ["migrate", "rollback", "repair", "adopt --to 1", "reset --yes", "analyze", "protect", "protect --off", ""],
)
def test_commands_that_write_refuse_on_a_worker(command, cli, write, query, admin, target):
    write(**small(1, 2), **{"001_small.down": "DROP TABLE small_1"})
    query("DROP TABLE spread; DELETE FROM citus.stand_in_tables")
    assert cli("migrate", "--to", "1").exit_code == 0
    before = query("SELECT version FROM schema_migrations"), query("SELECT count(*) FROM pg_class")
    be_worker(admin, target)
    result = cli(*command.split(), *(["--json"] if command else []))
    assert result.exit_code == 2
    assert "error: this server is a worker of a Citus cluster; nothing was run" in result.err
    assert "coordinator" in result.err.partition("hint: ")[2]
    assert (query("SELECT version FROM schema_migrations"), query("SELECT count(*) FROM pg_class")) == before
    if command:
        assert json.loads(result.out)["error"]["code"] == "refused"


@pytest.mark.usefixtures("distributed")
@pytest.mark.parametrize("command", ["status", "slow-queries", "migrate --dry-run"])
def test_commands_that_read_go_on_a_worker(command, cli, write, admin, target):
    write(**small(1, 2))
    assert cli("migrate", "--to", "1").exit_code == 0
    be_worker(admin, target)
    assert "worker of a Citus cluster" not in cli(*command.split()).err


def test_an_ordinary_database_with_a_table_of_that_name_is_no_cluster(cli, write, empty_db):
    empty_db.execute("CREATE TABLE citus_tables (id int); INSERT INTO citus_tables VALUES (1)")
    empty_db.execute("CREATE FUNCTION citus_is_coordinator() RETURNS boolean LANGUAGE sql AS 'SELECT false'")
    write(**small(1, 2))
    assert cli("migrate").exit_code == 0
    assert cli("reset", "--yes", "--force").exit_code == 0
