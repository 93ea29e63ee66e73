"""What others could use against slow-queries: comments, views in the place of the extension's, texts of any bytes."""

import pytest
from psycopg import sql

from fowergram_db.operations import slow_queries
from fowergram_db.operations.pg_stat_statements import find_extension

SCHEMA = "statistics"
TRAP = (
    f"CREATE FUNCTION {SCHEMA}.trap() RETURNS boolean LANGUAGE plpgsql AS $f$BEGIN {{body}} RETURN true; END$f$;"
    f"CREATE VIEW {SCHEMA}.pg_stat_statements AS SELECT 1::oid AS userid, 1::oid AS dbid, true AS toplevel, "
    "1::bigint AS queryid, 'x'::text AS query, 1::bigint AS calls, 1::bigint AS rows, 1::float8 AS total_exec_time, "
    f"1::bigint AS shared_blks_hit, 1::bigint AS shared_blks_read WHERE {SCHEMA}.trap();"
    f"CREATE VIEW {SCHEMA}.pg_stat_statements_info AS SELECT now() AS stats_reset WHERE {SCHEMA}.trap();"
    f"GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA {SCHEMA} TO PUBLIC;"
)
SWAPS = {
    "dropped": f"DROP SCHEMA {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA};",
    "renamed": f"ALTER SCHEMA {SCHEMA} RENAME TO another; CREATE SCHEMA {SCHEMA};",
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_a_view_created_after_the_check_is_not_entered(empty_db, mallory, cli, monkeypatch, swap):
    empty_db.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {mallory.name}")
    empty_db.execute(f"CREATE EXTENSION pg_stat_statements SCHEMA {SCHEMA}")
    empty_db.execute(
        sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(*map(sql.Identifier, (empty_db.info.dbname, mallory.name)))
    )
    body = mallory.bring_trap(empty_db)
    find = find_extension

    def find_then_swap(connection):
        found = find(connection)
        with mallory.connect(empty_db.info.dbname) as own:
            own.execute(swap + TRAP.replace("{body}", body))
        return found

    monkeypatch.setattr(slow_queries, "find_extension", find_then_swap)
    result = cli("slow-queries", "--json")
    assert (result.exit_code, mallory.entries(empty_db)) == (1, 0), result.err
    assert "no longer the view of the extension" in result.document["error"]["message"]
    # The trap works where nothing keeps a reader from it.
    empty_db.execute(f"SELECT * FROM {SCHEMA}.pg_stat_statements")
    assert mallory.entries(empty_db) == 1


def test_a_comment_hides_no_statement(empty_db, mallory, cli):
    empty_db.execute("CREATE EXTENSION pg_stat_statements")
    with mallory.connect(empty_db.info.dbname) as own:
        own.execute("SELECT /* fowergram-db */ pg_catalog.pg_sleep(0.01)")
    shown = cli("slow-queries", "--json", "--limit", "1000").document["queries"]
    assert [query["user"] for query in shown if "pg_sleep" in query["query"]] == [mallory.name]
