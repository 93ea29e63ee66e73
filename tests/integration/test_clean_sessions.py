"""Nothing that a file leaves in its session reaches the next file, in whatever way both of them run."""

from contextlib import ExitStack
from dataclasses import replace

import psycopg
import pytest

from fowergram_db.database.connection import connect
from fowergram_db.database.target import url_of
from fowergram_db.errors import HistoryInconsistent, MigrationFailed, Refused
from fowergram_db.migrations.build import build, steps_of
from fowergram_db.migrations.engine.groups import TransactionScope
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import RollbackPolicy, migrate, rollback
from fowergram_db.migrations.plan import RollbackTarget
from fowergram_db.migrations.run import UpgradeTarget
from tests.integration.pooler import pooler_to

_BASE = """
CREATE TABLE users (id int PRIMARY KEY);
CREATE TABLE posts (
    id int PRIMARY KEY,
    user_id int CONSTRAINT of_user REFERENCES users DEFERRABLE INITIALLY IMMEDIATE,
    parent_id int CONSTRAINT of_parent REFERENCES posts DEFERRABLE INITIALLY DEFERRED
);
CREATE SEQUENCE numbers;
CREATE FUNCTION leave(command text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE command; END $$;
"""
_NO_TEMPORARY = "to_regclass('pg_temp.users') IS NULL"
_NONE_PREPARED = "NOT EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'p')"
_NONE_LOCKED = "NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 4 AND objid = 2)"
_NO_TENANT = "coalesce(current_setting('app.tenant', true), '') = ''"
# What a file leaves, and what holds in the next one where it is gone.
_LEFT = {
    "temporary table": ("CREATE TEMP TABLE users (id int)", _NO_TEMPORARY),
    "temporary table with rows": ("CREATE TEMP TABLE users AS SELECT 1 AS id", _NO_TEMPORARY),
    "temporary table that is emptied": ("CREATE TEMP TABLE users (id int) ON COMMIT DELETE ROWS", _NO_TEMPORARY),
    "temporary table that drops itself": ("CREATE TEMP TABLE users (id int) ON COMMIT DROP", _NO_TEMPORARY),
    "table in pg_temp": ("CREATE TABLE pg_temp.users (id int)", _NO_TEMPORARY),
    "table in quoted pg_temp": ('CREATE TABLE "pg_temp" . users (id int)', _NO_TEMPORARY),
    "table in escaped pg_temp": ('CREATE TABLE U&"pg\\005Ftemp".users (id int)', _NO_TEMPORARY),
    "temporary view": ("CREATE TEMP VIEW users AS SELECT 1 AS id", _NO_TEMPORARY),
    "sequence in pg_temp": ("CREATE SEQUENCE pg_temp.users", _NO_TEMPORARY),
    "type in pg_temp": ("CREATE TYPE pg_temp.mood AS ENUM ('ok')", "to_regtype('pg_temp.mood') IS NULL"),
    "function in pg_temp": (
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "to_regproc('pg_temp.f') IS NULL",
    ),
    "temporary table of a DO block": ("DO $$ BEGIN CREATE TEMP TABLE users (id int); END $$", _NO_TEMPORARY),
    "temporary table of a function": ("SELECT leave('CREATE TEMP TABLE users (id int)')", _NO_TEMPORARY),
    "rows that wait for a deferred check": (
        """CREATE TEMP TABLE users (id int PRIMARY KEY, of int REFERENCES users DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO users VALUES (1, 2); UPDATE users SET of = 1""",
        _NO_TEMPORARY,
    ),
    "prepared statement": ("PREPARE p AS SELECT 1", _NONE_PREPARED),
    "prepared statement of a function": ("SELECT leave('PREPARE p AS SELECT 1')", _NONE_PREPARED),
    "held cursor": (
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "NOT EXISTS (SELECT FROM pg_cursors WHERE name = 'c')",
    ),
    "listen": ("LISTEN news", "NOT EXISTS (SELECT FROM pg_listening_channels())"),
    "session lock": ("SELECT pg_advisory_lock(4, 2)", _NONE_LOCKED),
    "session lock of a DO block": ("DO $$ BEGIN PERFORM pg_advisory_lock(4, 2); END $$", _NONE_LOCKED),
    "number of a sequence": ("SELECT nextval('numbers')", "leave_currval() IS NULL"),
    "setting": ("SET work_mem = '7MB'", "current_setting('work_mem') <> '7MB'"),
    "setting of the transaction": ("SET LOCAL work_mem = '7MB'", "current_setting('work_mem') <> '7MB'"),
    "setting of a name of one's own": (
        "SET app.tenant = '7'",
        _NO_TENANT,
    ),
    "setting by a function": (
        "SELECT set_config('app.tenant', '7', false)",
        _NO_TENANT,
    ),
    "search path": ("SET search_path = pg_temp, public; CREATE TABLE users (id int)", _NO_TEMPORARY),
    "time zone": ("SET TIME ZONE 'Asia/Bangkok'", "current_setting('TimeZone') <> 'Asia/Bangkok'"),
    "role": ("SET ROLE pg_monitor", "current_user <> 'pg_monitor'"),
    "session user": ("SET SESSION AUTHORIZATION pg_monitor", "session_user <> 'pg_monitor'"),
    "characteristics": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "current_setting('default_transaction_isolation') = 'read committed'",
    ),
    "deferred constraints": ("SET CONSTRAINTS ALL DEFERRED", "leave_checks()"),
    "immediate constraints": ("SET CONSTRAINTS ALL IMMEDIATE", "leave_waits()"),
}
_CHECKS = """
CREATE FUNCTION leave_currval() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN RETURN currval('numbers'); EXCEPTION WHEN object_not_in_prerequisite_state THEN RETURN NULL; END $$;
CREATE FUNCTION leave_checks() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO posts (id, user_id) VALUES (1, 7); RETURN false;
EXCEPTION WHEN foreign_key_violation THEN RETURN true; END $$;
CREATE FUNCTION leave_waits() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN INSERT INTO posts (id, parent_id) VALUES (1, 7); DELETE FROM posts; RETURN true; END $$;
"""


