-- Purpose: what sql-migrate has applied: it keeps the names of the files.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT NULL::text, NULL::text, m.id::text, m.applied_at::timestamptz, true, false
FROM {table} AS m
ORDER BY m.applied_at, m.id;
