-- Purpose: after CREATE DATABASE TEMPLATE: whether the copy is of the template that was found before. Its row in
-- pg_database is the same as then; a rename would have written it again, so it had that name all the time. And it is
-- the copy's owner's: it may have been found in a session whose current role is another.
-- Oldest server: 13. Privileges: none. Parameters: name (of the copy), template_oid, template_name, row_version (text).
-- Columns: oid and owner (of the copy), is_own (boolean: it is the current role's), is_exact (boolean: of that template).
SELECT
    d.oid,
    o.rolname::text AS owner,
    o.rolname = current_user AS is_own,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_database AS t
        WHERE t.oid = %(template_oid)s::pg_catalog.oid AND t.datname = %(template_name)s
            AND t.xmin::text = %(row_version)s::text AND t.datdba = d.datdba
    ) AS is_exact
FROM pg_catalog.pg_database AS d
JOIN pg_catalog.pg_roles AS o ON o.oid = d.datdba
WHERE d.datname = %(name)s;
