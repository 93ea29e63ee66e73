"""Versions that a bigint does not hold, or not in their order: run, shown, undone, and converted there and back."""

import shutil
from typing import Any

import pytest

from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.migrations.history_sql import ChangedMeanwhile
from fowergram_db.migrations.migrate import RollbackPolicy, migrate, rollback
from fowergram_db.migrations.plan import RollbackTarget
from fowergram_db.migrations.run import UpgradeTarget

SQL_MIGRATE = "-- +migrate Up\n{}\n-- +migrate Down\n{}\n"
# For each directory: the tables that its files make, by file, in the order of the tool; and their versions in JSON.
DIRECTORIES: dict[str, tuple[dict[str, str], list[Any]]] = {
    "diesel": (
        {"202306010000000000_a": "a", "20240101000000_b": "b", "20240102000000_c": "c"},
        [202306010000000000, 20240101000000, 20240102000000],
    ),
    "Flyway": (
        {"V1__a.sql": "a", "V1.2__b.sql": "b", "V1_10_0__c.sql": "c", "V2__d.sql": "d"},
        [1, "1.2", "1.10.0", 2],
    ),
    "sql-migrate": ({"1_a.sql": "a", "1_b.sql": "b", "2_c.sql": "c"}, ["1_a", "1_b", "2_c"]),
    "zero": ({"000_a.sql": "a", "1_b.sql": "b"}, [0, 1]),
    "20 digits": (
        {"9_a.sql": "a", "10_b.sql": "b", "99999999999999999999_c.sql": "c"},
        [9, 10, "99999999999999999999"],
    ),
    "Prisma": ({"1_a": "a", "1_b": "b", "later": "c"}, ["1_a", "1_b", "later"]),
}
every_directory = pytest.mark.parametrize("name", DIRECTORIES)
# A sample of each set of directories, unless all are asked for.
pytestmark = pytest.mark.matrix(every=4)


