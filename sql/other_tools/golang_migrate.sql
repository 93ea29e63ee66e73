-- Purpose: the one row of golang-migrate: the version it has come to; dirty: the step to it has failed.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT m.version::text, NULL::text, NULL::text, NULL::timestamptz, NOT m.dirty, true
FROM {table} AS m
WHERE m.version >= 0;
