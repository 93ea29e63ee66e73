-- Purpose: whether the database has a function that keeps partitions ahead, of the signature and result that the
-- tool calls after migrating, and may be written to.
-- Oldest server: 13. Privileges: none. Columns: callable (boolean).
SELECT
    NOT pg_catalog.pg_is_in_recovery()
    AND EXISTS (
        SELECT FROM pg_catalog.pg_proc AS p
        WHERE
            p.oid = pg_catalog.to_regprocedure('public.maintain_partitions(integer,interval)')::oid
            AND p.proretset
            AND p.pronargdefaults = 2
            AND pg_catalog.cardinality(p.proargnames) = 4
            AND p.proargnames[3] = 'partition_name'
            AND p.proargnames[4] = 'action'
    ) AS callable;
