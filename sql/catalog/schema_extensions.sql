-- Purpose: the extensions that people have installed.
-- Oldest server: 13. Privileges: none. Parameters: none. Columns: name.
SELECT x.extname::text AS name
FROM pg_catalog.pg_extension AS x
WHERE x.oid >= 16384::oid;
