"""The description of any database: all that people have made is in it, and it is the same however it is read."""

from dataclasses import replace

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect
from fowergram_db.schema.catalog import describe
from fowergram_db.schema.description import Argument, Column, Constraint, Index, Trigger

pytestmark = pytest.mark.every_version

SCHEMA = """
CREATE SCHEMA shop;
COMMENT ON SCHEMA shop IS 'What is sold.';
CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy');
COMMENT ON TYPE mood IS 'How one feels.';
CREATE TYPE pair AS (a integer, b text COLLATE "C");
COMMENT ON TYPE pair IS 'Two of them.';
COMMENT ON COLUMN pair.b IS 'The second.';
CREATE TYPE span AS RANGE (subtype = float8);
CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CHECK (VALUE > 0);
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT users_pkey PRIMARY KEY,
    name text NOT NULL DEFAULT 'nobody',
    mood mood,
    gone boolean,
    double bigint GENERATED ALWAYS AS (id * 2) STORED,
    CONSTRAINT users_name_check CHECK (name ~ '^(a|b)$')
);
ALTER TABLE users DROP COLUMN gone;
COMMENT ON TABLE users IS 'people';
COMMENT ON COLUMN users.name IS 'what they are called';
COMMENT ON CONSTRAINT users_name_check ON users IS 'a or b';
COMMENT ON INDEX users_pkey IS 'the number of each';
CREATE UNIQUE INDEX users_name_key ON users (name);
CREATE UNIQUE INDEX users_lower_key ON users (lower(name));
CREATE INDEX users_mood_idx ON users USING hash (mood) WHERE mood IS NOT NULL;
COMMENT ON INDEX users_mood_idx IS 'for the moody';
CREATE TABLE shop.orders (
    user_id bigint CONSTRAINT orders_user_id_fkey REFERENCES users ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE,
    at date NOT NULL,
    room int4range CONSTRAINT orders_pkey NOT NULL
) PARTITION BY RANGE (at, (abs(user_id)));
CREATE TABLE shop.orders_2024 PARTITION OF shop.orders FOR VALUES FROM ('2024-01-01', 0) TO ('2025-01-01', 0)
    PARTITION BY LIST (user_id);
CREATE TABLE shop.orders_rest PARTITION OF shop.orders DEFAULT;
CREATE INDEX orders_at_idx ON shop.orders (at);
CREATE TABLE child (extra text) INHERITS (users);
CREATE VIEW names AS SELECT name FROM users;
COMMENT ON VIEW names IS 'names alone';
COMMENT ON COLUMN names.name IS 'as in users';
CREATE MATERIALIZED VIEW moods AS SELECT mood, count(*) AS n FROM users GROUP BY mood;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
COMMENT ON FUNCTION touch() IS 'touches';
CREATE TRIGGER touching BEFORE UPDATE OF name, mood OR INSERT ON users
    FOR EACH ROW WHEN (NEW.name <> ') EXECUTE FUNCTION (') EXECUTE FUNCTION touch('it''s', '|', ')');
COMMENT ON TRIGGER touching ON users IS 'why';
CREATE TRIGGER off AFTER TRUNCATE ON users EXECUTE FUNCTION touch();
ALTER TABLE users DISABLE TRIGGER off;
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER instead INSTEAD OF DELETE ON names FOR EACH ROW EXECUTE FUNCTION instead();
CREATE FUNCTION find(p_name text, p_limit integer DEFAULT 10, VARIADIC p_more text[] DEFAULT '{}')
    RETURNS TABLE (id bigint, name text) LANGUAGE sql STABLE PARALLEL SAFE STRICT AS 'SELECT 1::bigint, NULL::text';
CREATE FUNCTION find(integer) RETURNS SETOF shop.orders LANGUAGE sql AS 'SELECT * FROM shop.orders';
CREATE FUNCTION halves(INOUT a integer, OUT b integer) LANGUAGE sql IMMUTABLE AS 'SELECT 1, 2';
CREATE PROCEDURE shop.nothing(integer) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total (integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0');
CREATE EXTENSION pg_trgm;
CREATE TABLE schema_migrations (version bigint);
"""


@pytest.fixture
def described(empty_db):
    """Describe a database with all kinds of things in it."""
    empty_db.execute(SCHEMA)
    return describe(empty_db)


@pytest.fixture
def relation(described):
    """Return a table or view of it."""
    return {each.identity: each for each in described.relations}.__getitem__


@pytest.fixture
def function(described):
    """Return a function of it."""
    return {each.identity: each for each in described.functions}.__getitem__


def test_everything_that_people_have_made_is_in_it_and_nothing_else(described):
    assert [(each.name, each.comment) for each in described.namespaces] == [
        ("public", "standard public schema"),
        ("shop", "What is sold."),
    ]
    assert described.extensions == ("pg_trgm",)
    assert [(each.identity, each.kind) for each in described.relations] == [
        ("public.child", "table"),
        ("public.moods", "materialized view"),
        ("public.names", "view"),
        ("public.users", "table"),
        ("shop.orders", "table"),
    ]
    assert [(each.identity, each.kind) for each in described.types] == [
        ("public.mood", "enum"),
        ("public.pair", "composite type"),
        ("public.positive", "domain"),
        ("public.span", "range"),
    ]
    assert [(each.identity, each.kind) for each in described.functions] == [
        ("public.find(integer)", "function"),
        ("public.find(text,integer,text[])", "function"),
        ("public.halves(integer)", "function"),
        ("public.instead()", "function"),
        ("public.total(integer)", "aggregate"),
        ("public.touch()", "function"),
        ("shop.nothing(integer)", "procedure"),
    ]


