"""What is refused before anything runs: at its place, with what to do instead."""

import pytest

from fowergram_db.errors import FileFault
from fowergram_db.migrations.files.directives import Directives, parse_directives
from fowergram_db.migrations.files.script_faults import read_script
from fowergram_db.migrations.script.positions import Gap

NO_TRANSACTION = "-- fowergram: no-transaction\n"


def check(text: str):
    return read_script("f.sql", text, parse_directives("f.sql", text))


def fault(text: str) -> FileFault:
    with pytest.raises(FileFault) as caught:
        check(text)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "create unique index /* c */ concurrently if not exists i on t (a)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX INDEX CONCURRENTLY i",
        "REINDEX (VERBOSE, CONCURRENTLY) TABLE t",
        "REINDEX (CONCURRENTLY true) TABLE t",
        "REINDEX DATABASE d",
        "REINDEX (VERBOSE) SYSTEM d",
        "REINDEX SCHEMA s",
        "VACUUM",
        "VACUUM (ANALYZE) t",
        "CREATE DATABASE d",
        "DROP DATABASE IF EXISTS d",
        "CREATE TABLESPACE s LOCATION '/x'",
        "DROP TABLESPACE s",
        "ALTER SYSTEM SET work_mem = '1MB'",
        'ALTER DATABASE "d" SET TABLESPACE s',
        "ALTER TABLE a DETACH PARTITION b CONCURRENTLY",
        'ALTER TABLE IF EXISTS "s". "a" DETACH PARTITION s ."b" /* c */ CONCURRENTLY',
        "DISCARD ALL",
    ],
)
def test_a_statement_that_cannot_run_in_a_transaction_needs_a_no_transaction_file(statement):
    error = fault(f"SELECT 1;\n  {statement};")
    assert (error.location.line, error.location.column) == (2, 3)
    assert "-- fowergram: no-transaction" in error.hint
    check(f"{NO_TRANSACTION}{statement};")


@pytest.mark.parametrize(
    "statement",
    [
        'CREATE INDEX "concurrently" ON t (a)',
        "CREATE INDEX i ON concurrently (a)",
        "CREATE INDEX i ON t (a) WHERE b = 'CONCURRENTLY'",
        "COMMENT ON INDEX i IS 'CONCURRENTLY'",
        "CREATE INDEX /* CONCURRENTLY */ i ON t (a) -- CONCURRENTLY",
        "REINDEX (CONCURRENTLY false) TABLE t",
        "REINDEX TABLE t",
        'REINDEX TABLE "concurrently"',
        "REFRESH MATERIALIZED VIEW CONCURRENTLY v",
        "ALTER TABLE a DETACH PARTITION b",
        "ALTER TABLE a DETACH PARTITION b FINALIZE",
        'ALTER TABLE a DETACH PARTITION "concurrently"',
        "ALTER TABLE a ADD b text DEFAULT 'detach partition b concurrently'",
        "ALTER DATABASE d SET work_mem = '1MB'",
        "ALTER DATABASE tablespace SET search_path = 'set tablespace'",
        "ALTER TABLE t SET TABLESPACE s",
        "CREATE TABLE vacuum_ (database int)",
        "SELECT 'VACUUM'",
        "ANALYZE t",
        "DISCARD TEMP",
    ],
)
def test_similar_statements_that_can_run_in_a_transaction_are_accepted(statement):
    check(f"{statement};")


@pytest.mark.parametrize("statement", ["BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION", "PREPARE TRANSACTION 'x'"])
def test_transaction_control_is_refused_in_both_kinds_of_files(statement):
    assert "transaction that the migration runs in" in fault(f"{statement};").message
    assert "file without a transaction" in fault(f"{NO_TRANSACTION}{statement};").message


@pytest.mark.parametrize("names", ['U&"d\\0061" ON t', 'i ON U&"d\\0061"', 'ON ONLY U&"d\\0061"'])
def test_an_index_built_concurrently_needs_names_that_can_be_found_again(names):
    assert "cannot be read" in fault(f"{NO_TRANSACTION}CREATE INDEX CONCURRENTLY {names} (a);").message
    check(f"{NO_TRANSACTION}CREATE INDEX CONCURRENTLY ON t (a);")


