"""ANALYZE table by table on a real server, what prevents it, and the report after it."""

import uuid
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql

from fowergram_db.errors import DatabaseError, ExitCode, UsageError
from fowergram_db.operations import analyze as module
from fowergram_db.operations.analyze import AnalyzeOutcome, AnalyzeProgress, TableKind, analyze

_PARTITIONED = """
CREATE TABLE visit (id int, note text) PARTITION BY RANGE (id);
CREATE TABLE visit_1 PARTITION OF visit FOR VALUES FROM (0) TO (1000);
CREATE TABLE visit_rest PARTITION OF visit FOR VALUES FROM (1000) TO (100000) PARTITION BY RANGE (id);
CREATE TABLE visit_2 PARTITION OF visit_rest FOR VALUES FROM (1000) TO (100000);
CREATE INDEX visit_id_idx ON visit (id);
INSERT INTO visit SELECT number, 'a note' FROM generate_series(1, 5000) AS number;
"""


@pytest.fixture
def role(empty_db):
    """A role of this test's own, without any right."""
    name = f"Plain {uuid.uuid4().hex[:12]}"
    empty_db.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    yield name
    empty_db.execute("RESET ROLE")
    empty_db.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(sql.Identifier(name)))
    empty_db.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
    empty_db.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def impatient(monkeypatch):
    """Wait for locks briefly: the tests of it have to see the time run out."""
    monkeypatch.setattr(module, "LOCK_TIMEOUT_S", 0.2)


@contextmanager
def another_session(connection):
    """Open a transaction in a second session of the test."""
    info = connection.info
    with psycopg.connect(
        host=info.host, port=info.port, dbname=info.dbname, user=info.user, password=info.password
    ) as other:
        yield other
        other.rollback()


def run(connection, *names, on_progress=lambda _: None):
    return analyze(connection, names, on_progress)


def become(connection, role):
    connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))


def own(connection, role, table):
    connection.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.SQL(table), sql.Identifier(role)))


def outcomes(report):
    return {result.name: result.outcome for result in report.results}


def statistics_of(connection, table):
    """Return the columns that the planner has statistics for: the effect, whatever the server's counters say."""
    query = "SELECT DISTINCT attname FROM pg_stats WHERE tablename = %s ORDER BY attname"
    return [column for (column,) in connection.execute(query, [table]).fetchall()]


def only(report):
    (table,) = report.tables
    return table


def test_a_database_without_tables_has_nothing_to_do(empty_db):
    seen = []
    report = run(empty_db, on_progress=seen.append)
    assert (report.results, report.tables, seen) == ((), (), [])


def test_every_table_of_the_product_is_analyzed(db):
    assert {result.outcome for result in run(db).results} <= {AnalyzeOutcome.DONE}


def test_without_names_all_kinds_of_tables_are_analyzed_the_largest_first(empty_db):
    empty_db.execute("CREATE TABLE small AS SELECT 1 AS id")
    empty_db.execute("CREATE TABLE large AS SELECT generate_series(1, 20000) AS id")
    empty_db.execute("CREATE MATERIALIZED VIEW middle AS SELECT id FROM large WHERE id < 5000")
    empty_db.execute("CREATE VIEW glance AS SELECT id FROM small")
    report = run(empty_db)
    assert [result.name for result in report.results] == ["large", "middle", "small"]
    assert {result.outcome for result in report.results} == {AnalyzeOutcome.DONE}
    assert [table.name for table in report.tables] == ["large", "middle", "small"]
    assert [table.kind for table in report.tables] == [TableKind.TABLE, TableKind.MATERIALIZED_VIEW, TableKind.TABLE]
    for table in ("large", "middle", "small"):
        assert statistics_of(empty_db, table) == ["id"]


def test_a_partitioned_table_is_analyzed_once_with_its_partitions(empty_db):
    empty_db.execute(_PARTITIONED)
    report = run(empty_db)
    assert outcomes(report) == {"visit": AnalyzeOutcome.DONE}
    for table in ("visit", "visit_1", "visit_rest", "visit_2"):
        assert statistics_of(empty_db, table) == ["id", "note"], table


