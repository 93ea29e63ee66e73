-- Purpose: some of the roles that trusted_roles.sql finds: the session's own, superusers, and the one that initdb made,
-- which owns pg_catalog. It is quick, and mostly all that is needed. To be put in where the placeholder trusted_roles
-- stands, in a query that is asked again with trusted_roles.sql where it finds an owner that is not among them.
-- Oldest server: 13. Privileges: none. Columns: oid.
SELECT r.oid
FROM pg_catalog.pg_roles AS r
WHERE r.rolsuper OR r.oid = 10::oid OR r.rolname = SESSION_USER
