-- Purpose: the statements that may be this tool's own, by their texts: it names everything of the catalog in full.
-- Oldest server: 13. Privileges: as slow_queries.sql. Placeholder: the schema of the extension.
-- Columns: userid, queryid, query; of the current database, none that is hidden from this role.
SELECT /* fowergram-db */ userid, queryid, query
FROM {schema}.pg_stat_statements
WHERE
    dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
    AND queryid IS NOT NULL
    AND (
        pg_catalog.strpos(query, 'pg_catalog.') > 0
        OR pg_catalog.strpos(query, '.pg_stat_statements') > 0
        OR pg_catalog.strpos(query, 'public.schema_migrations') > 0
    );
