"""What CONCURRENTLY leaves when it is stopped midway, and how the next run continues from there."""

import threading
import time
from contextlib import closing, contextmanager

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from tests.integration.test_engine import CONCURRENTLY, holding

STATE = "SELECT relname::text FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE NOT indisvalid ORDER BY 1"
# A writer holds a REINDEX up before it builds (…_ccnew), a reader before it drops the old index (…_ccold).
BUILDING, DROPPING = "LOCK TABLE {} IN ROW EXCLUSIVE MODE", "LOCK TABLE {} IN ACCESS SHARE MODE"
TABLE = "CREATE TABLE t (id int, note text); INSERT INTO t SELECT g, g FROM generate_series(1, 9) g;"


@pytest.fixture
def invalid(query):
    """The names of the invalid indexes."""
    return lambda: [name for (name,) in query(STATE)]


@contextmanager
def stopped_when(target, statement: str, condition: str):
    """Hold this lock; as soon as the condition is true, end the session that waits for it, and release it."""
    with holding(target, statement) as other, closing(connect(target)) as watcher:
        ended = threading.Event()

        def watch() -> None:
            deadline = time.monotonic() + 20
            end = f"""
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE {other.info.backend_pid} = ANY (pg_blocking_pids(pid)) AND EXISTS ({condition})
            """
            while not ended.wait(0.02) and time.monotonic() < deadline and not watcher.execute(end).fetchone():
                pass

        thread = threading.Thread(target=watch)
        thread.start()
        yield
        ended.set()
        thread.join()


@pytest.fixture
def stop(cli, target):
    """Migrate, and have the server end the session in the middle of the statement that waits for this lock."""

    def run(lock: str, condition: str, *arguments: str):
        assert cli("migrate", "--to", "1", *arguments).exit_code == 0
        with stopped_when(target, lock, condition):
            result = cli("migrate", *arguments)
        assert result.exit_code == 1, result.err
        assert "terminating connection" in result.err
        return result

    return run


def invalid_like(pattern: str) -> str:
    return (
        f"SELECT FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE NOT indisvalid AND relname LIKE '{pattern}'"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "REINDEX INDEX CONCURRENTLY s.t_i",
        "REINDEX TABLE CONCURRENTLY s.t",
        "REINDEX (VERBOSE) SCHEMA CONCURRENTLY s",
        'reindex /* all of it */ table concurrently "s"."t"',
    ],
)
@pytest.mark.parametrize(("lock", "left"), [(BUILDING, "t_i_ccnew"), (DROPPING, "t_i_ccold")])
def test_a_rebuild_that_was_stopped_leaves_nothing_once_it_has_run_again(
    cli, write, stop, invalid, query, statement, lock, left
):
    write(
        **{
            "001_t": "CREATE SCHEMA s; CREATE TABLE s.t (id int); CREATE INDEX t_i ON s.t (id)",
            "002_r": f"{CONCURRENTLY}{statement};",
        }
    )
    stop(lock.format("s.t"), invalid_like(left))
    assert invalid() == [left]
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert f"Dropped the invalid index s.{left}" in result.err
    assert invalid() == []
    assert query("SELECT count(*) FROM pg_index WHERE indrelid = 's.t'::regclass") == [(1,)]


def test_an_option_says_concurrently_too_and_partitions_and_long_names_are_found(cli, write, stop, invalid, admin):
    if admin.info.server_version < 140000:
        pytest.skip("PostgreSQL 14 and newer")
    name = "ด" * 20
    write(
        **{
            "001_t": f"CREATE TABLE p (id int) PARTITION BY RANGE (id); CREATE INDEX p_i ON p (id);"
            f'CREATE TABLE p1 (id int); CREATE INDEX "{name}" ON p1 (id);'
            "ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (9);",
            "002_r": f"{CONCURRENTLY}REINDEX (CONCURRENTLY, VERBOSE) INDEX p_i;",
        }
    )
    stop(BUILDING.format("p1"), invalid_like("%\\_ccnew"))
    assert invalid() == [f"{'ด' * 19}_ccnew"]
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert invalid() == []


