-- Purpose: other databases that the current role may connect to; its own first, and no templates before others.
-- Oldest server: 13. Privileges: none.
-- Column: name.
SELECT d.datname::text AS name
FROM pg_catalog.pg_database AS d
WHERE d.datallowconn AND d.datconnlimit <> -2 AND d.datname <> pg_catalog.current_database()
    AND pg_catalog.has_database_privilege(d.oid, 'CONNECT')
ORDER BY d.datistemplate, pg_catalog.pg_get_userbyid(d.datdba) <> current_user, d.datname
LIMIT 20;
