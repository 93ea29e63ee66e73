-- Purpose: what sqlx has applied; a row without success is a migration without a transaction that has failed.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT m.version::text, m.description::text, NULL::text, m.installed_on::timestamptz, m.success, false
FROM {table} AS m
ORDER BY m.version;
