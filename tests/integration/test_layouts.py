"""Other tools' directories, end to end: up, down and up again, and errors with the place in the real file."""

import pytest

# For each layout: the first migration (with its undo), and one that fails in its up part, with the place of the fault.
TABLE, DROP = "CREATE TABLE ก (\n    id bigint\n);", "DROP TABLE ก;"
WRONG = "SELECT 1;\n\n  SELECT ผิด;"
LAYOUTS = {
    "own": (
        {"001_a.sql": TABLE, "001_a.down.sql": DROP},
        {"002_b.sql": WRONG},
        ("002_b.sql", 3, 10),
    ),
    "golang-migrate": (
        {"000001_a.up.sql": TABLE, "000001_a.down.sql": DROP},
        {"000002_b.up.sql": WRONG},
        ("000002_b.up.sql", 3, 10),
    ),
    "goose": (
        {
            "20240101000000_a.sql": "-- +goose Up\n-- +goose StatementBegin\n"
            f"{TABLE}\n-- +goose StatementEnd\n\n-- +goose Down\n{DROP}\n"
        },
        {"20240101000001_b.sql": f"-- head\n-- +goose Up\n{WRONG}\n-- +goose Down\nSELECT 1;\n"},
        ("20240101000001_b.sql", 5, 10),
    ),
    "dbmate": (
        {"20240101000000_a.sql": f"-- migrate:up\n{TABLE}\n\n-- migrate:down\n{DROP}\n"},
        {"20240101000001_b.sql": f"-- migrate:up\n{WRONG}\n-- migrate:down\nSELECT 1;\n"},
        ("20240101000001_b.sql", 4, 10),
    ),
    "sql-migrate": (
        {"1_a.sql": f"-- +migrate Up\n{TABLE}\n\n-- +migrate Down\n{DROP}\n"},
        {"2_b.sql": f"\n-- +migrate Up\n{WRONG}\n-- +migrate Down\nSELECT 1;\n"},
        ("2_b.sql", 5, 10),
    ),
    "Flyway": (
        {"V1__a.sql": TABLE, "U1__a.sql": DROP},
        {"later/V2__b.sql": WRONG},
        ("later/V2__b.sql", 3, 10),
    ),
    "diesel": (
        {"00000000000000_diesel_initial_setup/up.sql": TABLE, "00000000000000_diesel_initial_setup/down.sql": DROP},
        {"2024-01-01-120000_b/up.sql": WRONG},
        ("2024-01-01-120000_b/up.sql", 3, 10),
    ),
    "sqlx": (
        {"20240101000000_a.up.sql": TABLE, "20240101000000_a.down.sql": DROP},
        {"20240101000001_b.up.sql": WRONG},
        ("20240101000001_b.up.sql", 3, 10),
    ),
    "sqitch": (
        {
            "sqitch.plan": "%project=x\n\napp/a 2024-01-01T00:00:00Z A <a@x>\n",
            "deploy/app/a.sql": f"-- Deploy\nBEGIN;\n{TABLE}\nCOMMIT;\n",
            "revert/app/a.sql": f"-- Revert\nBEGIN;\n{DROP}\nCOMMIT;\n",
        },
        {
            "sqitch.plan": "%project=x\n\napp/a 2024-01-01T00:00:00Z A <a@x>\nother/a 2024-01-01T00:00:00Z A <a@x>\n",
            "deploy/other/a.sql": f"-- Deploy\nBEGIN;\n{WRONG}\nCOMMIT;\n",
        },
        ("deploy/other/a.sql", 5, 10),
    ),
}


@pytest.fixture
def lay(directory):
    """Write files by their path below the migrations directory."""

    def write(files):
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    return write


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_migrated_undone_and_migrated_again(cli, lay, tables, layout):
    first, _, _ = LAYOUTS[layout]
    lay(first)
    for command, left, state in (
        (("migrate",), ["ก"], "applied"),
        (("rollback", "--to", "0"), [], "pending"),
        (("migrate",), ["ก"], "applied"),
    ):
        assert cli(*command).exit_code == 0
        assert tables() == left
        shown = cli("status", "--json")
        assert [row["state"] for row in shown.document["migrations"]] == [state]
        assert shown.document["migrations"][0]["reversible"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_error_in_a_layout_has_the_place_in_the_real_file(cli, lay, directory, tables, layout):
    first, second, (file, line, column) = LAYOUTS[layout]
    lay(first | second)
    result = cli("migrate", "--json")
    error = result.document["error"]
    assert result.exit_code == 1
    assert (error["file"], error["line"], error["column"]) == (str(directory / file), line, column)
    assert "  SELECT ผิด;" in cli("migrate").err
    assert tables() == ["ก"]


@pytest.mark.parametrize("layout", ["goose", "dbmate", "sql-migrate"])
def test_the_recorded_section_undoes_a_migration_whose_file_is_gone(cli, lay, directory, tables, layout):
    first, _, _ = LAYOUTS[layout]
    lay(first)
    assert cli("migrate").exit_code == 0
    (name,) = first
    (directory / name).write_text(first[name].split(DROP)[0] + "SELECT 1;", encoding="utf-8")
    assert cli("status").out.count("changed") == 1
    assert cli("rollback").exit_code == 0
    assert tables() == []


def test_the_down_script_that_repair_records_undoes_a_migration_without_a_transaction(cli, lay, directory, tables):
    text = (
        "-- migrate:up transaction:false\nCREATE TABLE a (id int);\n"
        "-- migrate:down transaction:false\nVACUUM a;\nDROP TABLE a;\n"
    )
    lay({"1_a.sql": text, "2_b.sql": "-- migrate:up\nSELECT 1;\n"})
    assert cli("migrate", "--to", "1").exit_code == 0
    lay({"1_a.sql": text.replace("id int", "id bigint")})
    assert cli("repair").exit_code == 0
    (directory / "1_a.sql").unlink()
    result = cli("rollback")
    assert (result.exit_code, tables()) == (0, []), result.err


def test_two_changes_with_one_file_name_are_two_migrations(cli, lay, tables):
    lay({"1_a/up.sql": "CREATE TABLE a ();", "2_b/up.sql": "CREATE TABLE b ();"})
    assert cli("migrate").exit_code == 0
    assert tables() == ["a", "b"]
    assert [row["file"] for row in cli("status", "--json").document["migrations"]] == ["1_a/up.sql", "2_b/up.sql"]
