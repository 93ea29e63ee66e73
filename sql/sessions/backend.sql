-- Purpose: which server process serves this session just now.
-- Oldest server: 13. Privileges: none. Columns: pid, since (its start, as text that reads back the same).
SELECT
    a.pid,
    pg_catalog.to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00') AS since
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = pg_catalog.pg_backend_pid();
