-- Purpose: the shape of public.schema_migrations, to tell the tool's own table from another tool's.
-- Oldest server: 13. Privileges: none.
-- Columns: kind (pg_class.relkind), columns (names in order). No row: no table.
SELECT
    c.relkind::text AS kind,
    pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL) AS columns
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'public' AND c.relname = 'schema_migrations'
GROUP BY c.oid, c.relkind;
