"""All faults of all files are in one report, each with its place and what to do."""

import json
from pathlib import Path

import pytest

from fowergram_db.cli.failures import error_data, error_lines
from fowergram_db.errors import FileFault, FileFaults, Location, Refused
from fowergram_db.migrations.engine.checks import check_all
from fowergram_db.migrations.files.choice import DirectoryChoice, read_chosen, unread_folders
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.history import AppliedMigration, History, RecordedState
from fowergram_db.migrations.migration_states import migration_states
from fowergram_db.migrations.plan import plan_down, plan_up

GONE = b"\xff"
NAMED = "-- fowergram: nonsense"


def faults(directory: Path) -> list[str]:
    """Read and check a directory; return where something is wrong."""
    with pytest.raises(FileFault) as caught:
        check_all(plan_up(read_migrations(directory), History()))
    places = [fault.location for fault in caught.value.faults]
    assert all(fault.hint for fault in caught.value.faults)
    assert caught.value.location == places[0]
    return [str(Location(str(Path(p.file).relative_to(directory)), p.line, p.column)) for p in places]


@pytest.mark.parametrize(
    ("files", "places"),
    [
        ({"1_a.sql": "COMMIT;\n\\set x\nVACUUM;", "2_b.sql": "SELECT 1;", "3_c.sql": "SELECT 1; BEGIN"},
         ["1_a.sql:1:1", "1_a.sql:2:1", "1_a.sql:3:1", "3_c.sql:1:11"]),
        ({"1_a.sql": GONE, "2_b.sql": "a\0", "3_c.sql": NAMED, "x.sql": "", "4_d.sql": "COMMIT"},
         ["1_a.sql:1:1", "2_b.sql:1:2", "3_c.sql:1:1", "x.sql", "4_d.sql:1:1"]),
        ({"1_a.sql": "", "1_b.sql": "", "2_a.down.sql": "", "3_a.sql": "", "3_b.down.sql": "", "4_x.go": ""},
         ["4_x.go", "1_b.sql", "2_a.down.sql", "3_b.down.sql"]),
        ({"1_a.sql": GONE, "1_a.down.sql": "", "2_b.sql": NAMED, "2_b.down.sql": ""}, ["1_a.sql:1:1", "2_b.sql:1:1"]),
        ({"1_a.sql": "SELECT 1", "1_a.down.sql": "COMMIT", "2_b.sql": "COMMIT", "2_b.down.sql": "x\n\\q"},
         ["1_a.down.sql:1:1", "2_b.sql:1:1", "2_b.down.sql:2:1"]),
        ({"1_a.sql": "SELECT 1", "1_a.down.sql": GONE, "2_b.sql": "SELECT 1", "2_b.down.sql": NAMED},
         ["1_a.down.sql:1:1", "2_b.down.sql:1:1"]),
        ({"1_a.sql": "-- +goose Up\n-- +goose Up", "2_b.sql": "SELECT 1;\n-- +goose Up", "3_c.sql": "-- +goose Nix"},
         ["1_a.sql:2:1", "2_b.sql:1:1", "3_c.sql:1:1"]),
        ({"1_a/up.sql": GONE, "2_b/up.sql": "COMMIT", "3_c/down.sql": "", "3_c/up.sql": NAMED},
         ["1_a/up.sql:1:1", "3_c/up.sql:1:1", "2_b/up.sql:1:1"]),
        ({"1_a/up.sql": "SELECT 1", "1_a/down.sql": GONE, "2_b/up.sql": "COMMIT"},
         ["1_a/down.sql:1:1", "2_b/up.sql:1:1"]),
        ({"1_a/migration.sql": GONE, "2_b/migration.sql": NAMED}, ["1_a/migration.sql:1:1", "2_b/migration.sql:1:1"]),
        ({"V1__a.sql": GONE, "R__x.sql": "", "U2__b.sql": "", "V3__c.sql": "${x}"},
         ["R__x.sql", "U2__b.sql", "V1__a.sql:1:1", "V3__c.sql:1:1"]),
        ({"V1__a.sql": "SELECT 1", "U1__a.sql": "${x}"}, ["U1__a.sql:1:1"]),
        ({"sqitch.plan": "a\na\nb\n", "deploy/a.sql": GONE, "deploy/b.sql": "SELECT :'x';", "revert/b.sql": ""},
         ["sqitch.plan:2:1", "deploy/a.sql:1:1", "deploy/b.sql:1:8"]),
        ({"1_a.sql": "-- fowergram: irreversible: x", "1_a.down.sql": "SELECT 1", "2_b.sql": "", "2_c.sql": ""},
         ["2_c.sql", "1_a.sql"]),
    ],
)  # fmt: skip
def test_all_faults_of_all_files_are_in_one_report(put, files, places):
    assert faults(put(files)) == places


