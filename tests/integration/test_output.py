"""Whole outputs of commands, as a pipe gets them; what differs from run to run is replaced."""

import json
import re

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect

FILES = {
    "001_users": "CREATE TABLE users (id int PRIMARY KEY);",
    "001_users.down": "DROP TABLE users;",
    "002_posts": "CREATE TABLE posts (id int, owner int REFERENCES users);",
    "003_ไทย": "COMMENT ON TABLE posts IS 'โพสต์';",
}


@pytest.fixture
def normal(target, directory):
    """Replace names, times and versions by words, and fold the spaces that their width decides."""

    def replace(text: str) -> str:
        text = text.replace(str(directory), "DIR").replace(target.dbname, "NAME")
        text = text.replace(f"on {target.host}:{target.port} as {target.user}", "on SERVER as USER")
        text = text.replace("on the embedded PostgreSQL as postgres", "on SERVER as USER")
        text = re.sub(r"\d{4}-\d\d-\d\d[ T][\d:.]+Z?", "TIME", text)
        text = re.sub(r"[\d.]+ (ms|s)\b", "TOOK", text)
        return re.sub(r" +", " ", text)

    return replace


def test_the_outputs_from_the_first_migrate_to_the_last_rollback(cli, write, recorded, normal):
    write(**FILES)
    shown = []
    for arguments in (
        ("status",), ("migrate", "--to", "2"), ("status",), ("migrate",), ("migrate",), ("rollback",),
        ("rollback", "--to", "0"), ("status", "--check"),
    ):  # fmt: skip
        result = cli(*arguments)
        lines = [f"$ fowergram-db {' '.join(arguments)}", *result.err.splitlines(), *result.out.splitlines()]
        shown.append("\n".join([*lines, f"[{result.exit_code}]", ""]))
    recorded("life", normal("\n".join(shown)))


def test_the_json_of_status_and_migrate(cli, write, recorded, normal):
    write(**FILES)
    shown = []
    for arguments in (("migrate", "--to", "1", "--json"), ("status", "--json")):
        document = cli(*arguments).document
        document["target"] = {**document["target"], "host": "HOST", "port": 0, "server_version": "VERSION"}
        document["target"]["user"] = "USER"
        text = json.dumps(document, ensure_ascii=False, indent=1)
        shown.append(re.sub(r'"duration_ms": [\d.]+', '"duration_ms": TOOK', text))
    recorded("json", normal("\n".join(shown) + "\n"))


def test_analyze(cli, write, recorded, normal):
    write(**FILES)
    cli("migrate")
    result = cli("analyze", "users", "posts")
    assert result.exit_code == 0
    recorded("analyze", normal(re.sub(r"\d+ kB|\d+ B", "SIZE", result.out)))
    document = cli("analyze", "--json").document
    assert {table["name"] for table in document["tables"]} == {"users", "posts", "schema_migrations"}


def test_analyze_says_which_table_it_does_not_know(cli, empty_db):
    empty_db.execute("CREATE TABLE known (id int)")
    result = cli("analyze", "known", "unknown", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "usage")
    assert "unknown" in result.document["error"]["message"]


def test_analyze_of_a_named_table_of_another_role_fails(cli, empty_db, role, monkeypatch):
    empty_db.execute("CREATE TABLE mine (id int); CREATE TABLE theirs (id int)")
    empty_db.execute(sql.SQL("ALTER TABLE theirs OWNER TO {}").format(sql.Identifier(role)))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    assert cli("analyze").exit_code == 0
    result = cli("analyze", "mine", "--json")
    assert (result.exit_code, result.document["ok"]) == (1, False)
    assert result.document["results"][0]["outcome"] == "skipped"


def test_analyze_that_can_do_nothing_fails_and_says_each_reason_once(cli, empty_db, role, monkeypatch):
    for number in range(1, 31):
        empty_db.execute(sql.SQL("CREATE TABLE {} (id int)").format(sql.Identifier(f"t{number:02}")))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    result = cli("analyze")
    assert (result.exit_code, result.out.splitlines()[-1].split()[-2:]) == (1, ["30", "not"])
    said = [line for line in result.err.splitlines() if line.startswith("skipped:")]
    assert said == [
        "skipped: the role may not analyze it: public.t01, public.t02, public.t03, public.t04, public.t05 and 25 more"
    ]
    assert "error: 30 of 30 tables were not analyzed" in result.err


@pytest.mark.usefixtures("empty_db")
def test_analyze_of_a_database_without_tables_has_nothing_to_fail_at(cli):
    assert cli("analyze").exit_code == 0


def test_slow_queries_names_what_is_missing_then_shows_the_queries(cli, empty_db, target):
    missing = cli("slow-queries", "--json")
    assert missing.exit_code == 1
    assert "CREATE EXTENSION" in missing.document["error"]["hint"]
    empty_db.execute("CREATE EXTENSION pg_stat_statements")
    with connect(target) as other:
        for _ in range(3):
            other.execute("SELECT count(*) FROM pg_class WHERE relname <> 'กินข้าว'")
    document = cli("slow-queries", "--json", "--sort", "calls", "--limit", "5").document
    found = [query for query in document["queries"] if "relname <>" in query["query"]]
    assert found[0]["calls"] == 3
    keys = {"queryid", "query", "calls", "total_ms", "mean_ms", "max_ms", "stddev_ms", "rows", "share", "cache_hit"}
    assert keys <= found[0].keys()
    assert len(document["queries"]) <= 5
    plain = cli("slow-query", "--limit", "100")
    assert plain.exit_code == 0
    assert "relname <> $1" in plain.out
