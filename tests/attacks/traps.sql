-- Purpose: set traps for what shipped SQL uses, as a hostile role would have them, in one schema. Operators, functions and
-- aggregates have all types of arguments that PostgreSQL converts by itself to those of its own, and for which it has
-- none itself: a call that does not name exactly what PostgreSQL has ends in one of these. Relations, types, collations
-- and text search configurations have the names of those in pg_catalog; a type of the role's own has casts from and to
-- many of PostgreSQL's, and operators with them.
-- What only a superuser can make is left out: operator classes, event triggers, casts WITHOUT FUNCTION between the
-- server's own types, functions in C (and so window functions: an aggregate stands for one).
-- Oldest server: 13. Privileges: CREATE on the schema. Run by the hostile role. Settings: trap.symbols, trap.functions
-- and trap.relations (names joined by blanks), trap.schema, trap.entry (PL/pgSQL: what a trap does when it is entered),
-- trap.exact (boolean: with the types that PostgreSQL has, which is reached where the schema comes before pg_catalog).
-- Leaves in trap.made how many there are: operators, functions, relations, types, casts.
SET search_path = pg_catalog, pg_temp;
SET check_function_bodies = off;
CREATE TEMP TABLE convertible AS
SELECT t.oid AS given, t.oid AS wanted
FROM pg_catalog.pg_type AS t
WHERE t.oid < 16384 AND t.typtype = 'b'
UNION
SELECT c.castsource, c.casttarget
FROM pg_catalog.pg_cast AS c
WHERE c.oid < 16384 AND c.castcontext = 'i'
UNION
-- Polymorphic ones: with the types that columns of the catalog and of tables have.
SELECT CASE WHEN w.typname IN ('anyarray', 'anycompatiblearray') THEN t.typarray ELSE t.oid END, w.oid
FROM pg_catalog.pg_type AS w
CROSS JOIN pg_catalog.pg_type AS t
WHERE w.typnamespace = 'pg_catalog'::regnamespace
    AND w.typname IN (
        'any', 'anyarray', 'anycompatible', 'anycompatiblearray', 'anycompatiblenonarray', 'anyelement', 'anynonarray'
    )
    AND t.typnamespace = 'pg_catalog'::regnamespace
    AND t.typname IN (
        'aclitem', 'bool', 'char', 'float8', 'int2', 'int4', 'int8', 'jsonb', 'name', 'numeric', 'oid', 'regclass',
        'regproc', 'regtype', 'text', 'timestamptz', 'uuid', 'varchar', 'xid'
    );

CREATE TEMP TABLE operator_trap AS
WITH called AS (
    SELECT o.oprname AS name, l.given AS l, r.given AS r, o.oprresult AS result
    FROM pg_catalog.pg_operator AS o
    LEFT JOIN convertible AS l ON l.wanted = o.oprleft
    JOIN convertible AS r ON r.wanted = o.oprright
    WHERE o.oid < 16384 AND (o.oprleft = 0 OR l.given IS NOT NULL)
    UNION ALL
    -- A literal is first taken for the type of the other side.
    SELECT o.oprname, c.given, c.given, o.oprresult
    FROM pg_catalog.pg_operator AS o
    JOIN convertible AS c ON c.wanted IN (o.oprleft, o.oprright)
    WHERE o.oid < 16384 AND o.oprleft <> 0
)
SELECT DISTINCT ON (c.name, c.l, c.r)
    c.name,
    CASE WHEN c.l IS NOT NULL THEN pg_catalog.format_type(c.l, NULL) END AS l,
    pg_catalog.format_type(c.r, NULL) AS r,
    pg_catalog.format_type(CASE t.typtype WHEN 'p' THEN c.r ELSE c.result END, NULL) AS result
FROM called AS c
JOIN pg_catalog.pg_type AS t ON t.oid = c.result
WHERE c.name = ANY (pg_catalog.string_to_array(pg_catalog.current_setting('trap.symbols'), ' '))
    AND pg_catalog.current_setting('trap.exact')::boolean = EXISTS (
        SELECT
        FROM pg_catalog.pg_operator AS o
        WHERE o.oid < 16384 AND o.oprname = c.name AND o.oprleft = coalesce(c.l, 0) AND o.oprright = c.r
    )
ORDER BY c.name, c.l, c.r, c.result;

