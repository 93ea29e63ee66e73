-- Purpose: the other databases whose statements may have texts that cannot be shown in the encoding of this one.
-- Oldest server: 13. Privileges: none; statements that are hidden from this role are left out: so are their texts.
-- Placeholder: the schema of the extension.
-- Columns: database, oid, encoding, statements (how many are counted there). Most statements first.
SELECT /* fowergram-db */
    other.datname::text AS database,
    other.oid::bigint AS oid,
    pg_catalog.pg_encoding_to_char(other.encoding)::text AS encoding,
    pg_catalog.count(*) AS statements
FROM {schema}.pg_stat_statements(FALSE) AS counted
JOIN pg_catalog.pg_database AS other ON other.oid = counted.dbid
JOIN pg_catalog.pg_database AS here ON here.datname = pg_catalog.current_database()
WHERE counted.queryid IS NOT NULL AND other.encoding <> here.encoding
GROUP BY other.datname, other.oid, other.encoding
ORDER BY statements DESC, database;
