"""Templates: built once, never used half done, identified by their content; and resets where there can be none."""

import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.advisory_lock import AdvisoryLock
from fowergram_db.database.connection import connect, maintenance_connection
from fowergram_db.database.managed_databases import facts_of, label
from fowergram_db.database.state import default_facts
from fowergram_db.errors import LockTimeout, Refused
from fowergram_db.migrations.events import TemplateAwaited
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.schema.fingerprint import differences, fingerprint
from fowergram_db.testdb.cloning import clone_of
from fowergram_db.testdb.provision import ensure_template
from fowergram_db.testdb.sealing import seal
from fowergram_db.testdb.template import TemplateSpec, building_lock, find_template, read_template_state
from tests.integration.test_reset import leftovers

FACTS = (
    "SELECT shobj_description(oid, 'pg_database'), datistemplate, datallowconn, oid FROM pg_database WHERE datname = %s"
)


@pytest.fixture
def spec(unique, server, admin):
    return TemplateSpec(server, read_migrations(unique), default_facts(admin))


def drop_template(admin, name):
    admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE false").format(sql.Identifier(name)))
    admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def unheard(_event):
    pass


@pytest.mark.usefixtures("unique")
def test_a_template_says_what_it_is_and_accepts_no_connection(cli, admin):
    name = cli("reset", "--json").document["template"]
    comment, is_template, lets_in, _ = admin.execute(FACTS, [name]).fetchone()
    assert (is_template, lets_in) == (False, False)
    assert comment.startswith("fowergram-db: a template that test databases are cloned from; it may be dropped. {")
    assert facts_of(comment)["used"] == f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.mark.usefixtures("unique")
def test_a_template_is_built_once(cli):
    first = cli("reset", "--json").document
    assert [step["version"] for step in first["steps"]] == [1]
    second = cli("reset", "--json").document
    assert (second["steps"], second["template"]) == ([], first["template"])


@pytest.mark.usefixtures("unique")
def test_a_first_reset_does_not_miss_the_template_that_it_has_built(cli):
    first = cli("reset")
    name = re.search(r"Built the template (\w+)\.", first.err)[1]
    assert f"Cloned from {name}.\n" in first.err
    assert "no template" not in first.err


@pytest.mark.usefixtures("unique")
def test_the_document_of_a_first_reset_says_why_nothing_was_emptied(cli):
    assert cli("migrate").exit_code == 0
    document = cli("reset", "--json").document
    assert (document["method"], document["reason"]) == ("cloned", "there was no template of these migrations yet")


def test_a_command_that_waits_for_a_template_names_the_builder(admin, spec):
    name, events = read_template_state(admin, spec).name, []
    elsewhere = replace(spec.target, dbname=admin.info.dbname)
    with (
        AdvisoryLock(elsewhere, building_lock(name)).held(0),
        pytest.raises(LockTimeout, match=f'^another process builds the template "{name}": pid ') as raised,
    ):
        ensure_template(admin, spec, events.append, wait_s=0.1)
    assert [type(event) for event in events] == [TemplateAwaited]
    assert "migrat" not in f"{raised.value.message} {raised.value.hint}"


@pytest.mark.usefixtures("unique")
def test_a_reset_that_waits_for_a_template_says_so(cli, admin, spec, monkeypatch):
    name = read_template_state(admin, spec).name
    monkeypatch.setattr(ensure_template, "__defaults__", (0.1,))
    with AdvisoryLock(replace(spec.target, dbname=admin.info.dbname), building_lock(name)).held(0):
        result = cli("reset")
    assert result.exit_code == 5
    assert f"Waiting for another process that builds the template {name}: pid " in result.err
    assert "migrator" not in result.err


@pytest.mark.usefixtures("unique")
@pytest.mark.parametrize(
    "change",
    [
        {"001_a": "CREATE TABLE a (id bigint)"},
        {"001_a.down": "DROP TABLE a"},
        {"002_b": "SELECT 1"},
    ],
)
def test_other_migrations_have_another_template(cli, write, change):
    first = cli("reset", "--json").document
    write(**change)
    second = cli("reset", "--json").document
    assert second["method"] == "cloned"
    assert second["template"] != first["template"]


@pytest.mark.usefixtures("unique")
def test_two_suites_with_different_migrations_share_a_server(cli, tmp_path, tables):
    other = tmp_path / "other"
    other.mkdir()
    (other / "001_b.sql").write_text("CREATE TABLE b (id int)", encoding="utf-8")
    assert cli("reset").exit_code == 0
    assert cli("reset", "--yes", "--migrations-dir", str(other)).exit_code == 0
    assert tables() == ["b"]
    document = cli("reset", "--yes", "--json").document
    assert (document["steps"], document["method"]) == ([], "cloned")
    assert tables() == ["a"]


