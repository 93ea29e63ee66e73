"""What every script of one transaction finds, whatever the statements on the history between two of them set."""

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.target import url_of

FOUND = """
CREATE TABLE found_{0} AS
SELECT name, current_setting(name, true) AS value
FROM unnest('{{search_path,statement_timeout,lock_timeout,row_security,datestyle,timezone,jit}}'::text[]) AS s (name);
"""
SETS = "SET search_path = pg_catalog; SET statement_timeout = '7s'; SET DateStyle = 'German';"


@pytest.mark.parametrize("through", ["target", "pooled"])
@pytest.mark.parametrize("script", [FOUND, FOUND + SETS], ids=["sets nothing", "sets much"])
def test_every_script_of_one_transaction_has_what_role_and_database_say(
    request, cli, write, query, admin, target, empty_db, through, script
):
    way = request.getfixturevalue(through)
    name = sql.Identifier(target.dbname)
    admin.execute(sql.SQL("ALTER DATABASE {} SET statement_timeout = '50s'").format(name))
    admin.execute(sql.SQL("ALTER DATABASE {} SET \"DateStyle\" = 'SQL, DMY'").format(name))
    empty_db.close()
    write(**{f"00{number}_found": script.format(number) for number in (1, 2, 3)})
    with psycopg.connect(url_of(way), autocommit=True, prepare_threshold=None) as other:
        before = _settings(other)
        result = cli("migrate", "--atomic", "--host", way.host, "--port", way.port)
        assert result.exit_code == 0, result.err
        assert _settings(other) == before
    found = [dict(query(f"SELECT name, value FROM public.found_{number}")) for number in (1, 2, 3)]
    assert found[0] == found[1] == found[2]
    assert found[0]["search_path"] == '"$user", public'
    assert (found[0]["statement_timeout"], found[0]["datestyle"]) == ("50s", "SQL, DMY")


def _settings(session: psycopg.Connection) -> dict[str, str]:
    """What a session has, but for the name that PgBouncer gives it."""
    return {name: value for name, value, _ in session.execute("SHOW ALL") if name != "application_name"}
