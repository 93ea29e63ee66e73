"""Files that say how their transaction runs, and files of a pg_dump that is newer than the server."""

import pytest

from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.migrate import migrate
from fowergram_db.migrations.run import UpgradeTarget

LEVEL = "INSERT INTO seen VALUES (current_setting('transaction_isolation'), current_setting('transaction_read_only'));"
TABLE = "CREATE TABLE seen (level text, read_only text);"


@pytest.mark.parametrize(
    ("first", "level"),
    [
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;", "serializable"),
        ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE, DEFERRABLE;", "repeatable read"),
        ("-- why\nSET lock_timeout = '1s';\nset local transaction isolation level serializable;", "serializable"),
        ("SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;", "read committed"),
        ("SET TRANSACTION DEFERRABLE;", "read committed"),
    ],
)
def test_a_file_sets_its_transaction(cli, write, query, first, level):
    write(**{"001_t": TABLE, "002_a": f"{first} {LEVEL}", "003_b": LEVEL, "002_a.down": f"{first} DELETE FROM seen;"})
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert query("SELECT * FROM seen") == [(level, "off"), ("read committed", "off")]
    assert cli("rollback", "--steps", "2").exit_code == 2  # 003 has no down file
    write(**{"003_b.down": "SELECT 1;"})
    assert cli("rollback", "--steps", "2").exit_code == 0


def test_a_read_only_file_may_not_write_and_its_row_is_written(cli, write, query):
    write(**{"001_t": TABLE, "002_a": "SET TRANSACTION READ ONLY; SELECT 1 FROM seen;"})
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert query("SELECT count(*) FROM schema_migrations") == [(2,)]
    write(**{"003_b": f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY;\n{LEVEL}"})
    result = cli("migrate")
    assert result.exit_code == 1
    assert "read-only transaction" in result.err
    assert "003_b.sql:2" in result.err


def test_transactions_of_golang_migrate_run_as_its_files_say(cli, write, query):
    write(
        **{
            "001_t.up": f"BEGIN;\n{TABLE}\nCOMMIT;\nBEGIN;\n{LEVEL}\nEND;",
            "002_a.up": f"BEGIN ISOLATION LEVEL SERIALIZABLE; {LEVEL} COMMIT",
        }
    )
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    assert query("SELECT level FROM seen") == [("read committed",), ("serializable",)]


def test_set_transaction_is_refused_with_atomic(cli, write):
    write(**{"001_t": TABLE, "002_a": f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {LEVEL}"})
    result = cli("migrate", "--atomic")
    assert (result.exit_code, "002_a.sql" in result.err, "--atomic" in result.err) == (2, True, True)


def test_a_dump_of_a_newer_pg_dump_runs(cli, write, admin):
    settings = "SET statement_timeout = 0;\nSET transaction_timeout = 0;\n"
    write(**{"001_d": f"{settings}CREATE TABLE t (id int);\nSELECT 1 FROM t;"})
    result = cli("migrate")
    assert result.exit_code == 0, result.err
    write(**{"002_d": "SET transaction_timeout = 1000;\nSELECT 1;"})
    assert cli("migrate").exit_code == (0 if admin.info.server_version >= 170000 else 1)


def test_a_dry_run_says_it_too(cli, write):
    files = {
        "001_a": f"{TABLE} SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;",
        "002_b": f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {LEVEL}",
        "003_c": "SET TRANSACTION READ ONLY; SELECT 1;",
    }
    write(**files)
    script = cli("migrate", "--dry-run")
    assert script.exit_code == 0, script.err
    assert script.out.count("BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE;") == 1
    assert script.out.count("SET TRANSACTION ISOLATION") == 1  # what comes too late
    assert script.out.count("SET TRANSACTION READ ONLY;") == script.out.count("RELEASE SAVEPOINT") == 1


def test_a_dry_run_leaves_out_the_settings_that_the_server_may_not_know(cli, write, admin):
    write(**{"001_d": "SET transaction_timeout = 0;\nSELECT 1;"})
    assert "transaction_timeout" not in cli("migrate", "--dry-run").out  # there is no database to ask yet
    write(**{"001_d": "SELECT 1;", "002_d": "SET transaction_timeout = 0;\nSELECT 1;"})
    assert cli("migrate", "--to", "1").exit_code == 0
    assert ("transaction_timeout" in cli("migrate", "--dry-run").out) == (admin.info.server_version >= 170000)


def test_a_pooler_runs_them_too(write, pooled, query, empty_db):
    write(**{
        "001_t": TABLE,
        "002_a": f"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {LEVEL}",
        "003_b": "SET TRANSACTION READ ONLY; SELECT 1;",
    })  # fmt: skip
    directory = write(**{"004_c": LEVEL})
    migrate(pooled, read_migrations(directory), UpgradeTarget(), lambda _event: None)
    assert query("SELECT * FROM seen") == [("serializable", "off"), ("read committed", "off")]
    assert empty_db.execute("SELECT count(*) FROM schema_migrations").fetchone() == (4,)
