-- Purpose: the server processes that still work for a migrator that has gone. Through a pooler the process that was
-- recorded may serve another client by now, and only the name identifies the migrator.
-- Oldest server: 13. Privileges: none; a role that may not see the state of another's sessions waits for their end.
-- Parameters: application, pid, since (backend_start). Columns: pid, user, application, address, since.
SELECT
    a.pid,
    pg_catalog.decode(pg_catalog.quote_literal(a.usename::text), 'escape') AS user,
    nullif(a.application_name, '') AS application,
    pg_catalog.host(a.client_addr) AS address,
    coalesce(a.xact_start, a.backend_start) AS since
FROM pg_catalog.pg_stat_activity AS a
WHERE
    a.datname = pg_catalog.current_database()
    AND a.pid <> pg_catalog.pg_backend_pid()
    AND (
        a.application_name = %(application)s::text
        OR (a.pid = %(pid)s AND a.backend_start = nullif(%(since)s, '')::timestamptz)
    )
    AND a.state IS DISTINCT FROM 'idle'
ORDER BY a.pid;
