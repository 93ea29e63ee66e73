-- Purpose: the roles, memberships, settings and databases of the whole server, by their names, to be compared later.
-- Oldest server: 13. Privileges: none.
-- Columns: kind, name, other (of a membership its member, of a setting its role; "" stands for all databases or roles).
-- The names are literals in bytea: see any_text.py.
SELECT
    shared.kind,
    pg_catalog.decode(pg_catalog.quote_literal(shared.name), 'escape') AS name,
    pg_catalog.decode(pg_catalog.quote_literal(shared.other), 'escape') AS other
FROM (
    SELECT 'role'::text, r.rolname::text, ''::text
    FROM pg_catalog.pg_roles AS r
    UNION ALL
    SELECT 'member'::text, pg_catalog.pg_get_userbyid(m.roleid)::text, pg_catalog.pg_get_userbyid(m.member)::text
    FROM pg_catalog.pg_auth_members AS m
    UNION ALL
    SELECT 'setting'::text, coalesce(d.datname::text, ''::text), coalesce(r.rolname::text, ''::text)
    FROM pg_catalog.pg_db_role_setting AS s
    LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
    UNION ALL
    SELECT 'database'::text, d.datname::text, ''::text
    FROM pg_catalog.pg_database AS d
) AS shared (kind, name, other);
