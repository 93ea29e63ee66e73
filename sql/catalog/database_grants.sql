-- Purpose: who may do what with a database, where that is not the default.
-- Oldest server: 13. Privileges: none.
-- Parameter: oid. Columns: grantee (NULL: PUBLIC), privilege, grantable. No row: the defaults hold, or no role has any.
SELECT
    pg_catalog.pg_get_userbyid(nullif(grants.grantee, 0::oid))::text AS grantee,
    grants.privilege_type AS privilege,
    grants.is_grantable AS grantable
FROM pg_catalog.pg_database AS d
CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) AS grants
WHERE d.oid = %(oid)s::oid
ORDER BY grantee NULLS FIRST, privilege;
