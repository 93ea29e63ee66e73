-- Purpose: find what identifies a Citus cluster. The place of its view and functions depends on its version and on the
-- role that installed it: they are found as members of the extension, and only a superuser can add a member.
-- Oldest server: 13. Privileges: none.
-- Parameters: none. Columns: kind ('citus_tables', 'citus_is_coordinator' or 'pg_dist_local_group'), schema. No rows:
-- the extension is not there.
SELECT member.name::text AS kind, n.nspname::text AS schema
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_depend AS d
    ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass::oid AND d.refobjid = e.oid
    AND d.deptype = 'e'::"char"
JOIN LATERAL (
    SELECT c.relname AS name, c.relnamespace AS namespace
    FROM pg_catalog.pg_class AS c
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::oid AND c.oid = d.objid
        AND c.relname = ANY ('{citus_tables,pg_dist_local_group}'::name[])
    UNION ALL
    SELECT p.proname, p.pronamespace
    FROM pg_catalog.pg_proc AS p
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass::oid AND p.oid = d.objid
        AND p.proname = 'citus_is_coordinator'::name AND p.pronargs = 0::smallint
) AS member ON true
JOIN pg_catalog.pg_namespace AS n ON n.oid = member.namespace
WHERE e.extname = 'citus'::name;
