-- Purpose: what Flyway has applied: the last row of a version decides. A baseline covers all versions below it.
-- Repeatable migrations have no version and are left out.
-- Oldest server: 13. Privileges: SELECT on the table. Columns: as in run_migrations_sh.sql.
SELECT last.version::text, last.description::text, NULL::text, last.installed_on::timestamptz, last.success, last.type::text LIKE '%BASELINE'
FROM (
    SELECT DISTINCT ON (m.version) m.version, m.description, m.installed_on, m.success, m.type
    FROM {table} AS m
    WHERE m.version IS NOT NULL
    ORDER BY m.version, m.installed_rank DESC
) AS last
WHERE last.type::text NOT LIKE 'UNDO%' AND last.type::text <> 'DELETE'
ORDER BY last.installed_on, last.version;
