-- Purpose: the sessions that hold what this tool's worker waits for. The worker is who holds the worker's lock, or,
-- outside a transaction, who carries its name.
-- Oldest server: 13. Privileges: pg_read_all_stats shows state and query of other roles' sessions.
-- Parameters: space, key (the worker's lock), application. Columns: pid (0: a prepared transaction), user, application,
-- state, age_s (of its transaction), query (its beginning). User and query are literals in bytea: see any_text.py.
WITH worker AS (
    SELECT l.pid
    FROM pg_catalog.pg_locks AS l
    WHERE
        l.locktype = 'advisory'
        AND l.granted
        AND l.database = (
            SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()
        )
        AND l.classid = %(space)s::integer::oid
        AND l.objid = %(key)s::integer::oid
        AND l.objsubid = 2
    UNION
    SELECT a.pid
    FROM pg_catalog.pg_stat_activity AS a
    WHERE a.application_name = %(application)s::text AND a.state = 'active'
),

blocker AS (
    SELECT DISTINCT b.pid
    FROM worker AS w
    CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b (pid)
)

SELECT
    b.pid,
    pg_catalog.decode(pg_catalog.quote_literal(a.usename::text), 'escape') AS user,
    nullif(a.application_name, '') AS application,
    a.state,
    extract(EPOCH FROM pg_catalog.clock_timestamp() - a.xact_start)::double precision AS age_s,
    pg_catalog.substr(pg_catalog.decode(pg_catalog.quote_literal(a.query), 'escape'), 1, 1000) AS query
FROM blocker AS b
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid
ORDER BY age_s DESC NULLS LAST, b.pid;
