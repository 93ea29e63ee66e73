-- Purpose: the recorded scripts that undo these versions.
-- Oldest server: 13. Privileges: SELECT on the table.
-- Parameter: versions (bigint[]). Columns: version, down_sql (never NULL).
SELECT m.version, m.down_sql
FROM public.schema_migrations AS m
WHERE m.version = ANY (%(versions)s) AND m.down_sql IS NOT NULL;