def test_the_indexes_of_toast_tables_are_cleared_too(cli, write, stop, invalid):
    write(**{"001_t": TABLE, "002_r": f"{CONCURRENTLY}REINDEX TABLE CONCURRENTLY t;"})
    stop(BUILDING.format("t"), invalid_like("pg\\_toast%\\_ccnew"))
    assert [name.endswith("_index_ccnew") for name in invalid()] == [True]
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert "Dropped the invalid index pg_toast.pg_toast_" in result.err
    assert invalid() == []


def test_an_index_of_a_toast_table_that_the_role_may_not_drop_is_named_and_stays(
    cli, write, stop, invalid, admin, target, role
):
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (target.dbname, role))))
    write(**{"001_t": TABLE, "002_r": f"{CONCURRENTLY}REINDEX TABLE CONCURRENTLY t;"})
    with closing(connect(target)) as superuser:
        superuser.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(sql.Identifier(role)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DB_PASSWORD", "plain password")
        stop(BUILDING.format("t"), invalid_like("pg\\_toast%\\_ccnew"), "--user", role)
        result = cli("migrate", "--user", role)
    assert result.exit_code == 0, result.err
    assert "only a superuser can drop it" in result.err
    assert [name.endswith("_index_ccnew") for name in invalid()] == [True]


def test_indexes_that_the_migration_has_not_left_stay(cli, write, stop, invalid, query, target):
    write(
        **{
            "001_t": f"{TABLE} CREATE INDEX t_i ON t (id); CREATE INDEX valid_ccnew ON t (id); CREATE TABLE u (id int);"
            "CREATE INDEX u_i ON u (id); CREATE INDEX other ON t (id); CREATE INDEX t_i_ccnew1 ON u (id);",
        }
    )
    assert cli("migrate").exit_code == 0
    write(**{"002_r": f"{CONCURRENTLY}REINDEX INDEX CONCURRENTLY t_i;"})

    def fail_to_rebuild(what: str, table: str) -> None:
        """Leave an invalid index, as a person would whose REINDEX was ended."""
        with closing(connect(target)) as person, holding(target, BUILDING.format(table)):
            person.execute("SET lock_timeout = '50ms'")
            with pytest.raises(Exception, match="lock timeout"):
                person.execute(f"REINDEX INDEX CONCURRENTLY {what}")

    fail_to_rebuild("t_i", "t")  # the same index, before the migration begins
    stop(BUILDING.format("t"), invalid_like("t\\_i\\_ccnew2"))
    fail_to_rebuild("u_i", "u")  # another table
    fail_to_rebuild("other", "t")  # another index of the table
    assert invalid() == ["other_ccnew", "t_i_ccnew", "t_i_ccnew2", "u_i_ccnew"]
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert invalid() == ["other_ccnew", "t_i_ccnew", "u_i_ccnew"]
    assert query("SELECT count(*) FROM pg_class WHERE relname IN ('valid_ccnew', 't_i_ccnew1')") == [(2,)]


def test_an_index_that_another_session_is_rebuilding_is_left_alone(cli, write, stop, invalid, target):
    write(
        **{"001_t": f"{TABLE} CREATE INDEX t_i ON t (id);", "002_r": f"{CONCURRENTLY}REINDEX INDEX CONCURRENTLY t_i;"}
    )
    stop(BUILDING.format("t"), invalid_like("t\\_i\\_ccnew"))
    with closing(connect(target)) as person, holding(target, BUILDING.format("t")) as writer:
        thread = threading.Thread(target=person.execute, args=["REINDEX INDEX CONCURRENTLY t_i"])
        thread.start()
        deadline = time.monotonic() + 10
        while invalid() != ["t_i_ccnew", "t_i_ccnew1"] and time.monotonic() < deadline:
            time.sleep(0.02)
        release = threading.Timer(0.5, writer.rollback)
        release.start()
        result = cli("migrate")
        release.join()
        thread.join()
    assert result.exit_code == 0, result.err
    assert result.err.count("Dropped the invalid index") == 1
    assert invalid() == []


def test_dropping_an_index_that_was_stopped_midway_continues(cli, write, stop, invalid, query):
    write(
        **{
            "001_t": f'{TABLE} CREATE INDEX "T i" ON t (id);',
            "002_d": f'{CONCURRENTLY}DROP INDEX CONCURRENTLY "T i";',
        }
    )
    stop(DROPPING.format("t"), invalid_like("T i"))
    assert invalid() == ["T i"]
    assert cli("migrate").exit_code == 0
    assert query("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass") == [(0,)]


PARTITIONED = (
    'CREATE SCHEMA "S"; CREATE TABLE "S".p (id int) PARTITION BY RANGE (id);'
    'CREATE TABLE "S"."p 1" PARTITION OF "S".p FOR VALUES FROM (0) TO (9);'
)
DETACH = f'{CONCURRENTLY}ALTER TABLE "S".p DETACH PARTITION "S"."p 1" CONCURRENTLY;\nCREATE TABLE after_it (id int);'
CHILDREN = "SELECT count(*) FROM pg_inherits WHERE inhparent = '\"S\".p'::regclass"


@pytest.fixture
def detaching(write, admin):
    if admin.info.server_version < 140000:
        pytest.skip("PostgreSQL 14 and newer")
    write(**{"001_t": PARTITIONED, "002_d": DETACH})


@pytest.mark.usefixtures("detaching")
def test_a_detachment_that_was_stopped_midway_is_finished(cli, stop, query, tables):
    stop(DROPPING.format('"S".p'), "SELECT FROM pg_inherits WHERE inhdetachpending")
    assert query("SELECT inhdetachpending FROM pg_inherits WHERE inhparent = '\"S\".p'::regclass") == [(True,)]
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert "Completing the detachment of partition S.p 1" in result.err
    assert query(CHILDREN) == [(0,)]
    assert tables() == ["after_it"]


@pytest.mark.usefixtures("detaching")
def test_a_detachment_that_was_finished_by_hand_counts_as_done(cli, stop, query, tables):
    stop(DROPPING.format('"S".p'), "SELECT FROM pg_inherits WHERE inhdetachpending")
    query('ALTER TABLE "S".p DETACH PARTITION "S"."p 1" FINALIZE')
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert tables() == ["after_it"]


@pytest.mark.usefixtures("detaching")
def test_a_detachment_that_another_session_has_begun_is_not_finished(cli, query, target, write):
    write(**{"001_t": PARTITIONED, "002_d": "SELECT 1"})
    assert cli("migrate").exit_code == 0
    with closing(connect(target)) as person, holding(target, DROPPING.format('"S".p')):
        person.execute("SET statement_timeout = '100ms'")
        with pytest.raises(Exception, match="statement timeout"):
            person.execute('ALTER TABLE "S".p DETACH PARTITION "S"."p 1" CONCURRENTLY')
    write(**{"003_d": DETACH})
    result = cli("migrate")
    assert result.exit_code == 1
    assert "FINALIZE" in result.err
    assert query(CHILDREN) == [(1,)]


@pytest.mark.parametrize(
    ("table", "index", "create"),
    [
        ('"S 1"."T"', '"S 1"."I.x"', 'CREATE INDEX CONCURRENTLY "I.x" ON "S 1"."T" (id)'),
        ('"S 1"."T"', '"S 1".i', 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS I ON ONLY "S 1"."T" (id)'),
        ('"S 1"."ตาราง"', '"S 1"."ดัชนี"', 'CREATE INDEX CONCURRENTLY IF NOT EXISTS ดัชนี ON "S 1".ตาราง USING btree (id)'),
    ],
)
def test_a_build_that_was_stopped_begins_again_whatever_the_names(
    cli, write, stop, invalid, query, table, index, create
):
    write(**{"001_t": f'CREATE SCHEMA "S 1"; CREATE TABLE {table} (id int)', "002_i": f"{CONCURRENTLY}{create};"})
    stop(BUILDING.format(table), invalid_like("%"))
    assert len(invalid()) == 1
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert "Dropped the invalid index S 1." in result.err
    assert invalid() == []
    assert query(f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{index}'::regclass") == [(True,)]


def test_the_invalid_index_of_a_partitioned_table_is_never_dropped(cli, write, invalid):
    write(
        **{
            "001_t": "CREATE TABLE p (id int) PARTITION BY RANGE (id);"
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9); CREATE INDEX p_i ON ONLY p (id);",
            "002_i": f"{CONCURRENTLY}CREATE INDEX CONCURRENTLY IF NOT EXISTS p_i ON ONLY p (id);",
        }
    )
    result = cli("migrate")
    assert result.exit_code == 1
    assert "cannot create index on partitioned table" in result.err
    assert invalid() == ["p_i"]
    write(
        **{
            "002_i": f"{CONCURRENTLY}CREATE INDEX CONCURRENTLY p1_i ON p1 (id); ALTER INDEX p_i ATTACH PARTITION p1_i;",
        }
    )
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert invalid() == []


def test_an_index_that_another_role_is_building_unseen_is_not_dropped(
    cli, write, query, admin, target, role, monkeypatch
):
    """Whose progress a role may not see, it would wait for, and then drop the complete index."""
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (target.dbname, role))))
    query(f"GRANT ALL ON SCHEMA public TO {role}")
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    write(**{"001_t": "CREATE TABLE t (id int)"})
    assert cli("migrate", "--user", role).exit_code == 0
    write(**{"002_i": f"{CONCURRENTLY}CREATE INDEX CONCURRENTLY IF NOT EXISTS t_i ON t (id);"})
    with closing(connect(target)) as person, holding(target, BUILDING.format("t")) as writer:
        thread = threading.Thread(target=person.execute, args=["CREATE INDEX CONCURRENTLY t_i ON t (id)"])
        thread.start()
        deadline = time.monotonic() + 10
        while not query(invalid_like("t\\_i")) and time.monotonic() < deadline:
            time.sleep(0.02)
        release = threading.Timer(1, writer.rollback)
        release.start()
        result = cli("migrate", "--user", role)
        release.join()
        thread.join()
    assert (result.exit_code, "another session is building" in result.err) == (2, True), result.err
    assert cli("migrate", "--user", role).exit_code == 0


