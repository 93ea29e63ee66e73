"""Which directories hold the migrations, and whether they are those of a database."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fowergram_db.cli.main import run
from fowergram_db.database.sql import shipped_migrations
from fowergram_db.errors import ConfigurationError, FileFault
from fowergram_db.migrations.files.choice import choose_directories, read_chosen, split_paths, unused_directories
from fowergram_db.migrations.files.directives import Directives
from fowergram_db.migrations.files.directory import MigrationFile
from fowergram_db.migrations.files.sql_file import SqlFile
from fowergram_db.migrations.history import AppliedMigration, History, RecordedState
from fowergram_db.migrations.same_directory import has_lost_its_file, is_other_directory

pytestmark = pytest.mark.usefixtures("tmp_path")  # the working directory


def write(directory: str, *names: str) -> str:
    Path(directory).mkdir(parents=True, exist_ok=True)
    for name in names:
        (Path(directory) / name).write_text(f"SELECT '{directory}/{name}'")
    return directory


@pytest.mark.parametrize(
    ("levels", "shown", "is_named"),
    [
        (((), {}, {}), "packaged", False),
        (((), {"MIGRATIONS_DIR": ""}, {"MIGRATIONS_DIR": ""}), "packaged", False),
        (((), {}, {"MIGRATIONS_DIR": "./c"}), "./c", True),
        (((), {"MIGRATIONS_DIR": "b"}, {"MIGRATIONS_DIR": "./c"}), "b", True),
        ((("a",), {"MIGRATIONS_DIR": "b"}, {"MIGRATIONS_DIR": "./c"}), "a", True),
        ((("a", "../b"), {}, {}), "a:../b", True),
        (((), {"MIGRATIONS_DIR": "a:b:/c"}, {}), "a:b:/c", True),
        (((), {}, {"MIGRATIONS_DIR": "a:packaged:"}), "a:packaged", True),
        (((), {"MIGRATIONS_DIR": "packaged:"}, {"MIGRATIONS_DIR": "./c"}), "packaged", True),
        ((("packaged:", "a"), {}, {}), "packaged:a", True),
        ((("packaged",), {}, {}), "packaged", True),
        ((("a:b",), {}, {}), "a:b", True),
        ((("postgresql://me:sesame@host/db",), {}, {}), "…", True),
        (((), {"MIGRATIONS_DIR": "postgresql://me:sesame@host/db"}, {}), "…", True),
        (((), {"MIGRATIONS_DIR": "me:sesame@host"}, {}), "…", True),
    ],
)  # fmt: skip
def test_the_highest_level_names_the_directories(levels, shown, is_named):
    choice = choose_directories(*levels)
    assert (str(choice), choice.is_named) == (shown, is_named)


def test_the_packaged_migrations_have_a_name_and_a_directory_may_be_called_so():
    assert choose_directories(("packaged:",), {}, {}).paths == (shipped_migrations(),)
    assert choose_directories(("packaged",), {}, {}).paths == (Path("packaged"),)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", "a"), ("a:b", "a b"), ("packaged:", "packaged:"), ("packaged::a", "packaged: a"),
        ("a:packaged:", "a packaged:"),
        ("a:packaged::b", "a packaged: b"), ("packaged:a", "packaged a"), ("/a b:c", "/a_b c"),
    ],
)  # fmt: skip
def test_paths_are_split_at_each_colon_but_for_that_of_packaged(text, names):
    assert [name.replace(" ", "_") for name in split_paths(text)] == names.split()


@pytest.mark.parametrize("text", [":a", "a:", "a::b", " ", "a: ", ":"])
def test_an_empty_path_is_an_error_as_a_variable_that_is_not_set_leaves_one(text):
    for levels in (((), {"MIGRATIONS_DIR": text}, {}), ((), {}, {"MIGRATIONS_DIR": text})):
        with pytest.raises(ConfigurationError, match="empty path"):
            choose_directories(*levels)
    with pytest.raises(ConfigurationError, match="empty path"):
        choose_directories(("a", ""), {}, {})


@pytest.mark.parametrize(
    "names", [("a", "a"), ("a", "./a/"), ("a", "b/../a"), ("packaged:", str(shipped_migrations()))]
)
def test_a_directory_that_is_named_twice_is_an_error(names):
    write("a", "001_a.sql")
    write("b", "002_b.sql")
    with pytest.raises(ConfigurationError, match="twice"):
        choose_directories(names, {}, {})


def test_several_directories_are_read_as_one_in_order_of_version():
    choice = choose_directories((write("b", "002_b.sql", "010_d.sql"), write("a", "001_a.sql", "003_c.sql")), {}, {})
    assert [migration.name for migration in read_chosen(choice)] == ["a", "b", "c", "d"]


def test_a_version_in_two_directories_is_an_error_that_names_both():
    choice = choose_directories((write("a", "001_a.sql"), write("b", "0001_b.sql")), {}, {})
    with pytest.raises(FileFault, match=r"a/001_a\.sql and b/0001_b\.sql"):
        read_chosen(choice)


@pytest.mark.parametrize("names", [("a", "nowhere"), ("a", "empty")])
def test_each_of_several_directories_must_hold_migrations(names):
    write("a", "001_a.sql")
    Path("empty").mkdir()
    with pytest.raises(ConfigurationError):
        read_chosen(choose_directories(names, {}, {}))


@pytest.mark.parametrize(
    ("directory", "name", "is_one"),
    [
        ("migrations", "001_a.sql", True), ("db/migrations", "001_a.sql", True), ("migrations", "V1__a.SQL", True),
        ("migrations/2024_a", "up.sql", True), ("migrations/2024_a", "migration.sql", True),
        ("migrations", "sqitch.plan", True),
        ("migrations", "README.md", False), ("migrations/a", "0001_initial.py", False), ("sql", "001_a.sql", False),
    ],
)  # fmt: skip
def test_migrations_in_the_usual_places_are_named_where_nothing_says_which_to_use(directory, name, is_one):
    write(directory, name)
    usual = "./db/migrations" if directory.startswith("db") else "./migrations"
    assert unused_directories(choose_directories((), {}, {})) == ((usual,) if is_one else ())
    for named in ("packaged:", directory, "elsewhere"):
        assert unused_directories(choose_directories((named,), {}, {})) == ()


def test_a_command_that_takes_files_says_so_in_a_line(capsys):
    write("migrations", "001_a.sql")
    write("db/migrations", "001_a.sql")
    assert run(["status", "--database-url", "postgresql://localhost:1/x", "--json"]) == 1
    shown = capsys.readouterr()
    assert [line.partition(" ")[0] for line in shown.err.splitlines() if "not used" in line] == [
        "./migrations",
        "./db/migrations",
    ]
    assert json.loads(shown.out)["migrations_dir"] == "packaged"
    assert run(["status", "--database-url", "postgresql://localhost:1/x", "--migrations-dir", "packaged:"]) == 1
    assert "not used" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["status"], "packaged"), (["analyze"], "packaged"), (["protect"], "packaged"),
        (["testdb", "list"], "packaged"),
        (["migrate", "--migrations-dir", "./a"], "./a"),
        (["reset", "--migrations-dir", "a", "--migrations-dir", "b"], "a:b"),
        (["migrate", "--migrations-dir", "nowhere"], "nowhere"), (["nonsense"], None),
        (["migrate", "--migrations-dir="], None),
        (["new", "x", "--migrations-dir", "c"], "c"),
    ],
)  # fmt: skip
def test_every_document_names_the_directories(capsys, monkeypatch, arguments, shown):
    write("a", "001_a.sql")
    write("b", "002_b.sql")
    monkeypatch.setenv("DATABASE_URL", "postgresql://localhost:1/x")
    run([*arguments, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["migrations_dir"] == shown
    assert list(document)[:6] == ["format", "command", "ok", "target", "migrations_dir", "error"]


def test_new_writes_into_the_directory_that_the_env_file_names_and_into_one_of_several(tmp_path, capsys):
    (tmp_path / ".env").write_text("MIGRATIONS_DIR=./a\n")
    assert run(["new", "first"]) == 0
    assert Path("a/001_first.sql").exists()
    (tmp_path / ".env").write_text("MIGRATIONS_DIR=./a:./b\n")
    assert run(["new", "second"]) == 2
    assert "several" in capsys.readouterr().err
    assert run(["new", "second", "--migrations-dir", "a"]) == 0
    assert Path("a/002_second.sql").exists()


def file(version: int, name: str, text: str) -> MigrationFile:
    up = SqlFile(Path(f"/m/{version:03}_{name}.sql"), text, Directives())
    return MigrationFile(version, name, up.checksum, up)


def history(*rows: tuple[int, str, str]) -> History:
    return History(
        tuple(
            AppliedMigration(
                version, name, f"{version:03}_{name}.sql", file(version, name, text).checksum, RecordedState.APPLIED,
                datetime(2026, 1, 1, tzinfo=UTC), 1.0, 1, reversible=False,
            )
            for version, name, text in rows
        ),
        exists=True,
    )  # fmt: skip


SHOP = ((1, "users", "a"), (2, "orders", "b"), (3, "items", "c"), (4, "prices", "d"))
BLOG = ((1, "posts", "e"), (2, "tags", "f"), (3, "authors", "g"))


@pytest.mark.parametrize(
    ("files", "recorded", "is_other"),
    [
        pytest.param(SHOP, SHOP, False, id="the same"),
        pytest.param(SHOP, (), False, id="nothing recorded"),
        pytest.param(SHOP, SHOP[:2], False, id="some pending"),
        pytest.param(SHOP[:1], SHOP, False, id="an old checkout"),
        pytest.param(SHOP, BLOG, True, id="another project"),
        pytest.param(SHOP, BLOG[:1], True, id="another project, one applied"),
        pytest.param(SHOP[:1], BLOG, True, id="another project with one file"),
        pytest.param(
            SHOP, tuple((v + 20240101000000, n, t) for v, n, t in BLOG), True, id="another project, other versions"
        ),
        pytest.param(SHOP, tuple((v + 10, n, t) for v, n, t in SHOP), False, id="renumbered"),
        pytest.param(
            (SHOP[0], (2, "new", "n"), (3, "orders", "b"), (4, "items", "c")), SHOP[:3], False, id="one put between"
        ),
        pytest.param(SHOP, tuple((v, n, f"{t} edited") for v, n, t in SHOP), False, id="all edited"),
        pytest.param(SHOP, tuple((v, f"{n}_new", t) for v, n, t in SHOP), False, id="all renamed"),
        pytest.param(SHOP, ((1, "people", "a"), *SHOP[1:]), False, id="one renamed"),
        pytest.param(SHOP, ((1, "people", "x"), *SHOP[1:]), False, id="one renamed and edited"),
        pytest.param(SHOP[:1], ((1, "users", "x"),), False, id="the only one edited"),
        pytest.param(SHOP[:1], ((1, "people", "x"),), True, id="the only one renamed and edited"),
        pytest.param(SHOP, ((1, "people", "x"), (2, "sales", "y"), (3, "goods", "z"), SHOP[3]), True, id="nearly all"),
        pytest.param(
            SHOP, tuple((v, n.upper().replace("_", "-"), "x") for v, n, _ in SHOP), False, id="other letters, edited"
        ),
        pytest.param(
            ((1, "init", "a"), (2, "orders", "b")),
            ((1, "init", "x"), (2, "tags", "y")),
            True,
            id="both begin with init",
        ),
        pytest.param(
            ((1, "ext", "a"), (2, "orders", "b"), SHOP[2]), ((1, "ext", "a"), *BLOG[1:]), True, id="the same first file"
        ),
        pytest.param(((1, "", "a"), (2, "", "b")), ((1, "", "x"), (2, "", "y")), True, id="names that say nothing"),
        pytest.param((*SHOP, *((v + 10, n, t) for v, n, t in BLOG)), SHOP, False, id="a directory more"),
        pytest.param(SHOP, (*SHOP, *((v + 10, n, t) for v, n, t in BLOG)), False, id="a directory less"),
    ],
)
def test_the_wrong_directory_is_distinguished_from_changed_files(files, recorded, is_other):
    assert is_other_directory([file(*one) for one in files], history(*recorded)) == is_other


def test_checksums_of_other_tools_count_too():
    up = SqlFile(Path("/m/001_users.sql"), "a", Directives(), raw_checksum="of the bytes")
    (row,) = history((1, "people", "x")).applied
    recorded = History((replace(row, checksum="of the bytes"),), exists=True)
    assert not is_other_directory([MigrationFile(1, "users", up.checksum, up)], recorded)


def test_directories_of_two_tools_are_one_order_also_where_their_versions_are_texts():
    choice = choose_directories(
        (write("a", "V1.2__b.sql", "V1.10__c.sql"), write("b", "0001_a.sql", "0002_d.sql")), {}, {}
    )
    assert [migration.name for migration in read_chosen(choice)] == ["a", "b", "c", "d"]
    write("c", "V2__e.sql")
    with pytest.raises(FileFault, match="version 2"):
        read_chosen(choose_directories(("b", "c"), {}, {}))


@pytest.mark.parametrize(
    ("files", "recorded", "is_gone"),
    [
        (SHOP[1:], SHOP[:1], True),
        (SHOP, SHOP[:1], False),
        (SHOP[2:], SHOP[:2], False),
        (BLOG, SHOP[:1], False),
        (SHOP, (), False),
    ],
)
def test_one_migration_whose_file_is_gone_can_be_undone(files, recorded, is_gone):
    assert has_lost_its_file([file(*one) for one in files], history(*recorded)) == is_gone
