"""A database that is marked as production is never dropped, renamed, emptied or copied, whatever else says so."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import sql

from fowergram_db.database import disposal
from fowergram_db.database.connection import connect
from fowergram_db.database.disposal import drop_quietly
from fowergram_db.database.labelling import label_database
from fowergram_db.database.managed_databases import Purpose, facts_for, facts_until
from fowergram_db.database.protection import is_protected, protect, unprotect
from fowergram_db.database.state import database_state, default_facts
from fowergram_db.errors import DatabaseError
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.testdb.databases import pool
from fowergram_db.testdb.suite import TestDatabases
from fowergram_db.testdb.template import TemplateSpec
from tests.integration.conftest import environment

# A sample of each set of cases, unless all are asked for.
pytestmark = [pytest.mark.matrix(every=3), pytest.mark.old_versions]

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
IS_EXPIRED = facts_until(LONG_AGO, LONG_AGO)
MARKS = {
    "setting": "ALTER DATABASE {} SET fowergram.environment = 'production'",
    "setting in capitals": "ALTER DATABASE {} SET Fowergram.Environment = 'PRODUCTION'",
    "owner's form": "ALTER DATABASE {} SET temp_tablespaces = 'fowergram.environment=production'",
    "owner's form among others": "ALTER DATABASE {} SET temp_tablespaces = a, 'fowergram.environment=production', b",
}


@pytest.fixture
def shop(admin, target):
    """An expired database of the tool's, under a name that does not say so."""
    name = f"shop_{target.dbname[-12:]}"
    admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    label_database(admin, name, "a test database; it may be dropped.", IS_EXPIRED)
    return name


def exists(admin, name):
    return admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def mark(admin, name, statement=MARKS["setting"]):
    admin.execute(sql.SQL(statement).format(sql.Identifier(name)))


@pytest.mark.parametrize("form", MARKS)
@pytest.mark.parametrize("arguments", [[], ["--older-than", "0"]])
def test_the_mark_wins_over_the_label(cli, admin, shop, form, arguments):
    mark(admin, shop, MARKS[form])
    result = cli("testdb", "prune", *arguments, "--json")
    assert result.exit_code == 0
    assert {d["name"]: d["reason"] for d in result.document["kept"]}[shop] == "it is marked as production"
    assert exists(admin, shop)


def test_the_tool_s_own_mark_wins_over_the_label(cli, admin, shop, server):
    with connect(replace(server, dbname=shop)) as session:
        protect(session)
    assert cli("testdb", "prune").exit_code == 0
    assert exists(admin, shop)


@pytest.mark.parametrize(
    "line", ["{}\nfowergram.environment=production", "{}\r\nfowergram.environment=Production \r\nx"]
)
def test_a_line_of_the_comment_still_counts(cli, admin, shop, line):
    facts = database_state(admin, shop)
    comment = sql.Literal(line.format(facts.comment))
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(shop), comment))
    result = cli("testdb", "prune", "--older-than", "0", "--json")
    # Not because the label is followed by something.
    assert {d["name"]: d["reason"] for d in result.document["kept"]}[shop] == "it is marked as production"
    assert exists(admin, shop)


@pytest.mark.usefixtures("unique")
def test_a_reset_that_builds_a_template_drops_no_marked_database(cli, admin, shop):
    mark(admin, shop)
    assert cli("reset").exit_code == 0
    assert exists(admin, shop)


@pytest.mark.parametrize(
    "place", ["environment", "environment, with the quotes that Docker keeps", "env file, with a blank exported"]
)
def test_nothing_is_pruned_in_production(cli, admin, shop, monkeypatch, tmp_path, place):
    if place == "environment":
        monkeypatch.setenv("FOWERGRAM_ENVIRONMENT", " Production ")
    elif place == "environment, with the quotes that Docker keeps":
        monkeypatch.setenv("FOWERGRAM_ENVIRONMENT", '"production"')
    else:
        monkeypatch.setenv("FOWERGRAM_ENVIRONMENT", " ")
        env_file = tmp_path / "my.env"
        env_file.write_text("FOWERGRAM_ENVIRONMENT=production\n", encoding="utf-8")
        monkeypatch.setenv("FOWERGRAM_ENV_FILE", str(env_file))
    result = cli("testdb", "prune", "--older-than", "0", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")
    assert exists(admin, shop)


def test_a_mark_set_while_the_drop_waits_for_its_lock_counts(admin, shop, server):
    """A session that holds a lock on the database may set what it likes on it before the drop gets its own."""
    with connect(server) as holder:
        comment = sql.Literal(database_state(admin, shop).comment)
        holder.execute("BEGIN")
        holder.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(shop), comment))
        process = start_command(server, "testdb", "prune")
        wait_for_lock(admin, shop)
        mark(holder, shop)
        holder.execute("COMMIT")
        _, err = process.communicate(timeout=30)
    assert f"kept     {shop}: " in err
    assert exists(admin, shop)


