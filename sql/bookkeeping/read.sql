-- Purpose: the history: what is applied, in order of version. The down scripts stay where they are.
-- Oldest server: 13. Privileges: SELECT on the table.
SELECT
    m.version,
    m.name,
    m.filename,
    m.checksum,
    m.state,
    -- It is shown and never decides: a time that no calendar has, or 'infinity', must not stop anybody.
    CASE WHEN m.executed_at > '0002-01-01Z' AND m.executed_at < '9999-01-01Z' THEN m.executed_at END AS executed_at,
    m.duration_ms,
    m.statements_done,
    m.down_sql IS NOT NULL AS reversible,
    -- By way of the row as a whole, since tables of the first version lack the column.
    CASE WHEN m.state = 'partial' THEN nullif(pg_catalog.to_jsonb(m) -> 'progress'::text, 'null') END AS progress
FROM public.schema_migrations AS m
ORDER BY m.version;
