"""Transactions that files begin by themselves: left out where the tool begins none, and else refused at their place."""

from pathlib import Path

import pytest

from fowergram_db.errors import FileFault
from fowergram_db.migrations.engine.checks import check
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.history import History
from fowergram_db.migrations.plan import plan_up
from fowergram_db.migrations.script.modes import DEFAULT, Modes

GOLANG = ("1_a.up.sql", "{}")
SQITCH = ("deploy/a.sql", "{}")
GOOSE = ("1_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\n{}")
DBMATE = ("1_a.sql", "-- migrate:up transaction:false\n{}")
SQL_MIGRATE = ("1_a.sql", "-- +migrate Up notransaction\n{}")
DIESEL = ("1_a/up.sql", "{}")
PRISMA = ("1_a/migration.sql", "{}")
every_layout = pytest.mark.parametrize(
    "layout", [GOLANG, SQITCH, GOOSE, DBMATE, SQL_MIGRATE, DIESEL, PRISMA], ids=lambda layout: layout[0]
)


@pytest.fixture
def checked(tmp_path):
    """Write one migration, and check what would run."""

    def read(text: str, layout=GOLANG, **others: str):
        name, pattern = layout
        files = {name: pattern.format(text), **others}
        if layout == SQITCH:
            files["sqitch.plan"] = "a\n"
        if layout == DIESEL:
            files["1_a/metadata.toml"] = "run_in_transaction = false"
        for file, content in files.items():
            path = Path(tmp_path, file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        (step,) = plan_up(read_migrations(tmp_path), History())
        return check(step)

    return read


def statements(checked) -> list[str]:
    return [checked.script.text[s.start : s.end] for s in checked.script.statements]


@every_layout
@pytest.mark.parametrize(
    ("begin", "commit"),
    [
        ("BEGIN;", "COMMIT;"),
        ("begin work ;", "end"),
        ("BEGIN TRANSACTION;", "END TRANSACTION;"),
        ("-- why\nStart /* x */ Transaction -- y\n;", "commit work -- z\n;"),
        ("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE;", "COMMIT AND NO CHAIN;"),
        ("START TRANSACTION READ WRITE;", "COMMIT TRANSACTION"),
    ],
)
def test_a_transaction_around_a_file_is_left_out(checked, layout, begin, commit):
    found = checked(f"{begin}\nSELECT 1;\nSELECT 2;\n{commit}\n", layout)
    assert statements(found) == ["SELECT 1", "SELECT 2"]
    assert found.directives.transactional
    assert found.directives.modes == DEFAULT
    assert found.step.sql.position(found.script.statements[0].start)[0] > 1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT;", ["SELECT 1", "SELECT 2"]),
        ("BEGIN; SELECT 1; END; SELECT 2; BEGIN; COMMIT; SELECT 3", ["SELECT 1", "SELECT 2", "SELECT 3"]),
        ("SELECT 0; BEGIN; SET LOCAL a.b = 1; SELECT 1; COMMIT;", ["SELECT 0", "SET LOCAL a.b = 1", "SELECT 1"]),
        ("BEGIN; SAVEPOINT s; SELECT 1; ROLLBACK TO SAVEPOINT s; COMMIT;",
         ["SAVEPOINT s", "SELECT 1", "ROLLBACK TO SAVEPOINT s"]),
        ("BEGIN; SET a.b = 1; COMMIT; SELECT 1", ["SET a.b = 1", "SELECT 1"]),
        ("BEGIN; DO $$ BEGIN; COMMIT; END $$; COMMIT;", ["DO $$ BEGIN; COMMIT; END $$"]),
        ("'x'; BEGIN; (SELECT 1); \"y\"; COMMIT; 5", ["'x'", "(SELECT 1)", '"y"', "5"]),
        ("BEGIN; SELECT 'COMMIT;'; COMMIT;", ["SELECT 'COMMIT;'"]),
        ("DO $$ BEGIN PERFORM 1; END $$;", ["DO $$ BEGIN PERFORM 1; END $$"]),
        ("BEGIN; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; COMMIT;",
         ["CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END"]),
    ],
)  # fmt: skip
def test_several_transactions_of_a_file_become_one(checked, text, left):
    assert statements(checked(text)) == left


@every_layout
@pytest.mark.parametrize(
    ("text", "word", "column"),
    [
        ("BEGIN; SELECT 1;", "BEGIN", 1),
        ("SELECT 1; COMMIT;", "COMMIT", 11),
        ("BEGIN; SELECT 1; ROLLBACK;", "BEGIN", 1),
        ("SELECT 1; ABORT;", "ABORT", 11),
        ("BEGIN; SELECT 1; COMMIT AND CHAIN; SELECT 2; COMMIT;", "COMMIT", 18),
        ("BEGIN; BEGIN; SELECT 1; COMMIT;", "BEGIN", 8),
        ("BEGIN; SET LOCAL search_path = x; COMMIT; SELECT 1;", "COMMIT", 35),
        ("BEGIN; SELECT set_config('search_path', 'x', true); COMMIT; BEGIN; COMMIT;", "COMMIT", 53),
        ("BEGIN; SET CONSTRAINTS ALL DEFERRED; COMMIT; SELECT 1;", "COMMIT", 38),
        ("BEGIN; CREATE TEMP TABLE t (i int) ON COMMIT DROP; COMMIT; SELECT 1;", "COMMIT", 52),
        ("BEGIN; DECLARE c CURSOR FOR SELECT 1; COMMIT; SELECT 1;", "COMMIT", 39),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT; BEGIN; COMMIT;", "BEGIN", 1),
        ("BEGIN READ ONLY; SELECT 1; COMMIT; SELECT 2;", "BEGIN", 1),
        ("BEGIN; SELECT 1; PREPARE TRANSACTION 'x';", "BEGIN", 1),
        ("SELECT '\nBEGIN;\n'; COMMIT;", "COMMIT", 4),
    ],
)
def test_what_cannot_be_left_out_is_refused_at_its_place(checked, layout, text, word, column):
    with pytest.raises(FileFault) as caught:
        checked(text, layout)
    assert caught.value.faults[0].message.startswith(word)
    assert caught.value.location.column == column


