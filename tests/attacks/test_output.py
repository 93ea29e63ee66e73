"""What others put into a database, or a pull request into its files, is shown and never executed: by no CI runner, no
terminal. Each test lets one kind of text through every command that shows it."""

import re
from itertools import pairwise

import psycopg
import pytest
from psycopg import sql

from tests.unit.test_printable import COMMAND, is_unseen

HOSTILE = "x\n::add-path::/tmp\r::set-env::\u202e\x1b]52;c;eA==\a ##[error]y"


@pytest.fixture(autouse=True)
def _in_actions(monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")


def require_inert(result, says: str = "add-path") -> None:
    """Assert that a result shows nothing that acts as a command but the annotation of its own error."""
    lines = f"{result.out}\n{result.err}".split("\n")
    own = [line for line in lines if line.startswith("::error file=")]
    assert len(own) <= 1
    for line in own:
        assert "%0A" in line or "\\x" in line or line.isprintable()
    shown = "\n".join(line for line in lines if line not in own)
    assert not COMMAND.search(shown), shown
    assert [c for c in shown if c not in "\n\t" and is_unseen(c)] == []
    assert says in shown


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_notices_and_errors_of_a_migration_are_inert(write, cli):
    every = f"MESSAGE = {literal(HOSTILE)}, DETAIL = {literal(HOSTILE)}, HINT = {literal(HOSTILE)}"
    write(**{
        "001_a": f"DO $$BEGIN RAISE NOTICE USING {every}; RAISE WARNING USING {every}; END$$;",
        "002_b": f"DO $$BEGIN RAISE EXCEPTION USING {every}; END$$;",
    })  # fmt: skip
    for more in ([], ["--json"]):
        result = cli("migrate", *more)
        assert result.exit_code == 1
        require_inert(result)


def test_a_source_line_and_its_caret_are_inert(write, cli):
    write(**{"001_a": "\x1b[2J\u202e::add-path::/tmp SELCT 1;"})
    result = cli("migrate")
    require_inert(result)
    source, caret = next(pair for pair in pairwise(result.err.split("\n")) if pair[1].endswith("^"))
    assert source[caret.index("^")] in "\\:S"


def test_names_of_tables_are_inert(empty_db, cli):
    empty_db.execute(sql.SQL("CREATE TABLE {} (id int)").format(sql.Identifier(HOSTILE[:40])))
    empty_db.execute(sql.SQL("CREATE TABLE {} (id int)").format(sql.Identifier("::add-path::/tmp")))
    require_inert(cli("analyze"))
    require_inert(cli("analyze", "--json"))
    require_inert(cli("analyze", "::add-path::/nowhere"))
    require_inert(cli("analyze", HOSTILE))


def test_texts_of_queries_are_inert(empty_db, cli):
    empty_db.execute("CREATE EXTENSION pg_stat_statements")
    for _ in range(3):
        empty_db.execute(sql.SQL("SELECT pg_sleep(0.001) AS {}").format(sql.Identifier(HOSTILE[:40])))
        empty_db.execute("SELECT pg_sleep(0.001) \n::text -- ::add-path::")
    require_inert(cli("slow-queries"))
    require_inert(cli("slow-queries", "--json"))


def test_rows_of_the_history_are_inert(write, cli, query):
    write(**{"001_a": "SELECT 1", "002_b": "SELECT 2"})
    assert cli("migrate").exit_code == 0
    query(
        "UPDATE public.schema_migrations SET version = version + 5, "
        f"name = {literal(HOSTILE)}, filename = {literal(HOSTILE)} WHERE version = 2"
    )
    for arguments in (["status"], ["status", "--json"], ["rollback"], ["rollback", "--json"]):
        require_inert(cli(*arguments))
    for arguments in (["migrate"], ["repair"], ["migrate", "--dry-run"], ["adopt"]):
        require_inert(cli(*arguments), says="")


def test_names_of_databases_and_of_roles_are_inert(cli, write):
    write(**{"001_a": "SELECT 1"})
    for name in ("::add-path::x", HOSTILE[:30], "x\u202e \u2066::add-path::"):
        for arguments in (["status"], ["protect"], ["rollback", "--dry-run"], ["status", "--json"], ["analyze"]):
            result = cli(*arguments, "--dbname", name)
            assert result.exit_code in (0, 1, 2)
            require_inert(result, says="")
        require_inert(cli("status", "--user", name), says="")


def test_the_session_that_holds_the_lock_is_shown_inert(write, cli, target):
    write(**{"001_a": "CREATE TABLE a (id int)"})
    assert cli("migrate").exit_code == 0
    write(**{"002_b": "ALTER TABLE a ADD b int"})
    with psycopg.connect(
        host=target.host, port=target.port, dbname=target.dbname, user=target.user, password=target.password,
        application_name="::add-path::/tmp",
    ) as other:  # fmt: skip
        other.execute("LOCK TABLE a /* \n::add-path::/tmp\r\u202e */")
        result = cli("migrate", "--lock-timeout", "700ms", "--lock-retries", "0")
    assert result.exit_code == 5
    require_inert(result)


def test_names_of_files_and_directories_are_inert(tmp_path, cli):
    directory = tmp_path / "x\n::add-path::\r\u202e"
    directory.mkdir()
    require_inert(cli("status", "--migrations-dir", str(directory)))
    require_inert(cli("new", "a b", "--migrations-dir", str(directory)))
    (directory / "002_c.sql").write_text("SELECT 1;\nSELCT 2;")
    for arguments in (["migrate"], ["status"], ["status", "--json"], ["rollback"]):
        result = cli(*arguments, "--migrations-dir", str(directory))
        if "add-path" in result.out + result.err:
            require_inert(result)
    (directory / "003_::add-path::.sql").write_text("SELECT 1")
    require_inert(cli("status", "--migrations-dir", str(directory)))


def test_a_directory_adds_no_line_to_the_script_of_a_dry_run(tmp_path, cli, monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS")
    directory = tmp_path / "x\nDROP TABLE users;"
    directory.mkdir()
    (directory / "001_c.sql").write_text("SELECT 1;")
    result = cli("migrate", "--dry-run", "--migrations-dir", str(directory))
    assert [line for line in result.out.split("\n") if line.startswith("DROP")] == []


def test_a_dry_run_in_actions_switches_commands_off(write, cli):
    write(**{"001_a": "SELECT '\n::add-path::/tmp';"})
    shown = cli("migrate", "--dry-run").out
    (token,) = re.findall(r"^::stop-commands::(\w{32})$", shown, re.MULTILINE)
    before, script, after = re.split(rf"^::(?:stop-commands::)?{token}(?:::)?$", shown, flags=re.MULTILINE)
    assert (before, after) == ("/*\n", "\n*/\n")
    assert "::add-path::/tmp" in script


@pytest.mark.parametrize(
    "lines",
    [
        "DB_NAME='x\n::add-path::/tmp'",
        "DB_HOST='x\n::add-path::/tmp'",
        "DB_USER='x\r\n##[add-path]/tmp'",
        "DB_NAME\n::add-path::/tmp=x\nDB_HOST='\n::add-path::/tmp",
    ],
)
def test_lines_of_an_env_file_are_inert(tmp_path, cli, write, monkeypatch, lines):
    write(**{"001_a": "SELECT 1"})
    for name in ("HOST", "PORT", "NAME", "USER"):
        monkeypatch.delenv(f"DB_{name}")
    (tmp_path / "env").write_text(f"DB_PORT=1\n{lines}\n", encoding="utf-8")
    result = cli("status", "--env-file", str(tmp_path / "env"))
    assert (result.exit_code, "env file" in result.err) == (2, True)
    # Our own annotation names the file: it alone may begin a line.
    require_inert(result, says="env file")
    assert [line for line in re.split(r"[\r\n]+", result.out + result.err) if "add-path" in line] == []


def test_comments_of_others_that_are_not_utf_8_are_inert(mallory_with_createdb, cli, write, admin):
    write(**{"001_a": "SELECT 1"})
    assert cli("migrate").exit_code == 0
    name = f"{mallory_with_createdb.name}_ascii"
    # The server itself cannot show such a statement in a database of another encoding: other tests read these.
    admin.execute(f"ALTER ROLE {mallory_with_createdb.name} SET pg_stat_statements.track = 'none'")
    with mallory_with_createdb.connect("postgres") as own:
        own.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with mallory_with_createdb.connect(name) as own:
        own.execute("SET client_encoding = 'SQL_ASCII'")
        own.execute(b"COMMENT ON DATABASE " + name.encode() + b" IS 'fowergram-db: \xff'")
        # With a seal, the comment is compared with it in any plan.
        own.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} SET application_name = 'fowergram-db seal '").format(
                sql.Identifier(mallory_with_createdb.name), sql.Identifier(name)
            )
        )
    for arguments in ("testdb list", "testdb prune", "protect", "protect --off", "reset --yes --json"):
        result = cli(*arguments.split())
        assert result.exit_code == 0, result.err
