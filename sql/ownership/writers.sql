-- Purpose: the roles that are not trusted and may write rows of a table, by a grant on it or on a column of it, or because
-- they may write all data: what is in it could be theirs.
-- Oldest server: 13. Privileges: none. Parameters: schema, name (of the table). Column: name (text; PUBLIC: every role).
WITH trusted (oid) AS MATERIALIZED (
    {trusted_roles}
),
relation AS MATERIALIZED (
    SELECT c.oid, c.relacl
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %(schema)s::name AND c.relname = %(name)s::name
),
writer (oid) AS (
    SELECT a.grantee
    FROM relation AS r
    CROSS JOIN LATERAL pg_catalog.aclexplode(r.relacl) AS a
    WHERE a.privilege_type = ANY (ARRAY['INSERT', 'UPDATE']::text[])
    UNION
    SELECT a.grantee
    FROM relation AS r
    JOIN pg_catalog.pg_attribute AS c ON c.attrelid = r.oid
    CROSS JOIN LATERAL pg_catalog.aclexplode(c.attacl) AS a
    WHERE a.privilege_type = ANY (ARRAY['INSERT', 'UPDATE']::text[])
    UNION
    SELECT m.member
    FROM pg_catalog.pg_auth_members AS m
    JOIN pg_catalog.pg_roles AS r ON r.oid = m.roleid
    WHERE r.rolname = 'pg_write_all_data'::name
)
SELECT coalesce(r.rolname::text, 'PUBLIC'::text) AS name
FROM writer AS w
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = w.oid
WHERE w.oid NOT IN (SELECT t.oid FROM trusted AS t) AND (w.oid = 0::oid OR r.oid IS NOT NULL)
ORDER BY w.oid <> 0::oid, r.rolname;
