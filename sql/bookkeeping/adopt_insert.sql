-- Purpose: record a migration that another tool, or a person, has applied.
-- Oldest server: 13. Privileges: INSERT on the table.
INSERT INTO public.schema_migrations (
    filename, executed_at, checksum, {version_columns}, name, duration_ms, tool_version, down_sql, statements_done
)
VALUES (
    %(filename)s, coalesce(%(executed_at)s, pg_catalog.now()), %(checksum)s, {version_values}, %(name)s, 0,
    %(tool_version)s, %(down_sql)s, %(statements_done)s
);
