"""Statements about the whole server are distinguished from those about one database."""

from dataclasses import replace

import pytest

from fowergram_db.migrations.script.scanner import scan
from fowergram_db.migrations.script.server_wide import Concern, hidden_calls, server_wide


@pytest.mark.parametrize(
    ("text", "concern", "names"),
    [
        ("CREATE ROLE app", Concern.NEW_ROLE, ["app"]),
        ("create user App with password 'x'", Concern.NEW_ROLE, ["app"]),
        ('CREATE GROUP "App"', Concern.NEW_ROLE, ["App"]),
        ("CREATE /* x */ ROLE -- y\n app LOGIN", Concern.NEW_ROLE, ["app"]),
        (f"CREATE ROLE {'a' * 70}", Concern.NEW_ROLE, ["a" * 63]),
        ('CREATE ROLE U&"d\\0061t"', Concern.NEW_ROLE, []),
        ("ALTER ROLE app PASSWORD 'x'", Concern.ROLES, ["app"]),
        ("ALTER USER app SET search_path = app", Concern.ROLES, ["app"]),
        ("ALTER ROLE ALL SET work_mem = '4MB'", Concern.ROLES, []),
        ("ALTER ROLE CURRENT_USER RESET ALL", Concern.ROLES, [""]),
        ("GRANT a TO CURRENT_USER, b", Concern.ROLES, ["", "b"]),
        ("ALTER ROLE a RENAME TO b", Concern.ROLES, ["a", "b"]),
        ("ALTER GROUP staff ADD USER a, b", Concern.ROLES, ["a", "b"]),
        ("DROP ROLE IF EXISTS a, b", Concern.ROLES, ["a", "b"]),
        ("DROP USER a", Concern.ROLES, ["a"]),
        ("GRANT a, b TO c WITH ADMIN OPTION", Concern.ROLES, ["c"]),
        ("GRANT a TO GROUP b GRANTED BY c", Concern.ROLES, ["b"]),
        ("REVOKE ADMIN OPTION FOR a FROM b, c CASCADE", Concern.ROLES, ["b", "c"]),
        ('GRANT "on" TO app', Concern.ROLES, ["app"]),
        ("COMMENT ON ROLE app IS 'x'", Concern.ROLES, ["app"]),
        ("SECURITY LABEL FOR x ON ROLE app IS 'y'", Concern.ROLES, ["app"]),
        ("ALTER ROLE app IN DATABASE shop SET work_mem = '4MB'", Concern.DATABASES, ["shop"]),
        ("ALTER DATABASE shop SET work_mem = '4MB'", Concern.DATABASES, ["shop"]),
        ("ALTER DATABASE shop RESET ALL", Concern.DATABASES, ["shop"]),
        ("GRANT CONNECT, TEMP ON DATABASE a, b TO app", Concern.DATABASES, ["a", "b"]),
        ("REVOKE ALL ON DATABASE shop FROM PUBLIC", Concern.DATABASES, ["shop"]),
        ("ALTER DATABASE shop RENAME TO other", Concern.SERVER, []),
        ("ALTER DATABASE shop OWNER TO app", Concern.SERVER, []),
        ("ALTER DATABASE shop SET TABLESPACE fast", Concern.SERVER, []),
        ("CREATE DATABASE shop", Concern.SERVER, []),
        ("DROP DATABASE IF EXISTS shop", Concern.SERVER, []),
        ("COMMENT ON DATABASE shop IS 'x'", Concern.SERVER, []),
        ("CREATE TABLESPACE fast LOCATION '/x'", Concern.SERVER, []),
        ("ALTER TABLESPACE fast SET (seq_page_cost = 1)", Concern.SERVER, []),
        ("DROP TABLESPACE fast", Concern.SERVER, []),
        ("COMMENT ON TABLESPACE fast IS 'x'", Concern.SERVER, []),
        ("GRANT CREATE ON TABLESPACE fast TO app", Concern.SERVER, []),
        ("GRANT SET ON PARAMETER work_mem TO app", Concern.SERVER, []),
        ("ALTER SYSTEM SET work_mem = '4MB'", Concern.SERVER, []),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", Concern.SERVER, []),
        ("ALTER SUBSCRIPTION s DISABLE", Concern.SERVER, []),
        ("DROP SUBSCRIPTION IF EXISTS s", Concern.SERVER, []),
        ("SELECT pg_create_logical_replication_slot('s', 'pgoutput')", Concern.SERVER, []),
        ("SELECT * FROM pg_catalog.pg_drop_replication_slot('s')", Concern.SERVER, []),
        ("SELECT pg_reload_conf()", Concern.SERVER, []),
    ],
)
def test_a_statement_about_the_whole_server_is_found(text, concern, names):
    (found,) = server_wide(scan(f"CREATE TABLE t ();\n{text}; SELECT 1"))
    assert (found.concern, [named.name for named in found.names]) == (concern, names)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE USER MAPPING FOR app SERVER s",
        "ALTER USER MAPPING FOR app SERVER s OPTIONS (SET user 'x')",
        "DROP USER MAPPING FOR app SERVER s",
        "GRANT SELECT ON t TO app",
        "GRANT SELECT (a, b) ON TABLE t TO app",
        "GRANT USAGE ON SCHEMA s TO app",
        "REVOKE ALL ON ALL TABLES IN SCHEMA s FROM app",
        "ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO app",
        "ALTER TABLE t OWNER TO app",
        "COMMENT ON TABLE role IS 'x'",
        "CREATE TABLE role (id int)",
        "REASSIGN OWNED BY a TO b",
        "SECURITY LABEL ON TABLE t IS 'x'",
        "SELECT 'CREATE ROLE app'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT pg_reload_conf()'",
        "CREATE SCHEMA s AUTHORIZATION app",
        "CREATE PUBLICATION p FOR ALL TABLES",
    ],
)
def test_a_statement_about_one_database_is_not(text):
    assert server_wide(scan(text)) == ()


def test_a_block_of_code_that_calls_a_function_for_the_whole_server_is_found():
    text = "DO $$ BEGIN PERFORM pg_create_physical_replication_slot('s'); END $$; DO $$ BEGIN NULL; END $$"
    assert [statement.start for statement in hidden_calls(scan(text))] == [0]


def test_roles_that_are_granted_are_known():
    (found,) = server_wide(scan('GRANT a, "B" TO c WITH ADMIN OPTION'))
    assert [named.name for named in found.granted] == ["a", "B"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("ALTER SYSTEM SET work_mem = '4MB'", "ALTER SYSTEM"),
        ("create /* a */ role app", "CREATE ROLE"),
        ("GRANT a TO b", "GRANT"),
        ("COMMENT ON ROLE a IS 'x'", "COMMENT ON"),
    ],
)
def test_a_statement_is_called_by_its_command(text, label):
    (found,) = server_wide(scan(text))
    assert found.label == label


def test_text_around_statements_that_are_left_out_keeps_its_place():
    text = "CREATE ROLE a;\nCOPY t FROM stdin;\n1\n\\.\nALTER ROLE a SET x = '1'; SELECT 2;\n"
    script = scan(text)
    left = server_wide(script)
    kept = tuple(s for s in script.statements if s not in [found.statement for found in left])
    spans = tuple((found.statement.start, found.statement.end) for found in left)
    first, second = replace(script, statements=kept, commands=spans).pieces()
    assert (first.text.strip(" ;\n"), second.text.strip(" ;\n")) == ("COPY t FROM stdin", "SELECT 2")
    assert text.index("SELECT 2") == second.start + second.text.index("SELECT 2")
