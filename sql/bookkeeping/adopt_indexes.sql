-- Purpose: the indexes of another tool's public.schema_migrations, whose names ours would take.
-- Oldest server: 13. Privileges: none. Columns: name.
SELECT x.relname::text AS name
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
WHERE i.indrelid = 'public.schema_migrations'::regclass::oid
ORDER BY x.relname;
