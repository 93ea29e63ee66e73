"""A history edited by hand: what the tool cannot have written is an error that names row and column."""

import json

import pytest

FILES = {f"00{n}_{name}": f"CREATE TABLE {name} (id int);" for n, name in enumerate("abc", start=1)}
DOWNS = {f"{name}.down": f"DROP TABLE {name[-1]};" for name in FILES}
COMMANDS = (
    ("status",),
    ("status", "--check"),
    ("migrate",),
    ("migrate", "--dry-run"),
    ("rollback",),
    ("rollback", "--dry-run"),
    ("repair",),
    ("adopt", "--to", "1"),
)
DROP_CHECKS = (
    "ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_state_check, "
    "DROP CONSTRAINT schema_migrations_version_check, DROP CONSTRAINT schema_migrations_filename_key, "
    "DROP CONSTRAINT schema_migrations_version_key, DROP CONSTRAINT schema_migrations_pkey;"
    "ALTER TABLE schema_migrations ALTER id DROP IDENTITY;"
)
NOT_NULL = "id filename checksum version name state duration_ms statements_done".split()
DROP_NOT_NULL = "".join(f"ALTER TABLE schema_migrations ALTER {column} DROP NOT NULL;" for column in NOT_NULL)
NESTED = "repeat('[', 5000) || repeat(']', 5000)"
GOOD = {"direction": "up", "done": [], "total": 1}

VALUES = {
    **{f"duration_ms {ms}": ("duration_ms", f"'{ms}'") for ms in ("NaN", "Infinity", "-Infinity", "-1", "1e308")},
    **{f"{column} NULL": (column, "NULL") for column in NOT_NULL if column not in {"id", "version"}},
    "an empty filename": ("filename", "''"),
    "a filename of 10 MB": ("filename", "repeat('x', 10000000)"),
    "a name of 10 MB": ("name", "repeat(E'\\n\\x1b', 5000000)"),
    "a checksum of 1 MB": ("checksum", "repeat('x', 1000000)"),
    "another word": ("state", "'Applied'"),
    "an empty state": ("state", "''"),
    "control characters": ("state", "E'x\\n::error::\\x1b[2J'"),
    "a negative count": ("statements_done", "-1"),
    "a version that two rows have": ("version", "1"),
}  # fmt: skip
PROGRESS = {
    "an array": "'[]'",
    "a text": "'\"up\"'",
    "a number": "'1'",
    "true": "'true'",
    "an empty object": "'{}'",
    "nested": f"({NESTED})::jsonb",
    "nested in a key": f"jsonb_set('{json.dumps(GOOD)}', '{{done}}', ({NESTED})::jsonb)",
    "objects nested": "(repeat('{\"a\":', 3000) || '1' || repeat('}', 3000))::jsonb",
    **{
        f"{key} {str(value)[:12]}": f"'{json.dumps(GOOD | {key: value})}'"
        for key, value in [
            ("direction", "sideways"),
            ("direction", None),
            ("direction", ["up"]),
            ("done", "abc"),
            ("done", {"a": 1}),
            ("done", [1]),
            ("done", [None]),
            ("total", -1),
            ("total", "1"),
            ("total", True),
            ("total", 1.5),
            ("total", 10**30),
            ("label", 1),
            ("label", "x" * 5000),
            ("line", None),
            ("running", "yes"),
            ("application", {}),
            ("pid", 2**40),
            ("pid", "1"),
            ("since", "yesterday"),
            ("since", "2026-01-01 00:00:00+00; DROP TABLE a"),
            ("elapsed_ms", "NaN"),
            ("elapsed_ms", -1),
            ("invalid", [-1]),
            ("invalid", "1"),
            ("invalid", [2**40]),
            ("odd", 1),
        ]
    },
    "a number beyond all": "'{\"direction\": \"up\", \"done\": [], \"total\": 1, \"elapsed_ms\": 1e400}'",
    "a number of 10,000 digits": "('{\"direction\": \"up\", \"done\": [], \"total\": ' "
    "|| repeat('9', 10000) || '}')::jsonb",
    "a huge array": "jsonb_build_object('direction', 'up', 'total', 1, 'done', "
    "(SELECT jsonb_agg(n) FROM generate_series(1, 300000) n))",
}  # fmt: skip
SHAPES = {
    "ALTER version TYPE numeric": ("version", "numeric"),
    "ALTER id TYPE int": ("id", "int4"),
    "ALTER name TYPE varchar(100)": ("name", "varchar"),
    "ALTER state TYPE char(10)": ("state", "bpchar"),
    "ALTER duration_ms TYPE numeric": ("duration_ms", "numeric"),
    "ALTER duration_ms TYPE interval USING interval '1 s'": ("duration_ms", "interval"),
    "ALTER statements_done TYPE text": ("statements_done", "text"),
    "ALTER progress TYPE json": ("progress", "json"),
    "ALTER executed_at TYPE timestamp": ("executed_at", "timestamp"),
    "ALTER executed_at TYPE text": ("executed_at", "text"),
    "DROP statements_done": ("statements_done", "missing"),
    "DROP checksum, DROP name": ("checksum", "missing"),
    "DROP duration_ms, ADD duration_ms float8 GENERATED ALWAYS AS (1) STORED": ("duration_ms", "generated"),
    "ADD extra int NOT NULL DEFAULT 1; ALTER TABLE schema_migrations ALTER extra DROP DEFAULT": ("extra", "NOT NULL"),
}


