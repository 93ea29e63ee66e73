-- Purpose: the history: what is applied, in no order. The down scripts stay where they are.
-- Oldest server: 13. Privileges: SELECT on the table.
-- Parameter, bound by the client as several statements take none: oid of the table that was found to be safe to read.
-- Columns: id, version, position, name, filename, checksum, state, executed_at (UTC), duration_ms, statements_done,
-- reversible, progress, all as text: every value that the column's type allows, NULL too, arrives and can be shown.
--
-- All in one query, and so in one transaction: the lock prevents a rename of the table, and if the name leads to
-- another table by now, the division fails before a read of that table could run its owner's code.
LOCK TABLE public.schema_migrations IN ACCESS SHARE MODE;
SELECT 1 / pg_catalog.count(*)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = %(oid)s::oid AND c.relname = 'schema_migrations'::name AND n.nspname = 'public'::name;
SELECT
    m.id::text AS id,
    m.version::text AS version,
    m.{position}::text AS position,
    -- One more than a name may have: a longer one is an error, and the rest of it need not travel.
    pg_catalog."left"(m.name, 1001) AS name,
    pg_catalog."left"(m.filename, 1001) AS filename,
    pg_catalog."left"(m.checksum, 1001) AS checksum,
    pg_catalog."left"(m.state, 1001) AS state,
    -- It is shown and never decides: a time that no calendar has, or 'infinity', must not stop a command.
    CASE
        WHEN m.executed_at > '0002-01-01 00:00:00+00'::timestamptz AND m.executed_at < '9999-01-01 00:00:00+00'::timestamptz
        THEN pg_catalog.to_char(pg_catalog.timezone('UTC', m.executed_at), 'YYYY-MM-DD HH24:MI:SS.US+00:00')
    END AS executed_at,
    m.duration_ms::text AS duration_ms,
    m.statements_done::text AS statements_done,
    (m.down_sql IS NOT NULL)::text AS reversible,
    -- From the row as a whole, since tables of the first version lack the column.
    CASE WHEN m.state = 'partial'::text THEN (pg_catalog.to_jsonb(m) -> 'progress'::text)::text END AS progress
FROM public.schema_migrations AS m;