def test_a_mark_that_queues_after_the_drop_is_committed_first(admin, shop, server):
    with connect(server) as holder, connect(server) as other:
        comment = sql.Literal(database_state(admin, shop).comment)
        holder.execute("BEGIN")
        holder.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(shop), comment))
        process = start_command(server, "testdb", "prune")
        wait_for_lock(admin, shop)
        # It queues for the lock after the drop.
        marking = threading.Thread(target=mark, args=(other, shop))
        marking.start()
        wait_for_lock(admin, shop, waiters=2)
        holder.execute("COMMIT")
        marking.join()
        _, err = process.communicate(timeout=30)
    assert f"kept     {shop}: " in err
    assert exists(admin, shop)


def test_a_mark_that_is_not_committed_yet_keeps_the_database(cli, admin, shop, server, monkeypatch):
    monkeypatch.setattr(disposal, "_SETTLED_WITHIN_S", 0.1)
    with connect(server) as other:
        other.execute("BEGIN")
        mark(other, shop)
        result = cli("testdb", "prune", "--json")
        other.execute("COMMIT")
    assert "is not committed, and may be marking" in {d["name"]: d["reason"] for d in result.document["kept"]}[shop]
    assert exists(admin, shop)


def start_command(server, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "fowergram_db", *arguments],
        env=os.environ | environment(server),
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_lock(admin, name, waiters=1):
    query = (
        "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.objid "
        "WHERE l.classid = 'pg_database'::regclass AND NOT l.granted AND d.datname = %s"
    )
    until = time.monotonic() + 20
    while admin.execute(query, [name]).fetchone() != (waiters,):
        assert time.monotonic() < until
        time.sleep(0.005)


def test_other_settings_are_no_mark(admin, shop):
    for statement in MARKS.values():
        mark(admin, shop, statement)
        assert database_state(admin, shop).production
        assert database_state(admin, shop).mark_lasts
        admin.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(shop)))
    for other in (
        "fowergram.environment = 'staging'",
        "temp_tablespaces = 'production'",
        "fowergram.env = 'production'",
    ):
        mark(admin, shop, f"ALTER DATABASE {{}} SET {other}")
    assert not database_state(admin, shop).production


@pytest.fixture
def owned(admin, target, role):
    """A database of an ordinary role, and a session of that role in it."""
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (target.dbname, role))))
    with connect(replace(target, user=role, password="plain password")) as session:
        yield session


@pytest.mark.parametrize("comment", ["NULL", "'our data'"])
def test_the_mark_of_an_owner_outlives_every_comment(owned, comment):
    protect(owned)
    name = sql.Identifier(owned.info.dbname)
    owned.execute(sql.SQL("COMMENT ON DATABASE {} IS " + comment).format(name))
    assert is_protected(owned)


def test_the_mark_of_an_owner_leaves_the_tablespaces_for_temporary_files(owned):
    name = sql.Identifier(owned.info.dbname)
    owned.execute(sql.SQL("ALTER DATABASE {} SET temp_tablespaces TO 'fast', 'Odd, \"one\"'").format(name))
    for _ in range(2):
        protect(owned)
    assert settings(owned) == [
        'temp_tablespaces=fast, "Odd, ""one""", "fowergram.environment=production"',
    ]
    unprotect(owned)
    assert not is_protected(owned)
    assert settings(owned) == ['temp_tablespaces=fast, "Odd, ""one"""']