@pytest.fixture
def migrated(cli, write):
    write(**FILES, **DOWNS)
    assert cli("migrate", "--to", "2").exit_code == 0


@pytest.fixture
def require_reported(cli, query):
    """Run every command, and check that each ends in the one error that holds these words, and changes nothing."""

    def check(*words: str) -> None:
        before = query("SELECT md5(string_agg(m::text, ',' ORDER BY m::text)) FROM schema_migrations m")
        for command in COMMANDS:
            result = cli(*command, "--json")
            document = json.loads(result.out, parse_constant=pytest.fail)
            error = document["error"]
            assert (result.exit_code, error and error["code"]) == (4, "history_inconsistent"), (
                command,
                result.err[:500],
            )
            assert all(word in error["message"] for word in words), error["message"]
            assert len(error["message"]) < 500
            assert error["message"].isprintable()
            assert error["hint"]
            assert "Traceback" not in result.err
        assert query("SELECT md5(string_agg(m::text, ',' ORDER BY m::text)) FROM schema_migrations m") == before
        assert query("SELECT to_regclass('a') IS NOT NULL, to_regclass('c') IS NULL") == [(True, True)]

    return check


@pytest.mark.usefixtures("migrated")
@pytest.mark.matrix(every=9)
@pytest.mark.parametrize("edited", VALUES)
def test_an_invalid_value_is_reported_with_its_row_and_column(query, require_reported, edited):
    column, value = VALUES[edited]
    query(f"{DROP_CHECKS} {DROP_NOT_NULL} UPDATE schema_migrations SET {column} = {value} WHERE id = 2")
    require_reported("row with id = 2", f"its {column} is ")


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("column", ["id", "version"])
def test_a_row_without_an_id_or_a_version_is_reported(query, require_reported, column):
    query(f"{DROP_CHECKS} {DROP_NOT_NULL} UPDATE schema_migrations SET {column} = NULL WHERE id = 2")
    require_reported("id IS NULL" if column == "id" else "id = 2", f"its {column} is NULL")


@pytest.mark.usefixtures("migrated")
@pytest.mark.matrix(every=9)
@pytest.mark.parametrize("edited", PROGRESS)
def test_progress_of_another_shape_is_reported_with_its_row(query, require_reported, edited):
    query(f"UPDATE schema_migrations SET state = 'partial', progress = {PROGRESS[edited]} WHERE version = 2")
    require_reported("row with id = 2", "(version 2)", "its progress is ")


@pytest.mark.usefixtures("migrated")
@pytest.mark.matrix(every=9)
@pytest.mark.parametrize("change", SHAPES)
def test_a_column_that_was_altered_is_reported(query, require_reported, change):
    column, found = SHAPES[change]
    query(f"{DROP_CHECKS} ALTER TABLE schema_migrations {change}")
    require_reported(f"its column {column} is ", found)


