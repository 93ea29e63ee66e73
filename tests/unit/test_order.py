"""The order of a directory is that of its tool, and its versions are numbers wherever these say the same order."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fowergram_db.errors import ConfigurationError, FileFault, UnknownVersion
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.files.new import write_migration
from fowergram_db.migrations.history import History
from fowergram_db.migrations.plan import plan_up
from fowergram_db.migrations.version import find_version

GOOSE, DBMATE, SQL_MIGRATE = "-- +goose Up\nSELECT 1;", "-- migrate:up\nSELECT 1;", "-- +migrate Up\nSELECT 1;"
JOURNAL = "meta/_journal.json"

NOW = datetime(2026, 12, 1, 16, 5, 9, tzinfo=UTC)


@pytest.fixture
def put(tmp_path):
    """Write files by their path below a directory, and return that."""

    def write(files: dict[str, str], below: str = "m") -> Path:
        for name, content in files.items():
            path = tmp_path / below / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return tmp_path / below

    return write


@pytest.fixture
def planned(put):
    """Return the versions, or the names, of what a directory of these files would run, in this order."""

    def plan(names: list[str] | dict[str, str], content: str = "SELECT 1;", below: str = "m") -> list[str | int]:
        files = names if isinstance(names, dict) else dict.fromkeys(names, content)
        steps = plan_up(read_migrations(put(files, below)), History())
        return [step.version if isinstance(step.version, int) else str(step.version) for step in steps]

    return plan


def journal(*tags: str, dialect: str = "postgresql") -> str:
    entries = [{"idx": number, "when": number, "tag": tag, "breakpoints": True} for number, tag in enumerate(tags)]
    return json.dumps({"version": "7", "dialect": dialect, "entries": entries})


@pytest.mark.parametrize(
    ("content", "names", "versions"),
    [
        ("SELECT 1;", ["000_init.sql", "1_a.sql", "010_b.sql", "2_c.sql"], [0, 1, 2, 10]),
        ("SELECT 1;", ["0001-name.sql", "20240101000000_name.sql"], [1, 20240101000000]),
        ("SELECT 1;", ["9_a.up.sql", "18446744073709551615_b.up.sql"], ["9", "18446744073709551615"]),
        ("SELECT 1;", ["99999999999999999999_a.sql", "100000000000000000000_b.sql", "000_c.sql"],
         ["0", "99999999999999999999", "100000000000000000000"]),
        (GOOSE, ["00000_a.sql", "00009_b.sql", "20240101000000_c.sql", "10_d.sql"], [0, 9, 10, 20240101000000]),
        (DBMATE, ["20240101000000-init.sql", "20240102000000_b.sql", "20240103000000.sql", "20240104000000x.sql"],
         [20240101000000, 20240102000000, 20240103000000, 20240104000000]),
        (DBMATE, ["10_b.sql", "9_a.sql", "0_c.sql"], ["0", "10", "9"]),
        (DBMATE, ["20240101_a.sql", "20240101000000_b.sql"], ["20240101000000", "20240101"]),
        (DBMATE, ["00000000000000000000_a.sql", "99999999999999999999_b.sql"],
         ["00000000000000000000", "99999999999999999999"]),
        (SQL_MIGRATE, ["1_a.sql", "10_b.sql", "2-c.sql", "0.sql"], [0, 1, 2, 10]),
        (SQL_MIGRATE, ["1_b.sql", "1_a.sql", "01_c.sql", "2_d.sql"], ["01_c", "1_a", "1_b", "2_d"]),
        (SQL_MIGRATE, ["1_a.sql", "1_a_b.sql"], ["1_a", "1_a_b"]),
        (SQL_MIGRATE, ["init.sql", "20_b.sql", "3_a.sql", "add.sql"], ["3_a", "20_b", "add", "init"]),
        ("", ["V1__a.sql", "V1.2__b.sql", "V2__c.sql", "V1_10_0__d.sql"], ["1", "1.2", "1.10.0", "2"]),
        ("", ["V1.0__a.sql", "V0__b.sql", "V010__c.sql"], [0, 1, 10]),
        ("", ["V2013.1.15.11.35.56__a.sql", "V2013.01.15__b.sql", "V20130115113556__c.sql"],
         ["2013.1.15", "2013.1.15.11.35.56", "20130115113556"]),
        ("", ["V99999999999999999999__a.sql", "V1.2.3.4.5.6.7.8.9__b.sql"],
         ["1.2.3.4.5.6.7.8.9", "99999999999999999999"]),
        ("", ["00000000000000_diesel_initial_setup/up.sql", "20240101000000_a/up.sql"], [0, 20240101000000]),
        ("", ["20240101120000_a/up.sql", "202306010000000000_b/up.sql", "2024-01-01-110000_c/up.sql"],
         ["202306010000000000", "20240101110000", "20240101120000"]),
        ("", ["1_a/up.sql", "10_b/up.sql", "2_c/up.sql"], ["1", "10", "2"]),
        ("", ["00000000000000000001_a/up.sql", "99999999999999999999_b/up.sql"],
         ["00000000000000000001", "99999999999999999999"]),
        ("", ["0_init/migration.sql", "20240101000000_b/migration.sql"], [0, 20240101000000]),
        ("", ["20240101000000_b/migration.sql", "20240101000000_a/migration.sql", "later/migration.sql"],
         ["20240101000000_a", "20240101000000_b", "later"]),
        ("", ["10_b/migration.sql", "9_a/migration.sql"], ["10_b", "9_a"]),
    ],
)  # fmt: skip
def test_a_directory_is_in_the_order_of_its_tool(planned, content, names, versions):
    assert planned(names, content) == versions


def test_supabase_puts_file_names_in_order(planned):
    names = ["20260522_a.sql", "20260522000001_b.sql", "0001-c.sql"]
    assert planned(names, below="supabase/migrations") == ["0001", "20260522000001", "20260522"]
    assert planned(names) == [1, 20260522, 20260522000001]


@pytest.mark.parametrize(
    ("tags", "versions"),
    [
        (["0000_a", "0001_b"], [0, 1]),
        (["0001_b", "0000_a"], ["0001_b", "0000_a"]),
        (["0000_a", "0001_b", "0001_c"], ["0000_a", "0001_b", "0001_c"]),
        (["20240101000000_a", "20240102000000_b"], [20240101000000, 20240102000000]),
        (["naked", "0001_b"], ["naked", "0001_b"]),
    ],
)
def test_drizzles_journal_says_the_order(planned, tags, versions):
    files = {f"{tag}.sql": "SELECT 1;" for tag in [*tags, "9999_not_in_the_journal", "seed"]}
    assert planned(files | {JOURNAL: journal(*tags), "meta/0000_snapshot.json": "{}"}) == versions


def test_drizzles_breaks_end_statements(put):
    text = (
        "CREATE TABLE a (\n\tid int\n);\n--> statement-breakpoint\nCREATE TABLE b ()\n--> statement-breakpoint\n"
        "CREATE TABLE c ();--> statement-breakpoint\nSELECT '--> statement-breakpoint';"
    )
    files = {"0000_a.sql": text, JOURNAL: journal("0000_a")}
    (migration,) = read_migrations(put(files))
    lines = migration.up.text.split("\n")
    assert lines[3] == lines[5] == ";-- statement-breakpoint"
    assert lines[6] == "CREATE TABLE c ();;-- statement-breakpoint"
    assert lines[7] == "SELECT '--> statement-breakpoint';"
    assert len(migration.up.text) == len(text)
    (folder,) = read_migrations(
        put({"20240101000000_a/migration.sql": text, "20240101000000_a/snapshot.json": ""}, "n")
    )
    assert (folder.up.text, folder.filename) == (migration.up.text, "20240101000000_a/migration.sql")
    assert folder.is_recorded_by(migration.checksum)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "is not a journal"),
        ("[]", "is not a journal"),
        ('{"entries": [{}]}', "is not a journal"),
        (journal("0000_a", dialect="mysql"), "mysql"),
        (journal("../x"), "no file name"),
        (journal("0000_a", "0000_a"), "twice"),
        (journal("0000_gone"), "0000_gone.sql"),
    ],
)
def test_a_journal_that_cannot_be_followed_is_refused(put, content, word):
    with pytest.raises(FileFault, match=word):
        read_migrations(put({"0000_a.sql": "", JOURNAL: content}))


def test_a_directory_of_prisma_is_one_for_postgresql(put):
    lock = '# comment\nprovider = "{}"\n'
    files = {"20240101000000_a/migration.sql": "SELECT 1;", "20240101000000_a/down.sql": "SELECT 2;"}
    (migration,) = read_migrations(put(files | {"migration_lock.toml": lock.format("postgresql")}))
    assert (migration.name, migration.reversible, migration.version) == ("a", True, 20240101000000)
    with pytest.raises(FileFault, match="mysql"):
        read_migrations(put({"migration_lock.toml": lock.format("mysql")}))


def test_a_folder_that_has_lost_its_file_is_refused(put):
    files = {"20240101000000_a/migration.sql": "SELECT 1;", "20240102000000_b/README.md": "", "notes/README.md": ""}
    with pytest.raises(FileFault, match="20240102000000_b has no"):
        read_migrations(put(files))


@pytest.mark.parametrize(
    ("names", "content"),
    [
        (["1_a.sql", "1_b.sql"], ""),
        (["1_a.sql", "01-b.sql"], ""),
        (["99999999999999999999_a.sql", "099999999999999999999_b.sql"], ""),
        (["1_a.sql", "1_b.sql"], GOOSE),
        (["1_a.sql", "1_b.sql"], DBMATE),
        (["V1__a.sql", "V1.0__b.sql"], ""),
        (["V1.2__a.sql", "x/V01_2_0__b.sql"], ""),
        (["2024-01_a/up.sql", "202401_b/up.sql"], ""),
    ],
)
def test_two_files_with_one_version_are_refused_where_the_tool_has_no_order_for_them(put, names, content):
    with pytest.raises(FileFault, match="two files have version"):
        read_migrations(put(dict.fromkeys(names, content)))


@pytest.mark.parametrize("name", ["structure.sql", "schema.sql"])
def test_the_dump_of_another_tool_is_refused_with_what_to_make_of_it(put, name):
    with pytest.raises(FileFault) as caught:
        read_migrations(put({name: "CREATE TABLE a ();"}))
    assert "001_schema.sql" in caught.value.hint
    assert "schema_migrations" in caught.value.hint


def test_migrations_in_ruby_are_refused(put):
    with pytest.raises(FileFault, match="in Ruby"):
        read_migrations(put({"20240101000000_create_a.rb": ""}))


@pytest.mark.parametrize(
    ("names", "wanted", "found"),
    [
        (["V1__a.sql", "V1.2__b.sql", "V1_10_0__c.sql"], "1.10", "1.10.0"),
        (["V1__a.sql", "V1.2__b.sql", "V1_10_0__c.sql"], "1_2", "1.2"),
        (["V1__a.sql", "V1.2__b.sql", "V1_10_0__c.sql"], "01.0", "1"),
        (["V1__a.sql", "V1.2__b.sql"], "1.3", None),
        (["2024-01-01-120000_a/up.sql", "2_b/up.sql"], "2024-01-01-120000", "20240101120000"),
        (["1_a.sql", "2_b.sql"], "002", "2"),
        (["0_a.sql", "2_b.sql"], "000", "0"),
        (["1_a.sql"], "-1", None),
        (["1_a.sql"], "", None),
        (["1_a.sql"], "1; DROP", None),
        (["99999999999999999999_a.sql"], "99999999999999999999", "99999999999999999999"),
    ],
)
def test_a_version_is_named_as_it_is_shown_or_as_the_file_writes_it(put, names, wanted, found):
    versions = [file.version for file in read_migrations(put(dict.fromkeys(names, "")))]
    version = find_version(wanted, versions)
    assert (version if version is None else str(version)) == found


def test_a_number_that_two_migrations_share_names_neither(put):
    files = read_migrations(put(dict.fromkeys(["1_a.sql", "1_b.sql", "2_c.sql"], SQL_MIGRATE)))
    versions = [file.version for file in files]
    with pytest.raises(UnknownVersion) as caught:
        find_version("1", versions)
    assert "1_a, 1_b" in caught.value.hint
    assert str(find_version("1_b", versions)) == "1_b"
    assert str(find_version("2", versions)) == "2_c"


@pytest.mark.parametrize(
    ("names", "content", "below", "written"),
    [
        (["000_init.sql"], "", "m", ["001_x.sql", "001_x.down.sql"]),
        (["0001-a.sql"], "", "m", ["0002-x.sql", "0002-x.down.sql"]),
        (["20240101000000-a.sql"], DBMATE, "m", ["20261201160509-x.sql"]),
        (["20991231235959-a.sql"], DBMATE, "m", ["20991231235960-x.sql"]),
        (["202401010000_a.sql"], "", "m", ["202612011605_x.sql", "202612011605_x.down.sql"]),
        (["20240101000060_a.sql"], "", "m", ["20261201160509_x.sql", "20261201160509_x.down.sql"]),
        (["00000000000012_a.sql"], "", "m", ["00000000000013_x.sql", "00000000000013_x.down.sql"]),
        (["20241301000000_a.sql"], "", "m", ["20241301000001_x.sql", "20241301000001_x.down.sql"]),
        (["1_a.sql", "1_b.sql"], SQL_MIGRATE, "m", ["002_x.sql"]),
        (["001_a.up.sql", "001_a.down.sql"], "", "m", ["002_x.up.sql", "002_x.down.sql"]),
        (["001_a.sql", "002_b.up.sql", "002_b.down.sql"], "", "m", ["003_x.up.sql", "003_x.down.sql"]),
        (["001_a.up.sql", "002_b.sql", "002_b.down.sql"], "", "m", ["003_x.sql", "003_x.down.sql"]),
        (["20240101000000_a.sql"], "", "supabase/migrations", ["20261201160509_x.sql"]),
        (["99999999999999999999_a.sql"], "", "m", ["100000000000000000000_x.sql", "100000000000000000000_x.down.sql"]),
    ],
)
def test_new_keeps_the_numbering_of_the_directory(put, names, content, below, written):
    directory = put(dict.fromkeys(names, content), below)
    assert [path.name for path in write_migration(directory, "x", now=NOW)] == written
    assert read_migrations(directory)[-1].up.path.name == written[0]


@pytest.mark.parametrize("names", [["9_a.sql"], ["20240101_a.sql", "20240101000000_b.sql", "99999999_c.sql"]])
def test_new_writes_no_file_that_the_tool_would_not_run_last(put, names):
    with pytest.raises(ConfigurationError):
        write_migration(put(dict.fromkeys(names, DBMATE)), "x")


def test_files_of_node_pg_migrate_with_one_number_are_sorted_as_it_compares_names(planned):
    names = ["001_ada", "001_Add-a", "001_b 9", "001_b10", "001_B10", "001_été", "001_f", "1_g", "002_a"]
    up_and_down = "-- Up Migration\nSELECT 1;\n-- Down Migration\nSELECT 1;"
    assert planned(dict.fromkeys([f"{name}.sql" for name in reversed(names)], up_and_down)) == names
