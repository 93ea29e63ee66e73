-- Purpose: what dbmate or Rails has applied: both keep the versions and nothing else.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT m.version::text, NULL::text, NULL::text, NULL::timestamptz, true, false
FROM {table} AS m
ORDER BY m.version;
