"""The histories of other tools: each is found wherever it is, and stops every command that writes."""

import pytest

from fowergram_db.migrations.other_tools.histories import find_candidates
from fowergram_db.migrations.other_tools.shapes import known_tools
from tests.other_tools import APPLICATIONS, TABLES, Table

FILES = {
    "001_a": "DROP TABLE IF EXISTS a; CREATE TABLE a (id int PRIMARY KEY);",
    "001_a.down": "DROP TABLE a;",
    "002_b": "CREATE TABLE IF NOT EXISTS b (id int PRIMARY KEY);",
    "003_c": "ALTER TABLE a ADD COLUMN IF NOT EXISTS name text;",
}
BUILT = " ".join(FILES[name] for name in ("001_a", "002_b", "003_c")) + "INSERT INTO a VALUES (1, 'precious');"
COMMANDS = (("migrate",), (), ("rollback",), ("repair",), ("reset", "--yes", "--force"), ("migrate", "--dry-run"))


def test_every_tables_shape_is_recognised_in_every_place(empty_db):
    expected = {}
    for number, table in enumerate(TABLES):
        for place, name in (("default", ""), ("schema", ""), ("name", "release_log")):
            if place == "name" and not table.movable:
                continue
            schema = table.schema if place == "default" and table.schema != "public" else f"{place}_{number}"
            if table.tool == "hasura" and place != "default" and table.table == "schema_migrations":
                continue
            if expected.get(f"{schema}.{name or table.table}"):
                continue
            empty_db.execute(table.script(schema, name, 0))
            expected[f"{schema}.{name or table.table}"] = table.tool
    _, found = find_candidates(empty_db)
    assert {str(table.relation): table.tool for table in found} == expected
    assert {table.tool for table in TABLES} - {"another tool"} <= set(known_tools())


def test_a_table_of_an_application_is_no_history(cli, write, empty_db):
    for number, definition in enumerate(APPLICATIONS):
        empty_db.execute(f"CREATE SCHEMA s{number}; CREATE TABLE s{number}.{definition}")
    empty_db.execute(
        "INSERT INTO s14.coupons VALUES ('SUMMER', now()); INSERT INTO s11.versions VALUES ('1.2');"
        "INSERT INTO s16.names VALUES ('Anna'); INSERT INTO s15.caches VALUES (1, 'x', 7);"
        "INSERT INTO s17.jobs VALUES (1, 'nightly', now()); INSERT INTO s1.migrations VALUES (1, 'swallow', now())"
    )
    _, found = find_candidates(empty_db)
    assert [table for table in found if table.is_unmistakable] == []
    write(**FILES)
    assert cli("migrate").exit_code == 0
    assert cli("status", "--json").document["other_histories"] == []


def place_of(table: Table, place: str) -> tuple[str, str]:
    """Return a schema and a name: by default, in a schema of its own, under another name, partitioned."""
    return {
        "default": (table.schema, table.table),
        "schema": ("the Ops schema", table.table),
        "name": ("public", "release %log" if table.movable else table.table),
    }[place]


@pytest.mark.matrix(every=41)
@pytest.mark.parametrize("place", ["default", "schema", "name"])
@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.tool}-{table.table}")
def test_a_history_of_another_tool_stops_every_command_that_writes(cli, write, empty_db, query, table, place):
    if place != "default" and table.schema == "hdb_catalog":
        pytest.skip("Hasura's tables have one place")
    write(**FILES)
    schema, name = place_of(table, place)
    empty_db.execute(BUILT + table.script(schema, name))
    empty_db.close()
    shown = "dbmate or Rails" if table.tool == "dbmate" else table.tool
    for command in COMMANDS:
        result = cli(*command, *(("--json",) if command else ()))
        assert result.exit_code == 4, (command, result.err)
        if command:
            error = result.document["error"]
            assert (error["code"], shown in error["message"]) == ("foreign_history", True), error
            assert f"{schema}.{name}" in error["message"]
            assert "adopt" in error["hint"]
    assert query("SELECT count(*) FROM a") == [(1,)]
    status = cli("status", "--json")
    (other,) = status.document["other_histories"]
    assert (status.exit_code, cli("status", "--check").exit_code) == (0, 4)
    assert (other["tool"], other["table"], other["stops"]) == (table.tool, f"{schema}.{name}", True)
    assert shown in cli("status").out
    if table.tool == "another tool":
        if (schema, name) != ("public", "schema_migrations"):
            assert cli("adopt", "--to", "3").exit_code == 0
            assert cli("migrate").out.startswith("Nothing to do.")
        return
    adopted = cli("adopt", "--to", "3", "--from", table.tool, "--json")
    assert adopted.exit_code == 0, adopted.err
    assert cli("migrate").out.startswith("Nothing to do."), cli("migrate").err
    assert cli("adopt").out == "Nothing to do.\n"
    assert cli("status", "--check").exit_code == 0
    assert query("SELECT count(*) FROM a") == [(1,)]