@pytest.mark.parametrize(
    ("rest", "column"),
    [(" SELECT 2;", 20), (" /* a */ -- b\r SELECT 2;", 34), (";", 19), (" /* a\n1 */", 20), (" \\d", 20), ("x", 19)],
)
def test_text_after_a_copy_on_its_line_is_refused(rest, column):
    error = fault(f"COPY t FROM stdin;{rest}\n1\n\\.\n")
    assert "follows a COPY" in error.message
    assert (error.location.line, error.location.column) == (1, column)


@pytest.mark.parametrize("rest", ["", " ", "\t-- a; b", " /* a * ; */ /* b /* c */ */ -- d", "\r", " --"])
def test_comments_may_follow_a_copy_on_its_line(rest):
    check(f"COPY t FROM stdin;{rest}\n1\n\\.\nSELECT 2;")


def test_a_directive_after_a_copy_is_an_error():
    assert "below the header" in fault("COPY t FROM stdin; -- fowergram: lock-timeout=1s\n\\.\n").message


def test_the_keys_that_pg_dump_writes_are_accepted():
    check("--\n-- dump\n--\n\n\\restrict aB3\n\nSELECT 1;\n\n\\unrestrict aB3\n\n")
    check("\\restrict x\r\nSELECT 1;\r\n\\unrestrict x\r\n")


@pytest.mark.parametrize(
    "command",
    ["\\restrict", "\\restrict a b", "\\restrict 'a'", "\\restrict a \\! ls", "\\restricted a", "\\i x"],
)
def test_other_commands_of_psql_are_refused_at_their_line(command):
    error = fault(f"SELECT 1;\n{command}\n")
    assert "command of psql" in error.message
    assert error.location.line == 2


def test_a_stray_end_of_data_is_a_command_of_psql():
    assert fault("SELECT 1;\n\\.\n").location.line == 2


@pytest.mark.parametrize(
    ("text", "place", "kind"),
    [
        ("SELECT 1;\nINSERT INTO t VALUES ('it's');\nCOMMIT;", (2, 28), "string"),
        ("SELECT 'a", (1, 8), "string"),
        ("SELECT E'a\\';", (1, 9), "string"),
        ("SELECT 'a'\n  'b;", (2, 3), "string"),
        ("SELECT E'a'\n  'b\\'", (1, 9), "string"),
        ("SELECT $$ a $ $;", (1, 8), "string"),
        ("DO $x$ BEGIN NULL; END $$;", (1, 4), "string"),
        ("SELECT $1$; SELECT $a$", (1, 20), "string"),
        ('SELECT "a;\n', (1, 8), "quoted name"),
        ('SELECT U&"a', (1, 10), "quoted name"),
        ("SELECT 1;\n/* to do\nSELECT 2;", (2, 1), "comment"),
        ("/* a /* b */ SELECT 1;", (1, 1), "comment"),
        ("SELECT (1, (2, 'x));", (1, 16), "string"),
    ],
)
def test_what_does_not_end_is_refused_where_it_begins(text, place, kind):
    error = fault(text)
    assert (error.location.line, error.location.column) == place
    assert f"a {kind} begins here" in error.message


@pytest.mark.parametrize(
    "text",
    ["SELECT 'a'", "SELECT E'\\''", "SELECT 'a'\n'b'", "SELECT $$a$$", "SELECT a$", 'SELECT "a"', "-- a",
     "/* a */", "SELECT 1 -- 'a", "SELECT $1", "SELECT 'it''s'", "SELECT 1 /* ' */", 'SELECT U&"a"', "SELECT (1, 'a')"],
)  # fmt: skip
def test_what_ends_with_the_file_is_complete(text):
    check(text)


@pytest.mark.parametrize("rest", ["", "\n", "\n1\n2", "\n1\n2\n\\", "\n1\n \\.\n", "\nSELECT 1;\nCOMMIT;\n"])
@pytest.mark.parametrize("before", ["", "SELECT 1;\n", "COPY u FROM stdin;\n\\.\n"])
def test_copy_data_without_an_end_is_refused_at_its_statement(before, rest):
    error = fault(f"{before}COPY t FROM stdin;{rest}")
    assert (error.location.line, error.location.column) == (before.count("\n") + 1, 1)
    assert "does not end" in error.message


@pytest.mark.parametrize(
    "text", ["COPY t TO stdout;", "copy (select 1) to STDIN;", f"{NO_TRANSACTION}COPY t TO STDOUT;"]
)
def test_copying_to_the_client_is_refused(text):
    assert "nothing reads the output" in fault(text).message


