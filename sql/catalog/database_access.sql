-- Purpose: may the current role connect to a database, and why not.
-- Oldest server: 13. Privileges: none.
-- Parameter: name. Columns: is_open (it takes connections), has_privilege (CONNECT). No row: no such database.
SELECT
    d.datallowconn AND d.datconnlimit <> -2 AS is_open,
    pg_catalog.has_database_privilege(d.oid, 'CONNECT') AS has_privilege
FROM pg_catalog.pg_database AS d
WHERE d.datname = %(name)s::name;
