-- Purpose: what a template has to say of itself beside its contents.
-- Oldest server: 13. Privileges: none. Columns: size_bytes; maintained (boolean: the database has a function that keeps
-- partitions ahead).
SELECT
    pg_catalog.pg_database_size(pg_catalog.current_database()) AS size_bytes,
    pg_catalog.to_regprocedure('public.maintain_partitions(integer,interval)') IS NOT NULL AS maintained;
