"""A statement of any bytes, from a database without an encoding, does not prevent slow-queries from working."""

import pytest
from psycopg import sql


@pytest.fixture
def undecodable(mallory_with_createdb, admin):
    """Have a statement counted that is no UTF-8; return the name of its database."""
    name = f"{mallory_with_createdb.name}_ascii"
    with mallory_with_createdb.connect("postgres") as own:
        own.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with mallory_with_createdb.connect(name) as own:
        own.execute("SET client_encoding = 'SQL_ASCII'")
        own.execute(b'SELECT 1 AS "\xff"')
    yield name
    admin.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
    admin.execute("SELECT pg_stat_statements_reset()")


def test_the_figures_are_shown_and_the_database_is_named(empty_db, cli, undecodable):
    empty_db.execute("CREATE EXTENSION pg_stat_statements")
    empty_db.execute("SELECT pg_sleep(0.05)")
    result = cli("slow-queries", "--json", "--limit", "1000")
    document = result.document
    assert (result.exit_code, document["has_texts"]) == (0, False), result.err
    assert {query["query"] for query in document["queries"]} == {""}
    assert max(query["total_ms"] for query in document["queries"]) >= 50
    (other,) = document["unreadable"]
    assert (other["database"], other["encoding"]) == (undecodable, "SQL_ASCII")
    assert undecodable in cli("slow-queries").err
    empty_db.execute(sql.SQL(other["reset"]))
    assert "pg_sleep" in cli("slow-queries").out


def test_a_role_without_rights_is_not_concerned(empty_db, cli, undecodable, role, monkeypatch):
    empty_db.execute("CREATE EXTENSION pg_stat_statements")
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    document = cli("slow-queries", "--json").document
    assert (document["ok"], document["has_texts"], undecodable in str(document)) == (True, True, False)