_OF_TRANSACTION = ("SET LOCAL", "SET CONSTRAINTS", "ON COMMIT DROP", "DECLARE c", "UPDATE users")


def _check(expression: str) -> str:
    return f"DO $check$ BEGIN IF NOT coalesce({expression}, false) THEN RAISE 'it is still there'; END IF; END $check$"


@pytest.fixture(params=_LEFT, ids=lambda name: name.replace(" ", "-"))
def left(request):
    """What a file leaves, and a query for the next one that shows whether it is gone."""
    return _LEFT[request.param]


def _ignore(_event: object) -> None:
    pass


@pytest.mark.matrix(every=7)
@pytest.mark.parametrize("transaction_scope", list(TransactionScope))
def test_what_a_file_leaves_in_its_session_does_not_reach_the_next_file(write, target, left, transaction_scope):
    leaves, gone = left
    files = read_migrations(write(**{"001_a": _BASE + _CHECKS, "002_b": leaves, "003_c": _check(gone)}))
    migrate(target, files, UpgradeTarget(transaction_scope=transaction_scope), _ignore)


@pytest.mark.matrix(every=9)
def test_what_a_file_leaves_does_not_reach_a_batch_of_files_nor_what_follows_it(write, target, left, query):
    leaves, gone = left
    batch = {f"00{number}_n": f"CREATE INDEX i{number} ON users (id)" for number in (3, 4)}
    files = read_migrations(write(**{"001_a": _BASE + _CHECKS, "002_b": leaves, "005_c": _check(gone)}, **batch))
    migrate(target, files, UpgradeTarget(), _ignore)
    assert query("SELECT schemaname::text FROM pg_indexes WHERE indexname IN ('i3', 'i4')") == [("public",)] * 2


@pytest.mark.matrix(every=9)
def test_what_a_down_file_leaves_does_not_reach_the_next_down_file(write, target, left):
    leaves, gone = left
    directory = write(
        **{
            "001_a": _BASE + _CHECKS,
            "002_b": "SELECT 1",
            "002_b.down": _check(gone),
            "003_c": "SELECT 1",
            "003_c.down": leaves,
        }
    )
    migrate(target, read_migrations(directory), UpgradeTarget(), _ignore)
    policy = RollbackPolicy(lambda _question: True)
    rollback(target, read_migrations(directory), RollbackTarget(2), _ignore, policy)


@pytest.mark.matrix(every=9)
def test_what_a_file_without_a_transaction_leaves_does_not_reach_the_next_file(write, target, left):
    leaves, gone = left
    if any(
        words in leaves for words in ("SET LOCAL", "SET CONSTRAINTS", "ON COMMIT DROP", "DECLARE c", "UPDATE users")
    ):
        pytest.skip("it ends with its own transaction")
    header = "-- fowergram: no-transaction\n"
    files = {"001_a": _BASE + _CHECKS, "002_b": header + leaves, "003_c": header + _check(gone), "004_d": _check(gone)}
    migrate(target, read_migrations(write(**files)), UpgradeTarget(), _ignore)


@pytest.mark.matrix(every=9)
def test_what_a_file_leaves_does_not_reach_the_next_file_in_a_database_that_is_built(write, target, left, empty_db):
    empty_db.close()
    leaves, gone = left
    files = read_migrations(write(**{"001_a": _BASE + _CHECKS, "002_b": leaves, "003_c": _check(gone)}))
    build(target, steps_of(files), _ignore)


@pytest.mark.matrix(every=7)
@pytest.mark.parametrize("transaction_scope", list(TransactionScope))
def test_what_a_file_leaves_does_not_reach_the_next_file_through_a_pooler(
    write, target, pooler, left, transaction_scope
):
    leaves, gone = left
    files = read_migrations(write(**{"001_a": _BASE + _CHECKS, "002_b": leaves, "003_c": _check(gone)}))
    with connect(replace(target, dbname="postgres")) as admin:
        admin.execute(f"CREATE DATABASE {target.dbname}")
    migrate(replace(pooler, dbname=target.dbname), files, UpgradeTarget(transaction_scope=transaction_scope), _ignore)


