-- Purpose: how long it took to apply these versions.
-- Oldest server: 13. Privileges: SELECT on the table.
-- Parameter: versions (text[]). Columns: version, duration_ms (text).
SELECT m.version::text AS version, m.duration_ms::text AS duration_ms
FROM public.schema_migrations AS m
WHERE m.version::text = ANY (%(versions)s::text[]);
