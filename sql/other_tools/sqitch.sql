-- Purpose: the changes that sqitch has deployed: they have names and no numbers.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT NULL::text, m.change::text, NULL::text, m.committed_at::timestamptz, true, false
FROM {table} AS m
ORDER BY m.committed_at, m.planned_at;
