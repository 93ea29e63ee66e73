"""migrate, status and rollback on a real server."""

import contextlib
import os
import pty
import re
import subprocess
import sys

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect

pytestmark = pytest.mark.every_version

THREE = {
    "001_a": "CREATE TABLE a (id int);",
    "001_a.down": "DROP TABLE a;",
    "002_b": "CREATE TABLE b (id int); INSERT INTO b VALUES (1);",
    "002_b.down": "DROP TABLE b;",
    "000003_c.up": "CREATE TABLE c (id int);",
    "000003_c.down": "DROP TABLE c;",
}


def versions(query) -> list[int]:
    return [version for (version,) in query("SELECT version FROM public.schema_migrations ORDER BY 1")]


def test_a_missing_database_is_made_and_everything_applied_in_numeric_order(cli, write, query, tables):
    write(**THREE)
    result = cli("migrate", "--json")
    assert result.exit_code == 0
    assert [step["version"] for step in result.document["steps"]] == [1, 2, 3]
    assert result.document["target"]["server_version"]
    assert "Created database" in result.err
    assert tables() == ["a", "b", "c"]
    assert versions(query) == [1, 2, 3]


def test_a_second_run_has_nothing_to_do(cli, write):
    write(**THREE)
    cli("migrate")
    result = cli("migrate")
    assert (result.exit_code, result.out.splitlines()[0]) == (0, "Nothing to do.")


def test_the_bare_command_migrates(cli, write, tables):
    write(**THREE)
    assert cli().exit_code == 0
    assert tables() == ["a", "b", "c"]


@pytest.mark.parametrize("arguments", [("migrat",), ("--json",), ("--to", "1"), ("bogus", "--json")])
def test_the_bare_command_takes_no_options_and_a_wrong_word_never_migrates(cli, write, arguments):
    write(**THREE)
    assert cli(*arguments).exit_code == 2
    assert cli("status").out.count("pending") >= 3


def test_the_history_row_of_a_migration(cli, write, query):
    write(**THREE)
    cli("migrate")
    row = query(
        "SELECT filename, name, state, down_sql, statements_done, executed_by = current_user, length(checksum),"
        " executed_at <= now(), duration_ms > 0, tool_version FROM public.schema_migrations WHERE version = 3"
    )
    assert row[0][:9] == ("000003_c.up.sql", "c", "applied", "DROP TABLE c;", 1, True, 64, True, True)


def test_to_stops_at_a_version_and_an_unknown_one_makes_no_database(cli, write, tables, admin, target):
    write(**THREE)
    unknown = cli("migrate", "--to", "9", "--json")
    assert (unknown.exit_code, unknown.document["error"]["code"]) == (2, "unknown_version")
    assert admin.execute("SELECT FROM pg_database WHERE datname = %s", [target.dbname]).fetchone() is None
    assert cli("migrate", "--to", "2").exit_code == 0
    assert tables() == ["a", "b"]


def test_a_dry_run_prints_the_scripts_and_writes_nothing(cli, write, admin, target):
    write(**THREE)
    result = cli("migrate", "--dry-run")
    assert result.exit_code == 0
    assert "CREATE TABLE a (id int);" in result.out
    assert "The database is missing: create it before psql runs this script." in result.err
    assert admin.execute("SELECT FROM pg_database WHERE datname = %s", [target.dbname]).fetchone() is None


def test_status_never_creates_anything(cli, write, empty_db):
    write(**THREE)
    assert cli("status").exit_code == 0
    assert empty_db.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchone() == (
        0,
    )


def test_status_of_a_missing_database_is_all_pending(cli, write, admin, target):
    write(**THREE)
    result = cli("status", "--json")
    assert result.exit_code == 0
    assert result.document["summary"] == {"applied": 0, "pending": 3, "problems": 0}
    assert admin.execute("SELECT FROM pg_database WHERE datname = %s", [target.dbname]).fetchone() is None


def test_status_check_distinguishes_pending_migrations_from_problems(cli, write, directory):
    write(**THREE)
    assert cli("status", "--check").exit_code == 3
    cli("migrate")
    assert cli("status", "--check").exit_code == 0
    write(**{"004_d": "SELECT 1"})
    assert cli("status", "--check").exit_code == 3
    (directory / "001_a.sql").write_text("CREATE TABLE other (id int);")
    assert cli("status", "--check").exit_code == 4
    assert cli("status").exit_code == 0


