-- Purpose: public.schema_migrations, and the tables in any schema that may be the history of another migration tool: by
-- their name, or by a column that such a table has under any name. It replaces the placeholder relation.
-- Oldest server: 13. Privileges: none. Parameters: names and patterns (text[], in small letters; the second for LIKE);
-- marks (text[], names of columns that are rare); marks_of_few (text[], names that are rare in a table of at most four
-- columns); marks_of_one (text[], names that are rare in a table of one column). A table of very many rows is none.
-- Columns: oid, nspname, relname, relkind.
SELECT c.oid, n.nspname, c.relname, c.relkind
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relpersistence <> 't'::"char"
    AND n.nspname <> 'information_schema'::name AND NOT pg_catalog.starts_with(n.nspname::text, 'pg_')
    AND (
        (n.nspname = 'public'::name AND c.relname = 'schema_migrations'::name)
        OR (
            c.relkind IN ('r'::"char", 'p'::"char") AND NOT c.relispartition AND c.reltuples < 100000::real AND (
                pg_catalog.lower(c.relname::text COLLATE "C") = ANY (%(names)s::text[])
                OR pg_catalog.lower(c.relname::text COLLATE "C") LIKE ANY (%(patterns)s::text[])
                OR c.oid IN (SELECT a.attrelid FROM pg_catalog.pg_attribute AS a WHERE a.attname = ANY (%(marks)s::name[]))
                OR (c.relnatts <= 4::smallint AND c.oid IN (
                    SELECT a.attrelid FROM pg_catalog.pg_attribute AS a WHERE a.attname = ANY (%(marks_of_few)s::name[])
                ))
                OR (c.relnatts = 1::smallint AND EXISTS (
                    SELECT
                    FROM pg_catalog.pg_attribute AS a
                    WHERE a.attrelid = c.oid AND a.attname = ANY (%(marks_of_one)s::name[])
                ))
            )
        )
    )
