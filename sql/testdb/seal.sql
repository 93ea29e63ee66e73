-- Purpose: write what seals a database of this tool, as it is now: a setting that only the current role, or a superuser,
-- can store, for itself in this one database (ALTER ROLE CURRENT_USER IN DATABASE SET application_name).
-- No session ever runs with it: the database accepts no connection, and copies of it do not have the setting.
-- Oldest server: 13. Privileges: none. Parameters: name, oid. Column: seal (text). No row: the name leads to
-- another database than that of the OID, or the current role does not own it.
SELECT {seal_text} AS seal
FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_shdescription AS note
    ON note.objoid = d.oid AND note.classoid = 'pg_catalog.pg_database'::regclass::oid
JOIN pg_catalog.pg_roles AS o ON o.oid = d.datdba
WHERE d.datname = %(name)s AND d.oid = %(oid)s::oid AND o.rolname = current_user;
