-- Purpose: end the other sessions of a database.
-- Oldest server: 13. Privileges: membership in their roles or pg_signal_backend; superuser for superusers' sessions.
-- Parameter: name.
SELECT pg_catalog.pg_terminate_backend(a.pid)
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = %(name)s AND a.pid <> pg_catalog.pg_backend_pid();
