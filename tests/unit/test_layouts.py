"""Other tools' directories: each is read as its own tool would, and what cannot be is refused with its place."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fowergram_db.errors import ConfigurationError, FileFault
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.files.directory import MigrationFile, read_migrations
from fowergram_db.migrations.files.new import write_migration
from fowergram_db.migrations.files.sections import split_sections
from fowergram_db.migrations.files.sql_file import Gap, SqlFile

MARKS = {
    "goose": ("-- +goose Up", "-- +goose Down"),
    "dbmate": ("-- migrate:up", "-- migrate:down"),
    "sql-migrate": ("-- +migrate Up", "-- +migrate Down"),
}
every_marked = pytest.mark.parametrize(("up", "down"), MARKS.values(), ids=MARKS)
NODE = ("-- Up Migration", "-- Down Migration")
BELOW = "---- create above / drop below ----"


@pytest.fixture
def read(put):
    return lambda files: read_migrations(put(files))


@pytest.fixture
def one(read):
    """Read a directory of one file and return its migration."""

    def read_one(text: str | bytes, name: str = "001_a.sql") -> MigrationFile:
        (migration,) = read({name: text})
        return migration

    return read_one


@pytest.fixture
def fault(read):
    def read_wrongly(files: dict[str, str | bytes]) -> FileFault:
        with pytest.raises(FileFault) as caught:
            read(files)
        assert caught.value.hint
        assert caught.value.location
        return caught.value

    return read_wrongly


def at(error: FileFault) -> tuple[int | None, int | None]:
    return error.location.line, error.location.column


def blank(text: str) -> str:
    return "".join(character if character == "\n" else " " for character in text)


@every_marked
def test_each_section_keeps_its_places_and_the_comments_at_the_top(one, up, down):
    head, does, undoes = "-- ตาราง\n\n", f"{up}\nCREATE TABLE ก ();\n\n", f"{down}\nDROP TABLE ก;\n"
    migration = one(head + does + undoes)
    assert migration.up.text == (head + does).rstrip()
    assert migration.down.text == (head + blank(does) + undoes).rstrip()
    assert migration.up.path == migration.down.path
    assert migration.checksum == hashlib.sha256((head + does + undoes).encode()).hexdigest()


@every_marked
def test_an_edit_in_either_section_changes_the_checksum(one, up, down):
    texts = (f"{up}\nSELECT {i};\n{down}\nSELECT {j};" for i, j in ((1, 1), (1, 2), (2, 1)))
    assert len({one(text).checksum for text in texts}) == 3


@every_marked
@pytest.mark.parametrize("rest", ["", "\n", "\n\n-- nothing to undo\n", "\n/* no /*\n way */ -- x"])
def test_a_down_section_without_sql_is_none(one, up, down, rest):
    assert not one(f"{up}\nSELECT 1;\n{down}{rest}").reversible


UNDOES_NOTHING = [
    "",
    "-- to be written\n/* later */ ;;\n",
    "\\restrict AbC123\n-- a dump of nothing\n\\unrestrict AbC123\n",
    "\\set ON_ERROR_STOP on\n\\echo nothing to undo\n",
    "BEGIN;\n\n-- XXX Add DDLs here.\n\nCOMMIT;\n",
    "begin transaction isolation level serializable;\nend;",
    "\\restrict k\nSTART TRANSACTION; /* none */ ROLLBACK;\n\\unrestrict k",
    "\ufeff;\r\n",
]
IN_EACH_LAYOUT = [
    {"1_a.sql": "SELECT 1;", "1_a.down.sql": "{}"},
    {"1_a.up.sql": "SELECT 1;", "1_a.down.sql": "{}"},
    {"1_a/up.sql": "SELECT 1;", "1_a/down.sql": "{}"},
    {"1_a/migration.sql": "SELECT 1;", "1_a/down.sql": "{}"},
    {"V1__a.sql": "SELECT 1;", "U1__a.sql": "{}"},
    {"sqitch.plan": "a\n", "deploy/a.sql": "SELECT 1;", "revert/a.sql": "{}"},
]


@pytest.mark.parametrize("text", UNDOES_NOTHING)
@pytest.mark.parametrize("files", IN_EACH_LAYOUT, ids=lambda files: next(iter(files)))
def test_a_down_script_without_a_statement_undoes_nothing_in_any_layout(read, files, text):
    (migration,) = read({name: content.replace("{}", text) for name, content in files.items()})
    assert (migration.reversible, migration.down_fault) == (False, None)


@pytest.mark.parametrize("text", UNDOES_NOTHING[:-1])
@pytest.mark.parametrize(("up", "down"), [*MARKS.values(), NODE, ("", BELOW)])
def test_a_section_that_holds_no_statement_undoes_nothing(one, up, down, text):
    assert not one(f"{up}\nSELECT 1;\n{down}\n{text}").reversible


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "BEGIN; SELECT 1; COMMIT;",
        "\\restrict k\nSET a.b = 1;",
        "COMMIT;",
        "\\i other.sql",
        "\\set x 1 \\\\ SELECT 1;",
        "BEGIN; \\i other.sql\nCOMMIT;",
        "\\! dropdb x",
        "x",
        "-- x\n'",
    ],
)
def test_a_down_file_with_any_statement_or_command_makes_the_migration_reversible(read, text):
    assert read({"1_a.sql": "SELECT 1;", "1_a.down.sql": text})[0].reversible


def test_data_left_out_of_a_large_file_stays_with_its_section():
    text = "-- +goose Up\nCOPY a FROM stdin;\n\\.\n-- +goose Down\nCOPY b FROM stdin;\n\\.\nSELECT 1;"
    first, second = (index for index in range(len(text)) if text.startswith("\\.", index))
    gaps = (Gap(first, 32, 90, 3), Gap(second, 120, 160, 2))
    sections = split_sections(SqlFile(Path("1_a.sql"), text, Directives(), gaps))
    assert sections.up.gaps == gaps[:1]
    assert sections.down.gaps == (replace(gaps[1], at=second + 3),)
    assert sections.down.text.index("COPY b") == text.index("COPY b") + 3
    assert sections.down.text.count("\n") == text.count("\n") + 3


@pytest.mark.parametrize("up", [up for up, _ in MARKS.values()])
def test_a_file_without_a_down_section_cannot_be_undone(one, up):
    assert not one(f"{up}\nSELECT 1;\n").reversible


@every_marked
def test_an_empty_up_section_is_one_that_does_nothing(one, up, down):
    migration = one(f"{up}\n{down}\nSELECT 1;")
    assert (migration.up.text, migration.reversible) == (up, True)


@every_marked
def test_crlf_and_a_bom_are_read_over(one, up, down):
    text = f"{up}\nSELECT 1;\n{down}\nSELECT 2;\n"
    windows = one(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert windows == one(text)


@every_marked
def test_our_directives_work_in_the_comments_at_the_top_and_below_a_marker(one, up, down):
    text = "-- fowergram: lock-timeout=1s\n{}\nSELECT 1;\n{}\n-- fowergram: statement-timeout=2s\nSELECT 2;"
    migration = one(text.format(up, down))
    assert (migration.up.directives.lock_timeout_ms, migration.up.directives.statement_timeout_ms) == (1000, None)
    assert (migration.down.directives.lock_timeout_ms, migration.down.directives.statement_timeout_ms) == (1000, 2000)


@every_marked
def test_irreversible_and_a_down_section_contradict_each_other(fault, up, down):
    error = fault({"1_a.sql": f"-- fowergram: irreversible: x\n{up}\n{down}\nSELECT 1;"})
    assert "second section" in error.message


@every_marked
@pytest.mark.parametrize(
    ("text", "where", "word"),
    [
        ("{up}\n{up}\n", (2, 1), "second time"),
        ("{up}\n{down}\nSELECT 1;\n{down}", (4, 1), "second time"),
        ("{down}\n{up}\n", (1, 1), "above"),
        ("{down}\n", (1, 1), "above"),
        ("-- x\n/* x */ SELECT 1;\n{up}", (2, 9), "there is SQL above"),
        ("{up}\nSELECT 1;\n  {down}\nSELECT 2;", (3, 1), "indented"),
        ("{up} nonsense\n", (1, 1), "is not an annotation"),
        ("{up}\nSELECT $$\n{up}\n$$;", (3, 1), "second time"),
    ],
)
def test_wrong_markers_are_refused_with_their_place(fault, up, down, text, where, word):
    error = fault({"001_a.sql": text.format(up=up, down=down)})
    assert word in error.message
    assert at(error) == where


@pytest.mark.parametrize(
    "line",
    ["-- +goose Upp", "-- +goose", "-- +goose Down now", "-- +migrate Sideways", "-- +migrate", "-- +migrate up",
     "-- migrate:sideways"],
)  # fmt: skip
def test_an_unknown_annotation_is_refused_with_its_place(fault, line):
    first = MARKS["dbmate" if "migrate:" in line else "goose" if "goose" in line else "sql-migrate"][0]
    error = fault({"001_a.sql": f"{first}\nSELECT 1;\n{line}\n"})
    assert (line in error.message, at(error)) == (True, (3, 1))


def test_gooses_other_annotations_are_understood_in_any_case(one):
    text = (
        "-- +goose up\n-- +goose StatementBegin\nDO $$BEGIN END$$;\n-- +goose STATEMENTEND\n-- +goose DOWN\nSELECT 1;"
    )
    assert one(text).reversible


def test_gooses_variables_are_refused_with_their_place(fault):
    error = fault({"001_a.sql": "-- +goose Up\n-- +goose ENVSUB ON\nSELECT '$HOME';\n-- +goose ENVSUB OFF\n"})
    assert at(error) == (2, 1)


@pytest.mark.parametrize(
    ("text", "up", "down"),
    [
        ("-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;", False, False),
        ("-- +goose Up\n-- +goose no transaction\nSELECT 1;\n-- +goose Down\nSELECT 1;", False, False),
        ("-- migrate:up transaction:false\nSELECT 1;\n-- migrate:down\nSELECT 1;", False, True),
        ("-- migrate:up transaction:true\nSELECT 1;\n-- migrate:down transaction:false\nSELECT 1;", True, False),
        ("-- +migrate Up notransaction\nSELECT 1;\n-- +migrate Down\nSELECT 1;", False, True),
        ("-- +migrate Up\nSELECT 1;\n-- +migrate Down notransaction\nSELECT 1;", True, False),
    ],
)
def test_sections_say_whether_they_run_in_a_transaction(one, text, up, down):
    migration = one(text)
    assert migration.up.directives.transactional is up
    assert migration.down.directives.transactional is down


def test_a_comment_that_speaks_of_migrating_makes_no_section(one):
    text = "-- migrate:users to the new table\n-- we use +goose no more\n-- see migrate:up\nSELECT '\n -- migrate: up';"
    assert one(text).up.text == text


@pytest.mark.parametrize(
    ("up", "down"), [NODE, ("--up migration", "--DOWN   MIGRATION "), ("  ---- Up Migration", "\t-- down migration")]
)
def test_node_pg_migrates_sections_may_be_in_either_order(one, up, down):
    migration = one(f"-- x\n{up}\nSELECT 1;\n{down}\nSELECT 2;\n")
    assert migration.up.text == f"-- x\n{up}\nSELECT 1;"
    assert migration.down.text == f"-- x\n{blank(up)}\n         \n{down}\nSELECT 2;"
    migration = one(f"-- x\n{down}\nSELECT 2;\n{up}\nSELECT 1;\n")
    assert migration.up.text == f"-- x\n{blank(down)}\n         \n{up}\nSELECT 1;"
    assert migration.down.text == f"-- x\n{down}\nSELECT 2;"


def test_node_pg_migrates_file_says_in_its_first_line_that_it_runs_without_a_transaction(one):
    text = "-- no transaction\n-- Up Migration\nSELECT 1;\n-- Down Migration\nSELECT 2;"
    migration = one(text)
    assert (migration.up.directives.transactional, migration.down.directives.transactional) == (False, False)


def test_terns_marker_separates_the_up_section_from_the_down_section(one):
    migration = one(f"SELECT 1;\n{BELOW}\nSELECT 2;\n")
    assert migration.up.text == "SELECT 1;"
    assert migration.down.text == f"         \n{BELOW}\nSELECT 2;"
    assert not one(f"SELECT 1;\n{BELOW}\n-- nothing\n").reversible


def test_tern_says_for_each_section_that_it_runs_without_a_transaction(one):
    outside = "---- tern: disable-tx ----"
    migration = one(f"{outside}\nSELECT 1;\n{BELOW}\nSELECT 2;")
    assert (migration.up.directives.transactional, migration.down.directives.transactional) == (False, True)
    migration = one(f"SELECT 1;\n{BELOW}\n{outside}\nSELECT 2;")
    assert (migration.up.directives.transactional, migration.down.directives.transactional) == (True, False)
    migration = one(f"{outside}\nSELECT 1;")
    assert (migration.up.directives.transactional, migration.reversible) == (False, False)


def test_terns_templates_are_refused_with_their_place(fault):
    assert at(fault({"001_a.sql": f"SELECT 1;\nSELECT '{{{{.prefix}}}}';\n{BELOW}\n"})) == (2, 9)


@pytest.mark.parametrize(
    ("text", "where", "word"),
    [
        ("-- Down Migration\nSELECT 1;", (1, 1), "without an up section"),
        ("-- Up Migration\n-- Up Migration\n", (2, 1), "second time"),
        ("SELECT 1;\n-- Up Migration\n-- Down Migration\n", (1, 1), "there is SQL above"),
        (f"SELECT 1;\n{BELOW}\nSELECT 2;\n{BELOW}\n", (4, 1), "second time"),
        (f"-- +goose Up\nSELECT 1;\n{BELOW}\nSELECT 2;", (3, 1), "is a marker of tern in a file of goose"),
    ],
)
def test_sections_whose_direction_is_unclear_are_refused(fault, text, where, word):
    error = fault({"001_a.sql": text})
    assert word in error.message
    assert at(error) == where


def test_files_without_a_marker_are_up_files_as_in_their_tools(read):
    for marked in ("-- Up Migration\nSELECT 1;\n-- Down Migration\nSELECT 2;", f"SELECT 1;\n{BELOW}\nSELECT 2;"):
        plain, other, last = read({"1_a.sql": "SELECT 0;", "2_b.sql": marked, "3_c.sql": "SELECT 3;"})
        assert (plain.reversible, other.reversible, last.reversible) == (False, True, False)


def test_a_marker_in_an_up_or_a_down_file_is_a_comment(read):
    (migration,) = read({"1_a.up.sql": "-- Up Migration\nSELECT 1;", "1_a.down.sql": "-- Down Migration\nSELECT 2;"})
    assert migration.down.text == "-- Down Migration\nSELECT 2;"


def test_a_node_pg_migrate_marker_next_to_gooses_is_a_comment(one):
    assert one("-- +goose Up\n-- Up Migration\nSELECT 1;\n-- +goose Down\nSELECT 2;").reversible


def test_sqlx_turns_the_transaction_off_in_the_first_line(read):
    first, second, third = read(
        {
            "1_a.sql": "-- no-transaction\nSELECT 1;",
            "2_b.up.sql": "SELECT 1;\n-- no-transaction",
            "2_b.down.sql": "-- no-transaction\nSELECT 1;",
            "3_c.sql": "-- no-transactions here",
        }
    )
    assert not first.up.directives.transactional
    assert second.up.directives.transactional
    assert not second.down.directives.transactional
    assert third.up.directives.transactional


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"1_a.sql": "SELECT 1;"}, {"2_b.sql": "-- +goose Up"}),
        ({"1_a.sql": "-- +goose Up"}, {"2_b.sql": ""}),
        ({"1_a.sql": "-- +goose Up"}, {"2_b.sql": "-- migrate:up"}),
        ({"1_a.sql": "-- Up Migration"}, {"2_b.sql": "-- migrate:up"}),
        ({"1_a.sql": "-- Up Migration"}, {"2_b.sql": "---- create above / drop below ----"}),
        ({"1_a.sql": "-- +goose Up"}, {"1_a.down.sql": "SELECT 1;"}),
        ({"1_a.sql": "-- +goose Up"}, {"2_b.down.sql": "-- +goose Up"}),
        ({"1_a.sql": ""}, {"V2__b.sql": ""}),
        ({"1_a.sql": ""}, {"2_b/up.sql": ""}),
        ({"1_a.sql": ""}, {"sqitch.plan": "a"}),
        ({"V1__a.sql": ""}, {"2_b/up.sql": ""}),
        ({"V1__a.sql": ""}, {"sqitch.plan": ""}),
        ({"1_a/up.sql": ""}, {"sqitch.plan": ""}),
    ],
)
def test_two_layouts_in_one_directory_are_refused_by_name(fault, first, second):
    message = fault(first | second).message
    assert "two different tools" in message
    for names in (first, second):
        assert next(iter(names)).split("/")[0] in message


def test_two_tools_in_one_file_are_refused(fault):
    error = fault({"1_a.sql": "-- +goose Up\nSELECT 1;\n-- migrate:down\nSELECT 2;"})
    assert at(error) == (3, 1)


def test_migrations_in_go_are_refused_and_other_go_files_left_alone(read, fault):
    beside = ("fs.go", "00002_b_test.go", "2_b.test.ts", "2_b.spec.js", "2_b.d.ts", "2_b.md", "2_b.sql.bak", "index.js")
    assert len(read(dict.fromkeys(("1_a.sql", *beside), ""))) == 1
    assert "00002_b.go" in fault({"00002_b.go": ""}).message


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("1589353644506_b.js", "JavaScript"),
        ("1589353644506_b-c.mjs", "JavaScript"),
        ("1589353644506_b.TS", "TypeScript"),
        ("20240101-b.cts", "TypeScript"),
        ("V2__b.java", "Java"),
        ("V2_1__b.kt", "Kotlin"),
        ("002_b.py", "Python"),
        ("20240101000000_b.exs", "Elixir"),
        ("2024_01_01_000000_b.php", "PHP"),
        ("002_b.sh", "a shell's language"),
    ],
)
def test_a_migration_in_another_language_is_an_error(fault, name, language):
    found = fault({"1_a.sql": "SELECT 1;", name: ""})
    assert found.message == f"{name} is a migration in {language}, which fowergram-db cannot run"


def test_flyways_files_are_read_with_their_undo_and_from_folders_below(read):
    first, second, tenth = read(
        {
            "V1__first_table.sql": "SELECT 1;",
            "U1__another_name.sql": "SELECT -1;",
            "V010__ตาราง.sql": "",
            "2024/V2.0__b.sql": "SELECT 2;",
            "V1__first_table.sql.bak": "",
        }
    )
    assert [(m.version, m.name, m.filename) for m in (first, second, tenth)] == [
        (1, "first_table", "V1__first_table.sql"),
        (2, "b", "2024/V2.0__b.sql"),
        (10, "ตาราง", "V010__ตาราง.sql"),
    ]
    assert first.down.text == "SELECT -1;"
    assert not second.reversible


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("R__view.sql", "repeatable"),
        ("B2__base.sql", "baseline"),
        ("V1.0__x.sql", "two files"),
        ("U7__x.sql", "no migration"),
        ("beforeMigrate.sql", "not the name"),
        ("V3_x.sql", "not the name"),
        ("Base.sql", "not the name"),
        ("2024/R__view.sql", "repeatable"),
    ],
)
def test_features_that_only_flyway_has_are_refused(fault, name, word):
    error = fault({"V1__a.sql": "", name: ""})
    assert word in error.message
    assert Path(name).name in error.message


def test_flyways_placeholders_are_refused_with_their_place(fault, read):
    files = {"V1__a.sql": "SELECT 1;\nSELECT '${ชื่อ}';"}
    error = fault(files)
    assert ("${ชื่อ}" in error.message, at(error)) == (True, (2, 9))
    assert read(files | {"V1__a.sql.conf": "placeholderReplacement=false"})


def test_flyways_script_configuration_turns_the_transaction_off(read):
    conf = "# on its own\r\n\r\nexecuteInTransaction = FALSE\r\nencoding=UTF-8\r\n"
    (migration,) = read({"V1__a.sql": "", "V1__a.sql.conf": conf, "U1__a.sql": "SELECT 1;"})
    assert not migration.up.directives.transactional
    assert migration.down.directives.transactional


@pytest.mark.parametrize("line", ["shouldExecute=false", "executeInTransaction=maybe", "encoding=TIS-620", "nonsense"])
def test_a_setting_of_flyway_that_is_not_supported_is_refused_with_its_place(fault, line):
    error = fault({"V1__a.sql": "", "V1__a.sql.conf": f"# x\n{line}\n"})
    assert (line in error.message, at(error)) == (True, (2, 1))


def test_diesels_folders_are_read_and_its_own_first_one_has_version_0(read):
    files = read(
        {
            "00000000000000_diesel_initial_setup/up.sql": "SELECT 0;",
            "00000000000000_diesel_initial_setup/down.sql": "SELECT 0;",
            "2024-01-02-120000_add_users/up.sql": "SELECT 1;",
            "2024-01-02-120000_add_users/metadata.toml": "run_in_transaction = false",
            "2024-01-02-120000_add_users/down.sql": "SELECT 1;",
            "20250102120000_more/up.sql": "",
            "20250102120000_more/metadata.toml": "# nothing",
            "2024_notes/README.md": "",
            ".keep": "",
        }
    )
    assert [(m.version, m.name, m.filename, m.reversible) for m in files] == [
        (0, "diesel_initial_setup", "00000000000000_diesel_initial_setup/up.sql", True),
        (20240102120000, "add_users", "2024-01-02-120000_add_users/up.sql", True),
        (20250102120000, "more", "20250102120000_more/up.sql", False),
    ]
    assert [m.up.directives.transactional for m in files] == [True, False, True]
    assert not files[1].down.directives.transactional


def test_faults_in_diesels_folders_are_refused(fault):
    assert "two files have version 10: 1-0_a and 10_b" in fault({"1-0_a/up.sql": "", "10_b/up.sql": ""}).message


@pytest.mark.parametrize(
    "files",
    [
        {"1_a/down.sql": ""},
        {"1_a/up.sql": "", "1_a/metadata.toml": "run_in_transaction ="},
        {"1_a/up.sql": "", "1_a/metadata.toml": 'run_in_transaction = "no"'},
    ],
)
def test_a_broken_folder_of_diesel_is_refused(fault, files):
    fault(files)


PLAN = """\
%syntax-version=1.0.0
%project=flipr
# a comment

