-- Purpose: who holds an advisory lock of this database.
-- Oldest server: 13. Privileges: pg_read_all_stats shows address and time of other roles' sessions.
-- Parameters: space, key. Columns: pid, user, application, address, since (its transaction's start).
SELECT
    l.pid,
    pg_catalog.decode(pg_catalog.quote_literal(a.usename::text), 'escape') AS user,
    nullif(a.application_name, '') AS application,
    pg_catalog.host(a.client_addr) AS address,
    coalesce(a.xact_start, a.backend_start) AS since
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE
    l.locktype = 'advisory'
    AND l.granted
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
    AND l.classid = %(space)s::integer::oid
    AND l.objid = %(key)s::integer::oid
    AND l.objsubid = 2
ORDER BY l.pid;
