"""Templates, ready clones and databases that are being built: no role but their owner puts anything into them."""

import re
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.database.state import default_facts
from fowergram_db.errors import Refused
from fowergram_db.migrations.files.directory import read_migrations
from fowergram_db.testdb import cloning, emptying
from fowergram_db.testdb.cloning import clone_of
from fowergram_db.testdb.databases import ClonePool
from fowergram_db.testdb.emptying import NotExact, empty
from fowergram_db.testdb.provision import ensure_template
from fowergram_db.testdb.suite import TestDatabases
from fowergram_db.testdb.template import TemplateSpec

# A sample of each set of cases, unless all are asked for.
pytestmark = [pytest.mark.matrix(every=3), pytest.mark.old_versions]

COMMENT = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
OWNER = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
IDENTITY = "SELECT system_identifier || '/' || d.oid || '/' || datdba || '/' || datname, d.xmin::text FROM pg_database AS d, pg_control_system() WHERE datname = %s"  # noqa: E501


@pytest.fixture
def spec(unique, server, admin):
    return TemplateSpec(server, read_migrations(unique), default_facts(admin))


def unheard(_event):
    pass


def drop(admin, name):
    for statement in ("ALTER DATABASE {} IS_TEMPLATE false", "DROP DATABASE {} WITH (FORCE)"):
        admin.execute(sql.SQL(statement).format(sql.Identifier(name)))


def plant(mallory, name, comment):
    """Create a database with a table of mallory's, closed and marked as a template, with the comment made to fit."""
    named = sql.Identifier(name)
    with mallory.connect("postgres") as own:
        own.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(named))
        with mallory.connect(name) as inside:
            inside.execute("CREATE SCHEMA planted; CREATE TABLE planted.trap (id int)")
        own.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false IS_TEMPLATE true").format(named))
        own.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(named, sql.Literal(made_to_fit(own, name, comment))))


def made_to_fit(session, name, comment):
    """Return a comment that names the database it is put on, and the transaction of its row."""
    identity, row_version = session.execute(IDENTITY, [name]).fetchone()
    comment = re.sub(r'"seal":"\d+"', f'"seal":"{row_version}"', comment) if "cloned from" in comment else comment
    return re.sub(r'"of":"[^"]*"', f'"of":"{identity}"', comment)


def planted(query):
    return query("SELECT 1 FROM pg_namespace WHERE nspname = 'planted'") == [(1,)]


@pytest.mark.usefixtures("unique")
def test_a_template_of_another_role_is_neither_used_nor_dropped(cli, admin, mallory_with_createdb, target):
    name = cli("reset", "--json").document["template"]
    comment = admin.execute(COMMENT, [name]).fetchone()[0]
    drop(admin, target.dbname)
    drop(admin, name)
    plant(mallory_with_createdb, name, comment)
    for command in (["reset"], ["testdb", "create"], ["testdb", "create", "--count", "0", "--warm", "1"]):
        result = cli(*command, "--json")
        assert result.exit_code == 2, result.out
        assert mallory_with_createdb.name in result.document["error"]["message"]
    assert admin.execute(OWNER, [name]).fetchone() == (mallory_with_createdb.name,)
    assert admin.execute(OWNER, [target.dbname]).fetchone() is None


@pytest.mark.usefixtures("unique")
def test_a_template_that_a_superuser_took_over_from_another_role_is_not_used(
    cli, admin, mallory_with_createdb, target, query
):
    name = cli("reset", "--json").document["template"]
    comment = admin.execute(COMMENT, [name]).fetchone()[0]
    drop(admin, target.dbname)
    drop(admin, name)
    plant(mallory_with_createdb, name, comment)
    with admin.transaction():
        admin.execute(
            sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(sql.Identifier(mallory_with_createdb.name))
        )
        # She may have guessed the number of this transaction, and who takes it over.
        guessed = sql.SQL("COMMENT ON DATABASE {} IS {}")
        admin.execute(guessed.format(sql.Identifier(name), sql.Literal(made_to_fit(admin, name, comment))))
    result = cli("reset", "--json")
    assert result.exit_code == 0, result.err
    assert not planted(query)
    assert query("SELECT count(*) FROM a") == [(0,)]


def test_a_template_that_was_given_away_and_came_back_is_not_used(admin, spec, mallory_with_createdb):
    template = ensure_template(admin, spec, unheard)
    named, mallory = sql.Identifier(template.name), sql.Identifier(mallory_with_createdb.name)
    admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(named, mallory))
    with mallory_with_createdb.connect("postgres") as own:
        own.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(named))
        with mallory_with_createdb.connect(template.name) as inside:
            inside.execute("CREATE SCHEMA planted")
        own.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(named))
    comment = admin.execute(COMMENT, [template.name]).fetchone()[0]
    with admin.transaction():
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(named))
        fits = made_to_fit(admin, template.name, comment)
        admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(named, sql.Literal(fits)))
    assert ensure_template(admin, spec, unheard).oid != template.oid


