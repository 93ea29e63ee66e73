"""Every command that drops, renames or empties, for each mark and each role: as the table of the guide says."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import sql

from fowergram_db.cli.main import run
from fowergram_db.database.connection import connect
from fowergram_db.database.labelling import comment_on, label_database
from fowergram_db.database.managed_databases import facts_until, label
from fowergram_db.database.target import Target
from tests.integration.conftest import environment

GUIDE = (Path(__file__).resolve().parents[3] / "docs/test-databases.md").read_text(encoding="utf-8")
PASSWORD = "plain password"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SENTENCE = "a test database; it may be dropped."
# Each form of a mark, and the column of the table for it.
MARKS = {
    "none": "not marked",
    "setting": "marked",
    "setting of an owner": "marked",
    "line of the comment": "marked",
    "exported": "`FOWERGRAM_ENVIRONMENT`",
    "env file": "`FOWERGRAM_ENVIRONMENT`",
    "stale": "label of another database",
}
STATEMENTS = {
    "setting": "ALTER DATABASE {} SET fowergram.environment = 'production'",
    "setting of an owner": "ALTER DATABASE {} SET temp_tablespaces = 'fowergram.environment=production'",
}


def table() -> dict[tuple[str, str], dict[str, str]]:
    """Read the table: by command and by role, the outcome in each column."""
    lines = GUIDE.partition("| command | asked by |")[2].partition("\n\n")[0].splitlines()
    columns = [cell.strip() for cell in lines[0].strip("| ").split(" | ")]
    rows = [line.strip("| ").split(" | ") for line in lines[2:]]
    return {
        (command.strip(), who): dict(zip(columns, (outcome.strip() for outcome in outcomes), strict=True))
        for command, whose, *outcomes in rows
        for who in map(str.strip, whose.split(", "))
    }


TABLE = table()


@dataclass(frozen=True)
class Cast:
    """The roles, by what they are to the database: each may create databases but for those whose name says no."""

    server: Target

    def target(self, who: str, dbname: str) -> Target:
        if who == "superuser":
            return replace(self.server, dbname=dbname)
        return replace(self.server, dbname=dbname, user=f"guard_{who}", password=PASSWORD)


@pytest.fixture(scope="module")
def cast(server, admin):
    """The owner, a member of the owner, and a stranger, with and without the right to create databases."""
    for suffix, right in (("", "CREATEDB"), ("_without", "NOCREATEDB")):
        for who in ("owner", "member", "stranger"):
            admin.execute(f"CREATE ROLE guard_{who}{suffix} LOGIN PASSWORD '{PASSWORD}' {right}")
        admin.execute(f"GRANT guard_owner{suffix} TO guard_member{suffix}")
    return Cast(server)


@dataclass(frozen=True)
class Case:
    """A command to run: on which target, on which database, and whether the rows there show that it ran."""

    arguments: tuple[str, ...]
    target: Target
    subject: Target
    is_about_rows: bool = True


@pytest.fixture
def files(tmp_path):
    path = tmp_path / "migrations"
    path.mkdir()
    for number, name in ((1, "a"), (2, "b")):
        (path / f"00{number}_{name}.sql").write_text(f"CREATE TABLE {name} (id int)", encoding="utf-8")
        (path / f"00{number}_{name}.down.sql").write_text(f"DROP TABLE {name}", encoding="utf-8")
    return path


@pytest.fixture
def call(monkeypatch, capsys, files):
    def run_as(target: Target, *arguments: str, **more: str) -> tuple[int, str]:
        for name, value in (environment(target) | {"MIGRATIONS_DIR": str(files)} | more).items():
            monkeypatch.setenv(name, value)
        exit_code = run(arguments)
        for name in more:
            monkeypatch.delenv(name)
        out = capsys.readouterr()
        return exit_code, out.out + out.err

    return run_as


def set_up(command, who, cast, admin, call, name, files) -> Case:
    """Make the database that a command is about, with a row in it, and return what is to be done."""
    match command:
        case "`reset`, *dropped*":
            who, owner = f"{who}_without", "owner_without"
        case _:
            owner = "owner"
    if command == "`reset --yes`, *built*":
        name = name.replace("test", "shop")
    subject = cast.target(owner, name)
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (name, subject.user))))
    if command == "`reset`, *emptied*":
        subject = cast.target("superuser", name)
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(*map(sql.Identifier, (name, subject.user))))
        assert call(subject, "reset", "--warm", "0")[0] == 0
    else:
        assert call(subject, "migrate")[0] == 0
    with connect(subject) as session:
        session.execute("INSERT INTO a VALUES (1)")
    asker = cast.target(who, name)
    match command:
        case "`reset`, *cloned*" | "`reset`, *emptied*" | "`reset`, *dropped*":
            return Case(("reset", "--warm", "0"), asker, subject)
        case "`reset --yes`, *built*":
            return Case(("reset", "--yes"), asker, subject)
        case "`testdb create --name`":
            return Case(("testdb", "create", "--name", name), replace(asker, dbname="postgres"), subject)
        case "`rollback --steps 2`":
            return Case(("rollback", "--steps", "2"), asker, subject)
    label_database(admin, name, SENTENCE, facts_until(LONG_AGO, LONG_AGO))
    if command == "`reset` of another one, *pruned*":
        # Other migrations, so that a template is built, and what is not needed pruned.
        (files / "003_c.sql").write_text(f"SELECT 1 -- {name}", encoding="utf-8")
        return Case(("reset", "--warm", "0"), cast.target(who, f"{name}_other"), subject, is_about_rows=False)
    return Case(tuple(command.strip("`").split()), asker, subject, is_about_rows=False)


def put_mark(mark, admin, name, tmp_path) -> dict[str, str]:
    """Put a mark on a database, or into the environment, which is returned."""
    if mark in STATEMENTS:
        admin.execute(sql.SQL(STATEMENTS[mark]).format(sql.Identifier(name)))
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
    comment = (admin.execute(query, [name]).fetchone() or (None,))[0]
    if mark == "line of the comment":
        comment_on(admin, name, f"{comment or ''}\nfowergram.environment=production")
    if mark == "stale":
        facts = facts_until(LONG_AGO, LONG_AGO) | {"of": f"1/2/3/{name}"}
        comment_on(admin, name, label(SENTENCE, facts))
    if mark == "exported":
        return {"FOWERGRAM_ENVIRONMENT": "production"}
    if mark == "env file":
        (tmp_path / "marked.env").write_text("FOWERGRAM_ENVIRONMENT=production\n", encoding="utf-8")
        return {"FOWERGRAM_ENV_FILE": str(tmp_path / "marked.env")}
    return {}


def outcome_of(case, exit_code, said, admin) -> str:
    """Return what the facts say of the database, and what the exit code says of the command."""
    row = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [case.subject.dbname]).fetchone()
    is_there = row is not None
    if is_there and case.is_about_rows:
        with connect(replace(case.subject, user=admin.info.user, password=admin.info.password)) as session:
            found = session.execute("SELECT to_regclass('public.a') IS NOT NULL").fetchone()
            is_there = found == (True,) and session.execute("SELECT count(*) FROM a").fetchone() == (1,)
    if not is_there:
        return "done" if exit_code == 0 else f"LOST with {exit_code}"
    if exit_code == 0:
        return "kept"
    return "asks" if exit_code == 2 and "not confirmed: roll back 2" in said else "refused"


@pytest.mark.matrix(every=12)
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(("command", "who"), TABLE)
def test_the_guard(command, who, mark, cast, admin, call, target, tmp_path, files):
    wanted = TABLE[command, who][MARKS[mark]]
    case = set_up(command, who, cast, admin, call, target.dbname, files)
    try:
        environ = put_mark(mark, admin, case.subject.dbname, tmp_path)
        exit_code, said = call(case.target, *case.arguments, **environ)
        got = outcome_of(case, exit_code, said, admin)
        assert got == wanted, said
    finally:
        for name in (case.subject.dbname, case.target.dbname):
            if name != "postgres":
                admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def test_the_table_names_every_command_and_role():
    commands = {command for command, _ in TABLE}
    assert len(commands) == 9
    assert {(command, "superuser") for command in commands} - set(TABLE) == {("`reset`, *dropped*", "superuser")}
    assert all((command, who) in TABLE for command in commands for who in ("owner", "member", "stranger"))
