-- Purpose: the tables, views and composite types that people have made; a table represents its partitions.
-- Oldest server: 13. Privileges: none; requires search_path = ''.
-- Parameter: left_out (text[]), identities.
-- Columns: oid; identity (as SQL writes it, with its schema); schema; name; kind; comment; partition_key (the text
-- after PARTITION BY, or ''); inherits (identities). What an extension owns and what is temporary is left out.
SELECT
    c.oid::bigint AS oid,
    c.identity,
    n.nspname::text AS schema,
    c.relname::text AS name,
    CASE c.relkind
        WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
        WHEN 'c' THEN 'composite type' ELSE 'table'
    END AS kind,
    coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), pg_catalog.obj_description(c.reltype, 'pg_type'), '')
        AS comment,
    CASE c.relkind WHEN 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) ELSE '' END AS partition_key,
    ARRAY(
        SELECT i.inhparent::regclass::text
        FROM pg_catalog.pg_inherits AS i
        WHERE i.inhrelid = c.oid
        ORDER BY i.inhseqno
    ) AS inherits
FROM (SELECT c.*, c.oid::regclass::text AS identity FROM pg_catalog.pg_class AS c) AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    AND NOT c.relispartition
    AND c.relpersistence <> 't'
    AND n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_'
    AND c.identity <> ALL (%(left_out)s)
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.deptype = 'e' AND (
            d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid
            -- An extension owns the type, and the type its columns.
            OR d.classid = 'pg_catalog.pg_type'::regclass::oid AND d.objid = c.reltype
        )
    );
