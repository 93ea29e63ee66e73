-- Purpose: end the sessions of this role that hold an advisory lock of this database and wait for COPY data from their
-- client: one that is stopped never sends any, and no timeout of the server counts that time.
-- They are ended in the list of results: a condition that only needs the pid could be evaluated before the others.
-- Oldest server: 13. Privileges: none. Parameters: space, key. Columns: ended.
SELECT pg_catalog.pg_terminate_backend(l.pid) AS ended
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE
    l.locktype = 'advisory'
    AND l.granted
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
    AND l.classid = %(space)s::integer::oid
    AND l.objid = %(key)s::integer::oid
    AND l.objsubid = 2
    AND a.usename = CURRENT_USER
    AND a.state = 'active'
    AND a.wait_event = 'ClientRead';
