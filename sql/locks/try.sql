-- Purpose: try to become the one migrator of this database, for as long as the open transaction lasts. The server ends
-- it when its client has vanished, or gives no sign of life; its name shows which process holds the lock. Then check
-- whether a worker is left at work, whose migrator has gone.
-- Oldest server: 13 (transaction_timeout: 17). Privileges: none.
-- The second lock is this run's own: where it is free, the run has ended.
-- Parameters: application (text), pid (the process as the client knows it), space, key (the lock), worker (the worker's
-- lock), run_space, run, and the settings
-- tcp_keepalives_idle, tcp_keepalives_interval, tcp_keepalives_count, tcp_user_timeout and
-- idle_in_transaction_session_timeout (text). Columns: got, left_over, marked, on_linux (booleans), pid.
SELECT
    lock.got,
    EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l
        WHERE
            -- Names the other column, so that it is evaluated after the try.
            lock.got
            AND l.locktype = 'advisory'
            AND l.granted
            AND l.database = (
                SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database()
            )
            AND l.classid = %(space)s::integer::oid
            AND l.objid = %(worker)s::integer::oid
            AND l.objsubid = 2
    ) AS left_over,
    lock.marked,
    pg_catalog.version() LIKE '%%linux%%' AS on_linux,
    pg_catalog.pg_backend_pid() AS pid
FROM (
    SELECT
        pg_catalog.pg_try_advisory_xact_lock(%(space)s::integer, %(key)s::integer) AS got,
        pg_catalog.pg_try_advisory_xact_lock(%(run_space)s::integer, %(run)s::integer) AS marked
    FROM (
        SELECT
            pg_catalog.set_config('application_name', %(application)s, true),
            pg_catalog.set_config('tcp_keepalives_idle', %(tcp_keepalives_idle)s, session.is_lent),
            pg_catalog.set_config('tcp_keepalives_interval', %(tcp_keepalives_interval)s, session.is_lent),
            pg_catalog.set_config('tcp_keepalives_count', %(tcp_keepalives_count)s, session.is_lent),
            pg_catalog.set_config('tcp_user_timeout', %(tcp_user_timeout)s, session.is_lent),
            pg_catalog.set_config('idle_in_transaction_session_timeout', %(idle_in_transaction_session_timeout)s, true),
            pg_catalog.set_config('statement_timeout', '5s', true),
            CASE
                WHEN pg_catalog.current_setting('server_version_num')::integer >= 170000
                    THEN pg_catalog.set_config('transaction_timeout', '0', true)
            END
        FROM (
            -- A pooler's session has another process number than the client knows. Else it waits for the lock with
            -- these, too.
            SELECT pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.<>) %(pid)s::pg_catalog.int4 AS is_lent
            OFFSET 0
        ) AS session
        OFFSET 0
    ) AS settings
    OFFSET 0
) AS lock;
