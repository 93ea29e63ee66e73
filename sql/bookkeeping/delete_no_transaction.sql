-- Purpose: delete the row of a migration outside the transaction that rolled it back. If the row is gone the division fails.
-- Oldest server: 13. Privileges: DELETE on the table.
WITH deleted AS (
    DELETE FROM public.schema_migrations AS m
    WHERE m.version = %(version)s
    RETURNING m.version
)
SELECT 1 / pg_catalog.count(*) FROM deleted;
