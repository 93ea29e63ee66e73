"""A script leaves temporary types, tables and functions that are named like those of the tool's own queries.

An empty search_path is not enough: PostgreSQL looks for a type or a table among the temporary ones first, unless
pg_temp comes later in the search_path.
"""

import pytest

pytestmark = pytest.mark.old_versions

_TYPES = (
    *("char", "float4", "float8", "int2", "int4", "int8", "jsonb", "name", "oid", "regclass", "regnamespace"),
    *("regoperator", "regproc", "regprocedure", "regrole", "regtype", "text", "timestamptz", "uuid", "xid"),
)
_TABLES = ("pg_class", "pg_database", "pg_namespace", "pg_type", "schema_migrations")
_IS_ENTERED = """CREATE FUNCTION pg_temp.is_entered() RETURNS boolean LANGUAGE plpgsql
AS $$BEGIN RAISE 'a trap was entered'; END$$"""
TRAPS = ";\n".join(
    (
        _IS_ENTERED,
        *(f'CREATE DOMAIN pg_temp."{name}" AS pg_catalog."{name}" CHECK (pg_temp.is_entered())' for name in _TYPES),
        *(f"CREATE TEMP VIEW {name} AS SELECT pg_temp.is_entered()" for name in _TABLES),
        "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE plpgsql AS 'BEGIN RAISE ''entered''; END'",
    )
)
_ALONE = "-- fowergram: no-transaction\n"
_INDEX = "CREATE INDEX CONCURRENTLY a_id ON public.a (id);\nREINDEX TABLE CONCURRENTLY public.a;"
_FILES = {
    "001_a": "CREATE TABLE public.a (id int); INSERT INTO public.a VALUES (1);",
    "002_traps": f"{TRAPS};",
    "002_traps.down": f"{TRAPS};",
    "003_more": f"DO 'BEGIN END'; {TRAPS};",
    "003_more.down": f"{TRAPS};",
}


@pytest.mark.parametrize("options", [(), ("--atomic",)], ids=["each", "atomic"])
def test_temporary_names_of_a_script_are_not_used_to_record_it(cli, write, options):
    write(**_FILES)
    assert cli("migrate", *options).exit_code == 0
    assert cli("status", "--check").exit_code == 0
    result = cli("rollback", "--to", "1", "--json")
    assert [step["version"] for step in result.document["steps"]] == [3, 2]


def test_temporary_names_of_a_script_without_transaction_are_not_used_to_record_it(cli, write):
    write(**_FILES, **{"004_b": f"{_ALONE}{TRAPS};\n{_INDEX}", "004_b.down": f"{_ALONE}{TRAPS};\nVACUUM public.a;"})
    result = cli("migrate", "--json")
    assert result.exit_code == 0, result.err
    assert cli("status", "--check").exit_code == 0
    assert cli("rollback").exit_code == 0


def test_a_partial_script_that_leaves_temporary_names_is_recorded_as_such(cli, write):
    write(**_FILES, **{"004_b": f"{_ALONE}{TRAPS};\nCREATE TABLE public.b (id int);\nSELECT 1 / 0;"})
    assert cli("migrate", "--json").document["error"]["sqlstate"] == "22012"
    assert cli("status", "--json").document["migrations"][-1]["state"] == "partial"
    assert cli("repair").exit_code == 0
    assert cli("status", "--check").exit_code == 0
