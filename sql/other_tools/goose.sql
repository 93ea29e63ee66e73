-- Purpose: what goose has applied. It adds a row for each step up and down: the last of a version decides. 0 is its start.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT last.version_id::text, NULL::text, NULL::text, last.tstamp::timestamptz, true, false
FROM (
    SELECT DISTINCT ON (m.version_id) m.version_id, m.is_applied, m.tstamp
    FROM {table} AS m
    ORDER BY m.version_id, m.id DESC
) AS last
WHERE last.is_applied AND last.version_id > 0
ORDER BY last.version_id;
