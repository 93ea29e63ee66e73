-- Purpose: where pg_stat_statements is installed in this database, and what it lacks where it cannot be read.
-- Oldest server: 13. Privileges: none.
-- Columns, one row always: schema (NULL where the extension is not created here), has_info (its version, 1.9
--   or newer, says since when it counts), available (its files are on the server), preloaded (as far as
--   is known without a call: only the preloaded library defines its settings).

SELECT /* fowergram-db */
    home.nspname::text AS schema,
    EXISTS (
        -- A member of the extension: in its schema others may have made a view of that name.
        SELECT
        FROM pg_catalog.pg_depend AS member
        JOIN pg_catalog.pg_class AS info ON info.oid = member.objid
        WHERE
            member.refclassid = 'pg_catalog.pg_extension'::regclass::oid
            AND member.refobjid = extension.oid
            AND member.classid = 'pg_catalog.pg_class'::regclass::oid
            AND member.deptype = 'e'::"char"
            AND info.relname = 'pg_stat_statements_info'::name
    ) AS has_info,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_available_extensions AS offered
        WHERE offered.name = wanted.name
    ) AS available,
    pg_catalog.current_setting('pg_stat_statements.max', TRUE) IS NOT NULL AS preloaded
FROM (VALUES ('pg_stat_statements')) AS wanted (name)
LEFT JOIN pg_catalog.pg_extension AS extension ON extension.extname = wanted.name
LEFT JOIN pg_catalog.pg_namespace AS home ON home.oid = extension.extnamespace;
