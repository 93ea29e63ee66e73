-- Purpose: the triggers of tables and views, but for those that the server makes for foreign keys.
-- Oldest server: 13. Privileges: none; requires search_path = ''.
-- Parameter: relations (oid[]). Columns: relation (oid); name; timing; events (in the order in which SQL is written);
-- level (row or statement); function (identity); definition (the whole command); is_enabled (in ordinary sessions);
-- comment.
SELECT
    t.tgrelid::bigint AS relation,
    t.tgname::text AS name,
    CASE
        WHEN (t.tgtype::integer & 2) <> 0 THEN 'BEFORE' WHEN (t.tgtype::integer & 64) <> 0 THEN 'INSTEAD OF' ELSE 'AFTER'
    END AS timing,
    pg_catalog.array_remove(
        ARRAY[
            CASE WHEN (t.tgtype::integer & 4) <> 0 THEN 'INSERT' END,
            CASE WHEN (t.tgtype::integer & 8) <> 0 THEN 'DELETE' END,
            CASE WHEN (t.tgtype::integer & 16) <> 0 THEN 'UPDATE' || coalesce(' OF ' || watched.columns, '') END,
            CASE WHEN (t.tgtype::integer & 32) <> 0 THEN 'TRUNCATE' END
        ], NULL
    ) AS events,
    CASE WHEN (t.tgtype::integer & 1) <> 0 THEN 'row' ELSE 'statement' END AS level,
    t.tgfoid::regprocedure::text AS function,
    pg_catalog.pg_get_triggerdef(t.oid, true) AS definition,
    t.tgenabled IN ('O', 'A') AS is_enabled,
    coalesce(pg_catalog.obj_description(t.oid, 'pg_trigger'), '') AS comment
FROM pg_catalog.pg_trigger AS t
CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY k.position) AS columns
    FROM pg_catalog.unnest(t.tgattr::smallint[]) WITH ORDINALITY AS k (number, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.tgrelid AND a.attnum = k.number
) AS watched
WHERE t.tgrelid = ANY (%(relations)s::oid[]) AND NOT t.tgisinternal;