def test_a_marked_database_works_as_before(owned, target, role):
    protect(owned)
    with connect(replace(target, user=role, password="plain password")) as session:
        session.execute("SET work_mem = '64kB'; CREATE TEMPORARY TABLE t AS SELECT generate_series(1, 50000) AS i")
        sorted_ = "SELECT count(*) FROM (SELECT i FROM t ORDER BY md5(i::text)) AS s"
        assert session.execute(sorted_).fetchone() == (50000,)
    unprotect(owned)
    assert settings(owned) == []


def test_protect_gives_a_mark_in_the_comment_one_that_lasts(owned):
    name = sql.Identifier(owned.info.dbname)
    owned.execute(sql.SQL("COMMENT ON DATABASE {} IS 'ours\nfowergram.environment=production'").format(name))
    assert is_protected(owned)
    protect(owned)
    owned.execute(sql.SQL("COMMENT ON DATABASE {} IS 'ours'").format(name))
    assert is_protected(owned)
    unprotect(owned)
    assert not is_protected(owned)


@pytest.mark.parametrize("change", ["SET temp_tablespaces = 'fast'", "RESET temp_tablespaces", "RESET ALL"])
def test_the_mark_of_an_owner_outlives_every_change_of_that_list(owned, cli, change):
    protect(owned)
    name = sql.Identifier(owned.info.dbname)
    owned.execute(sql.SQL("ALTER DATABASE {} " + change).format(name))
    assert is_protected(owned)
    assert cli("reset", "--yes").exit_code == 2
    unprotect(owned)
    assert not is_protected(owned)


def test_protect_leaves_the_label_of_a_test_database_and_its_comment(owned):
    name = sql.Identifier(owned.info.dbname)
    label_database(owned, owned.info.dbname, "a test database; it may be dropped.", IS_EXPIRED)
    labelled = database_state(owned)
    protect(owned)
    marked = database_state(owned)
    assert facts_for(marked.comment, marked.identity) == facts_for(labelled.comment, labelled.identity) is not None
    unprotect(owned)
    assert database_state(owned).comment == labelled.comment
    owned.execute(sql.SQL("COMMENT ON DATABASE {} IS NULL").format(name))
    protect(owned)
    unprotect(owned)
    assert database_state(owned).comment is None


ODD_MARKS = {
    "list in capitals": "ALTER DATABASE {} SET temp_tablespaces = a, 'Fowergram.Environment=Production'",
    "list in quotes": """ALTER DATABASE {} SET temp_tablespaces = '"fowergram.environment=production"', a""",
    "twice in the list": "ALTER DATABASE {} SET temp_tablespaces = 'fowergram.environment=production', a, "
    "'FOWERGRAM.environment=production'",
    "comment in capitals": "COMMENT ON DATABASE {} IS 'Fowergram.Environment=PRODUCTION'",
    "lines of Windows": "COMMENT ON DATABASE {} IS E'a\\r\\nfowergram.environment=production\\r\\nb'",
    "lines of the first Macs": "COMMENT ON DATABASE {} IS E'a\\rfowergram.environment=production\\rb'",
    "blanks around it": "COMMENT ON DATABASE {} IS E'a\\n  fowergram.environment=production \\t'",
    "twice in the comment": "COMMENT ON DATABASE {} IS E'fowergram.environment=production\\nx\\n"
    "fowergram.environment=production'",
}


@pytest.mark.parametrize("form", ODD_MARKS)
def test_each_form_of_the_mark_can_be_removed(owned, cli, form):
    owned.execute(sql.SQL(ODD_MARKS[form]).format(sql.Identifier(owned.info.dbname)))
    assert is_protected(owned)
    assert cli("protect", "--off").exit_code == 0
    assert not is_protected(owned)


def test_a_name_that_only_ends_like_the_mark_is_none(owned):
    name = sql.Identifier(owned.info.dbname)
    owned.execute(
        sql.SQL("ALTER DATABASE {} SET temp_tablespaces = 'x\"fowergram.environment=production'").format(name)
    )
    assert not is_protected(owned)


def test_the_mark_of_a_superuser_is_not_said_to_be_gone(owned, admin):
    name = owned.info.dbname
    mark(admin, name)
    with pytest.raises(DatabaseError, match="by a superuser") as refused:
        unprotect(owned)
    assert refused.value.hint == f'Ask a superuser to run: ALTER DATABASE "{name}" RESET fowergram.environment;'
    assert is_protected(owned)