def test_status_shows_each_state(cli, write, directory):
    write(**THREE, **{"005_e": "SELECT 5"})
    cli("migrate")
    (directory / "001_a.sql").write_text("SELECT 'edited'")
    (directory / "002_b.sql").unlink()
    (directory / "002_b.down.sql").unlink()
    write(**{"004_d": "SELECT 4", "006_f": "SELECT 6"})
    states = {m["version"]: m["state"] for m in cli("status", "--json").document["migrations"]}
    expected = {1: "changed", 2: "missing", 3: "applied", 4: "out_of_order", 5: "applied", 6: "pending"}
    assert states == expected
    blocked = cli("migrate", "--json")
    assert (blocked.exit_code, blocked.document["error"]["code"]) == (4, "history_inconsistent")
    assert blocked.document["steps"] == []


def test_out_of_order_runs_only_when_allowed(cli, write, tables):
    write(**{"002_b": "CREATE TABLE b (id int)"})
    cli("migrate")
    write(**{"001_a": "CREATE TABLE a (id int)"})
    assert cli("migrate").exit_code == 4
    assert cli("migrate", "--allow-out-of-order").exit_code == 0
    assert tables() == ["a", "b"]


def test_rollback_undoes_the_newest(cli, write, tables, query):
    write(**THREE)
    cli("migrate")
    result = cli("rollback", "--json")
    assert [(s["version"], s["direction"]) for s in result.document["steps"]] == [(3, "down")]
    assert tables() == ["a", "b"]
    assert versions(query) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "left"), [(("--steps", "2"), [1]), (("--to", "0"), []), (("--to", "1"), [1]), (("--steps", "9"), [])]
)
def test_rollback_goes_as_far_as_asked(cli, write, query, arguments, left):
    write(**THREE)
    cli("migrate")
    assert cli("rollback", *arguments).exit_code == 0
    assert versions(query) == left


@pytest.mark.parametrize(
    "arguments", [("--steps", "0"), ("--steps", "-1"), ("--to", "9"), ("--steps", "1", "--to", "1"), ("--to", "x")]
)
def test_rollback_refuses_invalid_arguments(cli, write, query, arguments):
    write(**THREE)
    cli("migrate")
    assert cli("rollback", *arguments).exit_code == 2
    assert versions(query) == [1, 2, 3]


def test_rollback_works_from_what_was_recorded_when_the_file_is_gone_or_edited(cli, write, directory, tables):
    write(**THREE)
    cli("migrate")
    (directory / "000003_c.up.sql").unlink()
    (directory / "000003_c.down.sql").unlink()
    (directory / "002_b.sql").write_text("SELECT 'edited'")
    (directory / "002_b.down.sql").write_text("DROP TABLE something_else;")
    result = cli("rollback", "--steps", "2")
    assert result.exit_code == 0
    assert result.out.count("with the recorded down script") == 2
    assert tables() == ["a"]


def test_rollback_without_a_down_script_runs_nothing(cli, write, tables):
    write(**{"001_a": "CREATE TABLE a (id int)", "002_b": "CREATE TABLE b (id int)", "002_b.down": "DROP TABLE b"})
    cli("migrate")
    result = cli("rollback", "--steps", "2")
    assert result.exit_code == 2
    assert "001_a.sql cannot be rolled back" in result.err
    assert tables() == ["a", "b"]


def test_a_failing_down_script_undoes_nothing(cli, write, query):
    write(**{"001_a": "CREATE TABLE a (id int)", "001_a.down": "DROP TABLE a; DROP TABLE nowhere;"})
    cli("migrate")
    result = cli("rollback", "--json")
    assert result.exit_code == 1
    error = result.document["error"]
    assert (error["line"], error["column"], error["sqlstate"]) == (1, 15, "42P01")
    assert versions(query) == [1]


def test_a_syntax_error_in_the_fourth_of_five_files(cli, write, directory, tables, recorded):
    write(**THREE)
    lines = [
        "-- a comment",
        "",
        "CREATE TABLE d (id int);",
        "",
        "",
        "CREATE TABLE d2 (",
        "    name text NOT NUL,",
        ");",
    ]
    write(**{"004_d": "\n".join(lines), "005_e": "CREATE TABLE e (id int)"})
    result = cli("migrate")
    assert result.exit_code == 1
    shown = result.err.replace(str(directory), "migrations").splitlines()
    assert [line.partition(" ")[0] for line in shown[:2]] == ["Target:", "Created"]
    applied = re.sub(r"\([\d.]+ ms\)", "(1 ms)", result.out)
    recorded("syntax_error", applied + "\n".join(shown[2:]) + "\n")
    assert tables() == ["a", "b", "c"]
    error = cli("migrate", "--json").document["error"]
    assert error["file"] == str(directory / "004_d.sql")
    assert (error["line"], error["column"], error["sqlstate"]) == (7, 19, "42601")


