-- Purpose: record a migration in the transaction that applied it. No row comes in where this is no longer
-- the transaction that began at "began", because the script has ended that one.
-- Oldest server: 13. Privileges: INSERT on the table.
INSERT INTO public.schema_migrations (
    filename, checksum, version, name, duration_ms, tool_version, down_sql, statements_done
)
SELECT
    %(filename)s, %(checksum)s, %(version)s, %(name)s, %(duration_ms)s, %(tool_version)s, %(down_sql)s,
    %(statements_done)s
WHERE pg_catalog.now() = %(began)s::timestamptz;