def test_another_role_and_another_locale_have_templates_of_their_own(admin, spec, role, target):
    admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(role)))
    other = replace(spec.target, user=role, password="plain password")
    names = {ensure_template(admin, spec, unheard).name}
    with maintenance_connection(other) as session:
        clone_of(session, replace(spec, target=other), target.dbname, unheard)
        names.add(ensure_template(session, replace(spec, target=other), unheard).name)
    with connect(target) as session:
        assert session.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'a'").fetchone() == (role,)
    facts = replace(spec.like, lc_collate="C", lc_ctype="C", like_template=False, locale_provider="c")
    names.add(ensure_template(admin, replace(spec, like=facts), unheard).name)
    assert len(names) == 3


def test_a_migration_that_fails_leaves_no_template(cli, write, admin, server, target, directory):
    write(**{"001_a": f"CREATE TABLE a (id int); SELECT 1/0 -- {target.dbname}"})
    result = cli("reset")
    assert result.exit_code == 1
    assert "001_a.sql failed at statement 2" in result.err
    spec = TemplateSpec(server, read_migrations(directory), default_facts(admin))
    assert read_template_state(admin, spec).oid is None


@pytest.mark.parametrize(
    "tampering",
    [
        "ALTER DATABASE {} IS_TEMPLATE false",
        "ALTER DATABASE {} ALLOW_CONNECTIONS true",
        "COMMENT ON DATABASE {} IS NULL",
        "COMMENT ON DATABASE {} IS 'fowergram-db: a template. {{\"seal\": 7}}'",
        "COMMENT ON DATABASE {} IS 'fowergram-db: a template. [not json'",
    ],
)
def test_a_template_that_was_altered_is_recreated(admin, spec, tampering):
    name = ensure_template(admin, spec, unheard).name
    before = admin.execute(FACTS, [name]).fetchone()
    if "not json" in tampering or "seal" in tampering:
        # Another program has written that: nothing of it is dropped.
        admin.execute(sql.SQL(tampering).format(sql.Identifier(name)))
        with pytest.raises(Refused, match="neither used nor dropped"):
            ensure_template(admin, spec, unheard)
        admin.execute(sql.SQL("COMMENT ON DATABASE {} IS NULL").format(sql.Identifier(name)))
    else:
        admin.execute(sql.SQL(tampering).format(sql.Identifier(name)))
    assert find_template(admin, spec) is None
    ensure_template(admin, spec, unheard)
    assert admin.execute(FACTS, [name]).fetchone()[3] != before[3]


def test_a_template_that_was_opened_changed_and_closed_again_is_recreated(admin, spec):
    name = ensure_template(admin, spec, unheard).name
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    admin.execute(allow.format(sql.Identifier(name), sql.SQL("true")))
    with connect(replace(spec.target, dbname=name)) as session:
        session.execute("CREATE TABLE stray (id int)")
    admin.execute(allow.format(sql.Identifier(name), sql.SQL("false")))
    assert find_template(admin, spec) is None


@pytest.mark.usefixtures("unique")
def test_a_template_that_is_gone_is_recreated(cli, admin):
    name = cli("reset", "--json").document["template"]
    drop_template(admin, name)
    document = cli("reset", "--json").document
    assert ([step["version"] for step in document["steps"]], document["template"]) == ([1], name)


def test_a_template_that_is_dropped_while_it_is_cloned_is_recreated(admin, spec, target, monkeypatch):
    """The template is found, and dropped by another session before CREATE DATABASE."""
    from fowergram_db.testdb import cloning

    real, dropped = ensure_template, []

    def treacherous(*arguments):
        template = real(*arguments)
        if not dropped:
            drop_template(admin, template.name)
            dropped.append(template.name)
        return template

    monkeypatch.setattr(cloning, "ensure_template", treacherous)
    clone_of(admin, spec, target.dbname, unheard)
    with connect(target) as session:
        assert session.execute("SELECT count(*) FROM a").fetchone() == (0,)