def test_each_table_is_announced_before_and_after(empty_db):
    empty_db.execute("CREATE TABLE small AS SELECT 1 AS id")
    empty_db.execute("CREATE TABLE large AS SELECT generate_series(1, 20000) AS id")
    seen = []
    report = run(empty_db, on_progress=seen.append)
    large, small = report.results
    assert seen == [
        AnalyzeProgress("public", "large", 1, 2),
        AnalyzeProgress("public", "large", 1, 2, large),
        AnalyzeProgress("public", "small", 2, 2),
        AnalyzeProgress("public", "small", 2, 2, small),
    ]
    assert large.duration_ms > 0


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("plain", "plain"),
        ("PLAIN", "plain"),
        ("public.plain", "plain"),
        ('"Odd Schema"."A ""quoted"".100%s {name}"', 'A "quoted".100%s {name}'),
        ("visit_rest", "visit_rest"),
    ],
)
def test_a_name_is_read_as_postgresql_reads_it(empty_db, name, found):
    empty_db.execute("CREATE TABLE plain AS SELECT 1 AS id")
    empty_db.execute('CREATE SCHEMA "Odd Schema"')
    empty_db.execute('CREATE TABLE "Odd Schema"."A ""quoted"".100%s {name}" AS SELECT 1 AS id')
    empty_db.execute(_PARTITIONED)
    report = run(empty_db, name)
    assert outcomes(report) == {found: AnalyzeOutcome.DONE}
    assert only(report).name == found
    assert statistics_of(empty_db, found)[0] == "id"


def test_a_table_named_twice_is_analyzed_once(empty_db):
    empty_db.execute("CREATE TABLE plain AS SELECT 1 AS id")
    assert len(run(empty_db, "plain", "public.plain").results) == 1


_NO_TABLES = (
    "nope", "nowhere.plain", "glance", '"Plain"', "plain_idx", "a.b.c", "a.b.c.d", '"plain', "", "1259", "-", "pl;ain"
)  # fmt: skip


@pytest.mark.parametrize("name", _NO_TABLES)
def test_a_name_that_is_no_table_is_refused_before_anything_is_analyzed(empty_db, name):
    empty_db.execute("CREATE TABLE plain AS SELECT 1 AS id")
    empty_db.execute("CREATE INDEX plain_idx ON plain (id)")
    empty_db.execute("CREATE VIEW glance AS SELECT id FROM plain")
    with pytest.raises(UsageError) as caught:
        run(empty_db, "plain", name)
    assert caught.value.message.endswith(f": {name}")
    assert caught.value.exit_code == ExitCode.USAGE
    assert statistics_of(empty_db, "plain") == []


def test_all_unknown_names_are_in_one_error(empty_db):
    empty_db.execute("CREATE TABLE plain AS SELECT 1 AS id")
    with pytest.raises(UsageError, match=r": nope, a\.b\.c\.d, gone$"):
        run(empty_db, "nope", "plain", "a.b.c.d", "gone")


def test_a_table_that_the_role_may_not_analyze_is_skipped_and_the_others_are_analyzed(empty_db, role):
    empty_db.execute("CREATE TABLE theirs AS SELECT generate_series(1, 9999) AS id")
    empty_db.execute("CREATE TABLE mine AS SELECT 1 AS id")
    own(empty_db, role, "mine")
    become(empty_db, role)
    report = run(empty_db)
    assert outcomes(report) == {"theirs": AnalyzeOutcome.SKIPPED, "mine": AnalyzeOutcome.DONE}
    theirs = report.results[0]
    assert theirs.reason == "the role may not analyze it"
    assert theirs.fix.startswith(f"Run the command as {empty_db.info.user}, the owner")
    empty_db.execute("RESET ROLE")
    assert statistics_of(empty_db, "theirs") == []
    assert statistics_of(empty_db, "mine") == ["id"]


def test_the_grant_of_the_fix_works_as_printed(empty_db, role):
    if empty_db.info.server_version < 170000:
        pytest.skip("MAINTAIN is a privilege from PostgreSQL 17 on")
    empty_db.execute('CREATE TABLE "Their s" AS SELECT 1 AS id')
    become(empty_db, role)
    (skipped,) = run(empty_db).results
    empty_db.execute("RESET ROLE")
    empty_db.execute(skipped.fix.partition(" or: ")[2])
    become(empty_db, role)
    assert outcomes(run(empty_db)) == {"Their s": AnalyzeOutcome.DONE}
    empty_db.execute("RESET ROLE")
    assert statistics_of(empty_db, "Their s") == ["id"]