@pytest.mark.usefixtures("migrated")
def test_an_edit_that_keeps_the_meaning_is_no_fault(cli, query):
    query(
        "ALTER TABLE schema_migrations ADD note text, ADD kept int NOT NULL DEFAULT 1, DROP COLUMN progress;"
        "ALTER TABLE schema_migrations ADD progress jsonb;"
        "UPDATE schema_migrations SET progress = '{\"odd\": 1}', checksum = 'edited' WHERE version = 2;"
        "UPDATE schema_migrations SET executed_at = 'infinity', name = E'a\\n::error::\\x1b[2J' WHERE version = 1"
    )
    document = json.loads(cli("status", "--json").out, parse_constant=pytest.fail)
    assert [m["state"] for m in document["migrations"]] == ["applied", "changed", "pending"]
    assert document["migrations"][0]["executed_at"] is None
    assert cli("repair").exit_code == 0
    assert cli("migrate").exit_code == 0
    assert cli("rollback", "--to", "1").exit_code == 0


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("moment", ["4713-01-02 BC", "294276-01-01", "-infinity", "0001-01-01"])
def test_a_time_that_no_calendar_has_is_left_out(cli, query, moment):
    query(f"UPDATE schema_migrations SET executed_at = '{moment}'")
    assert {m["executed_at"] for m in cli("status", "--json").document["migrations"]} == {None}
    assert cli("rollback").exit_code == 0


OTHER_TOOLS = {
    "goose": "CREATE TABLE goose_db_version (id int, version_id numeric, is_applied boolean, tstamp timestamptz);"
    "INSERT INTO goose_db_version VALUES (1, 1, true, 'infinity'), (2, 'NaN', true, '4713-01-02 BC'), "
    "(NULL, 2, NULL, NULL)",
    "dbmate": "CREATE TABLE schema_migrations (version text);"
    "INSERT INTO schema_migrations VALUES ('1'), (repeat('9', 1000000)), (E'2\\n\\x1b[2J'), (NULL)",
    "golang-migrate": "CREATE TABLE schema_migrations (version bigint, dirty boolean);"
    "INSERT INTO schema_migrations VALUES (9223372036854775807, NULL)",
    "flyway": "CREATE TABLE flyway_schema_history (installed_rank int, version text, description text, type text, "
    "success boolean, installed_on timestamp); INSERT INTO flyway_schema_history VALUES "
    "(NULL, '1', NULL, NULL, NULL, '-infinity'), (1, repeat('1', 5000), '', 'SQL', true, NULL)",
    "sqlx": "CREATE TABLE _sqlx_migrations (version text, description text, success text, installed_on timestamptz);"
    "INSERT INTO _sqlx_migrations VALUES ('x', NULL, 'maybe', 'infinity')",
    "diesel": "CREATE TABLE __diesel_schema_migrations (version text, run_on text);"
    "INSERT INTO __diesel_schema_migrations VALUES ('1', 'yesterday, or so')",
    "goose of other types": "CREATE TABLE goose_db_version (id int, version_id text, is_applied boolean, tstamp date);"
    "INSERT INTO goose_db_version VALUES (1, '1', true, now())",
}  # fmt: skip


@pytest.mark.parametrize("tool", OTHER_TOOLS)
def test_the_history_of_another_tool_may_hold_anything(cli, write, empty_db, tool):
    write(**FILES, **DOWNS)
    empty_db.execute(OTHER_TOOLS[tool])
    for command in (
        ("status",),
        ("adopt",),
        ("adopt", "--to", "1"),
        ("adopt", "--force", "--to", "1"),
        ("migrate", "--dry-run"),
    ):
        result = cli(*command, "--json")
        error = json.loads(result.out, parse_constant=pytest.fail)["error"]
        assert error is None or error["code"] in {"foreign_history", "history_inconsistent", "unknown_version", "usage"}
        assert "Traceback" not in result.err
        assert len(result.err) < 3000