def test_two_builders_at_once_build_one_template(spec):
    built = []

    def build():
        with maintenance_connection(spec.target) as session:
            ensure_template(session, spec, lambda event: built.append(type(event).__name__))

    builders = [threading.Thread(target=build) for _ in range(4)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert built.count("TemplateBuilt") == 1


def test_a_builder_that_is_killed_leaves_nothing_that_is_taken_for_a_template(
    cli, write, variables, admin, target, directory
):
    write(**{"001_a": "CREATE TABLE a (id int)", "002_b": f"SELECT pg_sleep(30) -- {target.dbname}"})
    command = [sys.executable, "-m", "fowergram_db", "reset", "--migrations-dir", str(directory)]
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    asleep = "SELECT datname FROM pg_stat_activity WHERE query LIKE %s AND datname LIKE 'fowergram\\_template\\_%%'"
    pattern = f"%pg_sleep(30) -- {target.dbname}%"
    while (row := admin.execute(asleep, [pattern]).fetchone()) is None:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %s AND pid <> pg_backend_pid()",
        [pattern],
    )
    # A process that builds another one may have dropped it already.
    assert (admin.execute(FACTS, [row[0]]).fetchone() or (None, False, True))[1:3] == (False, True)
    until = time.monotonic() + 10
    # The server takes a moment to see that the builder is gone.
    while admin.execute(FACTS, [row[0]]).fetchone() and time.monotonic() < until:
        assert cli("testdb", "prune").exit_code == 0
    assert admin.execute(FACTS, [row[0]]).fetchone() is None


def test_a_template_that_keeps_partitions_ahead_is_recreated_each_day(admin, write, server, target):
    directory = write(
        **{
            "001_a": f"CREATE TABLE a (id int); COMMENT ON TABLE a IS '{target.dbname}';"
            "CREATE FUNCTION maintain_partitions(ahead integer DEFAULT 1, kept interval DEFAULT NULL,"
            " OUT partition_name text, OUT action text) RETURNS SETOF record LANGUAGE sql"
            " AS 'SELECT NULL::text, NULL::text WHERE false'"
        }
    )
    spec = TemplateSpec(server, read_migrations(directory), default_facts(admin))
    template = ensure_template(admin, spec, unheard)
    assert find_template(admin, spec) is not None
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    admin.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(
            sql.Identifier(template.name), sql.Literal(label("a template. ", {**template.facts, "made": yesterday}))
        )
    )
    assert find_template(admin, spec) is None


def test_a_use_is_noted_once_a_day(admin, spec, target):
    template = ensure_template(admin, spec, unheard)
    seal(admin, template.name, template.oid, "a template.", {**template.facts, "used": "2020-01-01"})
    clone_of(admin, spec, target.dbname, unheard)
    comment = admin.execute(FACTS, [template.name]).fetchone()[0]
    assert facts_of(comment)["used"] == f"{datetime.now(UTC):%Y-%m-%d}"
    noted = find_template(admin, spec)
    assert noted is not None
    assert noted.oid == template.oid


@pytest.mark.every_version
def test_a_clone_is_what_a_fresh_migrate_makes(cli, target, monkeypatch):
    monkeypatch.delenv("MIGRATIONS_DIR")
    assert cli("migrate").exit_code == 0
    with connect(target) as session:
        migrated = fingerprint(session)
    assert cli("reset", "--json").document["method"] == "cloned"
    with connect(target) as session:
        assert differences(migrated, fingerprint(session)) == ()
    assert cli("status", "--check").exit_code == 0


def test_a_database_of_another_program_with_the_templates_name_is_left_alone(admin, spec):
    name = ensure_template(admin, spec, unheard).name
    drop_template(admin, name)
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS 'the accounts of 2026'").format(sql.Identifier(name)))
    with pytest.raises(Refused, match="neither used nor dropped"):
        ensure_template(admin, spec, unheard)
    admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def test_a_large_template_is_copied_by_files(admin, write, server, target):
    directory = write(
        **{
            "001_a": f"CREATE TABLE a AS SELECT g, repeat('x', 900) AS filler FROM generate_series(1, 60000) g;"
            f"COMMENT ON TABLE a IS '{target.dbname}'"
        }
    )
    spec = TemplateSpec(server, read_migrations(directory), default_facts(admin))
    clone_of(admin, spec, target.dbname, unheard)
    with connect(target) as session:
        assert session.execute("SELECT count(*) FROM a").fetchone() == (60000,)
    drop_template(admin, ensure_template(admin, spec, unheard).name)


@pytest.mark.every_version
def test_everything_of_a_role_that_may_not_create_databases_is_built_again(
    cli, write, admin, target, role, monkeypatch
):
    owner, name = sql.Identifier(role), sql.Identifier(target.dbname)
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    with connect(target) as session:
        session.execute("CREATE EXTENSION citext")
        session.execute("CREATE TABLE of_the_superuser (id int)")
        session.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(owner))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    write(**{"001_a": "CREATE TABLE a (id int); CREATE EXTENSION IF NOT EXISTS pg_trgm"})
    assert cli("migrate").exit_code == 0
    with connect(target) as session:
        expected = fingerprint(session)
    with connect(replace(target, user=role, password="plain password")) as session:
        session.execute(ODDITIES)
    result = cli("reset", "--json")
    assert result.exit_code == 0, result.err
    with connect(target) as session:
        assert differences(expected, fingerprint(session)) == ()
        assert session.execute("SELECT count(*) FROM pg_largeobject_metadata").fetchone() == (0,)
        assert session.execute("SELECT count(*) FROM pg_default_acl").fetchone() == (0,)


