-- Purpose: the function that keeps partitions ahead, of the signature and result that the tool calls after migrating.
-- Oldest server: 13. Privileges: none.
-- Columns: first and second default (SQL expressions), untrusted (NULL, or as in ownership/untrusted.sql). No row: there
-- is none, or the database cannot be written to.
WITH root (class, oid) AS MATERIALIZED (
    SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid
    FROM pg_catalog.pg_proc AS p
    WHERE NOT pg_catalog.pg_is_in_recovery()
        AND p.oid = pg_catalog.to_regprocedure('public.maintain_partitions(pg_catalog.int4, pg_catalog."interval")')::oid
        AND p.proretset
        AND p.pronargdefaults = 2::smallint
        AND pg_catalog.cardinality(p.proargnames) = 4
        AND p.proargnames[3] = 'partition_name'::text
        AND p.proargnames[4] = 'action'::text
)
SELECT
    pg_catalog.pg_get_function_arg_default(root.oid, 1) AS first_default,
    pg_catalog.pg_get_function_arg_default(root.oid, 2) AS second_default,
    u.found AS untrusted
FROM root
LEFT JOIN (
    {untrusted}
) AS u ON u.oid = root.oid;
