-- Purpose: have the server end this session soon after its client has vanished, for the rest of the session. Behind a
-- pooler, which gives its sessions to many clients under another process number, nothing is set.
-- Oldest server: 13 (client_connection_check_interval: 14, where the platform supports it). Privileges: none.
-- Parameters: pid (as the client knows it), and the settings tcp_keepalives_idle, tcp_keepalives_interval,
-- tcp_keepalives_count, tcp_user_timeout and idle_in_transaction_session_timeout (text). Columns: of no interest.
SELECT
    pg_catalog.set_config('tcp_keepalives_idle', %(tcp_keepalives_idle)s, false),
    pg_catalog.set_config('tcp_keepalives_interval', %(tcp_keepalives_interval)s, false),
    pg_catalog.set_config('tcp_keepalives_count', %(tcp_keepalives_count)s, false),
    pg_catalog.set_config('tcp_user_timeout', %(tcp_user_timeout)s, false),
    pg_catalog.set_config('idle_in_transaction_session_timeout', %(idle_in_transaction_session_timeout)s, false),
    CASE
        WHEN
            pg_catalog.current_setting('server_version_num')::pg_catalog.int4
            OPERATOR(pg_catalog.>=) 140000::pg_catalog.int4
            AND pg_catalog.version() OPERATOR(pg_catalog.~~) '%%linux%%'::pg_catalog.text
            -- The server then checks while a statement is at work, too.
            THEN pg_catalog.set_config('client_connection_check_interval', '2000', false)
    END
WHERE pg_catalog.pg_backend_pid() OPERATOR(pg_catalog.=) %(pid)s::pg_catalog.int4;
