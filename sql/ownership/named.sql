-- Purpose: relations by name. It replaces the placeholder relation.
-- Oldest server: 13. Privileges: none. Parameters: names (text[]); schema (text, NULL: any but the system's).
-- Columns: oid, nspname, relname, relkind.
SELECT c.oid, n.nspname, c.relname, c.relkind
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = ANY (%(names)s::name[]) AND c.relpersistence <> 't'::"char"
    AND n.nspname = coalesce(%(schema)s::name, n.nspname)
    AND n.nspname <> 'information_schema'::name AND NOT pg_catalog.starts_with(n.nspname::text, 'pg_')
