-- Purpose: the part of catalog_state.sql that most changes show in, and soonest: the relations. They are compared by
-- content where one was written at all, since TRUNCATE, VACUUM and ANALYZE write to pg_class, too, and change no schema.
-- Oldest server: 13. Privileges: none. Requires a transaction with search_path = ''.
-- Parameter: seal (text: the number of the transaction that completed the template). Columns: relations (bigint: how many
-- there are); hash (text: a sum of hashes over them, NULL where none was written after the seal); watchful (boolean: there
-- are triggers or rules that fire for replicas, too, or transactions that are prepared).
SELECT
    relation.count AS relations,
    CASE WHEN relation.age < pg_catalog.age(%(seal)s::text::xid) THEN (
        SELECT pg_catalog.sum(
            pg_catalog.hashtextextended(
                (
                    c.oid, c.relname, c.relnamespace, c.reltype, c.reloftype, c.relowner, c.relam, c.reltablespace,
                    c.reltoastrelid, c.relpersistence, c.relkind, c.relnatts, c.relchecks, c.relrowsecurity,
                    c.relforcerowsecurity, c.relispopulated, c.relreplident, c.relispartition, c.relacl, c.reloptions,
                    c.relpartbound, CASE WHEN c.relkind = 'm' THEN c.relfilenode END
                )::text,
                0
            )
        )::text
        FROM pg_catalog.pg_class AS c
    ) END AS hash,
    (
        EXISTS (SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgenabled IN ('A', 'R'))
        OR EXISTS (SELECT FROM pg_catalog.pg_rewrite AS r WHERE r.ev_enabled IN ('A', 'R'))
        OR EXISTS (
            SELECT FROM pg_catalog.pg_prepared_xacts AS x WHERE x.database = pg_catalog.current_database()
        )
    ) AS watchful
FROM (
    SELECT pg_catalog.count(*), pg_catalog.min(pg_catalog.age(c.xmin)) FROM pg_catalog.pg_class AS c
) AS relation (count, age);
