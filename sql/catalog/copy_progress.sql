-- Purpose: how many rows a COPY of this tool's worker has written.
-- Oldest server: 14. Privileges: pg_read_all_stats where the worker is another role.
-- Parameter: application. Column: rows.
SELECT p.tuples_processed AS rows
FROM pg_catalog.pg_stat_progress_copy AS p
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = p.pid
WHERE p.datname = pg_catalog.current_database() AND a.application_name = %(application)s;
