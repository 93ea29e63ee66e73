-- Purpose: the functions, procedures and aggregates that people have made.
-- Oldest server: 13. Privileges: none; requires search_path = ''.
-- Parameters: none. Columns: identity (with the types of what goes in); schema; name; kind; arguments (jsonb: an array
-- of name, mode, type and default, in their order, with what comes out); result (''; of a procedure); language;
-- volatility; parallel; is_strict; is_security_definer; comment. What an extension owns, and the constructors that a
-- range type creates, are left out.
SELECT
    p.oid::regprocedure::text AS identity,
    n.nspname::text AS schema,
    p.proname::text AS name,
    CASE p.prokind
        WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' WHEN 'w' THEN 'window function' ELSE 'function'
    END AS kind,
    (
        SELECT coalesce(
            pg_catalog.jsonb_agg(
                pg_catalog.jsonb_build_object(
                    'name', coalesce(p.proargnames[a.position], ''),
                    'mode', CASE p.proargmodes[a.position]
                        WHEN 'o' THEN 'out' WHEN 'b' THEN 'inout' WHEN 'v' THEN 'variadic' WHEN 't' THEN 'table'
                        ELSE 'in'
                    END,
                    'type', pg_catalog.format_type(a.type, NULL),
                    'default', coalesce(pg_catalog.pg_get_function_arg_default(p.oid, a.position::integer), '')
                )
                ORDER BY a.position
            ), '[]'
        )
        FROM pg_catalog.unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]))
            WITH ORDINALITY AS a (type, position)
    ) AS arguments,
    coalesce(pg_catalog.pg_get_function_result(p.oid), '') AS result,
    l.lanname::text AS language,
    CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
    CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END AS parallel,
    p.proisstrict AS is_strict,
    p.prosecdef AS is_security_definer,
    coalesce(pg_catalog.obj_description(p.oid, 'pg_proc'), '') AS comment
FROM pg_catalog.pg_proc AS p
JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang
WHERE n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_'
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass::oid AND d.objid = p.oid AND d.deptype IN ('e', 'i')
    );
