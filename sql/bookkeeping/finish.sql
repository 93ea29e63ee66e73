-- Purpose: record that a migration without a transaction is applied. Where its row is gone the division fails.
-- Oldest server: 13. Privileges: UPDATE on the table.
WITH written AS (
    UPDATE public.schema_migrations AS m
    SET
        state = 'applied',
        statements_done = %(statements_done)s,
        duration_ms = %(duration_ms)s,
        executed_at = pg_catalog.now(),
        progress = NULL
    WHERE m.version = %(version)s
    RETURNING m.version
)
SELECT 1 / pg_catalog.count(*) FROM written;
