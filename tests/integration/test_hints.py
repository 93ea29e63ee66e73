"""What to do about an error of the server: each rule of the table, for an error that a real server raised."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.hint_rules import RULES
from fowergram_db.database.hints import hint_for, rule_for
from fowergram_db.database.situations import Situation
from tests.integration.conftest import _drop, _fresh_name

UP, ALONE, DOWN = Situation.UP, Situation.UP_NO_TRANSACTION, Situation.DOWN
DOWN_ALONE, RECORDED = Situation.DOWN_NO_TRANSACTION, Situation.DOWN_RECORDED
BUILDING, HISTORY = Situation.BUILDING, Situation.HISTORY
CREATING, RENAMING = Situation.CREATING_DATABASE, Situation.RENAMING_DATABASE
ANALYZING, SLOW, OTHER = Situation.ANALYZING, Situation.SLOW_QUERIES, Situation.OTHER

CORRECT = "Correct the file and run the command again: what is already applied stays applied."
TABLE = "CREATE TABLE t (id int PRIMARY KEY, n int CHECK (n > 0));"
DEFERRED = (
    f"{TABLE} CREATE TABLE c (id int REFERENCES t DEFERRABLE INITIALLY DEFERRED); INSERT INTO t VALUES (1, 1);"
    "INSERT INTO c VALUES (1);"
)
FUNCTION = "CREATE FUNCTION ends() RETURNS void LANGUAGE plpgsql AS 'BEGIN COMMIT; END'; SELECT ends();"
READ_ONLY = "SET TRANSACTION READ ONLY; CREATE TABLE x ();"


def raised(code: str) -> str:
    """Return what raises an error that a test cannot bring about by its cause."""
    return f"DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{code}'; END $$"


class Case(NamedTuple):
    """A script that fails with a SQLSTATE, or another one on older servers, and what the hint says, if any."""

    situation: Situation
    code: str
    script: str
    words: str


CASES = [
    Case(UP, "08001", raised("08001"), "to another server (dblink"),
    Case(ANALYZING, "08006", raised("08006"), "to another server (dblink"),
    Case(UP, "0A000 58P01", "CREATE EXTENSION no_such_extension", "Install the extension's files"),
    Case(UP, "0A000", f"{TABLE} CREATE VIEW v AS SELECT n FROM t; ALTER TABLE t ALTER n TYPE text", "in another way"),
    Case(UP, "0LP01", "CREATE ROLE hints_a; GRANT hints_a TO hints_a", CORRECT),
    Case(UP, "20000", "DO $$ BEGIN CASE 1 WHEN 2 THEN NULL; END CASE; END $$", CORRECT),
    Case(UP, "21000", "SELECT (SELECT generate_series(1, 2))", CORRECT),
    Case(UP, "22012", "SELECT 1 / 0", "or the data that it reads"),
    Case(DOWN, "22012", "SELECT 1 / 0", "Correct the down script, or the data"),
    Case(BUILDING, "22012", "SELECT 1 / 0", CORRECT),
    Case(ANALYZING, "22012", "SELECT 1 / 0", "A function that an index"),
    Case(OTHER, "22012", "SELECT 1 / 0", ""),
    Case(UP, "22P02", "SELECT 'x'::int", "or the data that it reads"),
    Case(UP, "22001", "CREATE TABLE s (s varchar(1)); INSERT INTO s VALUES ('ab')", "or the data that it reads"),
    Case(UP, "22021", "SELECT convert_from('\\xff', 'UTF8')", "is not valid in the database's encoding"),
    Case(OTHER, "22021", "SELECT convert_from('\\xff', 'UTF8')", "is not valid UTF-8: correct it there"),
    Case(UP, "22P05", "SELECT convert('\\xe0b881', 'UTF8', 'LATIN1')", "lacks the character"),
    Case(UP, "23505", f"{TABLE} INSERT INTO t VALUES (1, 1), (1, 1)", "Fix the data, or correct the file"),
    Case(DOWN, "23505", f"{TABLE} INSERT INTO t VALUES (1, 1), (1, 1)", "Fix the data, or correct the down script"),
    Case(BUILDING, "23514", f"{TABLE} INSERT INTO t VALUES (1, 0)", "come from the files themselves"),
    Case(UP, "23502", f"{TABLE} INSERT INTO t VALUES (NULL)", "Fix the data, or correct the file"),
    Case(UP, "23503", f"{DEFERRED} INSERT INTO c VALUES (9); SET CONSTRAINTS ALL IMMEDIATE", "Fix the data"),
    Case(HISTORY, "23505", "INSERT INTO public.schema_migrations VALUES (1), (1)", "Another session has just recorded"),
    Case(UP, "25001", f"{TABLE} VACUUM t", "with `-- fowergram: no-transaction` at its top"),
    Case(UP, "25001", "SELECT 1; CREATE DATABASE x", "with `-- fowergram: no-transaction` at its top"),
    Case(ALONE, "25001", "DO $$ BEGIN EXECUTE 'VACUUM'; END $$", "in a function or a DO block: write"),
    Case(UP, "25001", "SELECT 1; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "first statement of the file"),
    Case(UP, "25001", "SELECT 1; SET TRANSACTION NOT DEFERRABLE", "first statement of the file"),
    Case(UP, "25006", READ_ONLY, "Either the server is a standby"),
    Case(CREATING, "25006", READ_ONLY, "Either the server is a standby"),
    Case(HISTORY, "25006", READ_ONLY, "Either the server is a standby"),
    Case(UP, "25P03", raised("25P03"), "idle_in_transaction_session_timeout ended"),
    Case(UP, "25P04", raised("25P04"), "transaction_timeout ended"),
    Case(UP, "26000", "EXECUTE no_such", "create this one in the same file"),
    Case(UP, "34000", "FETCH no_such", "create this one in the same file"),
    Case(UP, "2BP01", f"{TABLE} CREATE VIEW v AS SELECT n FROM t; DROP TABLE t", "DETAIL names them"),
    Case(DOWN, "2BP01", f"{TABLE} CREATE VIEW v AS SELECT n FROM t; DROP TABLE t", "DETAIL names them"),
    Case(UP, "2D000", "SELECT 1; DO $$ BEGIN COMMIT; END $$", "-- fowergram: no-transaction` at the top"),
    Case(DOWN, "2D000", "SELECT 1; DO $$ BEGIN ROLLBACK; END $$", "-- fowergram: no-transaction` at the top"),
    Case(ALONE, "2D000", FUNCTION, "only in a procedure that CALL runs"),
    Case(UP, "3D000", "GRANT CONNECT ON DATABASE no_such TO PUBLIC", "current_database()"),
    Case(RENAMING, "3D000", "ALTER DATABASE no_such RENAME TO other", "dropped or renamed the database"),
    Case(UP, "3F000", "SET LOCAL search_path = none; CREATE TABLE x ()", "No schema of the search_path"),
    Case(UP, "3F000", "CREATE TABLE none.x ()", "Create that schema in an earlier statement"),
    Case(DOWN, "3F000", "DROP SCHEMA none", "Create that schema in an earlier statement"),
    Case(HISTORY, "3F000", "CREATE TABLE none.x ()", "CREATE SCHEMA public;"),
    Case(OTHER, "3F000", "CREATE TABLE none.x ()", ""),
    Case(UP, "40001", raised("40001"), "has changed the same rows"),
    Case(UP, "40P01", raised("40P01"), "in another order"),
    Case(UP, "42601", "SELCT 1", CORRECT),
    Case(BUILDING, "42601", "SELCT 1", CORRECT),
    Case(DOWN, "42601", "SELCT 1", "Correct the down script and run"),
    Case(DOWN_ALONE, "42P01", "DROP TABLE none", "Correct the down script and run"),
    Case(RECORDED, "42P01", "DROP TABLE none", "This down script is the recorded one"),
    Case(UP, "42P01", "SELECT FROM none", CORRECT),
    Case(UP, "42703", f"{TABLE} SELECT x FROM t", CORRECT),
    Case(UP, "42883", "SELECT no_such()", CORRECT),
    Case(UP, "42704", "CREATE TABLE x (a citext)", CORRECT),
    Case(HISTORY, "42P01", "SELECT FROM none", "session changed the table meanwhile"),
    Case(OTHER, "42P01", "SELECT FROM none", ""),
    Case(UP, "42P07", f"{TABLE} {TABLE}", "`fowergram-db repair --applied VERSION`"),
    Case(UP, "42710", "CREATE TYPE y AS (a int); CREATE TYPE y AS (a int)", "`fowergram-db repair --applied VERSION`"),
    Case(UP, "42701", f"{TABLE} ALTER TABLE t ADD n int", "`fowergram-db repair --applied VERSION`"),
    Case(ALONE, "42P07", f"{TABLE} {TABLE}", "it resumes at this statement"),
    Case(ALONE, "42P06", "CREATE SCHEMA s; CREATE SCHEMA s", "it resumes at this statement"),
    Case(BUILDING, "42P07", f"{TABLE} {TABLE}", "either the files create this object twice"),
    Case(DOWN, "42P07", f"{TABLE} {TABLE}", "Correct the down script"),
    Case(UP, "42501", "SET LOCAL ROLE hints_plain; SELECT FROM pg_authid", "The role may not do what the message says"),
    Case(OTHER, "42501", "SET LOCAL ROLE hints_plain; SELECT FROM pg_authid", "The role may not do what"),
    Case(SLOW, "42501", "SET LOCAL ROLE hints_plain; SELECT FROM pg_authid", "owner of the extension"),
    Case(HISTORY, "42501", "SET LOCAL ROLE hints_plain; SELECT FROM pg_authid", "USAGE on the schema public"),
    Case(UP, "42501", "SET LOCAL ROLE hints_plain; INSERT INTO guarded VALUES (1)", "row-level security policy"),
    Case(CREATING, "42P04", "CREATE DATABASE postgres", "choose another name"),
    Case(RENAMING, "42P04", "ALTER DATABASE template1 RENAME TO template0", "choose another name"),
    Case(CREATING, "22023", "CREATE DATABASE x ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'", "encoding or locale"),
    Case(UP, "44000", f"{TABLE} CREATE VIEW v AS SELECT * FROM t WHERE id > 1 WITH CHECK OPTION;"
         "INSERT INTO v VALUES (1, 1)", "Fix the data, or correct the file"),
    Case(UP, "53100", raised("53100"), "disk is full"),
    Case(HISTORY, "53100", raised("53100"), "disk is full"),
    Case(UP, "53200", raised("53200"), "max_locks_per_transaction"),
    Case(UP, "53300", raised("53300"), "no free connection"),
    Case(UP, "53400", raised("53400"), "configuration was reached"),
    Case(UP, "54000", "CREATE TABLE x (a text PRIMARY KEY); INSERT INTO x SELECT string_agg(md5(g::text), '')"
         "FROM generate_series(1, 400) AS g", "a limit of PostgreSQL"),
    Case(UP, "54011", f"CREATE TABLE x ({', '.join(f'c{n} int' for n in range(1601))})", "a limit of PostgreSQL"),
    Case(UP, "55000", "SELECT currval(pg_get_serial_sequence('serials', 'id'))", ""),
    Case(UP, "55006", f"{DEFERRED} ALTER TABLE c ADD x int", "SET CONSTRAINTS ALL IMMEDIATE"),
    Case(UP, "55006", f"{TABLE} DO $$ DECLARE r record; BEGIN FOR r IN SELECT 1 FROM t LOOP END LOOP;"
         "INSERT INTO t VALUES (1, 1); FOR r IN SELECT 1 FROM t LOOP DROP TABLE t; END LOOP; END $$", "a loop"),
    Case(ALONE, "55006", "DROP DATABASE {database}", "this session is connected to it"),
    Case(UP, "55006", "DROP ROLE {user}", "cannot drop the role that runs it"),
    Case(CREATING, "55006", raised("55006"), "connected to the database that is copied"),
    Case(RENAMING, "55006", "DROP DATABASE {database}", "Sessions, prepared transactions"),
    Case(UP, "55006", raised("55006"), ""),
    Case(UP, "55P02", "SET max_connections = 10", "in the server's configuration"),
    Case(UP, "55P03", "SET LOCAL lock_timeout = 1; SELECT FROM locked", "--lock-timeout"),
    Case(UP, "55P03", "BEGIN; LOCK TABLE locked NOWAIT", "until that session is done"),
    Case(OTHER, "55P03", "SET LOCAL lock_timeout = 1; SELECT FROM locked", "until that session is done"),
    Case(UP, "55P04", "ALTER TYPE mood ADD VALUE 'new'; SELECT 'new'::mood", "in the next file"),
    Case(UP, "57014", "SET LOCAL statement_timeout = 1; SELECT FROM locked", "--statement-timeout"),
    Case(HISTORY, "57014", "SET LOCAL statement_timeout = 1; SELECT FROM locked", "or someone cancelled it"),
    Case(UP, "57P01", raised("57P01"), "or someone ended this session"),
    Case(UP, "57P02", raised("57P02"), "crashed"),
    Case(UP, "57P03", raised("57P03"), "starting or shutting down"),
    Case(UP, "57P04", raised("57P04"), "dropped the database"),
    Case(UP, "57P05", raised("57P05"), "idle_session_timeout ended"),
    Case(UP, "58P01", "COPY serials FROM '/no/such/file'", "a file that is not on its machine"),
    Case(OTHER, "58P01", "SELECT pg_read_file('/no/such/file')", "the server's log says more"),
    Case(UP, "58030", raised("58030"), "the server's log says more"),
    Case(UP, "F0000", raised("F0000"), "the server's log says more"),
    Case(UP, "XX001", raised("XX001"), "make a copy of its data directory"),
    Case(UP, "XX000", raised("XX000"), "an internal error"),
    Case(UP, "P0001", "DO $$ BEGIN RAISE EXCEPTION 'not on Sundays'; END $$", "raised this error"),
    Case(UP, "P0004", "DO $$ BEGIN ASSERT false; END $$", "raised this error"),
    Case(HISTORY, "P0001", "DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", "A trigger or another function"),
    Case(UP, "28000", raised("28000"), ""),
    Case(UP, "99999", raised("99999"), ""),
]  # fmt: skip
_GROUND = """
CREATE TABLE schema_migrations (v int CONSTRAINT schema_migrations_version_key UNIQUE);
CREATE TABLE serials (id serial);
CREATE TABLE locked ();
CREATE TYPE mood AS ENUM ('old');
CREATE TABLE guarded (id int);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
GRANT ALL ON guarded TO hints_plain;
"""
SHORT = [f"{case.situation}-{case.code}-{case.words[:20]}" for case in CASES]


@pytest.fixture(scope="module")
def failed(server, admin) -> Iterator[Callable[[str], psycopg.Error]]:
    """Return what a script raises, which changes nothing; another session keeps a table locked."""
    name = _fresh_name()
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    admin.execute("CREATE ROLE hints_plain")
    try:
        with connect(server, dbname=name) as session, connect(server, dbname=name) as other:
            session.execute(_GROUND)
            other.execute("BEGIN; LOCK TABLE locked")

            @cache
            def run(script: str) -> psycopg.Error:
                with pytest.raises(psycopg.Error) as caught:
                    session.execute(script.replace("{database}", name).replace("{user}", session.info.user))
                session.rollback()
                return caught.value

            yield run
    finally:
        _drop(admin, name)
        admin.execute("DROP ROLE hints_plain")


@pytest.mark.parametrize("case", CASES, ids=SHORT)
def test_a_hint_fits_what_was_done_and_to_what(failed, case):
    error = failed(case.script)
    assert error.sqlstate in case.code.split(), error
    hint = hint_for(error, case.situation)
    assert case.words in hint
    assert bool(case.words) == bool(hint)


# These cannot be raised on an ordinary server.
_ELSEWHERE = {("08P01",): "a pooler", ("25006",): "a standby"}


def test_each_rule_is_the_answer_to_an_error_of_a_server(failed):
    used = [rule_for(failed(case.script).diag, case.situation) for case in CASES]
    unused = [rule for rule in RULES if rule not in used]
    assert [rule.codes for rule in unused] == list(_ELSEWHERE)


NO_TRANSACTION = "-- fowergram: no-transaction\n"


def hint_of(result) -> str:
    """Return the line of a result that says what to do."""
    return next((line for line in result.err.split("\n") if line.startswith("hint: ")), "")


@pytest.mark.parametrize(
    ("header", "script", "words"),
    [
        ("", "CREATE TABLE none.x ()", "Create that schema"),
        ("", f"{DEFERRED} ALTER TABLE c ADD x int;", "SET CONSTRAINTS ALL IMMEDIATE"),
        ("", "DO $$ BEGIN COMMIT; END $$", "-- fowergram: no-transaction"),
        (
            "",
            "SET default_transaction_read_only = on; SET TRANSACTION READ ONLY; CREATE TABLE x ()",
            "the server or the file",
        ),
        (NO_TRANSACTION, FUNCTION, "only in a procedure"),
        (NO_TRANSACTION, f"{TABLE} {TABLE}", "it resumes at this statement"),
        (NO_TRANSACTION, "DO $$ BEGIN EXECUTE 'VACUUM'; END $$", "a function or a DO block: write"),
        ("", raised("53100"), "disk is full"),
        ("", raised("28000"), ""),
    ],
)
def test_a_failed_migration_comes_with_the_hint_of_its_situation(cli, write, header, script, words):
    write(**{"001_a": header + script})
    hint = hint_of(cli("migrate"))
    assert words in hint
    assert bool(words) == bool(hint)


@pytest.mark.parametrize("header", ["", NO_TRANSACTION])
def test_a_failed_rollback_is_headed_by_its_down_file(cli, write, header):
    write(**{"001_a": "CREATE TABLE a ()", "001_a.down": f"{header}DROP TABLE b"})
    cli("migrate")
    result = cli("rollback")
    assert result.err.count("error: 001_a.down.sql failed at statement 1 of 1") == 1
    stays = "what is already rolled back stays rolled back"
    assert hint_of(result) == f"hint: Correct the down script and run the command again: {stays}."


def test_a_failed_rollback_by_the_recorded_script_says_that_it_is_one(cli, write, directory):
    write(**{"001_a": "CREATE TABLE a ()", "001_a.down": "DROP TABLE b"})
    cli("migrate")
    (directory / "001_a.down.sql").unlink()
    result = cli("rollback")
    assert "error: the recorded down script of 001_a.sql failed at statement 1" in result.err
    assert hint_of(result).startswith("hint: This down script is the recorded one.")


def test_a_failed_rollback_of_a_file_with_two_sections_names_the_section(cli, write):
    write(**{"001_a": "-- migrate:up\nCREATE TABLE a ();\n-- migrate:down\nDROP TABLE b;\n"})
    cli("migrate")
    assert "error: the down section of 001_a.sql failed at statement 1" in cli("rollback").err


def test_a_history_that_the_role_may_not_make_says_which_rights_it_needs(cli, empty_db, write, role, monkeypatch):
    write(**{"001_a": "SELECT 1"})
    empty_db.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    assert "hint: The history is kept in public.schema_migrations: the role needs" in cli("migrate").err


@pytest.mark.parametrize("scope", ["ROLE", "DATABASE"])
def test_a_read_only_setting_of_role_or_database_stops_no_migration(
    cli, empty_db, write, target, role, monkeypatch, scope
):
    write(**{"001_a": "CREATE TABLE a ()"})
    named = {"ROLE": role, "DATABASE": target.dbname}[scope]
    for command in ("ALTER DATABASE {0} OWNER TO {1}", "ALTER SCHEMA public OWNER TO {1}"):
        empty_db.execute(sql.SQL(command).format(*map(sql.Identifier, (target.dbname, role))))
    setting = "ALTER {} {{}} SET default_transaction_read_only = on"
    empty_db.execute(sql.SQL(setting.format(scope)).format(sql.Identifier(named)))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    assert cli("migrate").exit_code == 0
