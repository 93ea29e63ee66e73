-- Purpose: record that a migration without a transaction begins, or continues, upwards.
-- Oldest server: 13. Privileges: INSERT and UPDATE on the table.
INSERT INTO public.schema_migrations AS m (
    filename, checksum, {version_columns}, name, state, duration_ms, tool_version, down_sql, statements_done, progress
)
VALUES (
    %(filename)s, %(checksum)s, {version_values}, %(name)s, 'partial', 0, %(tool_version)s, %(down_sql)s,
    %(statements_done)s, %(progress)s
)
ON CONFLICT (version) DO UPDATE SET
    filename = excluded.filename,
    checksum = excluded.checksum,
    name = excluded.name,
    tool_version = excluded.tool_version,
    down_sql = excluded.down_sql,
    progress = excluded.progress
WHERE m.state = 'partial';