def test_what_an_event_trigger_leaves_does_not_reach_the_next_file(write, target):
    trigger = """
    CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS $$
    BEGIN CREATE TEMP TABLE IF NOT EXISTS users (id int); PERFORM set_config('app.tenant', '7', false); END $$;
    CREATE EVENT TRIGGER noted ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION note();
    """
    index = "CREATE INDEX ON posts (user_id)"
    first = write(**{"001_a": _BASE, "002_b": trigger, "003_c": index, "004_d": index, "005_e": _check(_NO_TEMPORARY)})
    migrate(target, read_migrations(first), UpgradeTarget(), _ignore)
    more = write(**{"006_f": index, "007_g": index, "008_h": _check(_NO_TENANT), "009_i": _check(_NO_TEMPORARY)})
    migrate(target, read_migrations(more), UpgradeTarget(), _ignore)


def test_a_savepoint_of_one_file_is_none_of_the_next(write, target, tables):
    files = read_migrations(write(**{"001_a": "SAVEPOINT s; CREATE TABLE a ()", "002_b": "ROLLBACK TO SAVEPOINT s"}))
    with pytest.raises(MigrationFailed, match="savepoint"):
        migrate(target, files, UpgradeTarget(transaction_scope=TransactionScope.WHOLE_RUN), _ignore)
    assert tables() == []


def test_a_file_without_a_transaction_that_needs_its_session_again_does_not_continue_in_another(write, target, query):
    text = "-- fowergram: no-transaction\nCREATE TEMP TABLE users (id int);\nSELECT 1/0;\nALTER TABLE users ADD x int;"
    files = read_migrations(write(**{"001_a": _BASE, "002_b": text}))
    with pytest.raises(MigrationFailed):
        migrate(target, files, UpgradeTarget(), _ignore)
    write(**{"002_b": text.replace("1/0", "1")})
    with pytest.raises(HistoryInconsistent, match="CREATE TEMP TABLE"):
        migrate(target, read_migrations(files[0].up.path.parent), UpgradeTarget(), _ignore)
    assert query("SELECT count(*) FROM information_schema.columns WHERE table_name = 'users'") == [(1,)]


@pytest.mark.parametrize("keeps", ["CREATE TEMP TABLE t ()", "PREPARE p AS SELECT 1", "SELECT pg_advisory_lock(1)"])
def test_a_file_without_a_transaction_keeps_nothing_in_a_session_of_a_pooler(write, pooled, empty_db, keeps):
    empty_db.close()
    files = read_migrations(write(**{"001_a": f"-- fowergram: no-transaction\n{keeps}"}))
    with pytest.raises(Refused, match="leaves something"):
        migrate(pooled, files, UpgradeTarget(), _ignore)


def test_prepared_statements_and_locks_of_other_clients_of_a_pooler_stay(write, target, empty_db):
    empty_db.close()
    files = read_migrations(
        write(
            **{
                "001_a": _BASE,
                "002_b": "PREPARE p AS SELECT 1; ALTER TABLE users ADD email text",
                "003_c": f"{_check(_NONE_PREPARED)}; PREPARE p AS SELECT 2",
            }
        )
    )
    with pooler_to(target, pool_size=3) as pooled, ExitStack() as stack:
        others = [stack.enter_context(psycopg.connect(url_of(pooled), prepare_threshold=None)) for _ in range(3)]
        for other in others:  # each in a session of the server's own
            other.execute("PREPARE theirs AS SELECT 3")
            other.execute("SELECT pg_advisory_lock_shared(7, 7)")
            other.execute("CREATE TEMP TABLE users (id int)")
        for other in others:
            other.commit()
        migrate(pooled, files, UpgradeTarget(), _ignore)
        session = stack.enter_context(connect(target))
        held = "SELECT count(DISTINCT pid) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7 AND objid = 7"
        assert session.execute(held).fetchone() == (3,)
        columns = session.execute("SELECT attname::text FROM pg_attribute WHERE attrelid = 'users'::regclass")
        assert ("email",) in columns.fetchall()


def test_a_file_without_a_transaction_has_its_lock_and_statements_again_when_it_continues(write, target):
    text = (
        "-- fowergram: no-transaction\nSELECT pg_advisory_lock(4, 2);\nPREPARE p AS SELECT 1;\n"
        "DO $$ BEGIN PERFORM pg_advisory_lock(1); PERFORM pg_advisory_unlock(1); END $$;\nSELECT 1/0;\n"
    )
    files = read_migrations(write(**{"001_a": text}))
    with pytest.raises(MigrationFailed):
        migrate(target, files, UpgradeTarget(), _ignore)
    gone = f"NOT ({_NONE_LOCKED}) AND NOT ({_NONE_PREPARED})"
    directory = write(**{"001_a": text.replace("SELECT 1/0", _check(gone)), "002_b": _check(_NONE_LOCKED)})
    migrate(target, read_migrations(directory), UpgradeTarget(), _ignore)
