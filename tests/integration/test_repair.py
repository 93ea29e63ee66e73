"""A pending, a missing and a half-begun migration can each be settled; nothing is recorded while nothing was done."""

import pytest

ALONE = "-- fowergram: no-transaction\n"
FILES = {"001_a": "CREATE TABLE a (id int)", "002_b": "CREATE TABLE b (id int)", "002_b.down": "DROP TABLE b;\n"}
ROWS = "SELECT version, name, filename, state, checksum, down_sql, statements_done, progress FROM schema_migrations"


def states(cli):
    return [(m["version"], m["state"]) for m in cli("status", "--json").document["migrations"]]


@pytest.mark.parametrize("header", ["", ALONE])
def test_applied_records_a_pending_file_as_migrate_would(cli, write, query, tables, header):
    write(**FILES | {"002_b": header + FILES["002_b"]})
    cli("migrate")
    as_migrated = query(f"{ROWS} WHERE version = 2")
    query("DELETE FROM schema_migrations WHERE version = 2; DROP TABLE b")
    result = cli("repair", "--applied", "2", "--json")
    assert (result.exit_code, result.document["repaired"]) == (0, [{"version": 2, "name": "b", "was": "pending"}])
    assert query(f"{ROWS} WHERE version = 2") == as_migrated
    assert query("SELECT duration_ms > 0 FROM schema_migrations WHERE version = 2") == [(True,)]
    assert tables() == ["a"]
    assert cli("migrate").exit_code == 0


def test_applied_records_what_is_out_of_order_and_the_first_of_all(cli, write, tables):
    write(**FILES)
    assert cli("migrate", "--to", "1").exit_code == 0
    write(**{"003_c": "SELECT 1"})
    cli("repair", "--applied", "3")
    assert states(cli) == [(1, "applied"), (2, "out_of_order"), (3, "applied")]
    assert cli("repair", "--applied", "0002").out == "repaired 002_b.sql (it was out_of_order)\n"
    assert cli("status", "--check").exit_code == 0
    assert tables() == ["a"]


@pytest.mark.usefixtures("empty_db")
def test_applied_makes_the_history_where_it_is_missing(cli, write):
    write(**FILES)
    assert cli("repair", "--applied", "1").exit_code == 0
    assert states(cli) == [(1, "applied"), (2, "pending")]


@pytest.mark.usefixtures("empty_db")
def test_without_a_history_there_is_nothing_to_repair(cli, write):
    write(**FILES)
    result = cli("repair")
    assert (result.exit_code, result.out) == (0, "Nothing to do.\n"), result.err


@pytest.mark.usefixtures("empty_db")
def test_applied_refuses_a_file_that_migrate_would_refuse(cli, write):
    write(**{"001_a": "CREATE TABLE a (id int); COMMIT;"})
    assert cli("repair", "--applied", "1").exit_code == 2


def test_forget_removes_the_row_of_a_file_that_is_gone(cli, write, tables, directory):
    write(**FILES)
    cli("migrate")
    (directory / "002_b.sql").unlink()
    (directory / "002_b.down.sql").unlink()
    assert "`fowergram-db repair --forget VERSION`" in cli("migrate").err
    assert cli("repair", "--forget", "2").out == "repaired 002_b.sql (it was missing)\n"
    assert (states(cli), tables()) == ([(1, "applied")], ["a", "b"])
    assert cli("migrate").exit_code == 0


def test_forget_removes_the_only_row(cli, write, directory):
    write(**{"001_a": "SELECT 1"})
    cli("migrate")
    (directory / "001_a.sql").rename(directory / "002_other.sql")
    assert cli("repair", "--forget", "1").exit_code == 0
    assert states(cli) == [(2, "pending")]


@pytest.fixture
def one_of_each(cli, write, directory):
    """Migrations in every state."""
    write(
        **{"001_applied": "SELECT 1", "002_changed": "SELECT 2", "003_missing": "SELECT 3"},
        **{"004_partial": f"{ALONE}SELECT 4; SELECT 1/0;"},
    )
    cli("migrate")
    write(**{"002_changed": "SELECT 22", "005_pending": "SELECT 5"})
    (directory / "003_missing.sql").unlink()