CREATE TEMP TABLE function_trap AS
WITH called AS (
    SELECT p.proname AS name, ARRAY[a.given, b.given] AS arguments, p.prorettype AS result, p.prokind AS kind
    FROM pg_catalog.pg_proc AS p
    JOIN convertible AS a ON a.wanted = p.proargtypes[0]
    LEFT JOIN convertible AS b ON b.wanted = p.proargtypes[1]
    WHERE p.oid < 16384 AND p.prokind IN ('a', 'f', 'w') AND p.pronargs IN (1, 2)
        -- Of two arguments one is another: all pairs would be three times as many, and find no more.
        AND (p.pronargs = 1 OR a.given = a.wanted OR b.given = b.wanted)
        AND (p.pronargs = 1 OR b.given IS NOT NULL)
    UNION ALL
    -- With any number of arguments, exactly as in PostgreSQL; a schema after pg_catalog is asked for none of these.
    SELECT p.proname, p.proargtypes::oid[], p.prorettype, p.prokind
    FROM pg_catalog.pg_proc AS p
    WHERE p.oid < 16384 AND p.prokind IN ('a', 'f', 'w') AND p.pronargs NOT IN (1, 2)
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_type AS t
            WHERE t.oid = ANY (p.proargtypes::oid[]) AND t.typtype = 'p'
        )
    UNION ALL
    -- Where PostgreSQL's own takes a list, one with this number of texts is the better fit.
    SELECT p.proname, pg_catalog.array_fill('text'::regtype::oid, ARRAY[n]), p.prorettype, p.prokind
    FROM pg_catalog.pg_proc AS p
    CROSS JOIN pg_catalog.generate_series(1, 8) AS n
    WHERE p.oid < 16384 AND p.prokind = 'f' AND p.provariadic <> 0
)
SELECT DISTINCT ON (c.name, signature.written)
    c.name,
    coalesce(signature.written, '') AS written,
    pg_catalog.format_type(CASE t.typtype WHEN 'b' THEN c.result ELSE 'text'::regtype::oid END, NULL) AS result,
    c.kind
FROM called AS c
JOIN pg_catalog.pg_type AS t ON t.oid = c.result
CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(pg_catalog.format_type(g.type, NULL), ', ' ORDER BY g.place) AS written
    FROM pg_catalog.unnest(c.arguments) WITH ORDINALITY AS g (type, place)
    WHERE g.type IS NOT NULL
) AS signature
WHERE c.name = ANY (pg_catalog.string_to_array(pg_catalog.current_setting('trap.functions'), ' '))
    AND pg_catalog.current_setting('trap.exact')::boolean <> (
        pg_catalog.to_regprocedure(pg_catalog.format('pg_catalog.%I(%s)', c.name, signature.written)) IS NULL
    )
ORDER BY c.name, signature.written, c.result;

CREATE TEMP TABLE type_trap AS
SELECT t.typname AS name, t.oid
FROM pg_catalog.pg_type AS t
WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typname IN (
    'char', 'float8', 'int4', 'int8', 'jsonb', 'name', 'oid', 'regclass', 'regproc', 'regtype', 'text', 'timestamptz',
    'uuid', 'xid'
);

DO $$
DECLARE
    v_schema constant text := pg_catalog.current_setting('trap.schema');
    v_body constant text := 'BEGIN ' || pg_catalog.current_setting('trap.entry') || ' RETURN NULL; END';
    v_trap record;
    v_function text;
    v_name text;
    v_relations integer := 0;
    v_types integer := 0;
    v_casts integer := 0;
