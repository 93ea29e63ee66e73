-- Purpose: end the other clients of a database; background workers give way by themselves. Their type is hidden from most
-- roles, but autovacuum has no user, and only a superuser may end it.
-- Oldest server: 13. Privileges: membership in their roles or pg_signal_backend; superuser for superusers' sessions.
-- Parameters: name; spared (text: a pattern for LIKE, of application names whose sessions stay; empty: none).
SELECT pg_catalog.pg_terminate_backend(a.pid)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = %(name)s AND a.pid <> pg_catalog.pg_backend_pid()
    AND a.usesysid IS NOT NULL
    AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'walsender')
    AND (%(spared)s::text = ''::text OR a.application_name NOT LIKE %(spared)s::text);
