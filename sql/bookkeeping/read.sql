-- Purpose: the history: what is applied, in order of version. The down scripts stay where they are.
-- Oldest server: 13. Privileges: SELECT on the table.
SELECT
    m.version,
    m.name,
    m.filename,
    m.checksum,
    m.state,
    m.executed_at,
    m.duration_ms,
    m.statements_done,
    m.down_sql IS NOT NULL AS reversible
FROM public.schema_migrations AS m
ORDER BY m.version;