GOOSE = next(table for table in TABLES if table.tool == "goose")
DJANGO = next(table for table in TABLES if table.tool == "django")
NEXT = {"004_d": "CREATE TABLE d (id int);"}


@pytest.mark.matrix(every=20)
@pytest.mark.parametrize("table", TABLES, ids=lambda table: f"{table.tool}-{table.table}")
def test_a_history_without_entries_stops_nothing(cli, write, empty_db, table):
    if table.tool == "another tool":
        pytest.skip("any table of that name is in the way")
    write(**FILES)
    schema = table.schema if table.table != "schema_migrations" or table.schema != "public" else "app"
    empty_db.execute(table.script(schema, entries=0))
    assert cli("status", "--check").exit_code == 3
    assert cli("migrate").exit_code == 0
    assert cli("status", "--json").document["other_histories"] == []


def test_an_adopted_database_is_refused_again_only_where_the_other_tool_continues(cli, write, empty_db):
    write(**FILES)
    empty_db.execute(BUILT + GOOSE.script())
    assert cli("adopt", "--from", "goose").exit_code == 0
    write(**NEXT)
    assert cli("migrate").exit_code == 0
    assert "goose does not count any more in this database: public.goose_db_version has 3 entries" in cli("status").out
    empty_db.execute("INSERT INTO goose_db_version VALUES (5, 9, true, '2024-06-01')")
    for command in (("migrate",), ("rollback",), ("repair",), ("reset", "--yes", "--force")):
        result = cli(*command, "--json")
        assert (result.exit_code, result.document["error"]["code"]) == (4, "foreign_history")
        assert "goose has migrated this database since it was adopted" in result.document["error"]["message"]
    status = cli("status", "--json").document["other_histories"]
    assert [(other["state"], other["last"]) for other in status] == [("grown", "2024-06-01T00:00:00Z")]
    assert cli("status", "--check").exit_code == 4
    assert cli("adopt", "--json").document["error"]["code"] == "foreign_history"  # no file has version 9
    write(**{"009_e": "CREATE TABLE e (id int);"})
    empty_db.execute("CREATE TABLE e (id int)")
    adopted = cli("adopt", "--json")
    assert (adopted.exit_code, adopted.document["recorded"], adopted.document["kept"]) == (0, [9], [1, 2, 3, 4])
    assert cli("migrate").out.startswith("Nothing to do.")
    empty_db.execute("DROP TABLE goose_db_version")
    assert cli("status", "--json").document["other_histories"] == []


@pytest.mark.parametrize("ours", [1, 3])
def test_adopt_adds_to_rows_of_ours_and_says_which_count(cli, write, empty_db, query, ours):
    write(**FILES)
    assert cli("migrate", "--to", str(ours)).exit_code == 0
    before = query("SELECT id, version, executed_at, duration_ms FROM schema_migrations ORDER BY 1")
    empty_db.execute("CREATE TABLE IF NOT EXISTS b (id int PRIMARY KEY); " + FILES["003_c"] + GOOSE.script())
    assert cli("migrate").exit_code == 4
    result = cli("adopt", "--from", "goose")
    assert result.exit_code == 0, result.err
    assert "already in public.schema_migrations stay as they were" in result.err
    assert (
        query(f"SELECT id, version, executed_at, duration_ms FROM schema_migrations WHERE version <= {ours}") == before
    )
    assert query("SELECT count(*) FROM schema_migrations") == [(3,)]
    assert cli("migrate").out.startswith("Nothing to do.")
    assert cli("adopt", "--from", "goose").out == "Nothing to do.\n"


def test_rows_of_ours_that_the_schema_contradicts_are_no_reason_to_adopt(cli, write, empty_db, query):
    write(**FILES)
    assert cli("migrate", "--to", "1").exit_code == 0
    empty_db.execute(GOOSE.script())
    result = cli("adopt", "--from", "goose", "--json")
    assert (result.exit_code, result.document["adopted"]) == (3, False)
    assert query("SELECT count(*) FROM schema_migrations") == [(1,)]
    assert cli("migrate").exit_code == 4


def test_an_application_of_another_tool_in_the_same_database_can_be_set_aside(cli, write, empty_db):
    write(**FILES)
    assert cli("migrate").exit_code == 0
    empty_db.execute(DJANGO.script("shop"))
    stopped = cli("migrate", "--json")
    assert (stopped.exit_code, "adopt" in stopped.document["error"]["hint"]) == (4, True)
    assert cli("adopt", "--json").exit_code == 0
    assert cli("migrate").out.startswith("Nothing to do.")


def test_without_a_version_a_history_that_no_file_matches_cannot_be_adopted(cli, write, empty_db):
    write(**FILES)
    empty_db.execute(BUILT + DJANGO.script())
    result = cli("adopt", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "usage")
    assert "django_migrations" in result.document["error"]["message"]
    assert "--to" in result.document["error"]["hint"]


