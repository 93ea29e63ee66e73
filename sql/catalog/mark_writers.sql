-- Purpose: other sessions that may be marking a database as production at this moment. ALTER DATABASE SET resolves the
-- name, takes AccessShareLock on the database until the end of the statement, and RowExclusiveLock on
-- pg_db_role_setting until the end of its transaction: a session that waits for the first, or holds either, may be
-- setting a mark that cannot be read yet.
-- Oldest server: 13. Privileges: none. Parameter: oid (of the database). Column: pid (NULL: a prepared transaction).
SELECT l.pid
FROM pg_catalog.pg_locks AS l
WHERE l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
    AND (
        (
            l.locktype = 'object' AND l.classid = 'pg_catalog.pg_database'::regclass::oid
            AND l.objid = %(oid)s::oid AND l.mode = 'AccessShareLock'
        )
        OR (
            l.locktype = 'relation' AND l.relation = 'pg_catalog.pg_db_role_setting'::regclass::oid
            AND l.mode = 'RowExclusiveLock' AND l.granted
        )
    );
