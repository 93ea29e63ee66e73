-- Purpose: find the tables in which other migration tools keep their history.
-- Oldest server: 13. Privileges: none. Parameter: names (text[]).
-- Columns: schema, name, columns (names, sorted). Those in public come first.
SELECT
    n.nspname::text AS schema,
    c.relname::text AS name,
    pg_catalog.array_agg(a.attname::text ORDER BY a.attname) AS columns
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.relname = ANY (%(names)s)
    AND n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_'
GROUP BY n.nspname, c.relname
ORDER BY n.nspname <> 'public', n.nspname, c.relname;
