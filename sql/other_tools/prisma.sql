-- Purpose: what Prisma has applied: it keeps the names of folders. One without an end has failed; what was marked as
-- rolled back does not count, where it did not run again.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT NULL::text, NULL::text, m.migration_name::text, m.finished_at::timestamptz, m.finished_at IS NOT NULL, false
FROM {table} AS m
WHERE m.rolled_back_at IS NULL
ORDER BY m.started_at;
