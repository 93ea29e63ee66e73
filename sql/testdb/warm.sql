-- Purpose: the clones that wait to become test databases, oldest first; their names begin with the time. Only those that
-- the current role owns itself, has sealed, and that accept no connection: what another role has put there under
-- such a name is none, even where this role is a superuser.
-- Oldest server: 13. Privileges: none. Parameter: names (text: a pattern for LIKE). Columns: name, oid, owner, comment,
-- identity (text: which database a label has to name).
SELECT
    d.datname::text AS name,
    d.oid,
    o.rolname::text AS owner,
    note.description AS comment,
    pg_catalog.concat_ws(
        '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
    ) AS identity
FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_shdescription AS note
    ON note.objoid = d.oid AND note.classoid = 'pg_catalog.pg_database'::regclass::oid
JOIN pg_catalog.pg_roles AS o ON o.oid = d.datdba
WHERE d.datname::text LIKE %(names)s::text AND o.rolname = current_user AND NOT d.datallowconn
    AND {is_sealed}
ORDER BY d.datname;