def test_line_numbers_include_copy_data_that_is_not_in_memory():
    text = "COPY t FROM stdin;\n\\.\nCOMMIT;\n"
    with pytest.raises(FileFault) as caught:
        read_script("f.sql", text, parse_directives("f.sql", text), (Gap(19, 19, 900, 100),))
    assert caught.value.location.line == 103


HALVES = "CREATE TABLE IF NOT EXISTS a (id int);\n{}\nDROP TABLE a;\n"
MISREAD = [
    "-- Down",
    "-- DOWN",
    "--down",
    "  -- down:",
    "-- ==== DOWN ====",
    "-- [down]",
    "-- Rollback",
    "-- Undo:",
    "-- //@UNDO",
    "-- @down",
    "-- !Downs",
    "-- # --- !Downs",
    "-- Revert",
    "-- rambler down",
    "-- +micrate Down",
    "-- +Goose Down",
    "-- + goose Down",
    "-- goose Down",
    "-- +gose Down",
    "-- + migrate Down",
    "-- migrate: down",
    "-- migrate :down",
    "-- migrate down",
    "-- Migrate:Down",
    "-- migrate:donw",
    "-- migrat:down transaction:false",
    "-- Migration Down",
    "-- Down Migraton",
    "-- Dwon Migration",
    "-- Down migration:",
    "-- DOWN SECTION",
    "-- begin down",
    "--- create above / drop below ---",
    "-- create above/drop below",
    "-- drop below",
    "/* +goose Down */",
    "/* Down */",
    "-- +gooseDown",
    "-- +migrateDown",
    "-- Reverse",
    "-- teardown",
    "-- Down Migration (version 2)",
    "--- down migration: drop the table",
    "---- create above / drop below ---- x",
    "SELECT 1; ---- create above / drop below ----",
]


@pytest.mark.parametrize("line", MISREAD)
def test_a_comment_that_reads_as_the_marker_of_a_section_is_refused_at_its_line(line):
    error = fault(HALVES.format(line))
    assert error.location.line == 2
    assert line.strip().removeprefix("SELECT 1; ") in error.message
    assert "NNN_name.down.sql" in error.hint


def test_a_marker_in_a_comment_of_several_lines_is_refused_by_its_words():
    error = fault(HALVES.format("/*\n * DOWN\n */"))
    assert (error.location.line, "'* DOWN' looks like" in error.message) == (2, True)


@pytest.mark.parametrize("line", ["-- migrate: up", "-- goose Up", "-- +micrate Up", "-- migrate:upp", "-- rambler up"])
def test_a_misspelt_marker_of_a_tool_is_refused_whatever_follows(line):
    assert fault(f"{line}\nSELECT 1;").location.line == 1


@pytest.mark.parametrize("line", ["-- Up", "-- Up Migration", "-- migrate: up", "-- Upgrade"])
def test_an_up_marker_in_a_down_script_is_refused(line):
    text = f"DROP TABLE a;\n{line}\nCREATE TABLE a ();"
    with pytest.raises(FileFault):
        read_script("f.sql", text, Directives(), undoes=True)


@pytest.mark.parametrize(
    "text",
    [
        "-- Up\nSELECT 1;",
        "-- Up Migration\nSELECT 1;",
        "SELECT 1;\n-- Down\n",
        "SELECT 1;\n-- Down\n-- DROP TABLE a;\n",
        HALVES.format("-- Drop"),
        "-- Down migration: see 001_a.down.sql\nSELECT 1;",
        HALVES.format("/*\n * up and down\n * the tables go\n */"),
        HALVES.format("-- down the road this table goes"),
        HALVES.format("-- roll back what 003 did"),
        HALVES.format("-- Rollback of 003 is not possible from here on"),
        HALVES.format("-- migrate:users to the new table"),
        HALVES.format("-- see migrate:up"),
        HALVES.format("-- Town migration"),
        HALVES.format("-- step up"),
        HALVES.format("-- below"),
        HALVES.format("-- sign-ups"),
        HALVES.format("-- create statements"),
        HALVES.format("-- note: going down"),
        HALVES.format("-- TODO: undo this for tests"),
        HALVES.format("SELECT '\n-- Down\n';"),
        HALVES.format("DO $$ BEGIN\n-- Down\nNULL; END $$;"),
        HALVES.format("SELECT 1; -- down"),
        HALVES.format("/* what follows\n-- Down\n*/"),
    ],
)
def test_a_comment_that_mentions_a_direction_is_no_marker(text):
    check(text)


