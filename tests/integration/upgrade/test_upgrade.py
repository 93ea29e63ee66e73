"""The way from a database of run-migrations.sh to the schema of today: sql/upgrade, and docs/upgrading.md."""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.sql import sql_root
from fowergram_db.database.target import url_of
from tests.integration.conftest import environment
from tests.integration.upgrade.old_database import old_rows, old_schema

pytestmark = pytest.mark.every_version
PAGE = (Path(__file__).resolve().parents[3] / "docs/upgrading.md").read_text(encoding="utf-8")
USERS, PER = 100, 3


def script(*names: str) -> str:
    """Return the text of scripts that run in one session."""
    return "\n".join((sql_root() / "upgrade" / f"{name}.sql").read_text(encoding="utf-8") for name in names)


@pytest.fixture(params=["uuid", "integer"])
def keys(request):
    """Return the type of the old keys."""
    return request.param


@pytest.fixture
def old(empty_db, keys):
    """Return a session in the old database."""
    empty_db.execute(old_schema(keys=keys))
    empty_db.execute(old_rows(USERS, PER, keys=keys))
    empty_db.execute("SET TIME ZONE 'UTC'")
    return empty_db


@pytest.fixture
def run(target):
    """Run scripts in a session of their own and return the rows of each query in them."""

    def execute(*names: str) -> list[list[tuple]]:
        with connect(target) as connection:
            connection.execute("SET TIME ZONE 'UTC'")
            cursor = connection.execute(script(*names))
            results = []
            while True:
                if cursor.description is not None:
                    results.append(cursor.fetchall())
                if not cursor.nextset():
                    return results

    return execute


@pytest.fixture
def upgraded(old, run, product):  # noqa: ARG001 - made first
    """Carry the old database over, and return the result of the last script."""
    run("report", "set_aside")
    assert product("migrate").exit_code == 0
    return run("report", "from_run_migrations_sh")