OPEN, CUT, MARK = "SELECT 1;\nSELECT 'x", "COPY t FROM stdin;\n1\n", "SELECT 1;\n-- Down\nSELECT 2;"
WHOLE = "SELECT 1;"


@pytest.mark.parametrize(
    ("files", "places"),
    [
        ({"1_a.sql": WHOLE, "1_b.sql": OPEN, "2_c.sql": "COMMIT;", "x.sql": MARK, "3_d.sql": CUT},
         {"1_b.sql", "1_b.sql:2:8", "2_c.sql:1:1", "x.sql", "x.sql:2:1", "3_d.sql:1:1"}),
        ({"1_a.sql": MARK, "2_b.down.sql": "DROP TABLE b;\nCOMMIT;", "3_c.py": "", "4_d.citus.sql": "\\q"},
         {"1_a.sql:2:1", "2_b.down.sql", "2_b.down.sql:2:1", "3_c.py", "4_d.citus.sql", "4_d.citus.sql:1:1"}),
        ({"1_a.sql": f"{NAMED}\n-- fowergram: lock-timeout=x\n{OPEN}", "2_b.sql": f"{NAMED}\nVACUUM;\nROLLBACK;"},
         {"1_a.sql:1:1", "1_a.sql:2:1", "1_a.sql:4:8", "2_b.sql:1:1", "2_b.sql:3:1"}),
        ({"1_a.sql": WHOLE, "1_a.down.sql": f"{NAMED}\nDROP TABLE a;\nEND;", "2_b.sql": WHOLE, "2_c.sql": WHOLE},
         {"1_a.down.sql:1:1", "1_a.down.sql:3:1", "2_c.sql"}),
        ({"1_a.sql": WHOLE, "1_a.down.sql": "BEGIN;COMMIT;", "2_b.sql": WHOLE, "2_b.down.sql": OPEN, "2_c.sql": CUT},
         {"2_b.down.sql:2:8", "2_c.sql", "2_c.sql:1:1"}),
        ({"1_a.sql": "-- +goose Up\nSELECT 1;\n-- +goose Down\nCOMMIT;", "2_b.sql": OPEN, "3_c.sql": "\\i x"},
         {"1_a.sql:4:1", "2_b.sql", "2_b.sql:2:8", "3_c.sql", "3_c.sql:1:1"}),
        ({"1_a.sql": "-- +goose Upp\nCOMMIT;\n  -- +goose Down\n-- +goose Nix", "2_b.sql": f"-- +goose Up\n{CUT}"},
         {"1_a.sql:1:1", "1_a.sql:2:1", "1_a.sql:3:1", "1_a.sql:4:1", "2_b.sql:2:1"}),
        ({"1_a.sql": "-- migrate:up\n-- +goose Down\nCOMMIT;", "2_b.sql": "-- migrate:up\n\\x\n-- migrate:down\nEND"},
         {"1_a.sql:2:1", "1_a.sql:3:1", "2_b.sql:2:1", "2_b.sql:4:1"}),
        ({"1_a.sql": OPEN, "V2__b.sql": CUT, "3_c/up.sql": WHOLE}, {"1_a.sql:2:8", "V2__b.sql", "V2__b.sql:1:1"}),
        ({"1_a.up.sql": "BEGIN; SELECT 1; COMMIT;", "1_a.down.sql": "BEGIN; DROP TABLE a; COMMIT;", "2.sql": OPEN,
          "3_c.down.sql": "BEGIN; SELECT 1; COMMIT; \\q"},
         {"2.sql", "2.sql:2:8", "3_c.down.sql", "3_c.down.sql:1:26"}),
        ({"V1__a.sql": OPEN, "V1.0__b.sql": "COMMIT;", "U3__c.sql": CUT, "R__d.sql": MARK, "B1__e.sql": "\\q"},
         {"V1__a.sql", "V1__a.sql:2:8", "V1.0__b.sql:1:1", "U3__c.sql", "U3__c.sql:1:1", "R__d.sql", "R__d.sql:2:1",
          "B1__e.sql", "B1__e.sql:1:1"}),
        ({"2024-01-01-000000_a/up.sql": OPEN, "2024-01-02-000000_b/down.sql": "COMMIT; SELECT 1;",
          "2024-01-03-000000_c/up.sql": f"{NAMED}\nCOMMIT;", "2024-01-03-000000_c/down.sql": CUT},
         {"2024-01-01-000000_a/up.sql:2:8", "2024-01-02-000000_b/up.sql", "2024-01-02-000000_b/down.sql:1:1",
          "2024-01-03-000000_c/up.sql:1:1", "2024-01-03-000000_c/up.sql:2:1", "2024-01-03-000000_c/down.sql:1:1"}),
        ({"20240101000000_a/migration.sql": OPEN, "20240102000000_b/migration.sql": f"{NAMED}\n{CUT}",
          "20240103000000_c/migration.sql": MARK},
         {"20240101000000_a/migration.sql:2:8", "20240102000000_b/migration.sql:1:1",
          "20240102000000_b/migration.sql:2:1", "20240103000000_c/migration.sql:2:1"}),
        ({"sqitch.plan": "a\na\nb\nc\n", "deploy/a.sql": "BEGIN; SELECT 1; COMMIT;", "deploy/b.sql": OPEN,
          "deploy/c.sql": f"{NAMED}\n{MARK}\nROLLBACK;", "revert/a.sql": f"{NAMED}\n{CUT}"},
         {"sqitch.plan:2:1", "deploy/b.sql:2:8", "deploy/c.sql:1:1", "deploy/c.sql:5:1", "revert/a.sql:1:1",
          "revert/a.sql:2:1"}),
        ({"meta/_journal.json": '{"entries": [{"tag": "0_a"}, {"tag": "1_b"}, {"tag": "2_c"}]}', "0_a.sql": OPEN,
          "1_b.sql": f"{NAMED}\nCOMMIT;", "9_x.sql": "COMMIT;"},
         {"0_a.sql:2:8", "1_b.sql:1:1", "1_b.sql:2:1", "2_c.sql"}),
        ({"1_a.sql": "DROP TABLE schema_migrations;", "1_b.sql": "DELETE FROM public.schema_migrations;"},
         {"1_a.sql:1:1", "1_b.sql", "1_b.sql:1:1"}),
        ({"1_a.sql": "COPY t TO stdout;", "a.sql": "COPY t FROM stdin; SELECT 1;\n\\.\n"},
         {"1_a.sql:1:1", "a.sql", "a.sql:1:20"}),
        ({"1_a.sql": "SELECT 1;\n-- fowergram: no-transaction\n", "01_b.sql": "/* open"},
         {"1_a.sql", "1_a.sql:2:1", "01_b.sql:1:1"}),
        ({"1_a.sql": "-- fowergram: irreversible: x\nCOMMIT;", "1_a.down.sql": "DROP TABLE a;\n\\q"},
         {"1_a.sql", "1_a.sql:2:1", "1_a.down.sql:2:1"}),
        ({"1_a.sql": WHOLE, "1_b.down.sql": CUT, "2_b.sql": "-- +migrate Up\nSELECT 1;"},
         {"1_b.down.sql:1:1", "2_b.sql"}),
    ],
)  # fmt: skip
def test_faults_in_the_sql_are_in_the_same_report(put, files, places):
    found = faults(put(files))
    assert (sorted(found), len(found)) == (sorted(places), len(set(found)))