@pytest.mark.usefixtures("one_of_each")
@pytest.mark.matrix(every=3)
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--applied", "1"), "There is nothing to do: its row already agrees with its file."),
        (("--applied", "2"), "`fowergram-db repair --version 2`"),
        (("--applied", "3"), "`fowergram-db repair --forget 3`"),
        (("--applied", "4"), "`fowergram-db repair --version 4`"),
        (("--applied", "9"), "no migration has version 9"),
        (("--forget", "1"), "`fowergram-db rollback` rolls it back"),
        (("--forget", "2"), "`fowergram-db rollback` rolls it back"),
        (("--forget", "4"), "`fowergram-db repair --version 4`"),
        (("--forget", "5"), "it has no row"),
        (("--forget", "9"), "no migration has version 9"),
        (("--applied", "5", "--forget", "5"), "two options name the same migration"),
        (("--version", "4", "--applied", "04"), "two options name the same migration"),
        (("--version", "5"), "version 5 is neither changed nor partial"),
        (("--applied", "5", "--applied", "6"), "given more than once"),
        (("--forget", "x"), "'x' is not a version"),
        (("--forget", "5", "--json"), "it has no row"),
    ],
)
def test_a_repair_that_does_not_fit_is_refused_with_the_next_step(cli, query, arguments, says):
    before = query("SELECT * FROM schema_migrations ORDER BY id")
    result = cli("repair", *arguments)
    assert result.exit_code == 2
    assert says in result.err + result.out
    assert query("SELECT * FROM schema_migrations ORDER BY id") == before


@pytest.mark.usefixtures("one_of_each")
def test_several_decisions_are_written_at_once(cli):
    assert cli("repair", "--version", "2", "--applied", "5", "--forget", "3").exit_code == 0
    assert states(cli) == [(1, "applied"), (2, "applied"), (4, "partial"), (5, "applied")]


NOTHING_DONE = [
    "CREATE TABLE none.a (id int)",
    "CREATE INDEX CONCURRENTLY a_i ON none (id)",
    "CREATE INDEX CONCURRENTLY ON none (id)",
    "DROP INDEX CONCURRENTLY none",
    "REINDEX INDEX CONCURRENTLY none",
    "REINDEX TABLE none",
    "VACUUM none",
    "CREATE DATABASE template1",
    "DO $$ BEGIN RAISE 'no'; END $$",
    "ALTER SYSTEM SET none = 1",
    "INSERT INTO none VALUES (1)",
]


@pytest.mark.matrix(every=3)
@pytest.mark.parametrize("statement", NOTHING_DONE)
def test_a_first_statement_that_fails_leaves_no_row(cli, write, query, statement):
    write(**{"001_a": "SELECT 1", "002_b": f"{ALONE}{statement};\nSELECT 2;"})
    result = cli("migrate")
    assert result.exit_code == 1
    assert result.err.endswith("Applied now: 1. Not applied: 2.\n")
    assert query("SELECT version FROM schema_migrations") == [(1,)]
    assert cli("repair", "--applied", "2").exit_code == 0


@pytest.mark.matrix(every=3)
@pytest.mark.parametrize("statement", NOTHING_DONE)
def test_a_rollback_whose_first_statement_fails_changes_no_state(cli, write, query, statement):
    write(**{"001_a": "CREATE TABLE a (id int); SELECT 1;", "001_a.down": f"{ALONE}{statement}; DROP TABLE a;"})
    cli("migrate")
    before = query("SELECT * FROM schema_migrations")
    result = cli("rollback")
    assert (result.exit_code, result.err.splitlines()[-1]) == (1, "Applied now: 1. Not applied: none.")
    assert query("SELECT * FROM schema_migrations") == before
    write(**{"001_a.down": f"{ALONE}SELECT 1; DROP TABLE a;"})
    assert cli("rollback").exit_code == 0


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE UNIQUE INDEX CONCURRENTLY a_i ON a (id)",
        "CREATE UNIQUE INDEX CONCURRENTLY ON a (id)",
        "DO $$ BEGIN INSERT INTO a VALUES (2); COMMIT; RAISE 'no'; END $$",
        "CALL p()",
    ],
)
def test_a_first_statement_that_fails_and_may_have_left_something_is_partial(cli, write, statement):
    procedure = "CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; RAISE 'no'; END $$;"
    write(
        **{"001_a": f"CREATE TABLE a (id int); INSERT INTO a VALUES (1), (1); {procedure}"},
        **{"002_b": f"{ALONE}{statement};"},
    )
    assert cli("migrate").exit_code == 1
    assert states(cli)[-1] == (2, "partial")
    assert cli("repair", "--version", "2").exit_code == 0