def test_the_owner_of_the_database_may_analyze_the_tables_of_others(empty_db, role):
    empty_db.execute("CREATE TABLE theirs AS SELECT 1 AS id")
    database = sql.Identifier(empty_db.info.dbname)
    owner = sql.SQL("ALTER DATABASE {} OWNER TO {}")
    empty_db.execute(owner.format(database, sql.Identifier(role)))
    become(empty_db, role)
    report = run(empty_db)
    empty_db.execute("RESET ROLE")
    empty_db.execute(owner.format(database, sql.Identifier(empty_db.info.user)))
    assert outcomes(report) == {"theirs": AnalyzeOutcome.DONE}
    assert statistics_of(empty_db, "theirs") == ["id"]


@pytest.mark.parametrize("names", [(), ("visit",)])
def test_a_partition_that_the_parents_analyze_leaves_out_is_reported(empty_db, role, names):
    empty_db.execute(_PARTITIONED)
    for table in ("visit", "visit_rest", "visit_2"):
        own(empty_db, role, table)
    become(empty_db, role)
    report = run(empty_db, *names)
    assert outcomes(report) == {"visit": AnalyzeOutcome.DONE, "visit_1": AnalyzeOutcome.SKIPPED}
    assert only(report).name == "visit"
    empty_db.execute("RESET ROLE")
    assert statistics_of(empty_db, "visit_1") == []
    assert statistics_of(empty_db, "visit_2") == ["id", "note"]


def test_a_partition_of_ones_own_is_analyzed_where_its_parent_may_not_be(empty_db, role):
    empty_db.execute(_PARTITIONED)
    own(empty_db, role, "visit_1")
    become(empty_db, role)
    report = run(empty_db)
    assert outcomes(report) == {"visit": AnalyzeOutcome.SKIPPED, "visit_1": AnalyzeOutcome.DONE}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("lock", ["LOCK TABLE visit_2", "REINDEX INDEX visit_2_id_idx"])
def test_a_locked_table_is_reported_and_the_others_are_analyzed(empty_db, lock):
    empty_db.execute(_PARTITIONED)
    empty_db.execute("CREATE TABLE small AS SELECT 1 AS id")
    with another_session(empty_db) as other:
        other.execute(lock)
        report = run(empty_db)
    assert outcomes(report) == {"visit": AnalyzeOutcome.LOCKED, "small": AnalyzeOutcome.DONE}
    failed = next(result for result in report.results if result.name == "visit")
    assert "locked" in failed.reason
    assert failed.fix
    visit = next(table for table in report.tables if table.name == "visit")
    assert (visit.total_bytes, visit.heap_bytes, visit.index_bytes, visit.toast_bytes) == (None,) * 4
    assert report.tables[-1] == visit


@pytest.mark.usefixtures("impatient")
def test_no_setting_stays_behind(empty_db):
    empty_db.execute("CREATE TABLE small AS SELECT 1 AS id")
    before = empty_db.execute("SHOW lock_timeout").fetchone()
    run(empty_db)
    assert empty_db.execute("SHOW lock_timeout").fetchone() == before
    assert empty_db.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_table_dropped_meanwhile_is_skipped_and_the_others_are_analyzed(empty_db):
    empty_db.execute("CREATE TABLE large AS SELECT generate_series(1, 20000) AS id")
    empty_db.execute("CREATE TABLE gone AS SELECT generate_series(1, 9999) AS id")
    empty_db.execute("CREATE TABLE small AS SELECT 1 AS id")

    def drop(progress):
        if progress.name == "gone" and progress.result is None:
            empty_db.execute("DROP TABLE gone")

    report = run(empty_db, on_progress=drop)
    assert outcomes(report) == {
        "large": AnalyzeOutcome.DONE,
        "gone": AnalyzeOutcome.SKIPPED,
        "small": AnalyzeOutcome.DONE,
    }
    assert report.results[1].reason == "it was dropped meanwhile"
    assert [table.name for table in report.tables] == ["large", "small"]


