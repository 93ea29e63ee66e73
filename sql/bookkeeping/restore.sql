-- Purpose: record that a rollback without a transaction has undone nothing. Where its row is gone the division fails.
-- Oldest server: 13. Privileges: UPDATE on the table.
WITH written AS (
    UPDATE public.schema_migrations AS m
    SET state = 'applied', statements_done = %(statements_before)s, progress = NULL
    WHERE m.version = %(version)s
    RETURNING m.version
)
SELECT 1 / pg_catalog.count(*) FROM written;
