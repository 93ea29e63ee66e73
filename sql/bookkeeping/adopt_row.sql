-- Purpose: make a row that run-migrations.sh wrote one of ours; of two rows for a file the older stays.
-- Oldest server: 13. Privileges: UPDATE on the table.
UPDATE public.schema_migrations AS m
SET
    filename = %(filename)s,
    executed_at = coalesce(m.executed_at, pg_catalog.now()),
    checksum = %(checksum)s,
    ({version_columns}) = ROW({version_values}),
    name = %(name)s,
    duration_ms = 0,
    tool_version = %(tool_version)s,
    down_sql = %(down_sql)s,
    statements_done = %(statements_done)s
WHERE m.id = (SELECT pg_catalog.min(o.id) FROM public.schema_migrations AS o WHERE o.filename = %(recorded_as)s::text);