def test_a_rollback_of_several_reports_the_faults_of_all_their_down_files(put):
    texts = (GONE, "DROP TABLE b;", "DROP TABLE c;\nCOMMIT;", NAMED + "\nSELECT '")
    files = {f"{number}_a.down.sql": text for number, text in enumerate(texts)}
    migrations = read_migrations(put({**files, **{f"{number}_a.sql": WHOLE for number in range(4)}}))
    rows = [
        AppliedMigration(
            m.version, m.name, m.filename, m.checksum, RecordedState.APPLIED, None, 1.0, 1, reversible=True
        )
        for m in migrations
    ]
    with pytest.raises(FileFaults) as caught:
        plan_down(migrations, rows, {})
    assert [Path(fault.location.file).name[0] for fault in caught.value.faults] == ["0", "3", "3", "2"]


@pytest.mark.parametrize(
    "files",
    [
        {"sqitch.plan": "a\nb\n", "deploy/a.sql": "\\q\nBEGIN;SELECT 1;END;", "deploy/b.sql": "SELECT :'v';"},
        {"1_a.up.sql": "\\q\nBEGIN;SELECT 1;END;", "1_b.up.sql": "BEGIN;SELECT 1;END;"},
        {"0_a/migration.sql": "\\q\nBEGIN;SELECT 1;END;", "0_b/migration.sql": GONE},
    ],
)
def test_a_transaction_that_a_tool_leaves_to_the_file_is_no_fault(put, files):
    with pytest.raises(FileFaults) as caught:
        read_chosen(DirectoryChoice((str(put(files)),), is_named=True))
    assert len(caught.value.faults) == 2


