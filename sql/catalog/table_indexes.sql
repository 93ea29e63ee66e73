-- Purpose: the indexes of a table, to find the one that a statement without a name for it has made.
-- Oldest server: 13. Privileges: none.
-- Parameters: relation (the table as it is written in SQL). Columns: oid, name, in order of oid.
SELECT i.indexrelid AS oid, c.relname::text AS name
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE i.indrelid = pg_catalog.to_regclass(%(relation)s)::oid
ORDER BY i.indexrelid;
