-- Purpose: what identifies a database among all others: the cluster, the OID, the owner and the name.
-- Oldest server: 13. Privileges: none. Parameter: name. Column: identity (text). No row: no such database.
SELECT
    pg_catalog.concat_ws(
        '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
    ) AS identity
FROM pg_catalog.pg_database AS d
WHERE d.datname = %(name)s;
