-- Purpose: how a table hangs on a partitioned one that it is to be detached from.
-- Oldest server: 13 (detaching concurrently: 14). Privileges: none.
-- Parameters: parent, partition (as they are written in SQL). Columns: parent_schema, parent, schema, name, attached,
-- pending (a detachment has begun and is to be finished). No row: one of them is not there.
SELECT
    pn.nspname::text AS parent_schema,
    p.relname::text AS parent,
    cn.nspname::text AS schema,
    c.relname::text AS name,
    i.inhrelid IS NOT NULL AS attached,
    coalesce((pg_catalog.to_jsonb(i) ->> 'inhdetachpending'::text)::boolean, false) AS pending
FROM pg_catalog.pg_class AS p
JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
JOIN pg_catalog.pg_class AS c ON c.oid = pg_catalog.to_regclass(%(partition)s)::oid
JOIN pg_catalog.pg_namespace AS cn ON cn.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhparent = p.oid AND i.inhrelid = c.oid
WHERE p.oid = pg_catalog.to_regclass(%(parent)s)::oid;
