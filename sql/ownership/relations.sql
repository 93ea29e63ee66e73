-- Purpose: the relations that a query finds, with their shape, and with what in them belongs to a role that is not
-- trusted. The query replaces the placeholder relation.
-- Oldest server: 13. Privileges: none. Parameters: those of the query.
-- Columns: oid, schema, name, kind (pg_class.relkind), columns and types (arrays in order; a type outside pg_catalog is
-- written with its schema), computed (columns that are generated), required (columns that every INSERT has to fill),
-- comment (or ''), untrusted (NULL, or as in untrusted.sql). Those in public come first.
WITH relation AS MATERIALIZED (
    {relation}
),
root (class, oid) AS (
    SELECT 'pg_catalog.pg_class'::regclass::oid, r.oid
    FROM relation AS r
)
SELECT
    r.oid::bigint AS oid,
    r.nspname::text AS schema,
    r.relname::text AS name,
    r.relkind::text AS kind,
    own.columns,
    own.types,
    own.computed,
    own.required,
    coalesce(d.description, ''::text) AS comment,
    u.found AS untrusted
FROM relation AS r
LEFT JOIN pg_catalog.pg_description AS d
    ON d.classoid = 'pg_catalog.pg_class'::regclass::oid AND d.objoid = r.oid AND d.objsubid = 0
LEFT JOIN (
    {untrusted}
) AS u ON u.oid = r.oid
CROSS JOIN LATERAL (
    SELECT
        coalesce(pg_catalog.array_agg(a.attname::text ORDER BY a.attnum), ARRAY[]::text[]) AS columns,
        coalesce(
            pg_catalog.array_agg(
                CASE WHEN n.nspname = 'pg_catalog'::name THEN '' ELSE n.nspname::text || '.' END || t.typname::text
                ORDER BY a.attnum
            ),
            ARRAY[]::text[]
        ) AS types,
        coalesce(
            pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated <> ''::"char"),
            ARRAY[]::text[]
        ) AS computed,
        coalesce(
            pg_catalog.array_agg(a.attname::text ORDER BY a.attnum)
            FILTER (WHERE a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''::"char"),
            ARRAY[]::text[]
        ) AS required
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    WHERE a.attrelid = r.oid AND a.attnum > 0::smallint AND NOT a.attisdropped
) AS own
ORDER BY r.nspname <> 'public'::name, r.nspname, r.relname;
