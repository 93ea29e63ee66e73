"""A shared template1: what another role has put there, where it may, is in no database that the tool makes."""

from dataclasses import replace

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.creation import require_only_trusted
from fowergram_db.errors import UntrustedOwner
from tests.integration.conftest import server_like

# A sample of each set of cases, unless all are asked for.
pytestmark = [pytest.mark.matrix(every=3), pytest.mark.old_versions(whole=True)]

OBJECTS = {
    "function": "CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    "procedure": "CREATE PROCEDURE public.p() LANGUAGE sql AS 'SELECT 1'",
    "aggregate": "CREATE AGGREGATE public.total(int) (SFUNC = pg_catalog.int4pl, STYPE = int)",
    "operator": "CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_catalog.int4eq)",
    "type public.mood": "CREATE TYPE public.mood AS ENUM ('a')",
    "type public.d": "CREATE DOMAIN public.d AS int",
    "type public.r": "CREATE TYPE public.r AS RANGE (subtype = int4)",
    "composite type": "CREATE TYPE public.c AS (a int)",
    "type public.cast_from": "CREATE TYPE public.cast_from AS ENUM ('a'); "
    "CREATE CAST (text AS public.cast_from) WITH INOUT AS IMPLICIT",
    "publication": "CREATE PUBLICATION p",
    "statistics object": "CREATE TABLE public.t (a int, b int); CREATE STATISTICS public.s ON a, b FROM public.t",
    "table": "CREATE TABLE public.schema_migrations (id int)",
    "view": "CREATE VIEW public.v AS SELECT 1",
    "sequence": "CREATE SEQUENCE public.s",
    "collation": 'CREATE COLLATION public.c FROM "C"',
    "conversion": "CREATE CONVERSION public.c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "text search configuration": "CREATE TEXT SEARCH CONFIGURATION public.c (COPY = pg_catalog.simple)",
    "text search dictionary": "CREATE TEXT SEARCH DICTIONARY public.d (TEMPLATE = pg_catalog.simple)",
    "schema": "CREATE SCHEMA postgres",
    "large object": "SELECT pg_catalog.lo_create(0)",
    "default acl": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
}


@pytest.fixture
def add(open_public, mallory):
    """Let mallory add something to a database."""
    name = sql.Identifier(open_public.info.dbname)
    open_public.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO PUBLIC").format(name))

    def run(statement):
        with mallory.connect(open_public.info.dbname) as own:
            own.execute(statement)

    return run


@pytest.mark.parametrize(("kind", "statement"), OBJECTS.items(), ids=OBJECTS)
def test_an_object_of_another_role_is_found_whatever_it_is(open_public, mallory, add, kind, statement):
    require_only_trusted(open_public)
    add(statement)
    with pytest.raises(UntrustedOwner, match=f'"{mallory.name}".*{kind}') as refused:
        require_only_trusted(open_public)
    assert "drop them" in refused.value.hint


def test_a_trusted_extension_of_another_role_is_no_reason_to_refuse(open_public, add):
    """Its functions are a superuser's: who has installed it can only update or drop it."""
    available = "SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pg_trgm'"
    if open_public.execute(available).fetchone() is None:
        pytest.skip("this server has no pg_trgm")
    add("CREATE EXTENSION pg_trgm SCHEMA public")
    require_only_trusted(open_public)


def test_an_object_that_another_role_gave_to_a_predefined_one_is_found(open_public, mallory, add):
    open_public.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(mallory.name)))
    add(OBJECTS["function"])
    add("ALTER FUNCTION public.lower(varchar) OWNER TO pg_monitor")
    with pytest.raises(UntrustedOwner, match=r'"pg_monitor".*function public.lower'):
        require_only_trusted(open_public)


def test_the_owner_of_public_alone_is_no_reason_to_refuse(open_public, mallory):
    open_public.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(mallory.name)))
    require_only_trusted(open_public)


def test_objects_of_a_role_that_the_current_one_is_a_member_of_are_trusted(open_public, mallory, add, role, target):
    add(OBJECTS["function"])
    plain = replace(target, user=role, password="plain password")
    with connect(plain) as session, pytest.raises(UntrustedOwner):
        require_only_trusted(session)
    member = sql.SQL("GRANT {} TO {}").format(sql.Identifier(mallory.name), sql.Identifier(role))
    open_public.execute(member)
    with connect(plain) as session:
        require_only_trusted(session)


class TestOnAServerOfItsOwn:
    @pytest.fixture(scope="class")
    @staticmethod
    def server(server):
        with server_like(server) as other:
            yield other

    @pytest.fixture(scope="class")
    @staticmethod
    def admin(server):
        with connect(server) as session:
            yield session

    @pytest.fixture
    @staticmethod
    def planted(mallory, server):
        with connect(replace(server, dbname="template1")) as session:
            session.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        with mallory.connect("template1") as own:
            own.execute(OBJECTS["function"])
        yield
        with connect(replace(server, dbname="template1")) as session:
            session.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(mallory.name)))

    @pytest.mark.usefixtures("planted", "unique")
    @pytest.mark.parametrize("command", [["migrate"], ["reset", "--yes"], ["testdb", "create"]])
    @pytest.mark.parametrize("name", ["_test_", "_keep_"])
    def test_no_database_is_made_from_it(self, cli, admin, mallory, target, monkeypatch, command, name):
        monkeypatch.setenv("DB_NAME", target.dbname.replace("_test_", name))
        result = cli(*command, "--json")
        assert result.exit_code == 1
        error = result.document["error"]
        assert error["code"] == "untrusted_owner"
        assert f'contained objects of "{mallory.name}", copied from template1' in error["message"]
        assert "function public.lower(character varying)" in error["message"]
        assert "template1" in error["hint"]
        made = "SELECT datname FROM pg_database WHERE datname !~ '^(template|postgres)'"
        assert admin.execute(made).fetchall() == []
