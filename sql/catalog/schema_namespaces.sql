-- Purpose: the schemas that are not the system's.
-- Oldest server: 13. Privileges: none; requires search_path = ''.
-- Parameters: none. Columns: name; comment.
SELECT n.nspname::text AS name, coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), '') AS comment
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_';
