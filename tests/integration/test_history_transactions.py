"""Each transaction that writes the history belongs to a run: another migrator waits for its end."""

import time
from contextlib import contextmanager

import pytest
from psycopg.pq import TransactionStatus

from fowergram_db.database.advisory_lock import LOCK_SPACE
from fowergram_db.database.connection import connect
from fowergram_db.errors import LockLost
from fowergram_db.migrations.engine.lock import WORKER_KEY, migration_lock
from tests.integration.processes import ended, started

FILES = {"001_a": "CREATE TABLE a (id int);"}
HISTORY = "CREATE TABLE public.schema_migrations (id int)"
BLOCKED = f"""
    SELECT count(*) FROM pg_stat_activity AS a
    WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' AND a.pid IN (
        SELECT pid FROM pg_locks
        WHERE locktype = 'advisory' AND classid = {LOCK_SPACE}::int::oid AND objid = {WORKER_KEY})
"""
WAITS_S = 15


@contextmanager
def person(target, *statements):
    """Hold what these statements lock until the block ends, then roll back."""
    with connect(target) as session:
        session.execute("BEGIN")
        for statement in statements:
            session.execute(statement)
        yield
        session.execute("ROLLBACK")


def await_blocked_worker(query) -> None:
    """Wait until a session that others know as a worker waits for a lock of the person."""
    until = time.monotonic() + WAITS_S
    while query(BLOCKED) != [(1,)]:
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.usefixtures("cli", "empty_db")
def test_another_migrator_waits_for_one_that_creates_the_history(write, query, target):
    write(**FILES)
    with started("migrate", "--json") as process:
        with person(target, HISTORY):
            await_blocked_worker(query)
        assert ended(process).exit_code == 0


def test_another_migrator_waits_for_one_that_repairs_the_history(cli, write, query, target):
    write(**FILES)
    assert cli("migrate").exit_code == 0
    write(**{"001_a": "CREATE TABLE a (id int); -- changed"})
    with person(target, "LOCK TABLE public.schema_migrations IN SHARE MODE"):
        with started("repair", "--json") as process:
            await_blocked_worker(query)
            process.kill()
        assert query("SELECT count(*) FROM public.schema_migrations") == [(1,)]


def test_another_migrator_waits_for_one_that_converts_the_versions(cli, write, query, target):
    directory = write()
    (directory / "V1__a.sql").write_text("CREATE TABLE a (id int);", encoding="utf-8")
    assert cli("migrate").exit_code == 0
    (directory / "V1.2__b.sql").write_text("CREATE TABLE b (id int);", encoding="utf-8")
    with person(target, "LOCK TABLE public.schema_migrations IN ACCESS SHARE MODE"), started("migrate") as process:
        await_blocked_worker(query)
        process.kill()


@pytest.mark.usefixtures("cli")
def test_another_migrator_waits_for_one_that_adopts(write, query, target, empty_db):
    write(**FILES)
    empty_db.execute("CREATE TABLE a (id int)")
    with person(target, HISTORY), started("adopt", "--to", "1", "--json") as process:
        await_blocked_worker(query)
        process.kill()


def test_a_run_that_has_lost_its_lock_writes_nothing(target, empty_db):
    with migration_lock(target, 1, lambda _: None) as lock:
        with empty_db.transaction():
            lock.claim(empty_db)
        lock.release()
        with pytest.raises(LockLost), empty_db.transaction():
            lock.claim(empty_db)
    assert empty_db.info.transaction_status is TransactionStatus.IDLE