UNNAMED = "CREATE INDEX CONCURRENTLY ON t (id);"


def test_an_index_without_a_name_is_built_again_and_leaves_nothing_invalid(cli, write, stop, invalid, query):
    write(**{"001_t": f"{TABLE} CREATE INDEX ON t (note);", "002_i": f"{CONCURRENTLY}{UNNAMED} {UNNAMED}"})
    stop(BUILDING.format("t"), invalid_like("t\\_id\\_idx"))
    assert invalid() == ["t_id_idx"]
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert "Dropped the invalid index public.t_id_idx" in result.err
    assert invalid() == []
    assert query("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1") == [
        ("t_id_idx",),
        ("t_id_idx1",),
        ("t_note_idx",),
    ]


def test_an_index_without_a_name_that_was_built_to_the_end_is_not_built_twice(cli, write, stop, query):
    write(**{"001_t": TABLE, "002_i": f"{CONCURRENTLY}{UNNAMED}"})
    stop(BUILDING.format("t"), invalid_like("t\\_id\\_idx"))
    # As a server that continues after its client has died.
    query("REINDEX INDEX t_id_idx")
    query("UPDATE schema_migrations SET progress = progress || '{\"running\": true}' WHERE version = 2")
    assert cli("migrate").exit_code == 0
    assert query("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass") == [("t_id_idx",)]


def test_invalid_indexes_of_others_on_its_table_stay(cli, write, stop, invalid, query):
    write(**{"001_t": f"{TABLE} CREATE INDEX ON t (id);", "002_i": f"{CONCURRENTLY}{UNNAMED}"})
    assert cli("migrate", "--to", "1").exit_code == 0
    query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_id_idx'::regclass")
    stop(BUILDING.format("t"), invalid_like("t\\_id\\_idx1"))
    assert cli("migrate").exit_code == 0
    assert invalid() == ["t_id_idx"]
