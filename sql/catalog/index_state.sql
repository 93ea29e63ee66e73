-- Purpose: what has the name of an index that is to be built concurrently.
-- Oldest server: 13. Privileges: none.
-- Parameters: relation (the table as it is written in SQL), name (of the index). Columns: schema, name, valid,
-- building (another session is building it now). No row: nothing has that name, or an index of a partitioned table,
-- which cannot be built concurrently.
SELECT
    n.nspname::text AS schema,
    c.relname::text AS name,
    i.indisvalid AND i.indisready AS valid,
    EXISTS (
        SELECT FROM pg_catalog.pg_stat_progress_create_index AS p
        WHERE
            p.datname = pg_catalog.current_database()
            AND p.pid <> pg_catalog.pg_backend_pid()
            AND (
                p.index_relid = i.indexrelid
                -- Another role's, unseen without pg_read_all_stats: its lock shows the table, where only one builds.
                OR p.index_relid IS NULL
                AND EXISTS (
                    SELECT FROM pg_catalog.pg_locks AS l
                    WHERE
                        l.locktype = 'relation'
                        AND l.pid = p.pid
                        AND l.relation = i.indrelid
                        AND l.mode = 'ShareUpdateExclusiveLock'
                        AND l.granted
                )
            )
    ) AS building
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = pg_catalog.to_regclass(%(relation)s)::oid AND c.relname = %(name)s AND c.relkind = 'i';