def test_faults_in_the_sql_of_other_directories_are_in_the_same_report(put):
    directory = put({"a/1_a.sql": "COMMIT;", "b/2_b.sql": GONE, "c/1_c.sql": OPEN})
    with pytest.raises(FileFaults) as caught:
        read_chosen(DirectoryChoice(tuple(f"{directory}/{name}" for name in "abc"), is_named=True))
    names = [Path(fault.location.file).name for fault in caught.value.faults]
    assert sorted(names) == ["1_a.sql", "1_c.sql", "1_c.sql", "2_b.sql"]


def test_the_report_counts_the_faults_and_lists_each_one(put):
    directory = put({"1_a.sql": "COMMIT;\nROLLBACK;", "2_b.sql": "\\q"})
    with pytest.raises(FileFaults) as caught:
        check_all(plan_up(read_migrations(directory), History()))
    lines = [line for text, _ in error_lines(caught.value) for line in text.split("\n")]
    assert lines[0] == "error: 3 faults in 2 files; nothing was run"
    assert [line.partition(": ")[0] for line in lines[1:]] == [
        f"{directory}/1_a.sql:1:1",
        f"{directory}/1_a.sql:2:1",
        "  hint",
        f"{directory}/2_b.sql:1:1",
        "  hint",
    ]
    data = json.loads(json.dumps(error_data(caught.value)))
    assert (data["code"], data["file"], data["line"], data["column"]) == ("file_fault", f"{directory}/1_a.sql", 1, 1)
    assert [sorted(fault) for fault in data["faults"]] == [["column", "file", "hint", "line", "message"]] * 3


def test_one_fault_is_an_error_of_its_own(put):
    with pytest.raises(FileFault) as caught:
        read_migrations(put({"1_a.sql": GONE}))
    assert not isinstance(caught.value, FileFaults)
    assert len(error_data(caught.value)["faults"]) == 1
    assert "faults" not in error_data(Refused("x"))


def test_faults_of_several_directories_are_in_one_report(put):
    directory = put({"a/1_a.sql": GONE, "b/2_b.sql": GONE})
    with pytest.raises(FileFaults) as caught:
        read_chosen(DirectoryChoice((f"{directory}/a", f"{directory}/b"), is_named=True))
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize("down", [GONE, NAMED, "-- +goose Down", "SELECT 1;\n-- migrate:up"])
def test_a_down_file_that_cannot_be_read_stops_nothing_that_does_not_use_it(put, down):
    (migration,) = read_migrations(put({"1_a.sql": "SELECT 1;", "1_a.down.sql": down}))
    assert migration.down_fault
    assert migration_states([migration], History())[0].state == "pending"