@pytest.mark.parametrize(
    ("begin", "modes"),
    [
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", Modes("SERIALIZABLE")),
        ("start transaction isolation level repeatable read, read write", Modes("REPEATABLE READ")),
        ("BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE",
         Modes("SERIALIZABLE", read_only=True, deferrable=True)),
    ],
)  # fmt: skip
def test_the_transaction_of_the_migration_runs_as_that_of_the_file_would(checked, begin, modes):
    found = checked(f"{begin}; SELECT 1; COMMIT;")
    assert (found.directives.modes, statements(found)) == (modes, ["SELECT 1"])


@pytest.mark.parametrize(
    ("text", "modes"),
    [
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1;", Modes("SERIALIZABLE")),
        ("-- x\nset /* y */ transaction isolation level repeatable read, read only; SELECT 1;",
         Modes("REPEATABLE READ", read_only=True)),
        ("SET lock_timeout = 0; SET LOCAL TRANSACTION READ ONLY, NOT DEFERRABLE; SELECT 1;", Modes(read_only=True)),
        ("SET TRANSACTION READ ONLY; SET TRANSACTION READ WRITE; SELECT 1;", DEFAULT),
    ],
)  # fmt: skip
def test_a_file_sets_its_transaction_before_anything_else(checked, text, modes):
    found = checked(text, ("1_a.sql", "{}"))
    assert (found.directives.modes, statements(found)[-1]) == (modes, "SELECT 1")
    assert not any("TRANSACTION" in s.words for s in found.script.statements)


@pytest.mark.parametrize("text", ["SELECT 1; SET TRANSACTION READ ONLY;", "SET TRANSACTION SNAPSHOT '1'; SELECT 1;"])
def test_set_transaction_that_comes_late_or_names_a_snapshot_is_left_to_the_server(checked, text):
    found = checked(text, ("1_a.sql", "{}"))
    assert (len(found.script.statements), found.directives.modes) == (2, DEFAULT)


@pytest.mark.parametrize("layout", [GOLANG, SQITCH, PRISMA, ("V1__a.sql", "{}")], ids=lambda layout: layout[0])
@pytest.mark.parametrize(
    "text",
    [
        "CREATE INDEX CONCURRENTLY i ON t (a);",
        "create index concurrently on t (a)",
        "/* x */ VACUUM FULL t;",
        "ALTER SYSTEM SET work_mem = '1MB';",
        "REINDEX (CONCURRENTLY) TABLE t",
        "ALTER TABLE a DETACH PARTITION b CONCURRENTLY;",
        "DROP INDEX CONCURRENTLY i;",
    ],
)
def test_a_statement_that_cannot_run_in_a_transaction_runs_alone_where_its_tool_does_so(checked, layout, text):
    assert not checked(text, layout).directives.transactional


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (a);", ("1_a.sql", "{}")),
        ("CREATE TABLE t (a int); CREATE INDEX CONCURRENTLY i ON t (a);", GOLANG),
        ("BEGIN; VACUUM; COMMIT;", ("1_a.sql", "-- fowergram: no-transaction\n{}")),
    ],
)
def test_other_files_with_such_a_statement_are_refused(checked, text, layout):
    with pytest.raises(FileFault):
        checked(text, layout)


def test_golang_migrate_makes_pairs_by_number(checked):
    found = checked("SELECT 1;", **{"1_drop_a.down.sql": "BEGIN; SELECT 2; COMMIT;"})
    assert found.step.down.text.split() == ["SELECT", "2;"]


def test_our_own_pairs_have_one_name(checked):
    with pytest.raises(FileFault, match="different names"):
        checked("SELECT 1;", ("1_a.sql", "{}"), **{"1_b.down.sql": "SELECT 2;"})


@pytest.mark.parametrize("nothing", ["", "\n ", "-- none", "/* a /* b */ c */;", ";;", "-- fowergram: lock-timeout=1s"])
@pytest.mark.parametrize(
    ("up", "down"),
    [
        ("1_a.sql", "1_a.down.sql"),
        ("1_a.up.sql", "1_b.down.sql"),
        ("1_a/up.sql", "1_a/down.sql"),
        ("V1__a.sql", "U1__a.sql"),
        ("1_a/migration.sql", "1_a/down.sql"),
        ("deploy/a.sql", "revert/a.sql"),
    ],
)
def test_a_down_file_without_a_statement_is_none(tmp_path, up, down, nothing):
    plan = {"sqitch.plan": "a\n"} if up.startswith("deploy") else {}
    for name, text in {up: "SELECT 1;", down: nothing, **plan}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (migration,) = read_migrations(tmp_path)
    assert not migration.reversible


def test_a_file_that_begins_none_is_not_scanned(monkeypatch, tmp_path):
    from fowergram_db.migrations.script import scanner

    monkeypatch.setattr(scanner, "scan", pytest.fail)
    body = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n  PERFORM 1;\nEND;\n$$;"
    (tmp_path / "1_a.up.sql").write_text(body)
    assert read_migrations(tmp_path)[0].up.text == body
