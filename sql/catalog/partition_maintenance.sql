-- Purpose: the function that keeps partitions ahead, of the signature and result that the tool calls after migrating,
-- and its overloads that take the same two arguments and have defaults for more: they make that call ambiguous.
-- Oldest server: 13. Privileges: none.
-- Columns: is_called (it is the function itself), first and second default (SQL expressions), untrusted (NULL, or as in
-- ownership/untrusted.sql). No row: there is none, or the database cannot be written to.
WITH candidate AS MATERIALIZED (
    SELECT
        p.oid,
        p.pronargs = 2::smallint AND p.proretset
        AND p.pronargdefaults = 2::smallint
        AND pg_catalog.cardinality(p.proargnames) = 4
        AND p.proargnames[3] = 'partition_name'::text
        AND p.proargnames[4] = 'action'::text AS is_called
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
    WHERE NOT pg_catalog.pg_is_in_recovery()
        AND n.nspname = 'public'::name AND p.proname = 'maintain_partitions'::name
        AND p.proargtypes[0] = 'pg_catalog.int4'::regtype::oid
        AND p.proargtypes[1] = 'pg_catalog."interval"'::regtype::oid
        AND p.pronargs - p.pronargdefaults <= 2
),
root (class, oid) AS (
    SELECT 'pg_catalog.pg_proc'::regclass::oid, c.oid
    FROM candidate AS c
)
SELECT
    c.is_called,
    pg_catalog.pg_get_function_arg_default(c.oid, 1) AS first_default,
    pg_catalog.pg_get_function_arg_default(c.oid, 2) AS second_default,
    u.found AS untrusted
FROM candidate AS c
LEFT JOIN (
    {untrusted}
) AS u ON u.oid = c.oid
ORDER BY c.is_called DESC, u.found IS NULL, c.oid;
