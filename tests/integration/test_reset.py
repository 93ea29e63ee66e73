"""reset and protect: what is emptied, what is refused, and what survives."""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.advisory_lock import RUN_SPACE
from fowergram_db.database.connection import connect
from fowergram_db.database.managed_databases import Purpose, origin_of

TWO = {
    "001_a": "CREATE TABLE a (id int);",
    "001_a.down": "DROP TABLE a;",
    "002_b": "CREATE TABLE b (id int); INSERT INTO b VALUES (1);",
    "002_b.down": "DROP TABLE b;",
}


@pytest.fixture
def precious(target, admin, monkeypatch):
    """The name of a database whose name does not say that it may be emptied."""
    name = target.dbname.replace("_test_", "_keep_")
    monkeypatch.setenv("DB_NAME", name)
    yield name
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def leftovers(admin) -> list[str]:
    """Return what resets have left whose runs are over."""
    # Other tests run resets meanwhile: what is there before and after the locks are read, and without a lock, is left.
    ask_names = "SELECT datname FROM pg_database"
    live = "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = %s::integer::oid"
    before = {name for (name,) in admin.execute(ask_names)}
    running = {run for (run,) in admin.execute(live, [RUN_SPACE])}
    origins = {name: origin_of(name) for (name,) in admin.execute(ask_names) if name in before}
    return [
        name
        for name, origin in origins.items()
        if origin and origin.purpose is Purpose.RESET and origin.owner is not None and origin.owner not in running
    ]


def test_reset_is_a_fresh_migrate_without_data(cli, write, query, tables, admin, target):
    write(**TWO | {"002_b": f"{TWO['002_b']} -- {target.dbname}"})
    cli("migrate")
    query("CREATE TABLE stray (id int)")
    query("INSERT INTO a VALUES (1); INSERT INTO b VALUES (2)")
    result = cli("reset", "--json")
    assert result.exit_code == 0
    assert [step["version"] for step in result.document["steps"]] == [1, 2]
    assert tables() == ["a", "b"]
    assert query("SELECT (SELECT count(*) FROM a), (SELECT array_agg(id) FROM b)") == [(0, [1])]
    assert leftovers(admin) == []


def test_reset_makes_a_missing_database(cli, write, tables):
    write(**TWO)
    assert cli("reset").exit_code == 0
    assert tables() == ["a", "b"]


def test_settings_grants_owner_locale_and_comment_survive(cli, write, admin, target, role):
    name, owner = sql.Identifier(target.dbname), sql.Identifier(role)
    admin.execute(
        sql.SQL(
            "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'"
            " LC_COLLATE 'C' LC_CTYPE 'C' CONNECTION LIMIT 7"
        ).format(name, owner)
    )
    for statement in (
        'ALTER DATABASE {0} SET search_path TO "Odd, one", public',
        "ALTER DATABASE {0} SET app.note TO 'it''s, \"quoted\"'",
        "ALTER DATABASE {0} SET work_mem TO '7MB'",
        "ALTER ROLE {1} IN DATABASE {0} SET statement_timeout TO '9s'",
        "REVOKE ALL ON DATABASE {0} FROM PUBLIC",
        "GRANT CONNECT ON DATABASE {0} TO {1} WITH GRANT OPTION",
        "COMMENT ON DATABASE {0} IS 'it''s a test'",
    ):
        admin.execute(sql.SQL(statement).format(name, owner))
    facts = """
        SELECT pg_get_userbyid(datdba), encoding, datcollate, datctype, datconnlimit, datacl::text,
            shobj_description(oid, 'pg_database'), datallowconn, datistemplate,
            (SELECT array_agg((setrole, setconfig)::text ORDER BY setrole)
             FROM pg_db_role_setting WHERE setdatabase = d.oid)
        FROM pg_database d WHERE datname = %s
    """
    before = admin.execute(facts, [target.dbname]).fetchone()
    write(**TWO)
    result = cli("reset")
    assert result.exit_code == 0, result.err
    assert admin.execute(facts, [target.dbname]).fetchone() == before


def test_a_migration_that_fails_leaves_the_old_database_as_it_was(cli, write, query, admin, target):
    write(**TWO)
    cli("migrate")
    query("INSERT INTO a VALUES (1)")
    write(**{"003_c": "SELECT 1/0"})
    result = cli("reset", "--json")
    assert result.exit_code == 1
    assert result.document["error"]["sqlstate"] == "22012"
    assert result.document["steps"] == []
    assert result.err.splitlines()[-1] == f'Database "{target.dbname}" is unchanged.'
    assert query("SELECT count(*) FROM a") == [(1,)]
    assert leftovers(admin) == []


