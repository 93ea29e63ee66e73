-- Purpose: divide by zero unless a view, table or function of this name is still a member of the extension citus. Sent
--   before the query that uses the name, in one query: the owner of the schema can rename the schema after the member
--   was found, and create an object of the same name that runs code.
-- Oldest server: 13. Privileges: none. Placeholders: schema, kind (literals).
SELECT 1 / pg_catalog.count(*)
FROM pg_catalog.pg_extension AS e
JOIN pg_catalog.pg_depend AS d
    ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass::oid AND d.refobjid = e.oid
    AND d.deptype = 'e'::"char"
JOIN LATERAL (
    SELECT c.relname AS name, c.relnamespace AS namespace
    FROM pg_catalog.pg_class AS c
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass::oid AND c.oid = d.objid
    UNION ALL
    SELECT p.proname, p.pronamespace
    FROM pg_catalog.pg_proc AS p
    WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass::oid AND p.oid = d.objid AND p.pronargs = 0::smallint
) AS member ON true
JOIN pg_catalog.pg_namespace AS n ON n.oid = member.namespace
WHERE e.extname = 'citus'::name AND member.name = {kind}::name AND n.nspname = {schema}::name;