def key(keys: str, table: str, number: int) -> str:
    """Return the key of an old row, as the fixture makes it, as text."""
    if keys == "integer":
        return str(number)
    digits = hashlib.md5(f"{table}{number}".encode()).hexdigest()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def test_all_rows_arrive_and_all_counts_are_exact(upgraded, query):
    posts = USERS * PER
    assert upgraded[-2] == [
        ("users", USERS, USERS, 0),
        ("posts", posts, posts, 0),
        ("post_media", posts, posts, 0),
        # Half of the second table repeats the first; the other rows are follows in the other direction.
        ("follows and followers", posts + USERS + USERS // 2, posts + USERS, USERS // 2),
        ("likes", posts * PER, posts * PER, 0),
        ("comments", posts + posts // 3, posts + posts // 3, 0),
        ("stories", USERS, USERS, 0),
        ("email_verifications", USERS, USERS, 0),
    ]
    assert upgraded[-1] == [("devices", 3), ("users.post_count", USERS)]
    assert query("SELECT * FROM recount()") == []
    assert query("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'") == [(0,)]


# Each question is answered by the old tables and by the new ones.
SAME = re.findall(
    r"^-- ([^\n:]+)\n([^;]+);\n([^;]+);$",
    (Path(__file__).with_name("same_answers.sql")).read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.mark.usefixtures("upgraded")
def test_the_old_and_the_new_tables_give_the_same_answers(query):
    assert len(SAME) == 8
    for name, old, new in SAME:
        before, after = query(old), query(new)
        assert before, name
        assert sorted(map(repr, before)) == sorted(map(repr, after)), name


@pytest.mark.usefixtures("upgraded")
def test_uuids_stay_and_numbers_become_uuids_that_can_be_asked_for(query, keys):
    one = key(keys, "users", 1)
    ((new, name),) = query(f"SELECT id::text, username FROM users WHERE id = fowergram_old.new_id('users', '{one}')")
    assert name == "user1"
    assert (new == one) == (keys == "uuid")


@pytest.mark.usefixtures("upgraded")
def test_a_token_that_was_sent_before_is_found_by_its_hash(query):
    token = base64.b64encode(b"token 7").decode()
    digest = hashlib.sha256(token.encode()).hexdigest()
    found = "SELECT u.username FROM email_verifications v JOIN users u ON u.id = v.user_id WHERE v.token = "
    assert query(f"{found}'{digest}'") == [("user7",)]
    assert query(f"{found}'{token}'") == []


@pytest.mark.usefixtures("upgraded")
def test_a_second_run_is_refused_and_changes_nothing(run, query, product):
    before = query("SELECT count(*), max(xmin::text::bigint) FROM follows")
    for names, why in {
        ("report", "from_run_migrations_sh"): "carried over already",
        ("report", "set_aside"): "set aside already",
    }.items():
        with pytest.raises(psycopg.errors.RaiseException, match=why):
            run(*names)
    assert query("SELECT count(*), max(xmin::text::bigint) FROM follows") == before
    assert product("status", "--check").exit_code == 0
    assert product("migrate").out.startswith("Nothing to do.")


@pytest.mark.usefixtures("old")
def test_the_steps_say_which_one_is_missing(run):
    for names, why in {
        ("set_aside",): "run report.sql first",
        ("from_run_migrations_sh",): "run report.sql first",
        ("report", "from_run_migrations_sh"): "run set_aside.sql first",
    }.items():
        with pytest.raises(psycopg.errors.RaiseException, match=why):
            run(*names)
    run("report", "set_aside")
    with pytest.raises(psycopg.errors.RaiseException, match="fowergram-db migrate"):
        run("report", "from_run_migrations_sh")


def test_the_report_refuses_the_new_schema_and_an_empty_database(db, run):
    with pytest.raises(psycopg.errors.RaiseException, match="needs no upgrade"):
        run("report")
    db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with pytest.raises(psycopg.errors.RaiseException, match="no old table users"):
        run("report")


# What is wrong, and the problems that are reported for it: the table, a part of the problem, how many rows.
WRONG = {
    "case": (
        (
            "UPDATE users SET email = 'A@example.com' WHERE username = 'user1';"
            "UPDATE users SET email = 'a@Example.com' WHERE username IN ('user2')"
        ),
        ("users", "email", 2),
    ),
    "form": (
        (
            "UPDATE users SET username = 'น\u0e49\u0e33ใส' WHERE username = 'user1';"
            "UPDATE users SET username = 'น\u0e49\u0e4d\u0e32ใส' WHERE username = 'user2'"
        ),
        ("users", "username", 2),
    ),
    "three of one name": (
        (
            "UPDATE users SET username = CASE username WHEN 'user1' THEN 'USER9' ELSE 'User9' END"
            " WHERE username IN ('user1', 'user2')"
        ),
        ("users", "username", 3),
    ),
    "ligature": (
        (
            "UPDATE users SET username = '\ufb01ona' WHERE username = 'user1';"
            "UPDATE users SET username = 'Fiona' WHERE username = 'user2'"
        ),
        ("users", "username", 2),
    ),
    "short": ("UPDATE users SET username = 'ab' WHERE username = 'user1'", ("users", "3 to 30", 1)),
    "long": ("UPDATE users SET username = repeat('a', 31) WHERE username = 'user1'", ("users", "3 to 30", 1)),
    "space": ("UPDATE users SET username = 'a b c' WHERE username = 'user1'", ("users", "space", 1)),
    "no address": ("UPDATE users SET email = 'nobody' WHERE username = 'user1'", ("users", "not an email", 1)),
    "self": ("INSERT INTO follows SELECT id, id FROM users WHERE username = 'user1'", ("follows", "itself", 1)),
    "self in the second table": (
        (
            "UPDATE followers SET user_id = follower_id WHERE created_at < '2024-02-16' AND follower_id IN ("
            "SELECT id FROM users WHERE username IN ('user1', 'user2'))"
        ),
        ("followers", "itself", 2),
    ),
    "posts of none": ("DELETE FROM users WHERE username = 'user1'", ("posts", "names no row of users", PER)),
    "likes of none": ("DELETE FROM posts WHERE caption = 'post 1'", ("likes", "names no row of posts", PER)),
    "reply to none": ("DELETE FROM comments WHERE content = 'ดี 3'", ("comments", "parent_id names no row", 1)),
    "empty comment": ("UPDATE comments SET content = '  ' WHERE content = 'ดี 1'", ("comments", "empty", 1)),
    "reply elsewhere": (
        "UPDATE comments SET parent_id = (SELECT id FROM comments WHERE content = 'ดี 2') WHERE content = 'reply 3'",
        ("comments", "another post", 1),
    ),
    "the same token": ("UPDATE email_verifications SET token = 'x'", ("email_verifications", "not unique", USERS)),
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_rows_that_would_be_refused_are_all_reported_before_anything_moves(old, run, query, wrong):
    statement, (table, problem, rows) = WRONG[wrong]
    old.execute(statement)
    (report,) = run("report")
    assert len([row for row in report if row[0] == table and problem in row[2]]) == rows, report
    with pytest.raises(psycopg.errors.RaiseException, match=f"{len(report)} rows would be refused"):
        run("report", "set_aside")
    assert query("SELECT to_regclass('public.users') IS NOT NULL, to_regnamespace('fowergram_old') IS NULL") == [
        (True, True)
    ]


@pytest.mark.usefixtures("old")
def test_a_row_that_fails_on_the_way_leaves_the_new_tables_empty(run, product, query):
    run("report", "set_aside")
    assert product("migrate").exit_code == 0
    query("ALTER TABLE public.comments ADD CONSTRAINT stricter CHECK (content <> 'ดี 5')")
    with pytest.raises(psycopg.errors.CheckViolation, match="stricter"):
        run("report", "from_run_migrations_sh")
    assert query("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM posts)") == [(0, 0)]
    query("ALTER TABLE public.comments DROP CONSTRAINT stricter")
    assert run("report", "from_run_migrations_sh")[-2][0] == ("users", USERS, USERS, 0)


def test_the_owner_of_the_database_needs_no_more_rights(admin, target, empty_db):
    role = sql.Identifier(f"{target.dbname}_owner")
    admin.execute(sql.SQL("CREATE ROLE {}").format(role))
    try:
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(target.dbname), role))
        empty_db.execute(sql.SQL("SET ROLE {}").format(role))
        empty_db.execute(old_schema(keys="uuid"))
        empty_db.execute(old_rows(USERS, PER, keys="uuid"))
        empty_db.execute(script("report", "set_aside"))
        for name in (
            "001_initial_schema",
            "002_jwt_auth_schema",
            "000003_create_verification_tables.up",
            "004_instagram_optimization",
            "005_instagram_advanced_features",
        ):
            with empty_db.transaction():
                empty_db.execute((sql_root() / f"migrations/{name}.sql").read_text(encoding="utf-8"))
        empty_db.execute("DISCARD TEMP")
        empty_db.execute(script("report", "from_run_migrations_sh"))
        assert empty_db.execute("SELECT count(*) FROM public.users").fetchone() == (USERS,)
    finally:
        empty_db.execute("RESET ROLE")
        empty_db.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(role))
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(sql.Identifier(target.dbname)))
        admin.execute(sql.SQL("DROP ROLE {}").format(role))


