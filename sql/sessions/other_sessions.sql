-- Purpose: the other clients of a database, oldest first; background workers are left out; autovacuum has no user.
-- Oldest server: 13. Privileges: none (foreign sessions show less without pg_read_all_stats).
-- Parameters: name; spared (text: a pattern for LIKE, of application names that are left out; empty: none). Columns: pid,
-- user, application, address (NULL: Unix socket), since.
SELECT
    a.pid,
    pg_catalog.decode(pg_catalog.quote_literal(a.usename::text), 'escape') AS user,
    a.application_name AS application,
    pg_catalog.host(a.client_addr) AS address,
    a.backend_start AS since
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = %(name)s AND a.pid <> pg_catalog.pg_backend_pid()
    AND a.usesysid IS NOT NULL
    AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'walsender')
    AND (%(spared)s::text = ''::text OR a.application_name NOT LIKE %(spared)s::text)
ORDER BY a.backend_start, a.pid;