def test_the_owner_of_a_database_cannot_seal_it_for_another_role(admin, mallory_with_createdb, role, target):
    named = sql.Identifier(target.dbname)
    with mallory_with_createdb.connect("postgres") as own:
        own.execute(sql.SQL("CREATE DATABASE {}").format(named))
        for victim in (admin.info.user, role):
            statement = sql.SQL("ALTER ROLE {} IN DATABASE {} SET application_name TO 'fowergram-db seal'")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(statement.format(sql.Identifier(victim), named))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(named, sql.Identifier(victim)))


def test_only_the_owner_may_copy_a_template(admin, spec, mallory_with_createdb):
    name = ensure_template(admin, spec, unheard).name
    with mallory_with_createdb.connect("postgres") as own, pytest.raises(psycopg.errors.InsufficientPrivilege):
        own.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name[:-1]), sql.Identifier(name)))


def test_a_template_that_another_role_replaces_before_it_is_copied_is_found_out(
    admin, spec, mallory_with_createdb, target, monkeypatch
):
    real = ensure_template

    def treacherous(*arguments):
        template = real(*arguments)
        comment = admin.execute(COMMENT, [template.name]).fetchone()[0]
        drop(admin, template.name)
        plant(mallory_with_createdb, template.name, comment)
        return template

    monkeypatch.setattr(cloning, "ensure_template", treacherous)
    with pytest.raises(Refused, match=mallory_with_createdb.name):
        clone_of(admin, spec, target.dbname, unheard)
    assert admin.execute(OWNER, [target.dbname]).fetchone() is None


def test_a_plain_role_does_not_copy_what_another_role_has_put_there_either(
    admin, spec, mallory_with_createdb, role, target, monkeypatch
):
    admin.execute(sql.SQL("ALTER ROLE {} CREATEDB").format(sql.Identifier(role)))
    own = replace(spec.target, user=role, password="plain password")
    plain = replace(spec, target=own)
    real = ensure_template

    def treacherous(*arguments):
        template = real(*arguments)
        drop(admin, template.name)
        plant(mallory_with_createdb, template.name, "none")
        return template

    monkeypatch.setattr(cloning, "ensure_template", treacherous)
    with connect(replace(own, dbname="postgres")) as session, pytest.raises(Refused, match=mallory_with_createdb.name):
        clone_of(session, plain, target.dbname, unheard)
    assert admin.execute(OWNER, [target.dbname]).fetchone() is None


def test_a_test_suite_does_not_use_the_template_of_another_role(admin, spec, mallory_with_createdb):
    template = ensure_template(admin, spec, unheard)
    comment = admin.execute(COMMENT, [template.name]).fetchone()[0]
    suite = TestDatabases(spec.target, spec.files)
    try:
        first = suite.make()
        drop(admin, template.name)
        plant(mallory_with_createdb, template.name, comment)
        with pytest.raises(Refused, match=mallory_with_createdb.name):
            suite.make()
        suite.discard(first)
    finally:
        suite.close()
    for warm in (0, 1):
        with pytest.raises(Refused, match=mallory_with_createdb.name):
            TestDatabases(spec.target, spec.files, warm)


def warm_clone(cli, admin):
    """Leave one clone ready, and return its name and comment."""
    document = cli("testdb", "create", "--count", "0", "--warm", "1", "--json").document
    assert document["ready"] == 1, document
    names = "SELECT datname FROM pg_database WHERE datname ~ '^fowergram_warm_' ORDER BY oid DESC LIMIT 1"
    (name,) = admin.execute(names).fetchone()
    return name, admin.execute(COMMENT, [name]).fetchone()[0]


@pytest.mark.usefixtures("unique")
def test_a_ready_clone_of_another_role_is_not_taken(cli, admin, mallory_with_createdb, query):
    name, comment = warm_clone(cli, admin)
    older = re.sub(r"_\d{14}_", "_20200101000000_", name)
    plant(mallory_with_createdb, older, comment)
    assert cli("reset", "--json").document["method"] == "cloned"
    assert not planted(query)
    assert admin.execute(OWNER, [older]).fetchone() == (mallory_with_createdb.name,)


@pytest.mark.usefixtures("unique")
def test_a_ready_clone_that_another_role_replaces_before_it_is_renamed_is_not_taken(
    cli, admin, mallory_with_createdb, query, monkeypatch
):
    name, comment = warm_clone(cli, admin)
    real = ClonePool._ready

    def treacherous(self):
        found = real(self)
        if admin.execute(OWNER, [name]).fetchone() != (mallory_with_createdb.name,):
            drop(admin, name)
            plant(mallory_with_createdb, name, comment)
        return found

    monkeypatch.setattr(ClonePool, "_ready", treacherous)
    assert cli("reset", "--json").document["method"] == "cloned"
    assert not planted(query)
    assert admin.execute(OWNER, [name]).fetchone() == (mallory_with_createdb.name,)