STATEMENTS = [
    (int(number), old.strip("`"), re.search(r"`(.*)`", new)[1] if "`" in new and "`follows`" not in new else None)
    for number, old, new in re.findall(r"^\| (\d+) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
]


def run_statement(connection, text: str, ids: dict[str, object]) -> list[tuple]:
    """Run a statement of the page, with values in place of its names."""
    named = re.sub(r"(?<!:):([a-z_]+)", lambda name: f"%({name[1]})s", text.replace("%", "%%"))
    cursor = connection.execute(named, ids)
    return cursor.fetchall()


@pytest.fixture
def app(upgraded, run, target, query):  # noqa: ARG001 - made first
    """Return a session as the app opens it, with the views, and the values of the page."""
    run("compatibility")
    (ids,) = query(
        "SELECT a.id, b.id, c.id, b.email, b.username, p.id, o.id FROM users a, users b, users c, posts p, posts o"
        " WHERE a.username = 'user1' AND b.username = 'user2' AND c.username = 'user9' AND p.caption = 'post 2'"
        " AND o.caption = 'post 9'"
    )
    with connect(target) as connection:
        connection.execute("SET search_path = fowergram_compatibility, public")
        names = ("viewer", "user", "other", "email", "username", "post", "other_post")
        yield connection, dict(zip(names, ids, strict=True))


def test_each_statement_of_the_old_app_runs_and_does_what_it_did(app, query):
    connection, ids = app
    assert [number for number, _, _ in STATEMENTS] == list(range(1, 20))
    for number, old, _ in STATEMENTS:
        assert run_statement(connection, old, ids), f"{number} returned no row"
    assert query("SELECT avatar FROM users WHERE username = 'somchai'") == [("https://a/1.jpg",)]
    assert query("SELECT avatar, bio FROM users WHERE username = 'user1'") == [("https://a/2.jpg", "bio")]
    digest = hashlib.sha256(b"bmV3IHRva2Vu").hexdigest()
    assert query(
        f"SELECT u.username FROM email_verifications v JOIN users u ON u.id = v.user_id WHERE token = '{digest}'"
    ) == [("user1",)]
    assert query("SELECT * FROM recount()") == []


def test_each_new_statement_runs_without_the_views(app, run):
    connection, ids = app
    run("remove_compatibility")
    connection.execute("SET search_path = public")
    for number, _, new in STATEMENTS:
        if new is not None:
            assert run_statement(connection, new, ids), f"{number} returned no row"
    lookup = re.search(r"```sql\n(SELECT user_id FROM email_verifications.*?)```", PAGE, re.DOTALL)[1]
    assert run_statement(connection, lookup, ids | {"token": base64.b64encode(b"token 1").decode()}) == [
        (ids["viewer"],)
    ]


def test_a_count_is_refused_by_the_views_with_its_name(app):
    connection, ids = app
    with pytest.raises(psycopg.errors.FeatureNotSupported, match='cannot update column "post_count" of view "users"'):
        connection.execute("UPDATE users SET post_count = 3 WHERE id = %(viewer)s", ids)


@pytest.mark.usefixtures("app")
def test_the_views_can_be_made_again_and_leave_nothing(run, query):
    run("compatibility")
    run("remove_compatibility")
    assert query("SELECT to_regnamespace('fowergram_compatibility') IS NULL") == [(True,)]


def test_adopt_names_the_page(old, product):
    result = product("adopt")
    assert result.exit_code == 4
    assert "docs/upgrading.md" in result.err
    assert "Restore the files" not in result.err
    old.execute("UPDATE schema_migrations SET filename = '001_initial_schema.sql'")
    result = product("adopt")
    assert result.exit_code == 3
    assert "docs/upgrading.md" in result.err
    assert "by hand" not in result.err


@pytest.mark.usefixtures("old")
def test_the_commands_of_the_page_work(target, query):
    program = shutil.which("psql")
    if program is None:
        pytest.skip("there is no psql here")
    blocks = re.findall(r"^ *```sh\n(.*?)```", PAGE.partition("## If something")[0], re.MULTILINE | re.DOTALL)
    steps = "\n".join(block for block in blocks if "fowergram_compatibility" not in block and "DROP" not in block)
    first = f"export DATABASE_URL='{url_of(target)}' PGTZ=UTC\n"
    steps = first + re.sub(r"export DATABASE_URL=\S+ PGTZ=UTC\n", "", steps)
    environ = {name: value for name, value in os.environ.items() if name not in environment(target)}
    environ |= {"PATH": f"{Path(sys.executable).parent}:{environ['PATH']}", "PGPASSWORD": target.password or ""}
    environ.pop("MIGRATIONS_DIR", None)
    done = subprocess.run(["bash", "-euc", steps], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"users                 |      {USERS} |     {USERS} |      0" in done.stdout
    assert query("SELECT count(*) FROM users") == [(USERS,)]