def test_adoptions_of_earlier_versions_still_work(cli, write, empty_db):
    write(**FILES)
    empty_db.execute(BUILT + GOOSE.script())
    cli("adopt")
    empty_db.execute("COMMENT ON TABLE schema_migrations IS 'The migrations applied to this database'")
    assert cli("migrate").out.startswith("Nothing to do.")
    assert "goose does not count any more in this database" in cli("status").out
    assert cli("adopt", "--from", "goose", "--json").document["adopted"] is True
    empty_db.execute("INSERT INTO goose_db_version VALUES (9, 9, true)")
    assert cli("migrate").exit_code == 4


@pytest.mark.matrix(every=3)
@pytest.mark.parametrize("comment", ["beside: [", "x beside: {}", 'x beside: [{"table": []}]', "x beside: [1]", "'"])
def test_a_comment_that_says_nothing_is_none(cli, write, empty_db, comment):
    write(**FILES)
    cli("migrate")
    empty_db.execute(GOOSE.script())
    empty_db.execute(f"COMMENT ON TABLE schema_migrations IS $${comment}$$")
    assert cli("migrate").exit_code == 4


@pytest.mark.parametrize("fails", [False, True])
def test_a_dump_may_bring_the_history_of_the_old_tool(cli, write, fails):
    later = "SELECT 1/0;" if fails else "SELECT 1;"
    write(**{"001_dump": BUILT + GOOSE.script(), "002_later": later})
    assert cli("migrate").exit_code == int(fails)
    write(**{"002_later": "SELECT 1;"})
    assert cli("migrate").exit_code == 0
    write(**{"003_more": "CREATE TABLE more (id int);"})
    assert cli("migrate").exit_code == 0
    assert cli("reset", "--yes", "--force").exit_code == 0
    assert cli("migrate").exit_code == 0


def test_a_history_in_partitions_is_one(cli, write, empty_db):
    write(**FILES)
    made = GOOSE.definition.replace("PRIMARY KEY ", "")
    empty_db.execute(
        f"{BUILT} CREATE SCHEMA ops; CREATE TABLE ops.goose_db_version ({made}) PARTITION BY RANGE (id);"
        "CREATE TABLE ops.goose_1 PARTITION OF ops.goose_db_version FOR VALUES FROM (1) TO (100);"
        "INSERT INTO ops.goose_db_version SELECT n + 1, n, true, now() FROM generate_series(0, 3) AS n"
    )
    assert cli("migrate").exit_code == 4
    adopted = cli("adopt", "--json")
    assert (adopted.exit_code, adopted.document["recorded"]) == (0, [1, 2, 3]), adopted.out
    assert cli("migrate").out.startswith("Nothing to do.")


def test_each_of_two_histories_of_one_tool_stops_migrate(cli, write, empty_db):
    write(**FILES)
    empty_db.execute(BUILT + GOOSE.script() + GOOSE.script("other", entries=1))
    assert len(cli("status", "--json").document["other_histories"]) == 2
    assert cli("adopt").exit_code == 0
    assert cli("migrate").exit_code == 0
    empty_db.execute("INSERT INTO other.goose_db_version VALUES (9, 2, true)")
    assert cli("migrate").exit_code == 4


READABLE = ("atlas", "node-pg-migrate", "pgmigrate", "prisma", "refinery", "supabase", "tern", "yandex-pgmigrate")


@pytest.mark.matrix(every=4)
@pytest.mark.parametrize("tool", READABLE)
def test_more_histories_are_matched_with_files(cli, write, empty_db, tool):
    table = next(table for table in TABLES if table.tool == tool)
    write(**FILES)
    empty_db.execute(BUILT + table.script())
    adopted = cli("adopt", "--json")
    assert (adopted.exit_code, adopted.document["recorded"]) == (0, [1, 2, 3]), adopted.out
    assert cli("migrate").out.startswith("Nothing to do.")


def test_a_table_that_only_looks_like_a_history_is_part_of_the_schema(cli, write, empty_db):
    write(**FILES)
    empty_db.execute(
        f"{BUILT} {GOOSE.script()} CREATE TABLE names (name text); CREATE TABLE c (id text, applied_at date)"
    )
    result = cli("adopt", "--json")
    assert (result.exit_code, {d["what"] for d in result.document["differences"]}) == (
        3,
        {"table public.names", "table public.c"},
    )


def test_a_large_table_is_no_history(cli, write, empty_db):
    write(**FILES)
    empty_db.execute(
        "CREATE TABLE sheets (version bigint, dirty boolean);"
        "INSERT INTO sheets SELECT n, false FROM generate_series(1, 100001) AS n"
    )
    assert cli("migrate").exit_code == 0
    empty_db.execute("ANALYZE sheets")
    assert find_candidates(empty_db)[1] == ()
