"""After the migrations, ``migrate`` keeps partitions ahead, where the database has a function for it."""

import pytest

from fowergram_db.database.connection import connect
from fowergram_db.database.sql import shipped_migrations

pytestmark = pytest.mark.every_version

_FUNCTION = """
CREATE FUNCTION public.maintain_partitions(p_months_ahead integer DEFAULT 6, p_keep interval DEFAULT NULL)
RETURNS TABLE (partition_name text, action text)
LANGUAGE plpgsql AS $$ BEGIN {} END $$"""


@pytest.fixture
def overdue(db, target, cli, monkeypatch):  # noqa: ARG001 - which names another directory
    """The product's database and migrations; its partitions were not maintained for two months."""
    monkeypatch.setenv("MIGRATIONS_DIR", str(shipped_migrations()))
    db.execute("""
        DROP TABLE notifications_future;
        DO $$ DECLARE last text; BEGIN
            FOR last IN
                SELECT partition_name FROM partition_bounds('notifications')
                ORDER BY lower_bound DESC NULLS LAST LIMIT 2
            LOOP
                EXECUTE format('DROP TABLE %I', last);
            END LOOP;
            PERFORM add_partition('notifications', 'notifications_future', max(upper_bound), NULL)
            FROM partition_bounds('notifications');
        END $$""")
    return target


@pytest.mark.usefixtures("overdue")
def test_missing_partitions_are_made_once_and_reported(cli):
    result = cli("migrate", "--json")
    assert result.exit_code == 0
    assert [change["action"] for change in result.document["partitions"]] == ["created", "created"]
    assert all(change["name"].startswith("notifications_2") for change in result.document["partitions"])
    assert cli("migrate", "--json").document["partitions"] == []


@pytest.mark.usefixtures("overdue")
def test_new_partitions_are_reported_on_a_terminal_too(cli):
    result = cli("migrate")
    assert result.err.count("created notifications_2") == 2
    assert "Nothing to do." in result.out


@pytest.mark.usefixtures("overdue")
def test_a_dry_run_and_a_rollback_leave_partitions_alone(cli, db):
    bounds = "SELECT count(*) FROM partition_bounds('notifications')"
    before = db.execute(bounds).fetchone()
    cli("migrate", "--dry-run")
    cli("rollback")
    assert db.execute(bounds).fetchone() == before


def test_a_table_that_others_hold_is_an_error_that_says_that_the_migrations_are_applied(overdue, cli):
    with connect(overdue) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM notifications")
        result = cli("migrate", "--lock-timeout", "300ms", "--json")
    assert result.exit_code == 5
    assert result.document["error"]["code"] == "lock_timeout"
    assert result.document["error"]["message"].startswith("the migrations are applied, but ")
    assert cli("migrate", "--json").exit_code == 0


@pytest.mark.usefixtures("overdue")
def test_a_role_without_the_right_gets_an_error_only_where_a_partition_is_missing(cli, db, role, monkeypatch):
    db.execute(f"GRANT SELECT ON public.schema_migrations TO {role}")
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    monkeypatch.setenv("DB_USER", role)
    result = cli("migrate")
    assert result.exit_code == 1
    assert "the migrations are applied, but" in result.err
    assert "maintain_partitions()" in result.err
    db.execute("SELECT * FROM maintain_partitions()")
    assert cli("migrate").exit_code == 0


class TestOfOthers:
    """Any database may have such a function."""

    @pytest.fixture
    def migrate(self, write, cli):
        def run(function: str):
            write(**{"001_a": "CREATE TABLE a ()", "002_b": function})
            return cli("migrate", "--json")

        return run

    def test_its_rows_are_reported(self, migrate):
        document = migrate(_FUNCTION.format("RETURN QUERY VALUES ('a_2030', 'created');")).document
        assert document["partitions"] == [{"name": "a_2030", "action": "created"}]

    def test_its_error_is_reported_and_undoes_nothing(self, migrate, target):
        result = migrate(_FUNCTION.format("RAISE 'no tablespace left';"))
        assert result.exit_code == 1
        assert "no tablespace left" in result.document["error"]["message"]
        assert [step["version"] for step in result.document["steps"]] == [1, 2]
        with connect(target) as session:
            assert session.execute("SELECT count(*) FROM schema_migrations").fetchone() == (2,)

    @pytest.mark.parametrize(
        "function",
        [
            "CREATE FUNCTION maintain_partitions() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$",
            """CREATE FUNCTION maintain_partitions(a integer DEFAULT 1, b interval DEFAULT NULL) RETURNS void
            LANGUAGE plpgsql AS $$ BEGIN RAISE 'called'; END $$""",
            "CREATE SCHEMA x; " + _FUNCTION.format("RAISE 'called';").replace("public.", "x."),
        ],
        ids=["other parameters", "no rows", "other schema"],
    )
    def test_a_function_of_another_signature_is_not_called(self, migrate, function):
        assert migrate(function).exit_code == 0
