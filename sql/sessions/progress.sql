-- Purpose: how far the long statement of this tool's worker is: a COPY, an index build, VACUUM, CLUSTER or ANALYZE.
-- Oldest server: 14 (13: progress_13.sql). Privileges: pg_read_all_stats where the worker is another role.
-- Parameters: space, key (the worker's lock), application. Columns: phase, done, total (0: not known; so for COPY FROM
-- STDIN), unit, rows (of a COPY). The table of a COPY is left out where the current transaction has created it: it is
-- visible to no other session yet.
WITH worker AS (
    SELECT a.pid
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.application_name = %(application)s::text
    UNION
    SELECT l.pid
    FROM pg_catalog.pg_locks AS l
    WHERE
        l.locktype = 'advisory'
        AND l.classid = %(space)s::integer::oid
        AND l.objid = %(key)s::integer::oid
        AND l.objsubid = 2
),

progress AS (
    SELECT
        p.pid,
        p.datname,
        p.phase,
        CASE WHEN p.blocks_total > 0 THEN p.blocks_done ELSE p.tuples_done END AS done,
        CASE WHEN p.blocks_total > 0 THEN p.blocks_total ELSE p.tuples_total END AS total,
        CASE WHEN p.blocks_total > 0 THEN 'blocks' ELSE 'rows' END AS unit,
        0::bigint AS rows
    FROM pg_catalog.pg_stat_progress_create_index AS p
    UNION ALL
    SELECT
        p.pid,
        p.datname,
        pg_catalog.concat_ws(
            ' ',
            p.command,
            CASE
                WHEN n.nspname = 'public'::name THEN pg_catalog.quote_ident(c.relname::text) ELSE c.oid::regclass::text
            END
        ),
        p.bytes_processed,
        p.bytes_total,
        'bytes',
        p.tuples_processed
    FROM pg_catalog.pg_stat_progress_copy AS p
    LEFT JOIN pg_catalog.pg_class AS c ON c.oid = p.relid
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    UNION ALL
    SELECT p.pid, p.datname, 'VACUUM, ' || p.phase, p.heap_blks_scanned, p.heap_blks_total, 'blocks', 0
    FROM pg_catalog.pg_stat_progress_vacuum AS p
    UNION ALL
    SELECT p.pid, p.datname, p.command || ', ' || p.phase, p.heap_blks_scanned, p.heap_blks_total, 'blocks', 0
    FROM pg_catalog.pg_stat_progress_cluster AS p
    UNION ALL
    SELECT p.pid, p.datname, 'ANALYZE, ' || p.phase, p.sample_blks_scanned, p.sample_blks_total, 'blocks', 0
    FROM pg_catalog.pg_stat_progress_analyze AS p
)

SELECT p.phase, p.done, p.total, p.unit, p.rows
FROM progress AS p
JOIN worker AS w ON w.pid = p.pid
WHERE p.datname = pg_catalog.current_database() AND p.phase IS NOT NULL;