def test_a_down_script_may_contain_a_down_marker():
    read_script("f.sql", "-- Down Migration\nDROP TABLE a;\n-- rollback\nDROP TABLE b;", Directives(), undoes=True)


HEADINGS = [
    "-- To rollback:", "-- Down:", "-- rollback", "--- down ---", "-- undo", "-- To roll back:", "-- ROLLBACK SCRIPT",
    "-- Rollback SQL:", "-- rollback steps", "-- Undo this migration:", "-- Revert this migration", "-- to revert:",
    "-- How to roll back", "-- For rollback:", "-- Rollback plan:", "-- Down script", "-- 2. Rollback",
    "-- *** Roll back ***", "-- >>> DOWN <<<", "-- Down part", "/* To undo: */", "-- rollback;", "--To Rollback",
    "-- ROLLBACK INSTRUCTIONS:", "-- To revert, run the following:", "-- run this to rollback:", "-- [rollback]",
    "-- rollback commands", "-- downgrade()", "-- Rollback (manual)", "-- in case of rollback:", "-- Revert changes",
    "-- to undo all of the above", "-- Back out:", "-- Rollback migration 003", "-- Rolling back:", "-- UP",
    "-- Rollback queries (if needed)", "-- undo schema changes", "\t-- Rollback:\r", "-- \u2193 down \u2193",
]  # fmt: skip
REMARKS = [
    "-- rollback is not needed here", "-- roll back by restoring a backup", "-- to roll back, run 003_down",
    "-- to roll back, restore the dump of that day", "-- To rollback: see 003_a.down.sql", "-- no rollback",
    "-- Rollback: not possible", "-- rollback script: 003.down.sql", "-- irreversible", "-- cannot be undone",
    "-- undo log", "-- the undo table", "-- revert to the default", "-- reverse the order of the columns",
    "-- backward compatible", "-- scale down", "-- drops its down payment", "-- rolled back on error",
    "-- roll back to the savepoint", "-- up to date", "-- set up", "-- clean up", "-- look up table", "-- No rollback.",
    "-- undo for orders", "-- rollback of 003 was a mistake", "-- this can be undone", "-- To upgrade:", "-- Upgrade",
    "-- down: 4 of 7 servers", "-- revert 12 users", "-- reverse proxies", "-- we roll back nothing",
    "-- This is how to undo it:", "-- reverts commit 1a2b3c4d of the app", "-- rollback segments", "-- down with it",
    "-- it is undone by the\n-- rollback script", "-- After a failed\n-- rollback\n-- the table stays",
    "-- so that no person has to\n-- undo this",
]  # fmt: skip


@pytest.mark.parametrize("line", HEADINGS)
def test_a_heading_of_the_undo_half_is_refused_at_its_line(line):
    error = fault(HALVES.format(line))
    assert (error.location.line, "looks like the beginning of a section" in error.message) == (2, True)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("-- To rollback:\nDROP TABLE IF EXISTS a;\n-- To apply:\nCREATE TABLE a ();", 1),
        ("-- a file\n\n-- To undo:\n\nDROP TABLE a;\nCREATE TABLE a ();", 3),
        ("DROP TABLE a;\n-- UP\nCREATE TABLE a ();\nSELECT 1;", 2),
        ("CREATE TABLE a ();\nSELECT 1; -- x\n-- Rollback:\n-- in the other order\nDROP TABLE a;", 3),
        ("CREATE TABLE a ();\n-- that is all.\n-- down\nDROP TABLE a;", 3),
        ("CREATE TABLE a ();\n-- it creates a\n-- Down\nDROP TABLE a;", 3),
    ],
)
def test_a_heading_is_refused_wherever_statements_follow(text, line):
    assert fault(text).location.line == line


@pytest.mark.parametrize(
    "text",
    [
        "-- To rollback:\n--   DROP TABLE a;\n\nCREATE TABLE a ();",
        "-- Revert changes\nALTER TABLE a DROP b;\nSELECT 1;",
        "-- UP\nCREATE TABLE a ();",
        "CREATE TABLE a ();\n-- UP\n",
    ],
)
def test_a_heading_above_all_or_below_all_is_only_a_remark(text):
    check(text)


