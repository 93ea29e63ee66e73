"""A role that may not create databases resets in place, and drops nothing of others with its own objects."""

import pytest
from psycopg import sql

from tests.attacks.test_swap import owned  # noqa: F401 - a fixture

# What another role may hang on a table, a type, a function, a sequence or a schema of ours; and its name.
OF_OTHERS = {
    "CREATE VIEW hers.v AS SELECT * FROM public.a": "view hers.v",
    "CREATE MATERIALIZED VIEW hers.v AS SELECT * FROM public.a": "materialized view hers.v",
    "CREATE TABLE hers.t (id int, n public.name)": "column n of table hers.t",
    "CREATE TABLE hers.t (id int, n public.mood)": "column n of table hers.t",
    "CREATE TABLE hers.t (id int DEFAULT nextval('public.s'))": "default value for column id of table hers.t",
    "CREATE TABLE hers.t (id int, n int GENERATED ALWAYS AS (public.f(id)) STORED)": "column n of table hers.t",
    "CREATE TABLE hers.t (id int CHECK (public.f(id) > 0))": "constraint t_id_check on table hers.t",
    "CREATE TABLE hers.t (id int REFERENCES public.a)": "constraint t_id_fkey on table hers.t",
    "CREATE TABLE hers.t (id int); CREATE UNIQUE INDEX i ON hers.t (public.f(id))": "index hers.i",
    "CREATE TABLE hers.t (id int); CREATE TRIGGER tr AFTER INSERT ON hers.t EXECUTE FUNCTION public.tr()": (
        "trigger tr on table hers.t"
    ),
    "CREATE TABLE hers.t (id int); CREATE POLICY p ON hers.t USING (public.f(id) > 0)": "policy p on table hers.t",
    "CREATE TABLE hers.t (id int); CREATE RULE r AS ON INSERT TO hers.t DO ALSO SELECT public.f(1)": (
        "rule r on table hers.t"
    ),
    "CREATE TABLE ours.t (id int)": "table ours.t",
    "CREATE SEQUENCE ours.q": "sequence ours.q",
    "CREATE TYPE ours.e AS ENUM ('x')": "type ours.e",
    "CREATE FUNCTION ours.g() RETURNS int LANGUAGE sql AS 'SELECT 1'": "function ours.g()",
    "CREATE FUNCTION hers.g(public.a) RETURNS int LANGUAGE sql AS 'SELECT 1'": "function hers.g(public.a)",
    "CREATE OPERATOR ours.### (FUNCTION = pg_catalog.int4pl, LEFTARG = int, RIGHTARG = int)": (
        "operator ours.###(integer,integer)"
    ),
    "ALTER DEFAULT PRIVILEGES IN SCHEMA ours GRANT SELECT ON TABLES TO PUBLIC": "default privileges on new relations",
}


@pytest.fixture
def among_others(owned, admin, mallory, write, cli):  # noqa: F811 - the fixture above
    """Our database, with objects that another role may use, and a schema for what that role makes."""
    ours = "GRANT ALL ON TABLE public.a TO PUBLIC; GRANT ALL ON SEQUENCE public.s TO PUBLIC;"
    write(
        **{
            "001_a": "CREATE TABLE a (id int)",
            "002_b": "ALTER TABLE a ADD PRIMARY KEY (id); CREATE SEQUENCE s; CREATE DOMAIN name AS text;"
            "CREATE TYPE mood AS ENUM ('ok'); CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1';"
            "CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            f"CREATE SCHEMA ours; GRANT ALL ON SCHEMA ours TO PUBLIC; {ours}",
        }
    )
    assert cli("migrate").exit_code == 0
    database, role = sql.Identifier(owned.dbname), sql.Identifier(mallory.name)
    admin.execute(sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(database, role))
    with mallory.connect(owned.dbname) as session:
        session.execute("CREATE SCHEMA hers")
    return owned


def run(attacker, target, query):
    with attacker.connect(target.dbname) as session:
        cursor = session.execute(query)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.matrix(every=6)
@pytest.mark.parametrize("statement", OF_OTHERS)
def test_objects_of_others_that_depend_on_ours_are_not_dropped(among_others, mallory, cli, statement):
    objects = "SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend WHERE objid >= 16384 ORDER BY 1"
    run(mallory, among_others, statement)
    before = run(mallory, among_others, objects)
    result = cli("reset", "--json")
    assert (result.exit_code, result.document["error"]["code"]) == (2, "refused"), result.err
    assert OF_OTHERS[statement] in result.document["error"]["message"]
    assert run(mallory, among_others, objects) == before


def test_objects_of_others_that_do_not_depend_on_ours_stay(among_others, mallory, cli):
    run(mallory, among_others, "CREATE TABLE hers.t (id int PRIMARY KEY); INSERT INTO hers.t VALUES (1)")
    run(mallory, among_others, "CREATE VIEW hers.v AS SELECT * FROM hers.t")
    result = cli("reset", "--json")
    assert (result.exit_code, result.document["method"]) == (0, "dropped"), result.err
    assert run(mallory, among_others, "SELECT id FROM hers.v") == [(1,)]