@pytest.mark.parametrize(
    ("script", "place", "statement"),
    [
        ("SELECT 1;\n\nSELECT 'ไทย',\n  1 / 0;", (3, 1), "statement 2 of 2"),
        ("SELECT 1;\nDO $$\nBEGIN\n  PERFORM 1/0;\nEND $$;\nSELECT 2;", (2, 1), "statement 2 of 3"),
        ("INSERT INTO nowhere VALUES (1);", (1, 13), "statement 1 of 1"),
        ("SELECT 1; -- ไทย\n\tSELECT nothing;", (2, 9), "statement 2 of 2"),
        ("SELECT 1;;;\n/* a */ SELECT 2; SELECT 1/(SELECT 0);", (2, 19), "statement 3 of 3"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n  RETRN 1;\nEND $$;", (3, 3), "1 of 1"),
    ],
)
def test_an_error_shows_its_place(cli, write, script, place, statement):
    write(**{"001_a": script})
    result = cli("migrate")
    assert result.exit_code == 1
    assert f"001_a.sql:{place[0]}:{place[1]}\n" in result.err
    assert statement in result.err
    assert "Applied now: none. Not applied: 1." in result.err.splitlines()[-1]


def test_an_error_at_commit_is_reported_too(cli, write, tables):
    write(
        **{
            "001_a": "CREATE TABLE a (id int PRIMARY KEY);"
            "CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED); INSERT INTO b VALUES (7);"
        }
    )
    result = cli("migrate")
    assert result.exit_code == 1
    assert "could not be committed" in result.err
    assert "DETAIL: Key (a)=(7)" in result.err
    assert tables() == []


def test_notices_reach_stderr(cli, write):
    write(**{"001_a": "DO $$ BEGIN RAISE NOTICE 'counted % rows', 7; END $$;"})
    result = cli("migrate", "--json")
    assert "notice: counted 7 rows" in result.err
    assert result.document["ok"]


def test_settings_of_one_script_reach_neither_the_history_nor_the_next_script(cli, write, role, target):
    write(
        **{
            "001_a": f"GRANT CREATE ON SCHEMA public TO {role}; SET ROLE {role}; SET search_path = nowhere, public;"
            "CREATE TABLE a (id int);",
            "002_b": f"SET SESSION AUTHORIZATION {role}; SET lock_timeout = 1; CREATE TABLE public.b (id int);",
            "003_c": "CREATE TABLE c AS SELECT current_user AS who, current_setting('search_path') AS path,"
            " current_setting('lock_timeout') AS lock",
        }
    )
    assert cli("migrate").exit_code == 0
    with connect(target) as connection:
        row = connection.execute("SELECT who::text, path, lock FROM c").fetchone()
        assert row == (target.user, '"$user", public', "5s")
        connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))


def test_a_lock_timeout_in_the_header_holds_and_has_its_own_exit_code(cli, write, empty_db):
    empty_db.execute("CREATE TABLE busy (id int)")
    write(**{"001_a": "-- fowergram: lock-timeout=50ms\nALTER TABLE busy ADD COLUMN x int;"})
    with empty_db.transaction():
        empty_db.execute("LOCK TABLE busy")
        result = cli("migrate", "--json", "--lock-retries", "0")
    assert (result.exit_code, result.document["error"]["code"]) == (5, "lock_timeout")
    assert cli("migrate", "--lock-retries", "0").exit_code == 0


@pytest.mark.parametrize("script", ["SELECT 1; COMMIT;", "\\d\n", "VACUUM;", "COPY t FROM stdin; SELECT 1;\n1\n\\.\n"])
def test_what_cannot_run_as_one_transaction_is_refused_before_anything_runs(cli, write, admin, target, script):
    write(**THREE, **{"004_d": script})
    result = cli("migrate", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "file_fault")
    assert admin.execute("SELECT FROM pg_database WHERE datname = %s", [target.dbname]).fetchone() is None


def test_a_down_file_that_could_not_run_is_refused_with_its_migration(cli, write):
    write(**{"001_a": "SELECT 1", "001_a.down": "ROLLBACK"})
    result = cli("migrate", "--json")
    assert result.exit_code == 2
    assert result.document["error"]["file"].endswith("001_a.down.sql")


