-- Purpose: record a migration in the transaction that applied it. If the script has ended that transaction, no row is
-- written, and the division fails: the COMMIT that follows must not happen.
-- Oldest server: 13. Privileges: INSERT on the table.
WITH written AS (
    INSERT INTO public.schema_migrations (
        filename, checksum, {version_columns}, name, duration_ms, tool_version, down_sql, statements_done
    )
    SELECT
        %(filename)s, %(checksum)s, {version_values}, %(name)s, %(duration_ms)s, %(tool_version)s, %(down_sql)s,
        %(statements_done)s
    WHERE pg_catalog.pg_current_xact_id()::text = %(transaction)s::text
    RETURNING version
)
SELECT 1 / pg_catalog.count(*) FROM written;