HOSTILE_LABELS = [
    '{{"kind":"warm","template":["x"],"seal":{{}},"of":"{}"}}',
    '{{"kind":"warm","template":{{"a":1}},"of":"{}"}}',
    '{{"kind":{{"a":[1]}},"of":"{}"}}',
    '{{"kind":"test","until":"0001-01-01T00:00:00+14:00","of":"{}"}}',
    '{{"kind":"test","made":"9999-12-31T23:59:59-14:00","until":null,"of":"{}"}}',
    '{{"kind":"test","until":[1],"made":{{}},"of":"{}"}}',
    '{{"kind":"test","deep":' + "[" * 50_000 + '"{}"',
    '{{"kind":"test","until":' + "9" * 5_000 + ',"of":"{}"}}',
]


@pytest.mark.parametrize("facts", HOSTILE_LABELS, ids=range(len(HOSTILE_LABELS)))
@pytest.mark.usefixtures("unique")
def test_no_label_of_another_role_stops_the_tool_for_all(cli, target, admin, mallory_with_createdb, facts):
    name = f"shop_{target.dbname[-12:]}"
    with mallory_with_createdb.connect("postgres") as own:
        own.execute(f"CREATE DATABASE {name}")
        identity = database_state(admin, name).identity
        own.execute(f"COMMENT ON DATABASE {name} IS 'fowergram-db: x {facts.format(identity)}'")
    for command in (("testdb", "list"), ("testdb", "list", "--json"), ("testdb", "prune"), ("reset",)):
        assert cli(*command).exit_code == 0, command


def settings(session):
    query = "SELECT unnest(s.setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase"
    return [setting for (setting,) in session.execute(f"{query} WHERE d.datname = current_database()")]


def test_no_other_role_marks_a_database(owned, mallory, target):
    """Else a stranger could keep every test database from being dropped."""
    with mallory.connect(target.dbname) as session:
        session.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} SET temp_tablespaces = 'fowergram.environment=production'").format(
                sql.Identifier(mallory.name), sql.Identifier(target.dbname)
            )
        )
    assert not is_protected(owned)


@pytest.fixture
def spec(server, admin, unique):
    return TemplateSpec(server, read_migrations(unique), default_facts(admin))


def test_a_clone_that_is_ready_and_marked_is_not_given_out(admin, spec):
    with pool(admin, spec, lambda _event: None) as source:
        source.keep_ready(1)
        (ready,) = source._ready()
        mark(admin, ready.name)
        made = source.obtain(Purpose.TEST)
        assert exists(admin, ready.name)
        assert made.oid != ready.oid


def test_a_marked_template_is_neither_copied_nor_replaced(cli, admin, spec):
    assert cli("reset", "--warm", "0").exit_code == 0
    with pool(admin, spec, lambda _event: None) as source:
        template = source.template.name
    mark(admin, template)
    for _ in range(2):
        result = cli("testdb", "create", "--json")
        assert (result.exit_code, result.document["error"]["code"]) == (2, "refused")
        # Now it has to be built again.
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(template)))
    assert exists(admin, template)


@pytest.mark.parametrize("warm", [0, 1])
def test_a_test_s_database_that_was_marked_is_not_discarded(admin, server, unique, warm):
    suite = TestDatabases(server, read_migrations(unique), warm)
    try:
        database = suite.make()
        mark(admin, database.name)
        suite.discard(database)
    finally:
        suite.close()
    assert exists(admin, database.name)


def test_a_database_that_has_taken_the_name_of_another_is_not_discarded(admin, server, unique):
    suite = TestDatabases(server, read_migrations(unique))
    try:
        database = suite.make()
        database.close()
        names = sql.Identifier(database.name), sql.Identifier(f"{database.name}_old")
        admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*names))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(names[0]))
        suite.discard(database)
    finally:
        suite.close()
    assert exists(admin, database.name)


def test_a_database_without_a_label_is_not_dropped_quietly(admin, shop):
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS NULL").format(sql.Identifier(shop)))
    drop_quietly(admin, shop)
    assert exists(admin, shop)
