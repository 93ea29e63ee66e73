"""What is wrong in the files: seen by the commands that would use them, in one report."""

import json

import pytest

WRONG = {"002_b": "COMMIT;\nSELECT 1;\n\\q", "003_c": "VACUUM;"}
GONE = b"\xff"


def test_migrate_and_status_check_report_the_same_faults(cli, write):
    write(**{"001_a": "CREATE TABLE t (id int);", **WRONG})
    refused, checked = cli("migrate"), cli("status", "--check")
    assert (refused.exit_code, checked.exit_code, cli("status").exit_code) == (2, 2, 0)
    assert "3 faults in 2 files" in refused.err
    assert refused.err[refused.err.index("error:") :] == checked.err[checked.err.index("error:") :]
    assert "3 pending" in checked.out  # the table is shown, too
    document = json.loads(cli("status", "--check", "--json").out)
    assert ([f["line"] for f in document["error"]["faults"]], len(document["migrations"])) == ([1, 3, 1], 3)
    assert json.loads(cli("status", "--json").out)["summary"] == {"applied": 0, "pending": 3, "problems": 0}


def test_each_fault_is_an_annotation(cli, write, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write(**WRONG)
    assert cli("migrate").err.count("::error ") == 3


@pytest.mark.parametrize(
    "down", [GONE, b"-- fowergram: nonsense\nDROP TABLE t;", b"\\i other.sql", b"DROP TABLE t; COMMIT;"]
)
def test_a_fault_in_the_down_file_of_an_applied_migration_stops_its_rollback_alone(cli, write, directory, query, down):
    write(**{"001_a": "CREATE TABLE t (id int);", "001_a.down": "DROP TABLE t;"})
    assert cli("migrate").exit_code == 0
    (directory / "001_a.down.sql").write_bytes(down)
    write(**{"002_b": "CREATE TABLE u (id int);", "002_b.down": "DROP TABLE u;"})
    assert cli("migrate").exit_code == 0
    assert cli("status", "--check").exit_code == 0
    assert cli("rollback").exit_code == 0
    refused = cli("rollback")
    assert (refused.exit_code, "001_a.down.sql:1" in refused.err) == (2, True)
    assert query("SELECT to_regclass('t')::text, to_regclass('u')::text") == [("t", None)]


@pytest.mark.parametrize("down", [GONE, b"\\i other.sql", b"DROP TABLE t; COMMIT;"])
def test_a_fault_in_a_down_file_does_not_stop_adopt(cli, write, directory, empty_db, down):
    write(**{"001_a": "CREATE TABLE t (id int);"})
    (directory / "001_a.down.sql").write_bytes(down)
    empty_db.execute("CREATE TABLE t (id int)")
    result = cli("adopt", "--to", "1")
    assert result.exit_code == 0, result.err
    assert cli("rollback").exit_code == 2


@pytest.mark.parametrize("down", [GONE, b"\\i other.sql"])
def test_a_pending_migration_is_not_applied_with_a_down_file_that_is_wrong(cli, write, directory, down):
    write(**{"001_a": "CREATE TABLE t (id int);"})
    (directory / "001_a.down.sql").write_bytes(down)
    assert cli("migrate").exit_code == 2


@pytest.mark.parametrize("down", ["-- to be written\n;", "\\restrict k\n\\unrestrict k\n", "BEGIN;\nCOMMIT;"])
def test_a_migration_whose_down_file_holds_no_statement_cannot_be_rolled_back(cli, write, down):
    write(**{"001_a": "CREATE TABLE t (id int);", "001_a.down": down})
    assert cli("migrate").exit_code == 0
    assert json.loads(cli("status", "--json").out)["migrations"][0]["reversible"] is False
    refused = cli("rollback")
    assert (refused.exit_code, "without a down script that contains a statement" in refused.err) == (2, True)
    write(**{"001_a.down": "DROP TABLE t;"})
    assert json.loads(cli("status", "--json").out)["migrations"][0]["reversible"] is True
    assert cli("rollback").exit_code == 0


def test_an_empty_script_that_an_earlier_release_has_recorded_undoes_nothing(cli, write, query):
    write(**{"001_a": "CREATE TABLE t (id int);"})
    assert cli("migrate").exit_code == 0
    query("UPDATE schema_migrations SET down_sql = '-- nothing'")
    assert cli("rollback").exit_code == 2
    assert query("SELECT count(*) FROM schema_migrations") == [(1,)]


def test_a_file_without_a_statement_is_applied_with_a_warning(cli, write, query):
    write(**{"001_a": "-- to come\n;", "002_b": "SELECT 1;", "003_c": "", "004_d": "\\restrict k\n\\unrestrict k\n"})
    result = cli("migrate")
    assert (result.exit_code, result.err.count("contains no statement")) == (0, 3)
    assert "001_a.sql contains no statement" in result.err
    assert query("SELECT count(*) FROM schema_migrations") == [(4,)]


def test_folders_that_are_not_read_are_named(cli, write, directory):
    write(**{"001_a": "SELECT 1;"})
    (directory / "old").mkdir()
    (directory / "old/002_b.sql").write_text("SELECT 2;")
    assert f"{directory}/old also contains migrations" in cli("migrate").err


@pytest.mark.parametrize("text", ["'x';", "5;", '"a" b;'])
@pytest.mark.parametrize("header", ["", "-- fowergram: no-transaction\n"])
def test_a_script_that_begins_with_no_word_is_a_syntax_error(cli, write, header, text):
    write(**{"001_a": f"{header}{text}"})
    result = cli("migrate", "--json")
    assert (result.exit_code, result.document["error"]["sqlstate"]) == (1, "42601")
