-- Purpose: record how far a migration without a transaction is. Where its row is gone the division fails.
-- Oldest server: 13. Privileges: UPDATE on the table.
WITH written AS (
    UPDATE public.schema_migrations AS m
    SET state = 'partial', statements_done = %(statements_done)s, progress = %(progress)s
    WHERE m.version = %(version)s
    RETURNING m.version
)
SELECT 1 / pg_catalog.count(*) FROM written;
