-- Purpose: the first tables in the schema public that are neither an extension's nor the tool's own.
-- Oldest server: 13. Privileges: none; requires search_path = ''. Columns: name. No row: there is none.
SELECT c.relname::text AS name
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public'::name
    AND c.relkind IN ('r', 'p', 'f')
    AND NOT c.relispartition
    AND c.relname <> 'schema_migrations'::name
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid AND d.deptype = 'e'
    )
ORDER BY c.oid
LIMIT 4;