@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_about_undoing_runs(remark):
    check(HALVES.format(remark))


@pytest.mark.parametrize("line", [line for line in HEADINGS if line != "-- UP"])
def test_a_heading_without_a_statement_below_is_only_a_remark(line):
    check(f"CREATE TABLE a ();\n{line}\n-- DROP TABLE a;\n")


CHANGES_HISTORY = [
    "DROP TABLE schema_migrations",
    'drop table if exists "schema_migrations"',
    "DROP TABLE a, b, public.schema_migrations",
    "DROP SCHEMA public CASCADE",
    "drop schema if exists x, public",
    "ALTER SCHEMA public RENAME TO old",
    "ALTER TABLE schema_migrations RENAME TO x",
    "ALTER TABLE IF EXISTS ONLY public.schema_migrations SET SCHEMA old",
    "ALTER TABLE public.schema_migrations ADD COLUMN x int",
    "TRUNCATE a, schema_migrations",
    "TRUNCATE TABLE ONLY schema_migrations RESTART IDENTITY",
    "INSERT INTO schema_migrations (version) VALUES (1)",
    'INSERT INTO "public"."schema_migrations" VALUES (1)',
    "DELETE FROM schema_migrations",
    "delete from only schema_migrations * where true",
    "UPDATE schema_migrations SET checksum = 1",
    "MERGE INTO schema_migrations USING x ON true WHEN MATCHED THEN DELETE",
    "WITH x AS (DELETE FROM public.schema_migrations RETURNING *) SELECT * FROM x",
    "COPY public.schema_migrations (a, b) FROM stdin",
    "CREATE TABLE public.schema_migrations (version text)",
    "CREATE TABLE IF NOT EXISTS schema_migrations (version text)",
    "CREATE UNLOGGED TABLE schema_migrations ()",
    "DROP OWNED BY CURRENT_USER",
    "ALTER TABLE ONLY public.schema_migrations ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)",
    "ALTER TABLE public.schema_migrations ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY",
    "EXPLAIN ANALYZE DELETE FROM schema_migrations",
    "DROP /* x */ SCHEMA public",
    "ALTER SCHEMA public /* x */ RENAME TO y",
]
LEAVES_HISTORY = [
    "SELECT * FROM schema_migrations",
    "CREATE TEMP TABLE schema_migrations (a int)",
    "DROP TABLE tenant.schema_migrations",
    "COPY schema_migrations TO '/tmp/x'",
    "INSERT INTO log VALUES ('schema_migrations')",
    "ALTER TABLE public.schema_migrations OWNER TO me",
    "GRANT SELECT ON schema_migrations TO x",
    "COMMENT ON TABLE schema_migrations IS 1",
    "DROP TABLE schema_migrations_old",
    "CREATE TABLE public.a (id int)",
    "ALTER SCHEMA tenant OWNER TO public",
    "DROP SCHEMA tenant",
    "GRANT ALL ON SCHEMA public TO x",
    "INSERT INTO a SELECT * FROM schema_migrations",
    "DELETE FROM a USING schema_migrations",
    "UPDATE a SET b = c FROM schema_migrations",
    "DROP OWNED BY someone",
    "CREATE VIEW v AS SELECT * FROM schema_migrations",
    "CREATE SCHEMA public",
    "ALTER TABLE public.a RENAME TO schema_migrations2",
    "COPY tenant.schema_migrations FROM stdin",
    "SELECT 1 FOR UPDATE",
    "CREATE INDEX i ON public.schema_migrations (version)",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO x",
    "ALTER SCHEMA public OWNER TO x",
]


@pytest.mark.parametrize("statement", CHANGES_HISTORY)
def test_statements_that_change_the_history_are_refused_by_name(statement):
    error = fault(f"SELECT 1;\n  {statement};")
    assert (error.location.line, error.location.column) == (2, 3)
    assert "history of migrations, public.schema_migrations" in error.message
    assert "--exclude-table" in error.hint


@pytest.mark.parametrize("statement", LEAVES_HISTORY)
def test_statements_that_do_not_change_the_history_run(statement):
    check(f"{statement};\n" + "\\.\n" * statement.endswith("stdin"))