def test_temporary_files_of_other_programs_are_ignored(put):
    files = {"1_a.sql": "", "._1_a.sql": GONE, ".1_a.sql.swp": GONE, ".#1_a.sql": "", "1_a.sql~": "", "#1_a.sql#": ""}
    assert [m.name for m in read_migrations(put({**files, ".DS_Store": GONE}))] == ["a"]


@pytest.mark.parametrize("name", ["._V1__a.sql", "deeper/._V2__b.sql"])
def test_temporary_files_below_flyways_directory_are_ignored_too(put, name):
    assert len(read_migrations(put({"V1__a.sql": "", name: GONE}))) == 1


def test_folders_that_are_not_read_are_named(put):
    directory = put({"1_a.sql": "", "old/0_x.sql": "", "notes/readme.md": "", ".git/1_a.sql": ""})
    choice = DirectoryChoice((str(directory),), is_named=True)
    assert unread_folders(choice, read_migrations(directory)) == (f"{directory}/old",)


@pytest.mark.parametrize(
    "files", [{"V1__a.sql": "", "more/V2__b.sql": ""}, {"1_a/up.sql": ""}, {"sqitch.plan": "1\n", "deploy/1.sql": ""}]
)
def test_folders_that_are_read_are_not_named(put, files):
    directory = put(files)
    assert unread_folders(DirectoryChoice((str(directory),), is_named=True), read_migrations(directory)) == ()


def test_a_directory_without_migrations_names_the_folders_that_have_some(put):
    with pytest.raises(Exception, match=r"no migrations in .*, but in .*/v1.* and .*/v2"):
        read_migrations(put({"v1/1_a.sql": "", "v2/V1__a.sql": "", "v3/readme.md": ""}))


@pytest.mark.parametrize(
    ("conf", "plan", "deploy"),
    [
        ("[core]\n\tengine = pg\n\ttop_dir = sql\n", "sql/sqitch.plan", "sql/deploy/a.sql"),
        ("[core]\n top_dir=sql\n plan_file = x.plan\n", "x.plan", "sql/deploy/a.sql"),
        ('[core]\n deploy_dir = "up"\n extension = ddl\n[user]\n name = x\n', "sqitch.plan", "up/a.ddl"),
        ("", "sqitch.plan", "deploy/a.sql"),
    ],
)
def test_sqitchs_own_settings_say_where_its_files_are(put, conf, plan, deploy):
    (migration,) = read_migrations(put({"sqitch.conf": conf, plan: "a\n", deploy: "SELECT 1;"}))
    assert migration.filename == deploy


@pytest.mark.parametrize("line", ["[core]\ntop_dir = /x", "[core]\ntop_dir = ../x", '[engine "pg"]\n deploy_dir = x'])
def test_settings_of_sqitch_that_are_not_supported_are_refused(put, line):
    assert faults(put({"sqitch.conf": line, "sqitch.plan": "a\n", "deploy/a.sql": ""})) == ["sqitch.conf:2:1"]


@pytest.mark.parametrize("text", ["SELECT ':''x''';", "SELECT 'a'::text, x::\"char\";", "-- :'x'\nSELECT 1;"])
def test_text_that_only_looks_like_a_psql_variable_is_unchanged(put, text):
    (migration,) = read_migrations(put({"sqitch.plan": "a\n", "deploy/a.sql": text}))
    assert migration.up.text == text


@pytest.mark.parametrize("text", ["\\set x 1\nSELECT 1;", "SELECT :'x';", 'SELECT * FROM :"t";', "SELECT ''||:'x'"])
def test_variables_of_psql_are_refused_by_name(put, text):
    assert len(faults(put({"sqitch.plan": "a\n", "deploy/a.sql": text}))) == 1
