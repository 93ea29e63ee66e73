"""Settings of role and database decide what a script does: also in a template, and in what a reset or adopt builds."""

from dataclasses import replace

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect

pytestmark = [pytest.mark.matrix(every=4), pytest.mark.old_versions]

# Both decide what the second script makes, and where.
SETTINGS = ("search_path = app, public", "DateStyle = 'SQL, DMY'")
FILES = {"001_a": "CREATE SCHEMA IF NOT EXISTS app;", "002_b": "CREATE TABLE b (d date DEFAULT '03/02/2026');"}
MADE = [("app", "'2026-02-03'::date")]
MADE_WITHOUT = [("public", "'2026-03-02'::date")]


@pytest.fixture
def files(write, target):
    return write(**FILES, **{"003_c": f"COMMENT ON TABLE b IS '{target.dbname}'"})


@pytest.fixture
def owner(admin, monkeypatch, role):
    """A role that may create databases; the commands connect as this role."""
    admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(role)))
    monkeypatch.setenv("DB_PASSWORD", "plain password")
    return role


def store(admin, whose, *names, settings=SETTINGS):
    for setting in settings:
        admin.execute(sql.SQL(f"ALTER {whose} SET {setting}").format(*map(sql.Identifier, names)))


def made(target):
    with connect(target) as session:
        session.execute("SET DateStyle = ISO; SET search_path = ''")
        query = "SELECT table_schema, column_default FROM information_schema.columns WHERE table_name = 'b'"
        return session.execute(query).fetchall()


@pytest.mark.parametrize("prefix", ["fowergram_test", "shop"])
@pytest.mark.parametrize("whose", ["DATABASE {0}", "ROLE {1} IN DATABASE {0}", "ROLE {1}"])
@pytest.mark.usefixtures("files")
def test_a_reset_makes_what_migrate_makes(cli, admin, target, owner, monkeypatch, prefix, whose):
    there = replace(target, dbname=f"{prefix}_{target.dbname[-12:]}")
    monkeypatch.setenv("DB_USER", owner)
    monkeypatch.setenv("DB_NAME", there.dbname)
    identifiers = map(sql.Identifier, (there.dbname, owner))
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*identifiers))
    store(admin, whose, there.dbname, owner)
    assert cli("migrate").exit_code == 0
    assert made(there) == MADE
    stored = stored_with(admin, there.dbname)
    for _ in range(3):
        result = cli("reset", "--yes", "--warm", "1", "--json")
        assert result.exit_code == 0, f"{result.out}{result.err}"
        assert (made(there), stored_with(admin, there.dbname)) == (MADE, stored)


def stored_with(admin, name):
    query = (
        "SELECT s.setrole, s.setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
        "WHERE d.datname = %s ORDER BY 1"
    )
    return admin.execute(query, [name]).fetchall()


@pytest.mark.parametrize("whose", ["DATABASE {0}", "ROLE {1}"])
@pytest.mark.usefixtures("files")
def test_a_template_of_other_settings_is_not_used(cli, admin, target, owner, monkeypatch, whose):
    monkeypatch.setenv("DB_USER", owner)
    assert cli("reset", "--warm", "1").exit_code == 0
    assert made(target) == MADE_WITHOUT
    store(admin, whose, target.dbname, owner)
    assert cli("reset").exit_code == 0
    assert made(target) == MADE


@pytest.mark.usefixtures("files")
def test_a_database_for_a_test_has_the_settings_of_its_role_alone(cli, admin, target, owner, monkeypatch):
    monkeypatch.setenv("DB_USER", owner)
    assert cli("reset").exit_code == 0
    store(admin, "DATABASE {0}", target.dbname)
    name = f"{target.dbname}_x"
    assert cli("testdb", "create", "--name", name).exit_code == 0
    assert made(replace(target, dbname=name)) == MADE_WITHOUT
    store(admin, "ROLE {0}", owner)
    assert cli("testdb", "create", "--name", f"{name}y").exit_code == 0
    assert made(replace(target, dbname=f"{name}y")) == MADE


def test_adopt_compares_with_what_the_settings_of_the_database_make(cli, write, empty_db, admin, target):
    store(admin, "DATABASE {0}", target.dbname, settings=(*SETTINGS, "fowergram.environment = 'production'"))
    empty_db.close()
    write(**FILES)
    with connect(target) as session:
        session.execute("; ".join(FILES.values()))
        session.execute("CREATE TABLE public.schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)")
        session.execute("INSERT INTO public.schema_migrations VALUES (2, false)")
    result = cli("adopt", "--json")
    assert (result.exit_code, result.document["differences"]) == (0, [])
    # The mark stays where it is: a scratch database with it could not be dropped.
    marked = "SELECT datname FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
    found = admin.execute(f"{marked} WHERE 'fowergram.environment=production' = ANY (setconfig)").fetchall()
    assert [name for (name,) in found if name.startswith("fowergram_scratch_")] == []


def test_a_setting_that_the_role_may_not_store_is_left_out_of_what_it_compares_with(
    cli, write, admin, target, owner, monkeypatch
):
    monkeypatch.setenv("DB_USER", owner)
    admin.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (target.dbname, owner))))
    store(admin, "DATABASE {0}", target.dbname, settings=("session_replication_role = replica", *SETTINGS))
    write(**FILES)
    with connect(replace(target, user=owner, password="plain password")) as session:
        session.execute("; ".join(FILES.values()))
    assert cli("adopt", "--to", "2").exit_code == 0
