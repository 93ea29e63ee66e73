-- Purpose: how far the index build of this tool's worker is, on a server without the progress of COPY (progress.sql).
-- Oldest server: 13. Privileges: pg_read_all_stats where the worker is another role.
-- Parameters: space, key (the worker's lock), application. Columns: phase, done, total, unit, rows.
SELECT
    p.phase,
    CASE WHEN p.blocks_total > 0 THEN p.blocks_done ELSE p.tuples_done END AS done,
    CASE WHEN p.blocks_total > 0 THEN p.blocks_total ELSE p.tuples_total END AS total,
    CASE WHEN p.blocks_total > 0 THEN 'blocks' ELSE 'rows' END AS unit,
    0::bigint AS rows
FROM pg_catalog.pg_stat_progress_create_index AS p
WHERE
    p.datname = pg_catalog.current_database()
    AND (
        p.pid IN (
            SELECT a.pid FROM pg_catalog.pg_stat_activity AS a WHERE a.application_name = %(application)s::text
        )
        OR p.pid IN (
            SELECT l.pid
            FROM pg_catalog.pg_locks AS l
            WHERE
                l.locktype = 'advisory'
                AND l.classid = %(space)s::integer::oid
                AND l.objid = %(key)s::integer::oid
                AND l.objsubid = 2
        )
    );
