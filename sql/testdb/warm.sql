-- Purpose: the clones that wait to become test databases, oldest first; their names begin with the time.
-- Oldest server: 13. Privileges: none. Parameter: names (text: a pattern for LIKE). Columns: name, comment,
-- identity (text: which database a label has to name).
SELECT d.datname::text AS name, pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,
    pg_catalog.concat_ws(
        '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
    ) AS identity
FROM pg_catalog.pg_database AS d
WHERE d.datname::text LIKE %(names)s::text AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
ORDER BY d.datname;
