-- Purpose: the enums, domains, ranges and base types that people have made; composite ones are in schema_relations.sql.
-- Oldest server: 13. Privileges: none; requires search_path = ''.
-- Parameters: none. Columns: identity (as SQL writes it, with its schema); schema; name; kind; definition (of a domain
-- and a range, or ''); labels (of an enum, in their order); comment. What an extension owns, and the multirange that
-- each range type creates, are left out.
SELECT
    pg_catalog.format_type(t.oid, NULL) AS identity,
    n.nspname::text AS schema,
    t.typname::text AS name,
    CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' ELSE 'base type' END AS kind,
    CASE t.typtype
        WHEN 'd' THEN pg_catalog.concat_ws(
            ' ',
            pg_catalog.format_type(t.typbasetype, t.typtypmod),
            CASE WHEN t.typcollation <> b.typcollation THEN 'COLLATE ' || t.typcollation::regcollation::text END,
            'DEFAULT ' || pg_catalog.pg_get_expr(t.typdefaultbin, 0, true),
            CASE WHEN t.typnotnull THEN 'NOT NULL' END,
            (
                SELECT pg_catalog.string_agg(
                    pg_catalog.pg_get_constraintdef(c.oid, true), ' ' ORDER BY c.conname COLLATE "C"
                )
                FROM pg_catalog.pg_constraint AS c
                WHERE c.contypid = t.oid AND c.contype = 'c'
            )
        )
        WHEN 'r' THEN (
            SELECT pg_catalog.format_type(r.rngsubtype, NULL) FROM pg_catalog.pg_range AS r WHERE r.rngtypid = t.oid
        )
        ELSE ''
    END AS definition,
    ARRAY(
        SELECT e.enumlabel::text FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder
    ) AS labels,
    coalesce(pg_catalog.obj_description(t.oid, 'pg_type'), '') AS comment
FROM pg_catalog.pg_type AS t
JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type AS b ON b.oid = t.typbasetype
WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'b' AND t.typcategory <> 'A')
    AND n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_'
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_type'::regclass::oid AND d.objid = t.oid AND d.deptype = 'e'
    );
