-- Purpose: the keys, checks and foreign keys of tables.
-- Oldest server: 13 (what a version does not know comes out as if it were not there). Privileges: none; requires
-- search_path = ''.
-- Parameter: relations (oid[]). Columns: relation (oid); name; kind; definition; columns (names, of keys in their
-- order); references (identity, or ''); referenced_columns; rules (of a foreign key, the text after the referenced
-- columns, or ''); comment (its own, else that of its index). Constraints that the server makes for partitions, and the
-- NOT NULL of columns, which are constraints from 18 on, are left out.
SELECT
    c.conrelid::bigint AS relation,
    c.conname::text AS name,
    CASE c.contype
        WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'x' THEN 'exclusion' WHEN 'c' THEN 'check'
        ELSE 'foreign key'
    END AS kind,
    whole.definition,
    own.names AS columns,
    CASE c.contype WHEN 'f' THEN c.confrelid::regclass::text ELSE '' END AS references,
    far.names AS referenced_columns,
    -- A foreign key of another shape, such as one with PERIOD, is shown whole.
    CASE
        WHEN c.contype <> 'f' THEN ''
        WHEN pg_catalog.starts_with(whole.definition, begins.so)
        THEN pg_catalog.btrim(pg_catalog.substr(whole.definition, pg_catalog.length(begins.so) + 1))
        ELSE whole.definition
    END AS rules,
    coalesce(
        pg_catalog.obj_description(c.oid, 'pg_constraint'),
        CASE WHEN c.contype IN ('p', 'u', 'x') THEN pg_catalog.obj_description(c.conindid, 'pg_class') END,
        ''
    ) AS comment
FROM pg_catalog.pg_constraint AS c
CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_constraintdef(c.oid, true) AS definition) AS whole
CROSS JOIN LATERAL (
    SELECT
        coalesce(pg_catalog.array_agg(a.attname::text ORDER BY k.position), '{}') AS names,
        pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.position) AS quoted
    FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS k (number, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number
) AS own
CROSS JOIN LATERAL (
    SELECT
        coalesce(pg_catalog.array_agg(a.attname::text ORDER BY k.position), '{}') AS names,
        pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.position) AS quoted
    FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS k (number, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.number
) AS far
CROSS JOIN LATERAL (
    SELECT
        'FOREIGN KEY (' || own.quoted || ') REFERENCES '
        || c.confrelid::regclass::text || '(' || far.quoted || ')' AS so
) AS begins
WHERE c.conrelid = ANY (%(relations)s::oid[]) AND c.contype IN ('p', 'u', 'x', 'c', 'f') AND c.conparentid = 0::oid;