def test_what_the_server_says_of_a_failure_is_the_reason(empty_db):
    empty_db.execute("""
        CREATE TABLE other (id int);
        CREATE FUNCTION looked_up(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql
            AS 'BEGIN RETURN (SELECT count(*) FROM public.other WHERE other.id = $1); END';
        CREATE TABLE broken AS SELECT 1 AS id;
        CREATE INDEX broken_idx ON broken (looked_up(id));
        DROP TABLE other;
    """)
    (result,) = run(empty_db).results
    assert result.outcome is AnalyzeOutcome.FAILED
    assert result.reason == 'relation "public.other" does not exist'


def test_a_lost_session_ends_the_command(empty_db):
    empty_db.execute("CREATE TABLE small AS SELECT 1 AS id")
    with another_session(empty_db) as other, pytest.raises(DatabaseError, match=r"cannot analyze public\.small"):
        run(
            empty_db,
            on_progress=lambda _: other.execute("SELECT pg_terminate_backend(%s)", [empty_db.info.backend_pid]),
        )


def test_a_table_is_reported_with_its_parts(empty_db):
    empty_db.execute("CREATE TABLE story (id int PRIMARY KEY, body text)")
    empty_db.execute("ALTER TABLE story ALTER body SET STORAGE EXTERNAL")
    empty_db.execute("INSERT INTO story SELECT id, repeat('x', 9000) FROM generate_series(1, 100) AS id")
    empty_db.execute("SET TimeZone = 'Asia/Bangkok'")
    story = only(run(empty_db))
    assert (story.schema, story.name, story.kind, story.rows) == ("public", "story", TableKind.TABLE, 100)
    total, indexes, heap, toast = empty_db.execute("""
        SELECT pg_total_relation_size(oid), pg_indexes_size(oid),
            pg_relation_size(oid) + pg_relation_size(oid, 'fsm') + pg_relation_size(oid, 'vm'),
            pg_total_relation_size(reltoastrelid)
        FROM pg_class WHERE relname = 'story'
    """).fetchone()
    assert toast > 900_000
    assert (story.total_bytes, story.index_bytes) == (total, indexes)
    assert (story.heap_bytes, story.toast_bytes) == (heap, toast)
    assert story.last_analyzed.tzinfo is UTC
    assert 0 <= (datetime.now(UTC) - story.last_analyzed).total_seconds() < 60


def test_a_partitioned_table_is_reported_as_the_sum_of_its_partitions(empty_db):
    empty_db.execute(_PARTITIONED)
    visit = only(run(empty_db))
    (total,) = empty_db.execute(
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname IN ('visit_1', 'visit_2')"
    ).fetchone()
    assert (visit.kind, visit.total_bytes, visit.rows) == (TableKind.PARTITIONED_TABLE, total, 5000)
    assert visit.last_analyzed is not None


def test_autovacuum_of_partitions_does_not_count_for_their_parent(empty_db, role):
    if empty_db.info.server_version < 140000:
        pytest.skip("PostgreSQL 13 records nothing of the parent")
    empty_db.execute(_PARTITIONED)
    empty_db.execute("ANALYZE visit_1, visit_2")
    become(empty_db, role)
    assert only(run(empty_db)).last_analyzed is None


def test_rows_without_statistics_are_unknown(empty_db, role):
    empty_db.execute("CREATE TABLE uncounted (id int) WITH (autovacuum_enabled = off)")
    empty_db.execute("INSERT INTO uncounted VALUES (1)")
    empty_db.execute("CREATE TABLE hollow (id int) WITH (autovacuum_enabled = off)")
    become(empty_db, role)
    uncounted, hollow = run(empty_db).tables
    assert (uncounted.rows, uncounted.last_analyzed) == (None, None)
    assert (hollow.rows, hollow.last_analyzed) == (0, None)


def test_dead_rows_are_counted(empty_db):
    empty_db.execute("CREATE TABLE worn (id int) WITH (autovacuum_enabled = off)")
    empty_db.execute("INSERT INTO worn SELECT generate_series(1, 1000)")
    with another_session(empty_db) as reader:
        # An older snapshot keeps the rows that are deleted next from being pruned on sight.
        reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        reader.execute("SELECT count(*) FROM worn")
        with another_session(empty_db) as writer:
            writer.execute("DELETE FROM worn WHERE id <= 300")
            writer.commit()
        worn = only(run(empty_db))
    # The writer's own count may reach the server's after that of ANALYZE, and is then added to it.
    assert (worn.rows, worn.dead_rows) in {(700, 300), (700, 600)}
