-- Purpose: the recorded scripts that undo these versions.
-- Oldest server: 13. Privileges: SELECT on the table.
-- Parameter: versions (text[]). Columns: version, down_sql (never NULL).
SELECT m.version::text AS version, m.down_sql
FROM public.schema_migrations AS m
WHERE m.version::text = ANY (%(versions)s::text[]) AND m.down_sql IS NOT NULL;