GUIDE = (Path(__file__).resolve().parents[2] / "docs/test-databases.md").read_text(encoding="utf-8")
ROW = re.compile(
    r"^\| (yes|no) \| (yes|no|any) \| (yes|no|any) \| (none|some|some, `--force`|any) \| (\w+) \|$", re.MULTILINE
)
CLIENTS = {(False, False): "none", (False, True): "none", (True, False): "some", (True, True): "some, `--force`"}


def outcome_in_the_guide(marked, disposable, confirmed, clients) -> str:
    """What the table of docs/test-databases.md says of a combination: just one of its rows is about it."""
    asked = ["yes" if fact else "no" for fact in (marked, disposable, confirmed)] + [clients]
    (row,) = [
        row
        for row in ROW.findall(GUIDE)
        if all(cell in ("any", wanted) for cell, wanted in zip(row, asked, strict=False))
    ]
    return row[-1]


@pytest.mark.parametrize(
    ("marked", "disposable", "confirmed", "connected", "forced"), list(itertools.product([False, True], repeat=5))
)
def test_the_guard(cli, write, target, precious, monkeypatch, admin, marked, disposable, confirmed, connected, forced):
    write(**{"001_a": "CREATE TABLE a (id int)"})
    name = target.dbname if disposable else precious
    monkeypatch.setenv("DB_NAME", name)
    cli("migrate")
    if marked:
        cli("protect")
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS 'old'").format(sql.Identifier(name)))
    other = connect(replace(target, dbname=name))
    other.execute("INSERT INTO a VALUES (1)")
    if not connected:
        other.close()
    arguments = [word for word, given in (("--yes", confirmed), ("--force", forced)) if given]
    try:
        result = cli("reset", *arguments)
    finally:
        other.close()
    outcome = outcome_in_the_guide(marked, disposable, confirmed, CLIENTS[connected, forced])
    assert result.exit_code == {"reset": 0, "refused": 2}[outcome], result.err
    with connect(replace(target, dbname=name)) as session:
        assert session.execute("SELECT count(*) FROM a").fetchone() == ((0,) if outcome == "reset" else (1,))
    assert leftovers(admin) == []


@pytest.mark.parametrize("place", ["environment", "env file"])
def test_an_environment_declared_production_is_never_reset(cli, write, monkeypatch, tmp_path, place):
    write(**TWO)
    cli("migrate")
    if place == "environment":
        monkeypatch.setenv("FOWERGRAM_ENVIRONMENT", "production")
    else:
        (tmp_path / ".env").write_text("FOWERGRAM_ENVIRONMENT=production\n")
    result = cli("reset", "--yes", "--force", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")


@pytest.mark.parametrize(("typed", "exit_code"), [("NAME", 0), ("yes", 2), ("", 2)])
def test_a_reset_is_confirmed_by_typing_the_name(cli, write, precious, monkeypatch, typed, exit_code):
    write(**TWO)
    cli("migrate")
    answer = precious if typed == "NAME" else typed
    monkeypatch.setattr("fowergram_db.cli.render.Screen.ask", lambda _screen, _question: answer)
    assert cli("reset").exit_code == exit_code


@pytest.mark.parametrize("setting", ["'production'", "'Production'"])
def test_the_mark_may_be_set_by_hand(cli, write, admin, target, setting):
    write(**TWO)
    cli("migrate")
    name = sql.Identifier(target.dbname)
    admin.execute(sql.SQL("ALTER DATABASE {} SET fowergram.environment = " + setting).format(name))
    assert cli("reset", "--yes", "--force").exit_code == 2
    assert cli("protect", "--off").exit_code == 0
    assert cli("reset").exit_code == 0


def test_an_owner_who_is_no_superuser_may_protect_too(cli, write, admin, target, role, monkeypatch):
    name, owner = sql.Identifier(target.dbname), sql.Identifier(role)
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS 'kept'").format(name))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    write(**TWO)
    assert cli("migrate").exit_code == 0
    assert [cli("protect").exit_code for _ in range(2)] == [0, 0]
    assert cli("reset").exit_code == 2
    assert [cli("protect", "--off").exit_code for _ in range(2)] == [0, 0]
    comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    assert admin.execute(comment, [target.dbname]).fetchone() == ("kept",)


def test_a_rollback_of_more_than_one_step_asks_in_production(cli, write, tables, monkeypatch, target):
    write(**TWO)
    cli("migrate")
    cli("protect")
    refused = cli("rollback", "--steps", "2", "--json")
    assert (refused.exit_code, refused.document["error"]["code"]) == (2, "refused")
    assert cli("rollback").exit_code == 0
    cli("migrate")
    monkeypatch.setattr("fowergram_db.cli.render.Screen.ask", lambda _screen, _question: target.dbname)
    assert cli("rollback", "--to", "0").exit_code == 0
    assert tables() == []


def test_a_role_that_may_not_create_databases_has_what_it_owns_dropped(cli, write, admin, target, role, monkeypatch):
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (target.dbname, role))))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    write(**TWO)
    cli("migrate")
    oid = admin.execute("SELECT oid FROM pg_database WHERE datname = %s", [target.dbname]).fetchone()
    result = cli("reset", "--json")
    assert result.exit_code == 0, result.err
    assert result.document["method"] == "dropped"
    assert [step["version"] for step in result.document["steps"]] == [1, 2]
    assert f"{role} may not create databases" in result.err
    assert admin.execute("SELECT oid FROM pg_database WHERE datname = %s", [target.dbname]).fetchone() == oid


