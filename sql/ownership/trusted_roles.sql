-- Purpose: the roles whose objects the tool uses: the current role, those that it is explicitly a member of,
-- superusers, and pg_database_owner where one of these owns the database. It replaces the
-- placeholder trusted_roles.
-- Oldest server: 13. Privileges: none. Columns: oid.
--
-- pg_has_role() is of no use here: for it a superuser is a member of every role. On 16 and newer a membership without
-- INHERIT and SET is a right to administer the role and no more: a role that may create roles gets it in each of
-- theirs. A membership counts if a superuser has granted it, or the member itself, a role that may administer the
-- member (it can become that anyway), or a role that may create roles; on 13 and 14 every role may grant itself to
-- others. If the session is a superuser's, a grant by a role that may create roles does not count: a role of its own,
-- granted to a superuser, would be trusted with all that a superuser may do. There, and only there, neither does one by
-- a role that has been dropped. What runs can become the session's role. So the current role counts for nothing by
-- itself where the owner of the database has set it (ALTER DATABASE SET role): what is trusted is what the session's
-- role trusts.
WITH RECURSIVE role (oid, name, is_superuser, creates_roles) AS MATERIALIZED (
    -- Read once: the planner takes its time for each use of the view.
    SELECT r.oid, r.rolname, r.rolsuper, r.rolcreaterole
    FROM pg_catalog.pg_roles AS r
),
session (is_superuser) AS MATERIALIZED (
    SELECT pg_catalog.bool_or(role.is_superuser)
    FROM role
    WHERE role.name = CURRENT_USER OR role.name = SESSION_USER
),
mine (oid) AS (
    SELECT role.oid
    FROM role
    WHERE role.name = SESSION_USER OR (
        role.name = CURRENT_USER AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_db_role_setting AS s
            JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
            CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS setting (text)
            WHERE d.datname = pg_catalog.current_database() AND s.setrole = 0::oid
                AND setting.text ~ '^role='::text
        )
    )
    UNION
    SELECT granted.roleid
    FROM mine
    CROSS JOIN LATERAL (
        -- OFFSET 0: first find the few grants to this member, then look at them.
        SELECT m.roleid, m.member, m.grantor, pg_catalog.to_jsonb(m) AS options
        FROM pg_catalog.pg_auth_members AS m
        WHERE m.member = mine.oid
        OFFSET 0
    ) AS granted
    CROSS JOIN session
    JOIN role AS member ON member.oid = granted.member
    LEFT JOIN role AS g ON g.oid = granted.grantor
    WHERE (
        coalesce((granted.options ->> 'inherit_option'::text)::boolean, true)
        OR coalesce((granted.options ->> 'set_option'::text)::boolean, true)
    ) AND (
        g.is_superuser
        OR granted.grantor = granted.member
        OR ((g.oid IS NULL OR g.creates_roles) AND NOT session.is_superuser)
        OR (
            NOT member.is_superuser AND EXISTS (
                SELECT
                FROM pg_catalog.pg_auth_members AS a
                WHERE a.roleid = granted.member AND a.member = granted.grantor AND a.admin_option
            )
        )
    )
),
named (oid) AS (
    SELECT mine.oid
    FROM mine
    UNION
    -- 10 is the role that initdb made, which owns pg_catalog.
    SELECT role.oid
    FROM role
    WHERE role.is_superuser OR role.oid = 10::oid
)
SELECT named.oid
FROM named
UNION
SELECT o.oid
FROM role AS o
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
JOIN named ON named.oid = d.datdba
WHERE o.name = 'pg_database_owner'::name
