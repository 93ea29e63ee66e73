-- Purpose: what a tool has applied that keeps one row for each migration, with its version or the name of its file.
-- Oldest server: 13. Privileges: SELECT on the table. Parameters: version, filename, moment, ignored (names of columns, ''
-- where the tool has none); ignored_value (a row with it is none); covers (boolean).
-- Columns: as in run_migrations_sh.sql.
SELECT
    h.entry ->> %(version)s::text,
    NULL::text,
    h.entry ->> %(filename)s::text,
    (h.entry ->> %(moment)s::text)::timestamptz,
    true,
    %(covers)s::boolean
FROM (SELECT pg_catalog.to_jsonb(m) AS entry FROM {table} AS m) AS h
WHERE coalesce(h.entry ->> %(ignored)s::text, ''::text) <> %(ignored_value)s::text
ORDER BY 4, 1, 3;
