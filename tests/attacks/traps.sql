-- Purpose: set traps for the operators and functions that shipped SQL uses: in one schema, for all types of arguments
-- that PostgreSQL converts by itself to those of its own operators and functions, and for which it has none itself. A
-- call that does not name exactly what PostgreSQL has ends in one of these, as a hostile role would have it.
-- Relations and types get traps in schemas other than public, where the product's own would meet them.
-- Oldest server: 13. Privileges: CREATE on the schema. Run by the hostile role. Settings: trap.symbols, trap.functions
-- and trap.relations (names joined by blanks), trap.schema, trap.entry (PL/pgSQL: what a trap does when it is entered),
-- trap.exact (boolean: with the types that PostgreSQL has, which is reached where the schema comes before pg_catalog).
-- Leaves in trap.made how many there are: operators, functions, relations, types.
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
    SELECT p.proname AS name, ARRAY[a.given, b.given] AS arguments, p.prorettype AS result
    FROM pg_catalog.pg_proc AS p
    JOIN convertible AS a ON a.wanted = p.proargtypes[0]
    LEFT JOIN convertible AS b ON b.wanted = p.proargtypes[1]
    WHERE p.oid < 16384 AND p.prokind IN ('a', 'f', 'w') AND p.pronargs IN (1, 2)
        -- Of two arguments one is another: all pairs would be three times as many, and tell no more.
        AND (p.pronargs = 1 OR a.given = a.wanted OR b.given = b.wanted)
        AND (p.pronargs = 1 OR b.given IS NOT NULL)
)
SELECT DISTINCT ON (c.name, signature.written)
    c.name,
    signature.written,
    pg_catalog.format_type(CASE t.typtype WHEN 'b' THEN c.result ELSE 'text'::regtype::oid END, NULL) AS result
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

DO $$
DECLARE
    v_schema constant text := pg_catalog.current_setting('trap.schema');
    v_body constant text := 'BEGIN ' || pg_catalog.current_setting('trap.entry') || ' RETURN NULL; END';
    v_trap record;
    v_function text;
    v_name text;
    v_relations integer := 0;
    v_types integer := 0;
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
    FOR v_trap IN SELECT * FROM function_trap LOOP
        EXECUTE pg_catalog.format(
            'CREATE FUNCTION %I.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L',
            v_schema, v_trap.name, v_trap.written, v_trap.result, v_body);
    END LOOP;
    IF v_schema <> 'public' THEN
        EXECUTE pg_catalog.format(
            'CREATE FUNCTION %I.is_entered() RETURNS boolean LANGUAGE plpgsql AS %L', v_schema, v_body);
        FOREACH v_name IN ARRAY pg_catalog.string_to_array(pg_catalog.current_setting('trap.relations'), ' ') LOOP
            EXECUTE pg_catalog.format('CREATE VIEW %I.%I AS SELECT %1$I.is_entered()', v_schema, v_name);
            v_relations := v_relations + 1;
        END LOOP;
        FOREACH v_name IN ARRAY ARRAY[
            'char', 'float8', 'int4', 'int8', 'jsonb', 'name', 'oid', 'regclass', 'regtype', 'text', 'timestamptz',
            'uuid', 'xid'
        ] LOOP
            EXECUTE pg_catalog.format(
                'CREATE DOMAIN %I.%I AS pg_catalog.%2$I CHECK (%1$I.is_entered())', v_schema, v_name);
            v_types := v_types + 1;
        END LOOP;
    END IF;
    PERFORM pg_catalog.set_config('trap.made', pg_catalog.concat_ws(
        ' ', (SELECT pg_catalog.count(*) FROM operator_trap), (SELECT pg_catalog.count(*) FROM function_trap),
        v_relations, v_types), false);
END
$$;
RESET check_function_bodies;
RESET search_path;
DROP TABLE convertible, operator_trap, function_trap;