@pytest.fixture
def lay(directory):
    """Write the files of one of the directories, all or some: each makes a table, and its undo drops that."""

    def write(name, files=None):
        for file, table in (files or DIRECTORIES[name][0]).items():
            up, down = f"CREATE TABLE {table} (id int);", f"DROP TABLE {table};"
            match name:
                case "diesel":
                    contents = {f"{file}/up.sql": up, f"{file}/down.sql": down}
                case "Prisma":
                    contents = {f"{file}/migration.sql": up, f"{file}/down.sql": down}
                case "Flyway":
                    contents = {file: up, file.replace("V", "U", 1): down}
                case "sql-migrate":
                    contents = {file: SQL_MIGRATE.format(up, down)}
                case _:
                    contents = {file: up, file.replace(".sql", ".down.sql"): down}
            for path, text in contents.items():
                (directory / path).parent.mkdir(exist_ok=True)
                (directory / path).write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def clear(directory):
    """Remove the files of the directory, or those of some names."""

    def remove(*names):
        for path in [directory / name for name in names] or list(directory.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


@pytest.fixture
def version_type(query):
    def ask():
        ((found,),) = query(
            "SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'schema_migrations'::regclass "
            "AND attname = 'version'"
        )
        return found

    return ask


@every_directory
def test_a_directory_is_run_shown_and_undone_in_its_order(cli, lay, tables, name):
    files, versions = DIRECTORIES[name]
    lay(name)
    result = cli("migrate", "--json")
    assert result.exit_code == 0, result.err
    assert [step["version"] for step in result.document["steps"]] == versions
    shown = cli("status", "--json").document["migrations"]
    assert [(row["version"], row["state"]) for row in shown] == [(version, "applied") for version in versions]
    assert cli("status", "--check").exit_code == 0
    assert cli("migrate", "--json").document["steps"] == []
    undone = cli("rollback", "--steps", "2", "--json")
    assert [step["version"] for step in undone.document["steps"]] == versions[:-3:-1]
    assert tables() == list(files.values())[:-2]
    assert [step["version"] for step in cli("migrate", "--json").document["steps"]] == versions[-2:]
    assert cli("rollback", "--to", str(versions[0])).exit_code == 0
    assert tables() == ([] if name == "zero" else ["a"])
    assert cli("rollback", "--to", "0").exit_code == 0
    assert tables() == []


@every_directory
def test_each_way_of_running_records_the_same(cli, lay, query, name):
    lay(name)
    recorded = []
    for options in (("--atomic",), (), ("--to", str(DIRECTORIES[name][1][-1]))):
        assert cli("migrate", *options).exit_code == 0
        recorded.append(query("SELECT version, filename FROM schema_migrations ORDER BY id"))
        assert cli("rollback", "--to", "0").exit_code == 0
    assert recorded[0] == recorded[1] == recorded[2]


@every_directory
def test_a_file_without_a_transaction_is_recorded_too(cli, lay, directory, query, name):
    lay(name)
    for path in directory.rglob("*.sql"):
        path.write_text(f"-- fowergram: no-transaction\n{path.read_text()}")
    assert cli("migrate").exit_code == 0
    assert query("SELECT count(*) FROM schema_migrations WHERE state = 'applied'") == [(len(DIRECTORIES[name][0]),)]
    assert cli("rollback", "--to", "0").exit_code == 0
    assert query("SELECT count(*) FROM schema_migrations") == [(0,)]


@every_directory
def test_a_failure_says_what_is_applied(cli, lay, empty_db, name):
    lay(name)
    tables = list(DIRECTORIES[name][0].values())
    empty_db.execute(f"CREATE TABLE {tables[-1]} ()")
    result = cli("migrate")
    assert result.exit_code == 1
    applied, last = [str(row["version"]) for row in cli("status", "--json").document["migrations"]][:-1], tables[-1]
    assert f"Applied now: {', '.join(applied)}. Not applied: " in result.err
    assert f'relation "{last}" already exists' in result.err


@pytest.mark.parametrize(
    ("name", "first", "more"),
    [
        ("diesel", {"20240101000000_b": "b", "20240102000000_c": "c"}, {"3_d": "d"}),
        ("Flyway", {"V1__a.sql": "a", "V3.0__c.sql": "c"}, {"V3.1__d.sql": "d"}),
        ("sql-migrate", {"1_a.sql": "a", "2_b.sql": "b"}, {"2_c.sql": "c"}),
        ("20 digits", {"1_a.sql": "a", "02_b.sql": "b"}, {"99999999999999999999_c.sql": "c"}),
        ("Prisma", {"1_a": "a", "20240101000000_b": "b"}, {"later": "c"}),
    ],
)
def test_a_history_is_converted_where_the_directory_needs_it_and_back(
    cli, lay, clear, directory, query, tables, version_type, name, first, more
):
    rows = "SELECT id, filename, executed_at, checksum, name, down_sql FROM schema_migrations ORDER BY id"
    numbers = "SELECT version FROM schema_migrations ORDER BY id"
    lay(name, first)
    assert cli("migrate").exit_code == 0
    before, versions = query(rows), query(numbers)
    lay(name, more)
    # Reading the status converts nothing.
    for command in (("status",), ("migrate", "--dry-run"), ("status", "--check")):
        assert cli(*command).exit_code in (0, 3)
        assert version_type() == "bigint"
    result = cli("migrate", "--json")
    assert (result.exit_code, len(result.document["steps"])) == (0, 1), result.err
    assert version_type() == "text"
    assert query(rows)[:-1] == before
    by_position = query("SELECT filename FROM schema_migrations ORDER BY position")
    assert by_position == query("SELECT filename FROM schema_migrations ORDER BY id")
    assert {row["state"] for row in cli("status", "--json").document["migrations"]} == {"applied"}
    assert cli("rollback").exit_code == 0
    assert version_type() == "text"
    clear(*(path.name for path in directory.iterdir() if any(path.name.lstrip("U")[:6] in file for file in more)))
    lay(name, first)
    assert cli("status", "--check").exit_code == 0
    assert cli("rollback").exit_code == 0
    assert version_type() == "bigint"
    assert cli("migrate").exit_code == 0
    assert (query(numbers), len(tables())) == (versions, 2)
    assert [row[1] for row in query(rows)] == [row[1] for row in before]


def test_a_gone_file_keeps_its_place_in_the_order(cli, lay, clear, tables):
    lay("Flyway")
    assert cli("migrate").exit_code == 0
    clear("V1.2__b.sql", "U1.2__b.sql", "V1_10_0__c.sql", "U1_10_0__c.sql")
    shown = cli("status", "--json").document["migrations"]
    assert [(row["version"], row["state"]) for row in shown] == [
        (1, "applied"), ("1.2", "missing"), ("1.10.0", "missing"), (2, "applied"),
    ]  # fmt: skip
    assert cli("status", "--check").exit_code == 4
    assert cli("migrate").exit_code == 4
    undone = cli("rollback", "--to", "1.2", "--json").document["steps"]
    assert [step["version"] for step in undone] == [2, "1.10.0"]
    assert tables() == ["a", "b"]


def test_a_gone_file_of_a_converted_history_is_found_by_its_name(cli, lay, clear, tables):
    lay("sql-migrate", {"1_a.sql": "a", "2_b.sql": "b", "10_c.sql": "c"})
    assert cli("migrate").exit_code == 0
    clear("2_b.sql")
    lay("sql-migrate", {"10_d.sql": "d"})
    shown = cli("status", "--json").document["migrations"]
    assert [(row["version"], row["state"]) for row in shown] == [
        ("1_a", "applied"), ("2_b", "missing"), ("10_c", "applied"), ("10_d", "pending"),
    ]  # fmt: skip
    assert cli("rollback", "--to", "1_a").exit_code == 0
    assert tables() == ["a"]


def test_a_missing_file_is_not_confused_with_another_of_its_number(cli, lay, clear, tables):
    lay("sql-migrate", {"1_a.sql": "a", "1_b.sql": "b"})
    assert cli("migrate").exit_code == 0
    clear("1_a.sql")
    shown = cli("status", "--json").document["migrations"]
    assert [(row["file"], row["state"]) for row in shown] == [("1_a.sql", "missing"), ("1_b.sql", "applied")]
    assert cli("rollback").exit_code == 0
    assert tables() == ["a"]


def test_a_version_between_two_that_are_applied_is_out_of_order(cli, lay, tables):
    lay("Flyway", {"V1__a.sql": "a", "V2__c.sql": "c"})
    assert cli("migrate").exit_code == 0
    lay("Flyway", {"V1.5__b.sql": "b"})
    shown = cli("status", "--json").document["migrations"]
    assert [(row["version"], row["state"]) for row in shown] == [
        (1, "applied"),
        ("1.5", "out_of_order"),
        (2, "applied"),
    ]
    assert cli("migrate").exit_code == 4
    result = cli("migrate", "--allow-out-of-order")
    assert (result.exit_code, tables()) == (0, ["a", "b", "c"]), result.err
    assert cli("rollback", "--to", "1").exit_code == 0
    assert tables() == ["a"]


def test_repair_names_a_version_as_it_is_shown(cli, lay, directory):
    lay("Flyway")
    assert cli("migrate").exit_code == 0
    for name in ("V1.2__b.sql", "V1_10_0__c.sql"):
        (directory / name).write_text("SELECT 1;")
    assert cli("status", "--check").exit_code == 4
    result = cli("repair", "--version", "1.10", "--json")
    assert result.document["repaired"] == [{"version": "1.10.0", "name": "c", "was": "changed"}]
    assert cli("repair", "--version", "1.10").exit_code == 2
    assert cli("repair").exit_code == 0
    assert cli("status", "--check").exit_code == 0


def test_diesels_first_migration_becomes_version_0_where_it_was_recorded_as_1(cli, lay, query, tables):
    lay("diesel", {"00000000000000_a": "a", "20240101000000_b": "b"})
    assert cli("migrate").exit_code == 0
    query(
        "ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_version_check, "
        "ADD CONSTRAINT schema_migrations_version_check CHECK (version > 0) NOT VALID; "
        "UPDATE schema_migrations SET version = 1 WHERE version = 0"
    )
    assert cli("status", "--check").exit_code == 0
    assert query("SELECT version FROM schema_migrations ORDER BY 1") == [(1,), (20240101000000,)]
    lay("diesel", {"20240102000000_c": "c"})
    assert cli("migrate", "--json").document["steps"][0]["version"] == 20240102000000
    assert query("SELECT version FROM schema_migrations ORDER BY 1") == [(0,), (20240101000000,), (20240102000000,)]
    assert cli("rollback", "--to", "0").exit_code == 0
    assert tables() == []


def test_a_table_that_refuses_version_0_is_altered_when_one_is_applied(cli, lay, query):
    lay("zero", {"1_b.sql": "b"})
    assert cli("migrate").exit_code == 0
    query(
        "ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_version_check, "
        "ADD CONSTRAINT schema_migrations_version_check CHECK (version > 0)"
    )
    lay("zero", {"000_a.sql": "a"})
    result = cli("migrate", "--allow-out-of-order")
    assert (result.exit_code, "notice" in result.err) == (0, False), result.err
    assert query("SELECT version FROM schema_migrations ORDER BY 1") == [(0,), (1,)]


@pytest.mark.parametrize("change", ["version = '1.1' WHERE version = '1.2'", "version = '' WHERE version = '2'",
                                    "position = '' WHERE version = '2'", "version = repeat('9', 2000)"])  # fmt: skip
def test_an_invalid_edit_of_a_converted_history_is_an_error(cli, lay, query, change):
    lay("Flyway")
    assert cli("migrate").exit_code == 0
    query(f"ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_version_key; "
          f"UPDATE schema_migrations SET {change}")  # fmt: skip
    shown = cli("status", "--check", "--json")
    assert shown.exit_code == 0 if "1.1" in change else 4
    assert cli("migrate").exit_code == (0 if "1.1" in change else 4)


def test_a_history_that_another_role_owns_is_not_converted_by_halves(cli, lay, query, role, monkeypatch):
    lay("Flyway", {"V1__a.sql": "a"})
    assert cli("migrate").exit_code == 0
    query(f'GRANT CREATE, USAGE ON SCHEMA public TO "{role}"; GRANT ALL ON schema_migrations TO "{role}"')
    lay("Flyway", {"V1.1__b.sql": "b"})
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    result = cli("migrate")
    assert result.exit_code == 1
    assert "must be owner" in result.err
    assert "run the command once as the owner of the table" in result.err
    assert cli("status", "--json").document["summary"] == {"applied": 1, "pending": 1, "problems": 0}


def test_a_view_on_the_versions_that_prevents_the_conversion_is_named(cli, lay, query, version_type):
    lay("Flyway", {"V1__a.sql": "a"})
    assert cli("migrate").exit_code == 0
    query("CREATE VIEW versions AS SELECT version FROM schema_migrations")
    lay("Flyway", {"V1.1__b.sql": "b"})
    result = cli("migrate")
    assert (result.exit_code, version_type()) == (1, "bigint")
    assert "versions depends on column" in result.err
    assert "create them again" in result.err


def test_a_directory_is_run_through_a_pooler(lay, directory, pooled, tables):
    lay("Flyway")
    files = read_migrations(directory)
    migrate(pooled, files[:1], UpgradeTarget(), lambda _: None)
    migrate(pooled, files, UpgradeTarget(), lambda _: None)
    assert tables() == ["a", "b", "c", "d"]
    rollback(pooled, files, RollbackTarget(to="1.2"), lambda _: None, RollbackPolicy(lambda _: True))
    assert tables() == ["a", "b"]


def test_flyways_history_is_taken_over_with_its_dots(cli, lay, query, empty_db):
    lay("Flyway")
    empty_db.execute("CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE c (id int)")
    empty_db.execute(
        "CREATE TABLE flyway_schema_history (installed_rank int, version varchar(50), description varchar(200), "
        "type varchar(20), script varchar(1000), checksum int, installed_by varchar(100), "
        "installed_on timestamp DEFAULT now(), execution_time int, success boolean);"
        "INSERT INTO flyway_schema_history VALUES (1, '1', 'a', 'SQL', 'x', 1, 'x', now(), 1, true),"
        "(2, '1.2', 'b', 'SQL', 'x', 1, 'x', now(), 1, true), (3, '1.10.0', 'c', 'SQL', 'x', 1, 'x', now(), 1, true)"
    )
    result = cli("adopt", "--json")
    assert result.exit_code == 0, result.err
    assert result.document["recorded"] == [1, "1.2", "1.10.0"]
    assert [step["version"] for step in cli("migrate", "--json").document["steps"]] == [2]
    assert query("SELECT version FROM schema_migrations ORDER BY position") == [("1",), ("1.2",), ("1.10.0",), ("2",)]


@every_directory
def test_a_reset_builds_the_same(cli, lay, tables, name):
    lay(name)
    assert cli("reset", "--yes").exit_code == 0
    assert tables() == sorted(DIRECTORIES[name][0].values())
    assert cli("status", "--check").exit_code == 0


@pytest.mark.parametrize("name", ["diesel", "Flyway", "sql-migrate", "20 digits"])
def test_psql_converts_a_history_as_the_command_would(cli, lay, psql, query, version_type, name):
    everything = "SELECT version::text, filename, checksum, down_sql FROM schema_migrations ORDER BY filename"
    (first, table), *_ = DIRECTORIES[name][0].items()
    lay(name, {first: table})
    assert cli("migrate").exit_code == 0
    lay(name)
    psql(cli("migrate", "--dry-run").out)
    assert version_type() == "text"
    assert cli("status", "--check").exit_code == 0
    assert cli("migrate", "--json").document["steps"] == []
    by_psql = query(everything)
    psql(cli("rollback", "--to", "0", "--dry-run").out)
    assert query(everything) == []
    assert cli("migrate").exit_code == 0
    assert query(everything) == by_psql


def test_a_read_during_a_conversion_is_repeated(cli, lay, query, monkeypatch):
    from fowergram_db.migrations import history_table

    lay("Flyway", {"V1__a.sql": "a", "V2__d.sql": "d"})
    assert cli("migrate").exit_code == 0
    convert = (
        "ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_version_check, "
        "ALTER COLUMN version TYPE text COLLATE \"C\" USING 'x' || version, "
        "ADD COLUMN position text COLLATE \"C\" NOT NULL DEFAULT ''; "
        "UPDATE schema_migrations SET version = substr(version, 2) || '.0', position = '001' || substr(version, 2)"
    )
    back = "ALTER TABLE schema_migrations DROP COLUMN position, ALTER COLUMN version TYPE bigint USING version::numeric"
    read_rows = history_table._read_rows
    for change in (convert, back):
        changes = [change]

        def first_change(*arguments, changes=changes):
            if changes:
                query(changes.pop())
            return read_rows(*arguments)

        monkeypatch.setattr(history_table, "_read_rows", first_change)
        shown = cli("status", "--json")
        assert not changes
        assert [row["state"] for row in shown.document["migrations"]] == ["applied", "applied"], shown.err
    monkeypatch.setattr(history_table, "_read_rows", lambda *_: (_ for _ in ()).throw(ChangedMeanwhile()))
    assert cli("status").exit_code == 4


def test_a_baseline_of_flyway_covers_what_is_below_it_though_it_has_no_file(cli, lay, empty_db):
    lay("Flyway")
    empty_db.execute(
        "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE flyway_schema_history (installed_rank int, "
        "version varchar(50), description varchar(200), type varchar(20), script varchar(1000), checksum int, "
        "installed_by varchar(100), installed_on timestamp DEFAULT now(), execution_time int, success boolean);"
        "INSERT INTO flyway_schema_history VALUES (1, '1.9', '<< B >>', 'BASELINE', 'x', NULL, 'x', now(), 1, true)"
    )
    result = cli("adopt", "--force", "--json")
    assert result.document["recorded"] == [1, "1.2"], result.err
    assert [step["version"] for step in cli("migrate", "--json").document["steps"]] == ["1.10.0", 2]


HISTORIES = {
    "diesel": (
        "__diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp DEFAULT now())",
        "__diesel_schema_migrations (version) VALUES ('202306010000000000'), ('20240101000000')",
    ),
    "sql-migrate": (
        "gorp_migrations (id text PRIMARY KEY, applied_at timestamptz DEFAULT now())",
        "gorp_migrations (id) VALUES ('1_a.sql'), ('1_b.sql')",
    ),
    "Prisma": (
        """_prisma_migrations (
            id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL DEFAULT '', finished_at timestamptz DEFAULT now(),
            migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
            started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0
        )""",
        "_prisma_migrations (id, migration_name) VALUES ('1', '1_a'), ('2', '1_b')",
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_the_history_of_a_tool_with_texts_is_taken_over(cli, lay, empty_db, tables, name):
    files, versions = DIRECTORIES[name]
    history, rows = HISTORIES[name]
    lay(name)
    empty_db.execute("CREATE TABLE a (id int); CREATE TABLE b (id int)")
    empty_db.execute(f"CREATE TABLE {history}; INSERT INTO {rows}")
    result = cli("adopt", "--json")
    assert result.exit_code == 0, result.err
    assert result.document["recorded"] == versions[:2]
    assert [step["version"] for step in cli("migrate", "--json").document["steps"]] == versions[2:]
    assert set(files.values()) <= set(tables())
    assert cli("rollback", "--to", str(versions[0])).exit_code == 0
    assert "b" not in tables()