BEGIN
    FOR v_trap IN SELECT DISTINCT l, r, result FROM operator_trap LOOP
        EXECUTE pg_catalog.format(
            'CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', v_schema,
            'trap_' || pg_catalog.md5(v_trap.result), pg_catalog.concat_ws(', ', v_trap.l, v_trap.r), v_trap.result,
            v_body);
    END LOOP;
    FOR v_trap IN SELECT * FROM operator_trap LOOP
        v_function := pg_catalog.format('%I.%I', v_schema, 'trap_' || pg_catalog.md5(v_trap.result));
        EXECUTE pg_catalog.format(
            'CREATE OPERATOR %I.%s (%s)', v_schema, v_trap.name,
            pg_catalog.concat_ws(
                ', ', 'FUNCTION = ' || v_function, 'LEFTARG = ' || v_trap.l, 'RIGHTARG = ' || v_trap.r));
    END LOOP;
    FOR v_trap IN SELECT DISTINCT written FROM function_trap WHERE kind <> 'f' LOOP
        EXECUTE pg_catalog.format(
            'CREATE FUNCTION %I.trap_state(%s) RETURNS text LANGUAGE plpgsql AS %L',
            v_schema, pg_catalog.concat_ws(', ', 'text', nullif(v_trap.written, '')), v_body);
    END LOOP;
    FOR v_trap IN SELECT * FROM function_trap LOOP
        IF v_trap.kind = 'f' THEN
            EXECUTE pg_catalog.format(
                'CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L',
                v_schema, v_trap.name, v_trap.written, v_trap.result, v_body);
        ELSE
            EXECUTE pg_catalog.format(
                'CREATE AGGREGATE %I.%I(%s) (SFUNC = %1$I.trap_state, STYPE = text)',
                v_schema, v_trap.name, coalesce(nullif(v_trap.written, ''), '*'));
        END IF;
    END LOOP;
    EXECUTE pg_catalog.format(
        'CREATE FUNCTION %I.is_entered() RETURNS boolean LANGUAGE plpgsql AS %L;'
        'CREATE FUNCTION %1$I.is_entered(pg_catalog.int8, pg_catalog.int8) RETURNS float8'
        ' LANGUAGE plpgsql IMMUTABLE AS %2$L',
        v_schema, v_body);
    FOREACH v_name IN ARRAY pg_catalog.string_to_array(pg_catalog.current_setting('trap.relations'), ' ') LOOP
        EXECUTE pg_catalog.format('CREATE VIEW %I.%I AS SELECT %1$I.is_entered()', v_schema, v_name);
        v_relations := v_relations + 1;
    END LOOP;
    -- Its own type: an enum, which casts lead to and from, and which operators and functions take.
    EXECUTE pg_catalog.format('CREATE TYPE %I.trap_type AS ENUM (''a'')', v_schema);
    FOR v_trap IN SELECT * FROM type_trap LOOP
        EXECUTE pg_catalog.format(
            'CREATE DOMAIN %I.%I AS pg_catalog.%2$I CHECK (%1$I.is_entered());'
            'CREATE FUNCTION %1$I.trap_in(pg_catalog.%2$I) RETURNS %1$I.trap_type LANGUAGE plpgsql AS %3$L;'
            'CREATE FUNCTION %1$I.trap_to_%2$s(%1$I.trap_type) RETURNS pg_catalog.%2$I LANGUAGE plpgsql AS %3$L;'
            'CREATE FUNCTION %1$I.trap_compare(%1$I.trap_type, pg_catalog.%2$I) RETURNS boolean'
            ' LANGUAGE plpgsql AS %3$L;'
            'CREATE FUNCTION %1$I.trap_compare(pg_catalog.%2$I, %1$I.trap_type) RETURNS boolean'
            ' LANGUAGE plpgsql AS %3$L;'
            'CREATE CAST (%1$I.trap_type AS pg_catalog.%2$I) WITH FUNCTION %1$I.trap_to_%2$s(%1$I.trap_type)'
            ' AS IMPLICIT;'
            'CREATE CAST (pg_catalog.%2$I AS %1$I.trap_type) WITH FUNCTION %1$I.trap_in(pg_catalog.%2$I) AS IMPLICIT',
            v_schema, v_trap.name, v_body);
        FOREACH v_name IN ARRAY ARRAY['=', '<>', '<', '>', '||', '~', '->>'] LOOP
            EXECUTE pg_catalog.format(
                'CREATE OPERATOR %I.%s (FUNCTION = %1$I.trap_compare, LEFTARG = pg_catalog.%3$I,'
                ' RIGHTARG = %1$I.trap_type);'
                'CREATE OPERATOR %1$I.%2$s (FUNCTION = %1$I.trap_compare, LEFTARG = %1$I.trap_type,'
                ' RIGHTARG = pg_catalog.%3$I)',
                v_schema, v_name, v_trap.name);
        END LOOP;
        v_types := v_types + 1;
        v_casts := v_casts + 2;
    END LOOP;
    EXECUTE pg_catalog.format(
        'CREATE CAST (pg_catalog.varchar AS %1$I.trap_type) WITH INOUT AS IMPLICIT;'
        'CREATE CAST (%1$I.trap_type AS pg_catalog.varchar) WITH INOUT AS IMPLICIT;'
        'CREATE TYPE %1$I.regnamespace AS (a pg_catalog.text, b %1$I.trap_type);'
        'CREATE TYPE %1$I.regprocedure AS ENUM (''a'');'
        'CREATE TYPE %1$I.int8range AS RANGE (subtype = pg_catalog.int8, subtype_diff = %1$I.is_entered);'
        'CREATE COLLATION %1$I."C" FROM pg_catalog."POSIX";'
        'CREATE COLLATION %1$I."default" FROM pg_catalog."C";'
        'CREATE COLLATION %1$I."POSIX" FROM pg_catalog."C";'
        'CREATE TEXT SEARCH CONFIGURATION %1$I.simple (COPY = pg_catalog.simple);'
        'CREATE TEXT SEARCH CONFIGURATION %1$I.english (COPY = pg_catalog.simple);'
        'CREATE TEXT SEARCH DICTIONARY %1$I.simple (TEMPLATE = pg_catalog.simple);'
        'CREATE SEQUENCE %1$I.trap_sequence;'
        'CREATE PROCEDURE %1$I.trap_procedure() LANGUAGE plpgsql AS %2$L',
        v_schema, 'BEGIN ' || pg_catalog.current_setting('trap.entry') || ' END');
    v_types := v_types + 3;
    v_casts := v_casts + 2;
    PERFORM pg_catalog.set_config('trap.made', pg_catalog.concat_ws(
        ' ', (SELECT pg_catalog.count(*) FROM operator_trap), (SELECT pg_catalog.count(*) FROM function_trap),
        v_relations, v_types, v_casts), false);
END
$$;
RESET check_function_bodies;
RESET search_path;
DROP TABLE convertible, operator_trap, function_trap, type_trap;
