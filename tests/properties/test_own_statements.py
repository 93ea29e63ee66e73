"""Which statements count as this tool's own: those that do the same, whatever comments are in them."""

import re

import pytest

from fowergram_db.database.sql import SCRIPTS, load, sql_root
from fowergram_db.operations.own_statements import own_among
from fowergram_db.operations.session_control import controls_session, is_slow


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


def test_every_query_that_ships_is_ours_as_the_extension_writes_it():
    files = (file for file in sql_root().rglob("*.sql") if file.parent.name not in SCRIPTS)
    texts = (re.sub(r"(?m)--.*$", "", file.read_text(encoding="utf-8")).strip() for file in files)
    queries = [text for text in texts if re.match(r"SELECT|WITH|INSERT|UPDATE|DELETE", text) and "{" not in text]
    single = [text.rstrip(";") for text in queries if text.count(";") == 1]
    counted = {re.sub(r"'(?:[^']|'')*'|%\(\w+\)[stb]", "$9", text).replace("%%", "%") for text in single}
    assert len(counted) > 30
    assert counted - own_among(sorted(counted), "public") == set()


SETTING = "pg_catalog.set_config($1, $2, $3)"
LOCK = "pg_catalog.pg_advisory_xact_lock($4, $5)"
HELD = "$6 OPERATOR(pg_catalog./) (NOT pg_catalog.pg_try_advisory_xact_lock_shared($7, $8))::integer"
NUMBER = "pg_catalog.pg_current_xact_id()::pg_catalog.text"
TIME = "pg_catalog.set_config($9, extract($10 FROM pg_catalog.clock_timestamp())::pg_catalog.text, $11)"
MANAGED = "fowergram_warm_20261201043514_181c4473_3"


@pytest.mark.parametrize(
    "text",
    [
        f"SELECT {SETTING}, {SETTING}, {LOCK}, {HELD}, {NUMBER}",
        f"PREPARE fowergram_08f0e1b6_0 AS SELECT {SETTING}, {LOCK}, {HELD}, {TIME}",
        f"SELECT {HELD}",
        f"SELECT {NUMBER}",
        "SELECT pg_catalog.pg_advisory_unlock_all()",
        f"SELECT (SELECT pg_catalog.count({SETTING}) FROM pg_catalog.unnest($3::pg_catalog.text[]) AS n)".replace(
            "$1", "n"
        ),
        load("bookkeeping/progress_column").rstrip().rstrip(";"),
        "COMMENT ON TABLE public.schema_migrations IS 'The migrations applied to this database; kept by fowergram-db'",
        "LOCK TABLE public.schema_migrations IN ROW EXCLUSIVE MODE",
        'ANALYZE "public"."a ""b"""',
        f'CREATE DATABASE "{MANAGED}" TEMPLATE = "template0" ENCODING = \'UTF8\'',
        f'ALTER DATABASE "shop" RENAME TO "{MANAGED}"',
        f'REVOKE ALL ON DATABASE "{MANAGED}" FROM PUBLIC',
        re.sub(r"\{table\}", '"Odd schema"."goose_db_version"', load("other_tools/goose").replace("''", "$1"))
        .replace("true", "$2")
        .rstrip()
        .rstrip(";"),
    ],
)
def test_what_is_composed_is_ours(text):
    assert own_among([text], "public") == {text}


CONTROL = (
    "BEGIN",
    "begin isolation level read committed",
    "START TRANSACTION",
    "/* app */ COMMIT",
    "END",
    "ROLLBACK TO a",
    ("SAVEPOINT a"),
    "RELEASE a",
    "SET statement_timeout = '5s'",
    "RESET ALL",
    "DISCARD ALL",
    "DEALLOCATE x",
    "LOCK TABLE a",
    "CLOSE ALL",
)


@pytest.mark.parametrize("text", CONTROL)
def test_what_controls_a_session_reads_nothing(text):
    assert controls_session(text)


@pytest.mark.parametrize(
    "text", ["SELECT 1", "EXECUTE x", "CALL p()", "DO $$BEGIN END$$", "-- COMMIT\nDELETE FROM a", '"set" x', ""]
)
def test_what_may_run_a_query_does_not_count_as_control(text):
    assert not controls_session(text)


@pytest.mark.parametrize(
    ("calls", "total_ms", "all_ms", "slow"),
    [
        (1, 9, 9, False),
        (1, 10, 10, True),
        (1000, 900, 900, False),
        (10**6, 2000, 10**6, False),
        (10**6, 2e4, 10**6, True),
    ],
)
def test_control_is_shown_if_it_takes_time(calls, total_ms, all_ms, slow):
    assert is_slow(calls, total_ms, all_ms) == slow


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
    'ANALYZE "big"',
    f"SELECT {LOCK}",
    f"SELECT {SETTING}, {LOCK}, pg_catalog.pg_sleep($12)",
    f"SELECT {HELD} FROM big",
    'CREATE DATABASE "shop"',
    f"SELECT 1 /* {MANAGED} */",
    "COMMENT ON TABLE public.users IS 'x'",
    "ALTER TABLE public.schema_migrations ADD COLUMN x int",
    "",
]


@pytest.fixture(scope="module")
def ours():
    """Those of the others that count as ours: the texts that ship are read once for all of them."""
    return own_among(OTHERS, "public")


@pytest.mark.parametrize("text", OTHERS)
def test_no_comment_makes_a_statement_ours(text, ours):
    assert text not in ours