@pytest.mark.parametrize(
    ("columns", "owner"),
    [
        ("id serial, filename varchar(255), executed_at timestamptz, checksum varchar(64)", "run-migrations.sh"),
        ("version bigint, dirty boolean", "golang-migrate"),
        ("version varchar", "dbmate or Rails"),
        ("version int, something text", "another tool"),
    ],
)
@pytest.mark.parametrize("command", ["migrate", "rollback"])
def test_another_tools_table_stops_every_command_that_writes(cli, write, empty_db, columns, owner, command):
    empty_db.execute(f"CREATE TABLE public.schema_migrations ({columns})")
    write(**THREE)
    result = cli(command, "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (4, "foreign_history")
    assert owner in result.document["error"]["message"]
    assert "adopt" in result.document["error"]["hint"]
    shown = cli("status", "--check")
    assert shown.exit_code == 4
    assert owner in shown.out
    assert cli("status").exit_code == 0


def test_names_that_need_quoting(cli, write, target, admin, monkeypatch):
    name = f"{target.dbname} \"'%;\\ ไทย"
    monkeypatch.setenv("DB_NAME", name)
    write(**{'001_it\'s; "odd" %s': "CREATE TABLE a (id int)", '001_it\'s; "odd" %s.down': "DROP TABLE a"})
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        for arguments in (("migrate",), ("status",), ("rollback",), ("reset", "--yes"), ("analyze",)):
            assert cli(*arguments).exit_code == 0
    finally:
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def test_empty_files_comments_and_percent_signs_run(cli, write, directory, tables):
    write(
        **{
            "001_empty": "",
            "002_comment": "-- nothing here",
            "003_percent": "CREATE TABLE a AS SELECT '%s %% %(x)s' AS x",
        }
    )
    (directory / "004_crlf.sql").write_bytes(b"\xef\xbb\xbfCREATE TABLE b (\r\n  id int\r\n)\r\n-- end")
    assert cli("migrate").exit_code == 0
    assert tables() == ["a", "b"]


def test_a_literal_of_a_password_clause_is_never_shown(cli, write, role):
    write(**{"001_a": f"DO $$ BEGIN EXECUTE 'ALTER ROLE {role} PASSWORD ''sesame'' VALID UNTIL ''never'''; END $$;"})
    outputs = [cli("migrate", "--dry-run"), cli("migrate"), cli("migrate", "--json")]
    write(**{"001_a": f"ALTER ROLE {role} PASSWORD 'sesame' oops;"})
    outputs.append(cli("migrate"))
    assert [result.exit_code for result in outputs] == [0, 1, 1, 1]
    assert not any("sesame" in result.out + result.err for result in outputs)


def test_github_gets_an_annotation(cli, write, directory, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write(**{"001_a": "SELECT 1;\nSELECT nothing, here;"})
    line = cli("migrate").err.splitlines()
    assert any(each.startswith(f"::error file={directory}/001_a.sql,line=2,col=8::001_a.sql failed") for each in line)


def test_an_annotation_is_relative_to_the_workspace_and_precedes_the_summary(
    cli, write, directory, monkeypatch, tmp_path
):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(directory.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    write(**{"001_a": "SELECT 1;", "002_b": "SELECT 1;\nSELECT nothing, here;"})
    lines = cli("migrate").err.splitlines()
    (number,) = [at for at, line in enumerate(lines) if line.startswith("::error")]
    assert lines[number].startswith(f"::error file={directory.name}/002_b.sql,line=2,col=8::")
    assert lines[number + 1 :] == ["Applied now: 1. Not applied: 2."]
    write(**{"002_b": "SELECT 1;"})
    assert cli("migrate").exit_code == 0
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "migrate: failed" in summary
    assert "migrate: done" in summary.partition("migrate: failed")[2]


def test_a_summary_that_cannot_be_written_changes_no_exit_code(cli, write, monkeypatch, tmp_path):
    write(**{"001_a": "SELECT 1;"})
    os.mkfifo(tmp_path / "pipe")  # which has no reader
    for place in (tmp_path, tmp_path / "pipe", tmp_path / "no" / "directory", "/dev/full"):
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place))
        result = cli("migrate")
        assert (result.exit_code, "could not be written" in result.err) == (0, True), place


def test_ctrl_c_at_a_question_does_nothing(write, variables, cli, query):
    """On a terminal of its own, since only there is asked."""
    directory = write(**THREE)
    assert cli("migrate").exit_code == 0
    assert cli("protect").exit_code == 0
    command = [sys.executable, "-m", "fowergram_db", "rollback", "--steps", "2"]
    variables["MIGRATIONS_DIR"] = str(directory)
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(command[0], command, variables)
    shown = b""
    while b"to continue: " not in shown:
        shown += os.read(terminal, 65536)
    os.write(terminal, b"\x03")
    with contextlib.suppress(OSError):  # the end of the terminal
        while more := os.read(terminal, 65536):
            shown += more
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 130, shown
    assert b"Traceback" not in shown
    assert b"Nothing was done." in shown
    assert b"transaction" not in shown
    assert versions(query) == [1, 2, 3]


def test_a_closed_pipe_ends_quietly(write, variables):
    directory = write(**THREE)
    command = f"{sys.executable} -m fowergram_db migrate --dry-run --migrations-dir '{directory}' | head -c 1"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize("style", ["German", "SQL, DMY", "Postgres, YMD"])
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Bangkok", "<+07>-07"])
def test_date_style_and_time_zone_of_the_database_do_not_matter(cli, write, empty_db, target, style, zone):
    name = sql.Identifier(target.dbname)
    empty_db.execute(sql.SQL("ALTER DATABASE {} SET datestyle = ").format(name) + sql.SQL(style))
    empty_db.execute(sql.SQL("ALTER DATABASE {} SET timezone = {}").format(name, sql.Literal(zone)))
    empty_db.execute("CREATE EXTENSION pg_stat_statements")
    write(**THREE)
    assert cli("migrate").exit_code == 0
    migrations = cli("status", "--json").document["migrations"]
    assert all(m["executed_at"].endswith("Z") for m in migrations)
    for command in ("rollback", "analyze", "slow-queries", "reset"):
        result = cli(command)
        assert result.exit_code == (0 if command != "reset" else 2), result.err
    assert cli("migrate").exit_code == 0


def test_nothing_is_committed_where_its_row_is_not_written(cli, write, query, tables):
    write(**THREE)
    cli("migrate", "--to", "1")
    query("CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    query("CREATE TRIGGER skip BEFORE INSERT OR DELETE ON schema_migrations FOR EACH ROW EXECUTE FUNCTION skip()")
    for command in ("migrate", "rollback"):
        result = cli(command, "--json")
        assert result.exit_code == 1
        assert "ended the transaction that it runs in, or its row" in result.document["error"]["message"]
    assert tables() == ["a"]


def test_strings_that_the_server_reads_otherwise_are_not_run(cli, write, empty_db, target, tables):
    empty_db.execute(
        sql.SQL("ALTER DATABASE {} SET standard_conforming_strings = off").format(sql.Identifier(target.dbname))
    )
    write(**{"001_a": r"CREATE TABLE a (x int); SELECT 'a\''; COMMIT; CREATE TABLE b (x int); SELECT 'b''"})
    result = cli("migrate", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")
    assert tables() == []
    assert cli("status").exit_code == 0


def test_an_invalid_row_written_by_hand_is_reported(cli, write, query):
    write(**THREE)
    cli("migrate")
    query("ALTER TABLE schema_migrations DROP CONSTRAINT schema_migrations_state_check")
    query("UPDATE schema_migrations SET state = 'odd' WHERE version = 2")
    result = cli("status", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (4, "history_inconsistent")


def test_a_dry_rollback_prints_and_undoes_nothing(cli, write, tables):
    write(**THREE)
    cli("migrate")
    result = cli("rollback", "--to", "1", "--dry-run")
    assert (result.exit_code, result.out.count("DROP TABLE")) == (0, 2)
    assert tables() == ["a", "b", "c"]


def test_every_option_works_as_a_variable(cli, write, monkeypatch, query):
    write(**THREE)
    with monkeypatch.context() as only:
        only.setenv("FOWERGRAM_DRY_RUN", "1")
        assert "CREATE TABLE a" in cli("migrate").out
    with monkeypatch.context() as only:
        only.setenv("FOWERGRAM_MIGRATE_TO", "2")
        only.setenv("FOWERGRAM_JSON", "true")
        assert len(cli().document["steps"]) == 2
        only.setenv("FOWERGRAM_CHECK", "yes")
        assert cli("status").exit_code == 3
    cli("migrate")
    with monkeypatch.context() as only:
        only.setenv("FOWERGRAM_ROLLBACK_STEPS", "2")
        assert cli("rollback").exit_code == 0
        assert versions(query) == [1]
        assert cli("rollback", "--to", "0").exit_code == 0
        only.setenv("FOWERGRAM_ROLLBACK_TO", "0")
        assert cli("rollback").exit_code == 2
    write(**{"005_e": "SELECT 5"})
    cli("migrate")
    write(**{"004_d": "SELECT 4"})
    with monkeypatch.context() as only:
        only.setenv("FOWERGRAM_ALLOW_OUT_OF_ORDER", "1")
        assert cli("migrate").exit_code == 0
    with monkeypatch.context() as only:
        only.setenv("FOWERGRAM_PROTECT_OFF", "1")
        assert "no longer" in cli("protect").out
