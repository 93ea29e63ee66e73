-- Purpose: the indexes of tables and materialized views, but for those that belong to a constraint.
-- Oldest server: 13. Privileges: none; requires search_path = ''.
-- Parameter: relations (oid[]). Columns: relation (oid); name; is_unique; is_valid; definition (from the access method
-- on); columns (names, where a unique index is over nothing but columns and all rows: what it makes a key); comment.
SELECT
    i.indrelid::bigint AS relation,
    x.relname::text AS name,
    i.indisunique AS is_unique,
    i.indisvalid AS is_valid,
    -- CREATE INDEX i ON is followed by ONLY where there are partitions, then by the table and USING.
    pg_catalog.substr(
        pg_catalog.regexp_replace(
            pg_catalog.substr(pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.length(begins.so) + 1),
            '^ONLY ', ''
        ),
        pg_catalog.length(i.indrelid::regclass::text || ' USING ') + 1
    ) AS definition,
    CASE
        WHEN i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
        THEN ARRAY(
            SELECT a.attname::text
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
            ORDER BY a.attnum
        )
        ELSE '{}'
    END AS columns,
    coalesce(pg_catalog.obj_description(i.indexrelid, 'pg_class'), '') AS comment
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
CROSS JOIN LATERAL (
    SELECT
        'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || 'INDEX '
        || pg_catalog.quote_ident(x.relname) || ' ON ' AS so
) AS begins
WHERE i.indrelid = ANY (%(relations)s::oid[])
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype IN ('p', 'u', 'x')
    );