def test_a_table_has_its_columns_and_what_holds_for_them(relation):
    users = relation("public.users")
    assert users.comment == "people"
    assert users.columns == (
        Column("id", "bigint", False, "GENERATED ALWAYS AS IDENTITY", ""),
        Column("name", "text", False, "'nobody'::text", "what they are called"),
        Column("mood", "public.mood", True, "", ""),
        Column("double", "bigint", True, "GENERATED ALWAYS AS (id * 2) STORED", ""),
    )
    assert users.constraints == (
        Constraint("users_name_check", "check", "CHECK (name ~ '^(a|b)$'::text)", ("name",), "", (), "", "a or b"),
        Constraint("users_pkey", "primary key", "PRIMARY KEY (id)", ("id",), "", (), "", "the number of each"),
    )
    assert users.indexes == (
        Index("users_lower_key", True, True, "btree (lower(name))", (), ""),
        Index("users_mood_idx", False, True, "hash (mood) WHERE mood IS NOT NULL", (), "for the moody"),
        Index("users_name_key", True, True, "btree (name)", ("name",), ""),
    )
    assert users.keys == (("id",), ("name",))


def test_a_trigger_has_its_condition_and_its_arguments_whatever_is_in_them(relation):
    off, touching = relation("public.users").triggers
    assert touching == Trigger(
        "touching",
        "BEFORE",
        ("INSERT", "UPDATE OF name, mood"),
        "row",
        "new.name <> ') EXECUTE FUNCTION ('::text",
        "public.touch()",
        "'it''s', '|', ')'",
        True,
        "why",
    )
    assert (off.events, off.level, off.condition, off.arguments, off.is_enabled) == (
        ("TRUNCATE",), "statement", "", "", False
    )  # fmt: skip
    (instead,) = relation("public.names").triggers
    assert (instead.timing, instead.events, instead.function) == ("INSTEAD OF", ("DELETE",), "public.instead()")


def test_a_partitioned_table_stands_for_its_partitions(relation):
    orders = relation("shop.orders")
    assert orders.partition_key == "RANGE (at, abs(user_id))"
    assert orders.indexes == (Index("orders_at_idx", False, True, "btree (at)", (), ""),)
    assert [(key.columns, key.references, key.referenced_columns, key.rules) for key in orders.foreign_keys] == [
        (("user_id",), "public.users", ("id",), "ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE")
    ]
    assert relation("public.child").inherits == ("public.users",)


def test_views_and_types_have_their_columns_and_comments(relation, described):
    names = relation("public.names")
    assert (names.comment, names.columns) == (
        "names alone",
        (Column("name", "text", True, "", "as in users"),),
    )
    mood, pair, positive, span = described.types
    assert (mood.labels, mood.comment) == (("sad", "it's ok", "happy"), "How one feels.")
    assert pair.comment == "Two of them."
    assert pair.columns == (
        Column("a", "integer", True, "", ""),
        Column("b", 'text COLLATE "C"', True, "", "The second."),
    )
    assert positive.definition == "integer DEFAULT 1 NOT NULL CHECK (VALUE > 0)"
    assert span.definition == "double precision"


def test_a_function_has_what_goes_in_and_what_comes_out(function):
    find = function("public.find(text,integer,text[])")
    assert find.arguments == (
        Argument("p_name", "in", "text", ""),
        Argument("p_limit", "in", "integer", "10"),
        Argument("p_more", "variadic", "text[]", "'{}'::text[]"),
        Argument("id", "table", "bigint", ""),
        Argument("name", "table", "text", ""),
    )
    assert (find.language, find.volatility, find.parallel, find.is_strict) == ("sql", "stable", "safe", True)
    assert function("public.find(integer)").result == "SETOF shop.orders"
    assert function("public.halves(integer)").arguments == (
        Argument("a", "inout", "integer", ""),
        Argument("b", "out", "integer", ""),
    )
    touch = function("public.touch()")
    assert (touch.result, touch.is_security_definer, touch.comment) == ("trigger", True, "touches")
    assert function("shop.nothing(integer)").result == ""


def test_the_description_is_the_same_for_a_role_without_rights_and_for_any_settings(
    described, empty_db, admin, target, role
):
    empty_db.execute("REVOKE ALL ON SCHEMA public, shop FROM PUBLIC")
    name = sql.Identifier(target.dbname)
    for setting in ("search_path = shop, public", "quote_all_identifiers = on", "extra_float_digits = -5"):
        admin.execute(sql.SQL("ALTER DATABASE {} SET {}").format(name, sql.SQL(setting)))
    with connect(replace(target, user=role, password="plain password")) as connection:
        assert describe(connection) == described
    with connect(target) as connection:
        assert describe(connection) == described
