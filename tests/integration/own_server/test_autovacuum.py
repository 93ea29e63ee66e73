"""Autovacuum is at work in a database: to other roles it is a session without a type, which they may not end."""

import time
from contextlib import ExitStack
from dataclasses import replace

import pytest

from fowergram_db.database.connection import connect
from fowergram_db.database.sessions import end_sessions, other_sessions
from tests.integration.conftest import programs_like, target_of
from tools import servers

# It starts at once, and takes minutes for a table of some pages.
SLOW = {
    "autovacuum_naptime": "1",
    "autovacuum_vacuum_cost_delay": "100ms",
    "autovacuum_vacuum_cost_limit": "1",
    "autovacuum_vacuum_threshold": "10000",
    "autovacuum_analyze_threshold": "10000",
}
AT_WORK = "SELECT pid FROM pg_stat_activity WHERE datname = %s AND backend_type = 'autovacuum worker'"
STARTS_WITHIN_S = 60


@pytest.fixture(scope="module")
def server(server):
    """A server with a slow autovacuum."""
    with ExitStack() as stack:
        cluster = stack.enter_context(servers.made(programs_like(stack.enter_context(connect(server)))))
        yield target_of(stack.enter_context(cluster.started({**servers.FOR_TESTS, **SLOW})).url)


@pytest.fixture
def vacuumed(admin, server):
    """A database in which autovacuum is at work."""
    there = replace(server, dbname="vacuumed_test")
    admin.execute("CREATE DATABASE vacuumed_test")
    with connect(there) as session:
        session.execute("CREATE TABLE t AS SELECT n, repeat('x', 500) AS text FROM generate_series(1, 20000) AS n")
        session.execute("UPDATE t SET n = n + 1")
    until = time.monotonic() + STARTS_WITHIN_S
    while not admin.execute(AT_WORK, [there.dbname]).fetchone():
        assert time.monotonic() < until
        time.sleep(0.1)
    return there


def test_a_role_that_may_not_end_autovacuum_leaves_it_alone(admin, server, vacuumed):
    admin.execute("CREATE ROLE plain LOGIN CREATEDB")
    with connect(replace(server, user="plain")) as plain:
        assert other_sessions(plain, vacuumed.dbname) == ()
        end_sessions(plain, vacuumed.dbname)
        assert admin.execute(AT_WORK, [vacuumed.dbname]).fetchone() is not None
