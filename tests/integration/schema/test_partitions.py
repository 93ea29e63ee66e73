"""The monthly partitions: which there are, that they are made once, and that they can be dropped."""

from threading import Barrier, Thread

import psycopg
import pytest

from fowergram_db.database.connection import connect

_PARENTS = ("notifications", "user_activities")


@pytest.fixture
def months(column):
    """The months for which a table has partitions, counted from the current one (UTC)."""

    def ask(parent: str) -> list[int]:
        return column(
            r"""
            SELECT (extract(year FROM month) * 12 + extract(month FROM month)
                - extract(year FROM now) * 12 - extract(month FROM now))::int
            FROM (
                SELECT to_date(right(inhrelid::regclass::text, 7), 'YYYY_MM') AS month, now() AT TIME ZONE 'UTC' AS now
                FROM pg_inherits WHERE inhparent = %s::regclass) AS partition
            ORDER BY 1""",
            parent,
        )

    return ask


def test_there_is_one_from_the_previous_month_to_six_months_ahead(months):
    for parent in _PARENTS:
        assert months(parent) == list(range(-1, 7))


def test_a_second_call_does_nothing(db):
    assert db.execute("SELECT * FROM maintain_partitions()").fetchall() == []


def test_missing_months_are_made_and_reported(db, months):
    made = db.execute("SELECT * FROM maintain_partitions(8)").fetchall()
    assert len(made) == 4
    assert {action for _, action in made} == {"created"}
    assert months("user_activities") == list(range(-1, 9))


def test_nothing_is_dropped_unless_asked_and_then_only_what_is_old(db, months):
    db.execute("""
        CREATE TABLE notifications_2020_01 PARTITION OF notifications
        FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-02-01 00:00+00')""")
    db.execute("SELECT * FROM maintain_partitions()")
    assert len(months("notifications")) == 9
    dropped = db.execute("SELECT * FROM maintain_partitions(p_keep => interval '1 year')").fetchall()
    assert dropped == [("notifications_2020_01", "dropped")]


def test_keeping_nothing_leaves_the_current_month_and_a_negative_time_is_refused(db, months):
    db.execute("SELECT * FROM maintain_partitions(p_keep => interval '0')")
    assert months("notifications") == list(range(7))
    assert db.execute("SELECT * FROM maintain_partitions(p_keep => interval '0')").fetchall() == []
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        db.execute("SELECT * FROM maintain_partitions(p_keep => interval '-1 day')")


def test_bounds_are_months_in_utc_whatever_the_session_says(db, column):
    db.execute("SET TimeZone = 'Asia/Bangkok'; SET DateStyle = 'SQL, DMY'; SELECT * FROM maintain_partitions(8)")
    db.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'")
    bounds = column("""
        SELECT pg_get_expr(relpartbound, oid) FROM pg_class
        WHERE relispartition AND relkind = 'r' AND relname ~ '^(notifications|user_activities)_'""")
    assert len(bounds) == 20
    assert all(bound.count("-01 00:00:00+00'") == 2 for bound in bounds), bounds


def test_there_is_no_default_partition(value):
    assert value("SELECT count(*) FROM pg_partitioned_table WHERE partdefid <> 0") == 0


def test_rows_go_to_the_partition_of_their_month(make_user, add, value):
    user = make_user("user")
    add("notifications", user_id=user, type="like")
    add("user_activities", user_id=user, activity_type="login")
    for parent in _PARENTS:
        assert value(
            f"SELECT tableoid::regclass::text = to_char(now() AT TIME ZONE 'UTC', '\"{parent}_\"YYYY_MM') FROM {parent}"
        )


def test_partitions_have_the_keys_and_indexes_of_their_parent(column):
    counts = column("""
        SELECT DISTINCT (
            (SELECT count(*) FROM pg_index WHERE indrelid = p.inhrelid),
            (SELECT count(*) FROM pg_constraint WHERE conrelid = p.inhrelid AND contype = 'f'))::text
        FROM pg_inherits p WHERE inhparent = 'notifications'::regclass""")
    assert counts == ["(4,2)"]


@pytest.mark.usefixtures("db")
def test_two_sessions_that_maintain_at_once_both_succeed(target, months):
    ready, failures = Barrier(2), []

    def maintain():
        with connect(target) as session:
            ready.wait()
            try:
                session.execute("SELECT * FROM maintain_partitions(12)")
            except psycopg.Error as error:
                failures.append(error)

    sessions = [Thread(target=maintain) for _ in range(2)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    assert failures == []
    assert months("notifications") == list(range(-1, 13))


def test_a_stranger_that_has_a_partitions_name_is_not_passed_over(db):
    with pytest.raises(psycopg.errors.DuplicateTable):
        db.execute("""DO $$ BEGIN
            EXECUTE 'CREATE TABLE public.notifications_'
                || to_char(now() AT TIME ZONE 'UTC' + interval '7 months', 'YYYY_MM') || ' ()';
            PERFORM public.maintain_partitions(7);
        END $$""")
