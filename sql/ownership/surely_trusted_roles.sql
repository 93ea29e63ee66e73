-- Purpose: some of the roles that trusted_roles.sql finds: the session's own, superusers, and the one that initdb made,
-- which owns pg_catalog. It is quick, and in most cases enough. It replaces the placeholder trusted_roles, in a query
-- that is sent again with trusted_roles.sql if it finds an owner that is not among them.
-- Oldest server: 13. Privileges: none. Columns: oid.
SELECT r.oid
FROM pg_catalog.pg_roles AS r
WHERE r.rolsuper OR r.oid = 10::oid OR r.rolname = SESSION_USER