@pytest.mark.usefixtures("unique")
def test_a_ready_clone_that_a_superuser_took_over_from_another_role_is_not_taken(
    cli, admin, mallory_with_createdb, query
):
    name, comment = warm_clone(cli, admin)
    older = re.sub(r"_\d{14}_", "_20200101000000_", name)
    plant(mallory_with_createdb, older, comment)
    named = sql.Identifier(older)
    admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(named))
    fits = made_to_fit(admin, older, comment)
    admin.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(named, sql.Literal(fits)))
    assert cli("reset", "--json").document["method"] == "cloned"
    assert not planted(query)
    drop(admin, older)


@pytest.mark.usefixtures("unique")
@pytest.mark.parametrize("command", ["reset", "migrate"])
def test_a_new_database_has_the_grants_of_any_other(cli, mallory, target, command):
    for _ in range(2):
        assert cli(command).exit_code == 0
        with mallory.connect(target.dbname) as session:
            right = "SELECT has_database_privilege(current_database(), 'TEMPORARY')"
            assert session.execute(right).fetchone() == (True,)


@pytest.mark.usefixtures("unique")
def test_a_name_that_another_role_takes_first_is_not_given_out(cli, admin, mallory_with_createdb, target, monkeypatch):
    real = ClonePool.obtain

    def treacherous(*arguments):
        made = real(*arguments)
        plant(mallory_with_createdb, target.dbname, "none")
        return made

    monkeypatch.setattr(ClonePool, "obtain", treacherous)
    result = cli("testdb", "create", "--name", target.dbname)
    assert (result.exit_code, result.out) == (2, "")
    assert admin.execute(OWNER, [target.dbname]).fetchone() == (mallory_with_createdb.name,)


ADDITIONS = {
    "function": "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "trigger": "CREATE TRIGGER t BEFORE DELETE ON public.a FOR EACH ROW EXECUTE FUNCTION public.trap()",
    "foreign key": "CREATE TABLE public.b (id int REFERENCES public.a ON DELETE CASCADE)",
    "table": "CREATE TABLE public.b (id int)",
    "view": "CREATE VIEW public.b AS SELECT * FROM public.a",
    "operator": "CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = int, FUNCTION = pg_catalog.int4eq)",
    "type": "CREATE TYPE public.a_type AS ENUM ('a')",
    "large object": "SELECT lo_create(0)",
    "default privileges": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "collation": 'CREATE COLLATION public.c FROM "C"',
    "text search": "CREATE TEXT SEARCH CONFIGURATION public.c (COPY = pg_catalog.simple)",
    "statistics": "CREATE TABLE public.b (id int, n int); CREATE STATISTICS public.s ON id, n FROM public.b",
}
OPEN = (
    "CREATE TABLE a (id int PRIMARY KEY); GRANT CREATE ON SCHEMA public TO PUBLIC;"
    "GRANT SELECT, INSERT, REFERENCES, TRIGGER ON a TO PUBLIC"
)
TRAP = """
    CREATE SEQUENCE public.entered; GRANT ALL ON public.entered TO PUBLIC;
    CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_catalog.nextval('public.entered'::pg_catalog.regclass);
    -- Emptying sets sequences back, unless it ends here.
    RAISE EXCEPTION 'the trap was entered'; END $$
"""


@pytest.fixture
def opened(write, server, admin, target):
    """A clone in which every role may add to ``public``, with one row too many; and its template."""
    files = read_migrations(write(**{"001_a": f"{OPEN}; COMMENT ON TABLE a IS '{target.dbname}'"}))
    template = clone_of(admin, TemplateSpec(server, files, default_facts(admin)), target.dbname, unheard)
    with connect(target) as session:
        session.execute("INSERT INTO a VALUES (1)")
        yield session, template


@pytest.mark.parametrize("addition", ADDITIONS.values(), ids=ADDITIONS)
def test_an_object_that_another_role_adds_is_found_before_a_row_is_deleted(opened, mallory, addition):
    session, template = opened
    with mallory.connect(session.info.dbname) as own:
        own.execute(TRAP if "trap" in addition else "SELECT 1")
        for statement in addition.split(";"):
            own.execute(statement)
    with pytest.raises(NotExact):
        empty(session, template.contents, template.seal)
    assert session.execute("SELECT count(*) FROM a").fetchone() == (1,)
    if "trap" in addition:
        assert session.execute("SELECT is_called FROM public.entered").fetchone() == (False,)


def test_an_object_that_another_role_adds_after_the_comparison_does_not_run(opened, mallory, monkeypatch):
    session, template = opened
    real = emptying._require_same_schema

    def treacherous(*arguments):
        real(*arguments)
        with mallory.connect(session.info.dbname) as own:
            own.execute(TRAP)
            own.execute(ADDITIONS["trigger"])
            own.execute("CREATE TABLE public.b (id int); INSERT INTO public.b VALUES (1)")
            own.execute(ADDITIONS["trigger"].replace("public.a", "public.b"))
            own.execute("ALTER TABLE public.b ENABLE ALWAYS TRIGGER t")

    monkeypatch.setattr(emptying, "_require_same_schema", treacherous)
    with suppress(NotExact):
        empty(session, template.contents, template.seal)
    assert session.execute("SELECT is_called FROM public.entered").fetchone() == (False,)
