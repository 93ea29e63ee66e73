-- Purpose: whether other clients of a pooler have left prepared statements or session locks in this session.
-- Read before anything is set, and before the transaction takes a lock: every operator says which it is.
-- Oldest server: 13. Privileges: none. Columns: prepared, locked.
SELECT
    EXISTS (SELECT FROM pg_catalog.pg_prepared_statements) AS prepared,
    EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l
        WHERE
            l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
            AND l.locktype OPERATOR(pg_catalog.=) 'advisory'::pg_catalog.text
    ) AS locked;