ODDITIES = """
    CREATE SCHEMA "odd, 'schema"" %s";
    CREATE TABLE "odd, 'schema"" %s"."a.b" (id serial PRIMARY KEY);
    CREATE TYPE mood AS ENUM ('sad'); CREATE DOMAIN short AS text CHECK (length(value) < 5);
    CREATE TYPE pair AS (a int, b mood); CREATE TYPE span AS RANGE (subtype = int);
    CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, p pair, m mood) PARTITION BY RANGE (id);
    CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1) TO (10);
    CREATE TABLE u (id int REFERENCES t, s short);
    CREATE VIEW v AS SELECT * FROM u; CREATE MATERIALIZED VIEW w AS SELECT * FROM v;
    CREATE SEQUENCE q; CREATE SEQUENCE owned OWNED BY u.id;
    CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT $1';
    CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
    CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
    CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
    CREATE COLLATION odd (locale = 'C');
    CREATE TEXT SEARCH CONFIGURATION ts (COPY = simple); CREATE TEXT SEARCH DICTIONARY di (TEMPLATE = simple);
    CREATE STATISTICS st ON id, s FROM u;
    CREATE PUBLICATION pub FOR TABLE u;
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC;
    SELECT lo_create(0);
    CREATE RULE r AS ON INSERT TO u DO ALSO NOTHING;
"""


def test_a_reset_in_place_that_fails_says_what_is_left(cli, write, admin, target, role, monkeypatch):
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (target.dbname, role))))
    monkeypatch.setenv("DB_USER", role)
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    write(**{"001_a": "CREATE TABLE a (id int)"})
    cli("migrate")
    write(**{"002_b": "SELECT 1/0"})
    result = cli("reset", "--json")
    assert result.exit_code == 1
    assert [step["version"] for step in result.document["steps"]] == [1]
    assert result.err.splitlines()[-2:] == [
        "Applied now: 1. Not applied: 2.",
        "The earlier objects in the database had already been dropped.",
    ]
    write(**{"002_b": "COMMIT"})
    result = cli("reset", "--json")
    assert (result.exit_code, result.document["steps"]) == (2, [])


@pytest.mark.usefixtures("unique")
def test_a_reset_works_through_a_pooler(cli, pooled, monkeypatch, query, tables):
    monkeypatch.setenv("DB_HOST", pooled.host)
    monkeypatch.setenv("DB_PORT", pooled.port)
    for expected in ("cloned", "emptied"):
        result = cli("reset", "--force", "--json")
        assert result.exit_code == 0, result.err
        assert result.document["method"] == expected
    query("CREATE TABLE stray (id int)")
    result = cli("reset", "--force", "--json")
    assert (result.exit_code, result.document["method"]) == (0, "cloned"), result.err
    assert tables() == ["a"]


@pytest.mark.usefixtures("unique")
def test_databases_are_given_out_through_a_pooler(cli, pooled, monkeypatch, admin):
    monkeypatch.setenv("DB_HOST", pooled.host)
    monkeypatch.setenv("DB_PORT", pooled.port)
    result = cli("testdb", "create", "--count", "2", "--json")
    assert result.exit_code == 0, result.err
    for database in result.document["databases"]:
        with psycopg.connect(database["url"]) as session:
            assert session.execute("SELECT count(*) FROM a").fetchone() == (0,)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database["name"])))


def test_a_reset_that_is_killed_at_any_moment_leaves_a_whole_database_with_its_settings(
    cli, unique, variables, admin, target, query
):
    assert cli("reset").exit_code == 0
    name = sql.Identifier(target.dbname)
    admin.execute(sql.SQL("ALTER DATABASE {} SET work_mem = '7MB'").format(name))
    command = [sys.executable, "-m", "fowergram_db", "reset", "--migrations-dir", str(unique)]
    for step in range(10):
        query("CREATE TABLE IF NOT EXISTS stray (id int)")
        process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.2 + 0.02 * step)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert query("SHOW work_mem; SELECT count(*) FROM a") == [("7MB",)]
    until = time.monotonic() + 10
    while leftovers(admin) and time.monotonic() < until:
        assert cli("testdb", "prune").exit_code == 0
    assert leftovers(admin) == []
