-- The ids of the rows of benchmarks.triggers: those of one table, and those of its {rows} first rows, again from the first.
CREATE FUNCTION public.key(p_table text, n integer) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.md5(p_table || n)::uuid;

CREATE FUNCTION public.of(p_table text, n integer) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN pg_catalog.md5(p_table || n % {rows})::uuid;
