-- Purpose: the transient indexes that a REINDEX CONCURRENTLY has left: invalid, and named after an index that is
-- rebuilt, with _ccnew (it failed while building) or _ccold (while dropping the old one), which a number may follow.
-- Oldest server: 13. Privileges: none.
-- Parameters: kind (index, table, schema; anything else means all of the database), name (of what is rebuilt, as it is
-- written in SQL). Columns: oid, schema, name, busy (a session is building or dropping it now).
WITH concerned AS (
    SELECT i.indexrelid, i.indrelid, x.relname::text AS name
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
    -- A table is rebuilt together with its TOAST table.
    LEFT JOIN pg_catalog.pg_class AS o ON o.reltoastrelid = t.oid
    WHERE
        CASE %(kind)s
            WHEN 'index' THEN
                i.indexrelid = pg_catalog.to_regclass(%(name)s)::oid
                OR i.indexrelid IN (
                    SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%(name)s)) AS p
                )
            WHEN 'table' THEN
                coalesce(o.oid, t.oid) = pg_catalog.to_regclass(%(name)s)::oid
                OR coalesce(o.oid, t.oid) IN (
                    SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%(name)s)) AS p
                )
            WHEN 'schema' THEN coalesce(o.relnamespace, t.relnamespace) = pg_catalog.to_regnamespace(%(name)s)::oid
            ELSE true
        END
),

transient AS (
    SELECT
        x.oid,
        i.indrelid,
        x.relnamespace,
        x.relname::text AS name,
        pg_catalog.regexp_replace(x.relname::text, '_cc(new|old)[0-9]*$', '') AS stem
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
    WHERE NOT i.indisvalid AND x.relkind = 'i' AND x.relname::text ~ '_cc(new|old)[0-9]*$'
)

SELECT
    i.oid,
    n.nspname::text AS schema,
    i.name,
    EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l
        WHERE
            l.locktype = 'relation'
            AND l.database = (
                SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()
            )
            AND l.relation = i.oid
            AND l.pid <> pg_catalog.pg_backend_pid()
            AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')
    ) AS busy
FROM transient AS i
JOIN pg_catalog.pg_namespace AS n ON n.oid = i.relnamespace
WHERE
    EXISTS (
        SELECT FROM concerned AS c
        WHERE
            c.indrelid = i.indrelid
            AND c.indexrelid <> i.oid
            AND (
                c.name = i.stem
                -- The server truncates a long name to have room for the rest, between two characters.
                OR (pg_catalog.octet_length(i.name) >= 60 AND pg_catalog.starts_with(c.name, i.stem))
            )
    )
ORDER BY n.nspname, i.name;
