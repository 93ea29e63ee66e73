-- Purpose: the statements that may be this tool's own, by their texts (it names everything of the catalog in full, and
-- quotes every name of others), and those that only control transactions and sessions.
-- Oldest server: 13, with any version of the extension from 1.4 on. Privileges: as slow_queries.sql.
-- Placeholder: the schema of the extension.
-- Columns: userid, queryid, query, calls, total_ms, all_ms (of all statements of the database); of the current database,
-- none that is hidden from this role.
SELECT /* fowergram-db */ counted.userid, counted.queryid, counted.query, counted.calls, counted.total_ms, counted.all_ms
-- Before 1.8 the time has another name: see slow_queries.sql.
FROM (VALUES (NULL::float8, NULL::float8)) AS absent (total_exec_time, total_time)
CROSS JOIN LATERAL (
    SELECT
        userid, queryid, query, calls,
        COALESCE(total_exec_time, total_time) AS total_ms,
        pg_catalog.sum(COALESCE(total_exec_time, total_time)) OVER () AS all_ms
    FROM {schema}.pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
) AS counted
WHERE
    counted.queryid IS NOT NULL
    AND (
        pg_catalog.strpos(counted.query, 'pg_catalog.') > 0
        OR pg_catalog.strpos(counted.query, '.pg_stat_statements') > 0
        OR pg_catalog.strpos(counted.query, 'public.schema_migrations') > 0
        OR pg_catalog.strpos(counted.query, '" AS m') > 0
        OR counted.query ~ '(DATABASE|TO) "?fowergram_'
        OR counted.query ~ '^ANALYZE "'
        OR counted.query ~* '^(\s|/[*].*[*]/|--[^\r\n]*[\r\n])*(abort|begin|close|commit|deallocate|discard|end|lock|release|reset|rollback|savepoint|set|start|unlisten)\M'
    );
