-- Purpose: what else belongs to the tables of other tools: their partitions, and the schemas that hold nothing but them.
-- Oldest server: 13. Privileges: none. Parameter: relations (text[], 'schema.name' unquoted).
-- Columns: kind ('schema' or 'table'); name (of a table: with its schema, unquoted).
WITH RECURSIVE kept (oid) AS (
    SELECT c.oid
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname::text || '.'::text || c.relname::text = ANY (%(relations)s::text[])
    UNION
    SELECT i.inhrelid
    FROM kept
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = kept.oid
)
SELECT 'table'::text AS kind, n.nspname::text || '.'::text || c.relname::text AS name
FROM kept
JOIN pg_catalog.pg_class AS c ON c.oid = kept.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
UNION ALL
SELECT DISTINCT 'schema'::text, n.nspname::text
FROM kept
JOIN pg_catalog.pg_class AS c ON c.oid = kept.oid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname <> 'public'::name AND NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_depend AS d
    LEFT JOIN pg_catalog.pg_depend AS of
        ON d.classid = 'pg_catalog.pg_class'::regclass::oid
        AND of.classid = d.classid AND of.objid = d.objid AND of.refclassid = d.classid
        AND of.deptype IN ('a'::"char", 'i'::"char")
    WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass::oid AND d.refobjid = n.oid
        AND NOT (
            d.classid = 'pg_catalog.pg_class'::regclass::oid
            AND (d.objid IN (SELECT k.oid FROM kept AS k) OR coalesce(of.refobjid, 0::oid) IN (SELECT k.oid FROM kept AS k))
        )
);
