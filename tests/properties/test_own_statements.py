"""Which statements count as this tool's own: those that do the same, whatever comments are in them."""

import re

import pytest

from fowergram_db.database.sql import load
from fowergram_db.operations.own_statements import own_among


@pytest.mark.parametrize(
    "name", ["bookkeeping/begin", "bookkeeping/progress", "bookkeeping/down_scripts", "operations/slow_queries_since"]
)
def test_a_query_that_ships_is_ours(name):
    text = re.sub(r"%\((\w+)\)s", "$1", load(name).rstrip().rstrip(";").replace("%(progress)s", "$2::jsonb"))
    stands_for = {"version_columns": '"version"', "version_values": "$3", "schema": '"Odd {schema} %"'}
    text = re.sub(r"'(partial|epoch)'", "$4", re.sub(r"\{(\w+)\}", lambda name: stands_for[name[1]], text))
    assert own_among([text], "Odd {schema} %") == {text}


DOWN = "SELECT m.version::text AS version, m.down_sql FROM public.schema_migrations AS m"
WHERE = "WHERE m.version::text = ANY ($1::text[]) AND m.down_sql IS NOT NULL"


def test_comments_and_constants_make_no_difference():
    text = f"/* a */ {DOWN} -- b\n{WHERE}"
    assert own_among([text, "SELECT 1"], "public") == {text}


PREPARED = "PREPARE fowergram_0123abcd_2 (text, text) AS -- Purpose: x\n"


@pytest.mark.parametrize(
    "text",
    [
        PREPARED + f"{DOWN} {WHERE}",
        "PREPARE fowergram_0123abcd_1 AS SELECT pg_catalog.set_config($1, $2, $3)",
        load("bookkeeping/create").partition(";")[0],
        load("bookkeeping/create").partition(";")[0].partition("schema public.\n")[2],
        "SET LOCAL lock_timeout = $1",
        "SET LOCAL search_path TO $1, 'pg_temp'",
        "SET LOCAL SESSION AUTHORIZATION DEFAULT",
        "RESET ALL",
    ],
)
def test_prepared_statements_the_history_and_settings_are_ours(text):
    assert own_among([text], "public") == {text}


OTHERS = [
    PREPARED + "SELECT pg_catalog.pg_sleep($1)",
    f"PREPARE mine AS {DOWN} {WHERE}",
    "SET LOCAL search_path TO $1, (SELECT pg_sleep(1))",
    "-- \r SELECT pg_sleep(9);\n" + load("bookkeeping/create").partition(";")[0],
    "BEGIN",
    "COMMIT",
    "SELECT pg_sleep($1) /* fowergram-db */",
    "/* fowergram-db */ SELECT pg_catalog.pg_sleep($1)",
    "SELECT /* fowergram-db */ stats_reset, pg_catalog.pg_sleep($1) FROM public.pg_stat_statements_info",
    "SELECT pg_catalog.set_config($1, $2, $3), pg_catalog.pg_sleep($4)",
    "SELECT pg_catalog.set_config($1, $2, $3) FROM big",
    f"{DOWN}, pg_catalog.pg_sleep($1)",
    f"{DOWN} {WHERE} /* /* */ -- */ AND pg_catalog.pg_sleep($1)\n",
    f"{DOWN} {WHERE} -- \r AND pg_catalog.pg_sleep($1)",
    f"{DOWN} {WHERE} OR m.version = '\\'' || pg_catalog.now() || '\\''",
    f'{DOWN[:-1]}"m, pg_catalog.pg_sleep" {WHERE}',
    "ANALYZE big",
    "",
]


@pytest.fixture(scope="module")
def ours():
    """Those of the others that count as ours: the texts that ship are read once for all of them."""
    return own_among(OTHERS, "public")


@pytest.mark.parametrize("text", OTHERS)
def test_no_comment_makes_a_statement_ours(text, ours):
    assert text not in ours
