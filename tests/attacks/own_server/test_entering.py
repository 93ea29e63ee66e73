"""Databases that are being made let no other role in, however often it tries."""

import threading
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.owner import Owner
from fowergram_db.database.scratch import scratch_database
from fowergram_db.database.state import default_facts
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.testdb.cloning import clone_of
from fowergram_db.testdb.template import TemplateSpec

pytestmark = pytest.mark.old_versions(whole=True)

NAMES = "SELECT datname FROM pg_database WHERE datname ~ '^fowergram_(template|warm|reset|scratch)_' AND oid > %s::oid"


@pytest.fixture
def spec(unique, server, admin):
    return TemplateSpec(server, read_migrations(unique), default_facts(admin))


class Besieger:
    """Sessions of mallory's that try, without a pause, to enter each database that the tool is making."""

    def __init__(self, mallory, admin, sessions=3):
        self.entered = set()
        self.tries = 0
        self._mallory, self._ends = mallory, threading.Event()
        self._newest = admin.execute("SELECT max(oid::bigint) FROM pg_database").fetchone()[0]
        self._threads = [threading.Thread(target=self._besiege) for _ in range(sessions)]

    def _besiege(self):
        with self._mallory.connect("postgres") as looking:
            while not self._ends.is_set():
                for (name,) in looking.execute(NAMES, [self._newest]).fetchall():
                    self.try_(name)

    def try_(self, name):
        self.tries += 1
        with suppress(psycopg.Error), self._mallory.connect(name):
            self.entered.add(name)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ends.set()
        for thread in self._threads:
            thread.join()


SLOW = "SELECT pg_sleep(0.2)"


@pytest.mark.parametrize("name", ["_test_", "_keep_"])
def test_no_other_role_enters_a_database_while_it_is_made(cli, write, admin, mallory, target, monkeypatch, name):
    database = target.dbname.replace("_test_", name)
    monkeypatch.setenv("DB_NAME", database)
    write(**{"001_a": f"CREATE TABLE a (id int); {SLOW} -- {target.dbname}", "001_a.down": "DROP TABLE a"})
    admin.execute(sql.SQL("CREATE DATABASE {0}").format(sql.Identifier(database)))
    admin.execute(sql.SQL("REVOKE CONNECT ON DATABASE {0} FROM PUBLIC").format(sql.Identifier(database)))
    try:
        with Besieger(mallory, admin) as besieger:
            assert cli("reset", "--yes").exit_code == 0
            like = replace(target, dbname=database)
            with scratch_database(like, Owner.unmarked()) as scratch, connect(scratch) as session:
                session.execute(SLOW)
        assert besieger.entered == set()
        assert besieger.tries > 0
    finally:
        admin.execute(sql.SQL("DROP DATABASE {0} WITH (FORCE)").format(sql.Identifier(database)))


def test_a_plain_owner_can_close_what_it_builds_too(admin, spec, mallory, role, target):
    admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(role)))
    own = replace(spec.target, user=role, password="plain password")
    besieger = Besieger(mallory, admin)

    def besiege(_event):
        for (name,) in admin.execute(NAMES, [besieger._newest]).fetchall():
            besieger.try_(name)

    with connect(own) as session:
        clone_of(session, replace(spec, target=own), target.dbname, besiege)
    assert besieger.tries > 0
    assert besieger.entered == set()
    with mallory.connect(target.dbname) as session:
        assert session.execute("SELECT has_database_privilege(current_database(), 'TEMPORARY')").fetchone() == (True,)
