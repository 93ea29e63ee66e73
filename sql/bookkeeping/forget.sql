-- Purpose: forget a migration that was undone without a transaction. Where its row is gone the division fails.
-- Oldest server: 13. Privileges: DELETE on the table.
WITH deleted AS (
    DELETE FROM public.schema_migrations AS m
    WHERE m.version = %(version)s
    RETURNING m.version
)
SELECT 1 / pg_catalog.count(*) FROM deleted;