@pytest.fixture
def as_owner(cli, admin, target, role, monkeypatch):
    """Run commands as the database's owner, who may create databases and nothing more."""
    admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(role)))
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (target.dbname, role))))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    return cli


def test_an_owner_who_may_create_databases_needs_nothing_more(as_owner, write):
    write(**TWO)
    assert as_owner("migrate").exit_code == 0
    assert as_owner("reset").exit_code == 0
    assert as_owner("status", "--check").exit_code == 0


def test_sessions_that_may_not_be_ended_leave_all_as_it_was(as_owner, write, admin, target):
    write(**TWO)
    as_owner("migrate")
    with connect(target):  # a superuser's session, which an ordinary role may not end
        result = as_owner("reset", "--force", "--json")
    assert result.exit_code == 1
    assert result.document["error"]["sqlstate"] == "42501"
    assert as_owner("status", "--check").exit_code == 0
    assert leftovers(admin) == []


def test_a_database_without_any_grant_stays_so(cli, write, admin, target, role):
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(target.dbname)))
    for grantee in ("PUBLIC", target.user):
        admin.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM ").format(sql.Identifier(target.dbname)) + sql.SQL(grantee)
        )
    write(**TWO)
    assert cli("reset").exit_code == 0
    admits = "SELECT datacl::text, has_database_privilege(%s, oid, 'connect') FROM pg_database WHERE datname = %s"
    assert admin.execute(admits, [role, target.dbname]).fetchone() == ("{}", False)


def test_a_template_is_not_reset(cli, write, admin, target):
    write(**TWO)
    cli("migrate")
    name = sql.Identifier(target.dbname)
    admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(name))
    assert cli("reset", "--yes", "--force").exit_code == 2
    admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(name))
    assert cli("reset").exit_code == 0


def test_a_database_of_another_tool_is_not_reset(cli, write, empty_db, query):
    empty_db.execute("CREATE TABLE schema_migrations (version bigint, dirty boolean); CREATE TABLE precious ()")
    empty_db.close()
    write(**TWO)
    result = cli("reset", "--yes", "--force", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (4, "foreign_history")
    assert query("SELECT count(*) FROM precious") == [(0,)]


def test_a_name_that_the_server_would_truncate_is_refused(cli, write):
    write(**TWO)
    result = cli("reset", "--dbname", "x" * 59 + "_test", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "configuration")


@pytest.mark.parametrize(
    "locale", ["LOCALE_PROVIDER icu ICU_LOCALE 'th-TH'", "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"]
)
def test_other_providers_of_locales_survive(cli, write, admin, target, locale):
    create = f"CREATE DATABASE {target.dbname} TEMPLATE template0 ENCODING 'UTF8' {locale}"
    try:
        admin.execute(create)
    except psycopg.Error as error:
        pytest.skip(f"this server has no such locale: {error}")
    made = """
        SELECT to_jsonb(d) - '{oid,datname,datfrozenxid,datminmxid,datacl}'::text[]
        FROM pg_database d WHERE datname = %s
    """
    before = admin.execute(made, [target.dbname]).fetchone()
    write(**TWO)
    assert cli("reset").exit_code == 0
    assert admin.execute(made, [target.dbname]).fetchone() == before
