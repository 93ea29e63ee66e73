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
                FROM pg_inherits
                WHERE inhparent = %s::regclass AND inhrelid::regclass::text ~ '\d{4}_\d{2}$') AS partition
            ORDER BY 1""",
            parent,
        )

    return ask


@pytest.fixture
def sleep(db):
    """Let the partitions be as they were this many months ago, as if no maintenance had run since."""

    def forget(months_ago: int) -> None:
        for parent in _PARENTS:
            (month,) = db.execute(
                "SELECT date_trunc('month', now(), 'UTC') - %s * interval '1 month'", [months_ago]
            ).fetchone()
            for (name,) in db.execute("SELECT partition_name FROM partition_bounds(%s)", [parent]).fetchall():
                db.execute(f"DROP TABLE {name}")
            db.execute("SELECT add_partition(%s, %s || '_past', NULL, %s)", [parent, parent, month])
            db.execute("SELECT add_partition(%s, %s || '_future', %s, NULL)", [parent, parent, month])

    return forget


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


def test_nothing_is_dropped_unless_asked_and_then_only_what_is_old(db, months, sleep):
    sleep(14)
    db.execute("SELECT * FROM maintain_partitions()")
    assert months("notifications") == list(range(-14, 7))
    dropped = db.execute("SELECT partition_name FROM maintain_partitions(p_keep => interval '1 year')").fetchall()
    assert len(dropped) == 2 * 2
    assert months("notifications") == list(range(-12, 7))


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
    assert len(bounds) == 2 * (10 + 2)
    assert sum(bound.count("-01 00:00:00+00'") for bound in bounds) == 2 * (2 * 10 + 2), bounds


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


def test_another_table_with_the_name_of_a_partition_is_an_error(db):
    with pytest.raises(psycopg.errors.DuplicateTable):
        db.execute("""DO $$ BEGIN
            EXECUTE 'CREATE TABLE public.notifications_'
                || to_char(now() AT TIME ZONE 'UTC' + interval '7 months', 'YYYY_MM') || ' ()';
            PERFORM public.maintain_partitions(7);
        END $$""")


@pytest.mark.parametrize(
    "moment", ["-infinity", "1970-01-01", "2024-02-29 23:59:59.999999+00", "now", "2099-12-31", "infinity"]
)
def test_a_row_of_any_time_has_a_partition(moment, make_user, add, value):
    user = make_user("user")
    add("notifications", user_id=user, type="like", created_at=moment)
    add("user_activities", user_id=user, activity_type="login", created_at=moment)
    assert value("SELECT count(*) FROM notifications") == value("SELECT count(*) FROM user_activities") == 1


def test_rows_that_were_dated_ahead_move_to_their_months(db, make_user, column, value):
    user = make_user("user")
    ahead = "INSERT INTO notifications (user_id, type, created_at) VALUES (%s, 'like', now() + %s * interval '1 month')"
    for months in (7, 8, 30):
        db.execute(ahead, [user, months])
    assert value("SELECT count(*) FROM notifications_future") == 3
    db.execute("SELECT * FROM maintain_partitions(10)")
    assert value("SELECT count(*) FROM notifications_future") == 1
    where = "SELECT tableoid::regclass::text = to_char(created_at AT TIME ZONE 'UTC', '\"notifications_\"YYYY_MM')"
    assert column(f"{where} FROM notifications ORDER BY created_at") == [True, True, False]


def test_partitions_that_were_not_maintained_for_two_years_are_all_made(db, make_user, add, months, sleep, value):
    sleep(24)
    add("notifications", user_id=make_user("user"), type="like")
    db.execute("SELECT * FROM maintain_partitions()")
    assert months("notifications") == list(range(-24, 7))
    assert value("SELECT count(*) FROM notifications_future") == 0
    assert value("SELECT count(*) FROM notifications") == 1


def test_rows_are_kept_by_their_time_in_any_partition(db, make_user, column, sleep, value):
    user = make_user("user")
    sleep(6)
    db.execute("SELECT * FROM maintain_partitions()")
    for days in (2000, 300, 100, 1):
        db.execute(
            "INSERT INTO notifications (user_id, type, created_at) VALUES (%s, %s, now() - %s * interval '1 day')",
            [user, str(days), days],
        )
    db.execute("SELECT * FROM maintain_partitions(p_keep => interval '365 days')")
    assert set(column("SELECT type FROM notifications")) == {"300", "100", "1"}
    db.execute("SELECT * FROM maintain_partitions(p_keep => interval '62 days')")
    assert set(column("SELECT type FROM notifications")) == {"1"}
    db.execute("INSERT INTO notifications (user_id, type, created_at) VALUES (%s, 'import', '2020-01-01')", [user])
    assert value("SELECT count(*) FROM notifications_past") == 1


def test_maintaining_partitions_that_exist_waits_for_no_reader(db, target):
    """And takes no lock that readers would wait for."""
    with connect(target) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM notifications")
        db.execute("SET lock_timeout = '2s'")
        assert db.execute("SELECT * FROM maintain_partitions()").fetchall() == []
        with pytest.raises(psycopg.errors.LockNotAvailable):
            db.execute("SELECT * FROM maintain_partitions(7)")
    assert len(db.execute("SELECT * FROM maintain_partitions(7)").fetchall()) == 2


def test_the_bounds_have_no_gap(db, sleep):
    sleep(3)
    db.execute("SELECT * FROM maintain_partitions(p_keep => interval '40 days')")
    for parent in _PARENTS:
        bounds = db.execute("SELECT lower_bound, upper_bound FROM partition_bounds(%s)", [parent]).fetchall()
        assert bounds[0][0] is None
        assert bounds[-1][1] is None
        assert [upper for _, upper in bounds[:-1]] == [lower for lower, _ in bounds[1:]]
