"""A Citus cluster, held by a stand-in: what the tool must not do there until it supports one."""

import pytest

from fowergram_db.database.citus import Citus, read_citus
from fowergram_db.database.connection import connect
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
def distributed(empty_db):
    """A session in a database with the extension and one distributed table."""
    empty_db.execute("CREATE EXTENSION citus; CREATE TABLE spread (id int)")
    empty_db.execute("SELECT create_distributed_table('spread', 'id')")
    return empty_db


def be_worker(admin, target) -> None:
    admin.execute(f"ALTER DATABASE \"{target.dbname}\" SET citus.stand_in = 'worker'")


def test_what_a_database_says_of_its_cluster(empty_db, admin, target):
    assert read_citus(empty_db) is None
    empty_db.execute("CREATE EXTENSION citus; CREATE TABLE spread (id int)")
    assert read_citus(empty_db) == Citus(is_coordinator=True, distributed_tables=0)
    empty_db.execute("SELECT create_distributed_table('spread', 'id')")
    assert read_citus(empty_db) == Citus(is_coordinator=True, distributed_tables=1)
    be_worker(admin, target)
    with connect(target) as worker:
        assert read_citus(worker) == Citus(is_coordinator=False, distributed_tables=1)
