-- Purpose: how much another tool's history holds, and its newest entry.
-- Oldest server: 13. Privileges: SELECT on the table.
-- Parameters, bound by the client as several statements take none: oid, schema and name of the table that was found to be
-- safe to read; label, position, moment (names of columns: what an entry is called, what they are ordered by, when it was
-- made); ignored, ignored_value (an entry whose column of this name has this value is the tool's own start, and none).
-- Columns, all as text: entries; newest; since, last (times as JSON has them, or NULL).
--
-- All in one query, and so in one transaction: the lock keeps the name with the table, and where the name leads to
-- another by now, the division fails before a read of that other could run its owner's code.
SET LOCAL lock_timeout = '2s';
LOCK TABLE {table} IN ACCESS SHARE MODE;
SELECT 1 / pg_catalog.count(*)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = %(oid)s::oid AND c.relname = %(name)s::name AND n.nspname = %(schema)s::name;
SELECT
    pg_catalog.count(*)::text AS entries,
    pg_catalog."left"(
        (pg_catalog.array_agg(h.entry ->> %(label)s::text ORDER BY h.entry -> %(position)s::text DESC))[1], 200
    ) AS newest,
    pg_catalog.min(h.entry ->> %(moment)s::text) AS since,
    pg_catalog.max(h.entry ->> %(moment)s::text) AS last
-- A history has no more; an application's table may.
FROM (SELECT pg_catalog.to_jsonb(m) AS entry FROM {table} AS m LIMIT 100001) AS h
WHERE coalesce(h.entry ->> %(ignored)s::text, ''::text) <> %(ignored_value)s::text;
