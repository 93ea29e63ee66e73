-- Purpose: what diesel has applied. All zeros is its own set-up.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT m.version::text, NULL::text, NULL::text, m.run_on::timestamptz, true, false
FROM {table} AS m
ORDER BY m.version;
