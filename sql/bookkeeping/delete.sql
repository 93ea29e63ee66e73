-- Purpose: forget a migration in the transaction that undid it. No row goes where this is no longer the
-- transaction that began at "began", because the script has ended that one.
-- Oldest server: 13. Privileges: DELETE on the table.
DELETE FROM public.schema_migrations AS m
WHERE m.version = %(version)s AND pg_catalog.now() = %(began)s::timestamptz;
