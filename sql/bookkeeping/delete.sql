-- Purpose: delete the history row of a migration in the transaction that undid it. If the script has ended that
-- transaction, or the row is gone, the division fails: the COMMIT that follows must not happen.
-- Oldest server: 13. Privileges: DELETE on the table.
WITH deleted AS (
    DELETE FROM public.schema_migrations AS m
    WHERE m.version = %(version)s AND pg_catalog.pg_current_xact_id()::text = %(transaction)s::text
    RETURNING m.version
)
SELECT 1 / pg_catalog.count(*) FROM deleted;
