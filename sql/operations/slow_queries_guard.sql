-- Purpose: lock a view of the extension pg_stat_statements, and divide by zero unless its name is still that of the
--   extension's own view. Sent before the query that reads the view, in one query: the owner of the schema may have
--   dropped the extension since it was found, and have put a view there that runs code.
-- Oldest server: 13. Privileges: SELECT on the view. Parameters: schema, view. Placeholders: the same two.
LOCK TABLE {schema}.{view} IN ACCESS SHARE MODE;

SELECT /* fowergram-db */ 1 / pg_catalog.count(*)
FROM pg_catalog.pg_class AS found
JOIN pg_catalog.pg_namespace AS home ON home.oid = found.relnamespace
JOIN pg_catalog.pg_depend AS member ON member.objid = found.oid AND member.deptype = 'e'::"char"
JOIN pg_catalog.pg_extension AS extension ON extension.oid = member.refobjid
WHERE
    home.nspname = %(schema)s::name
    AND found.relname = %(view)s::name
    AND member.classid = 'pg_catalog.pg_class'::regclass::oid
    AND member.refclassid = 'pg_catalog.pg_extension'::regclass::oid
    AND extension.extname = 'pg_stat_statements'::name;
