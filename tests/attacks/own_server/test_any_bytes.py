"""Names, comments and settings that other roles have stored with any bytes keep no command from its work.

A database in SQL_ASCII takes any byte, and what all databases share is read by all of them. The server refuses to send
such a text to a client if the session's database is not in UTF-8, and some functions fail for one that ends within a
character.
"""

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.connection import connect

BYTES = (b"\x81", b"x\xe2", b"\xf0\x9f", b"\x8f\\q", b"it''s \xa4")
COMMANDS = (
    "migrate",
    "testdb list",
    "testdb create",
    "protect",
    "protect --off",
    "reset --yes",
    "testdb prune",
    "testdb prune --older-than 1s --all",
    "status",
)


@pytest.fixture(scope="module", params=["UTF8", "SQL_ASCII", "EUC_JP"])
def server(server, request):
    """A server whose database for maintenance has another encoding."""
    with connect(server, dbname="template1") as session:
        session.execute("DROP DATABASE postgres WITH (FORCE)")
        session.execute(f"CREATE DATABASE postgres TEMPLATE template0 ENCODING '{request.param}' LOCALE 'C'")
    return server


def run(session: psycopg.Connection, statement: bytes) -> None:
    """Send a statement with any bytes in it."""
    result = session.pgconn.exec_(statement)
    assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, result.error_message


@pytest.fixture
def raw(mallory_with_createdb):
    """A session of the attacker in a database that takes any bytes."""
    name = f"{mallory_with_createdb.name}_ascii"
    with mallory_with_createdb.connect("postgres") as own:
        own.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with mallory_with_createdb.connect(name) as own:
        own.execute("SET client_encoding = 'SQL_ASCII'")
        yield own
    # The fixture of the role drops databases by names that it can send.
    with mallory_with_createdb.connect(name) as own:
        own.execute("SET client_encoding = 'SQL_ASCII'")
        for at, odd in enumerate(BYTES):
            own.pgconn.exec_(b'DROP DATABASE "odd%d' % at + odd + b'"')


def test_what_others_have_named_or_written_stops_no_command(raw, mallory_with_createdb, target, cli, write):
    write(**{"001_a": "CREATE TABLE a (id int)"})
    assert cli("migrate").exit_code == 0
    mallory = mallory_with_createdb.name.encode()
    for at, odd in enumerate(BYTES):
        name = b'"odd%d' % at + odd + b'"'
        run(raw, b"CREATE DATABASE " + name + b" TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        run(raw, b"COMMENT ON DATABASE " + name + b" IS 'fowergram-db: " + odd + b"'")
        for database in (name, target.dbname.encode()):
            for setting in (b"application_name = 'fowergram-db seal ", b"search_path = '"):
                run(raw, b"ALTER ROLE " + mallory + b" IN DATABASE " + database + b" SET " + setting + odd + b"'")
    for command in COMMANDS:
        result = cli(*command.split())
        assert result.exit_code == 0, (command, result.err)


def test_a_label_on_a_database_whose_name_cannot_be_sent_stops_no_prune(raw, cli, write):
    write(**{"001_a": "CREATE TABLE a (id int)"})
    run(raw, b"CREATE DATABASE \"odd0\x81\" TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    run(
        raw,
        b"DO $$ BEGIN EXECUTE (SELECT format('ALTER DATABASE %1$I IS_TEMPLATE false; COMMENT ON DATABASE %1$I IS %2$L',"
        b' d.datname, concat(\'fowergram-db: x {"kind":"test","until":"2020-01-01","of":"\','
        b" concat_ws('/', (SELECT c.system_identifier FROM pg_control_system() AS c), d.oid, d.datdba, d.datname),"
        b" '\"}')) FROM pg_database AS d WHERE d.datname LIKE 'odd0%'); END $$",
    )
    pruned = cli("testdb", "prune")
    assert (pruned.exit_code, "its name is not UTF-8" in pruned.out + pruned.err) == (0, True), pruned
    assert cli("testdb", "create").exit_code == 0


def test_a_setting_that_another_role_stores_stops_no_reset(
    mallory_with_createdb, admin, role, target, cli, write, monkeypatch
):
    write(**{"001_a": "CREATE TABLE a (id int)"})
    admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(role)))
    names = map(sql.Identifier, (target.dbname, role))
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' OWNER {}").format(*names))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    with mallory_with_createdb.connect("postgres") as own:
        own.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} SET work_mem = '5MB'").format(
                *map(sql.Identifier, (mallory_with_createdb.name, target.dbname))
            )
        )
    result = cli("reset", "--yes", "--json")
    assert (result.exit_code, result.document["method"]) == (0, "cloned"), result
    assert f'The setting work_mem of role "{mallory_with_createdb.name}"' in result.err
