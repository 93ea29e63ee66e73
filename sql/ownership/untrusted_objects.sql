-- Purpose: the objects of one database of this server, this session's or not, that belong to roles that are not trusted.
-- pg_shdepend lists the owner of every object of every database (functions, operators, tables, types, schemas, event
-- triggers, default privileges, large objects …) but of what belongs to the server's first superuser; CREATE DATABASE
-- copies its rows.
-- Oldest server: 13. Privileges: none. Parameter: name (of the database). Columns: owner; catalog; catalog_id (oid);
-- objects (oid[]: of that catalog). A row for each owner and catalog; no row: there is nothing of others.
SELECT
    coalesce(r.rolname::text, s.refobjid::text) AS owner,
    c.relname::text AS catalog,
    c.oid AS catalog_id,
    pg_catalog.array_agg(s.objid ORDER BY s.objid) AS objects
FROM pg_catalog.pg_database AS d
JOIN pg_catalog.pg_shdepend AS s ON s.dbid = d.oid
JOIN pg_catalog.pg_class AS c ON c.oid = s.classid
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.refobjid
LEFT JOIN (
    {trusted_roles}
) AS trusted ON trusted.oid = s.refobjid
WHERE d.datname = %(name)s AND s.deptype = 'o' AND s.refclassid = 'pg_catalog.pg_authid'::regclass::oid
    AND trusted.oid IS NULL
GROUP BY r.rolname, s.refobjid, c.relname, c.oid
ORDER BY owner, catalog;