users 2024-01-01T00:00:00Z A <a@x> # The # first.
@v1.0 2024-01-02T00:00:00Z A <a@x> # Tag
+app/posts [users] 2024-01-03T00:00:00Z A <a@x>
"""


def test_sqitchs_changes_are_read_in_the_order_of_the_plan(read):
    deploy = "-- Deploy flipr:users to pg\n-- fowergram: lock-timeout=1s\n\nBEGIN;\n\nSELECT 1;\n\nCOMMIT;\n-- ok\n"
    first, second = read(
        {
            "sqitch.plan": PLAN,
            "deploy/users.sql": deploy,
            "revert/users.sql": "begin\twork;\nSELECT -1;\n commit;",
            "verify/users.sql": "nonsense",
            "deploy/users@v1.0.sql": "nonsense",
            "deploy/app/posts.sql": "SELECT 2;",
            "seed.sql": "nonsense",
        }
    )
    assert [(m.version, m.name, m.filename) for m in (first, second)] == [
        (1, "users", "deploy/users.sql"),
        (2, "app/posts", "deploy/app/posts.sql"),
    ]
    assert first.up.text == deploy.replace("BEGIN;", " " * 6).replace("COMMIT;", " " * 7)
    assert first.checksum == hashlib.sha256(deploy.encode()).hexdigest()
    assert first.up.directives.lock_timeout_ms == 1000
    assert first.down.text.split() == ["SELECT", "-1;"]
    assert not second.reversible


@pytest.mark.parametrize(
    ("plan", "word"),
    [("a\nb\na [a@v1] 2024\n", "second time"), ("a\nb\n-a\n", "not a change"), ("a\nb\n../x\n", "not a change")],
)
def test_what_a_plan_cannot_have_is_refused_with_its_place(fault, plan, word):
    error = fault({"sqitch.plan": plan, "deploy/a.sql": "", "deploy/b.sql": ""})
    assert (word in error.message, at(error)) == (True, (3, 1))


def test_a_planned_change_without_its_script_is_refused(fault):
    assert "a.sql" in fault({"sqitch.plan": "a\n"}).message


def test_a_plan_without_changes_is_no_migrations(read):
    with pytest.raises(ConfigurationError, match="no migrations"):
        read({"sqitch.plan": "%project=x\n"})


@every_marked
def test_new_writes_one_file_with_both_markers(put, up, down):
    directory = put({"20240101000000_a.sql": f"{up}\n{down}\nSELECT 1;"})
    (path,) = write_migration(directory, "Add b", now=datetime(2026, 12, 1, 16, 5, 9, tzinfo=UTC))
    assert path.name == "20261201160509_add_b.sql"
    assert path.read_text() == f"-- 20261201160509: Add b\n\n{up}\n\n{down}\n"
    assert len(read_migrations(directory)) == 2


@pytest.mark.parametrize(
    "files", [{"V1__a.sql": ""}, {"1_a/up.sql": ""}, {"sqitch.plan": "a\n", "deploy/a.sql": ""}, {"1_a.go": ""}]
)
def test_new_adds_nothing_that_would_not_fit(put, files):
    directory = put(files)
    before = sorted(directory.rglob("*"))
    with pytest.raises((ConfigurationError, FileFault)):
        write_migration(directory, "b")
    assert sorted(directory.rglob("*")) == before


def test_a_folder_of_diesel_without_its_files_is_an_error(fault):
    error = fault({"1_a/up.sql": "SELECT 1;", "2024-01-01-000000_b/README.md": ""})
    assert error.message == "2024-01-01-000000_b has no up.sql"
