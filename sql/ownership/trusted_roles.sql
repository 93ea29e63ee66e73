-- Purpose: the roles whose objects the tool uses: the current role, those that it is explicitly a member of,
-- superusers, and pg_database_owner where one of these owns the database. To be put in where the placeholder
-- trusted_roles stands.
-- Oldest server: 13. Privileges: none. Columns: oid.
--
-- pg_has_role() is of no use here: by it a superuser is a member of every role. On 16 and newer a membership without
-- INHERIT and SET is a right to administer the role and no more: whoever may create roles has it in each of theirs.
-- A membership counts where a superuser, a role that may create roles, or the member itself has granted it, since on
-- 13 and 14 every role may grant itself to others. Where the grantor has been dropped, an ordinary role was not it.
WITH RECURSIVE mine (oid) AS (
    SELECT r.oid
    FROM pg_catalog.pg_roles AS r
    WHERE r.rolname = CURRENT_USER OR r.rolname = SESSION_USER
    UNION
    SELECT m.roleid
    FROM mine
    JOIN pg_catalog.pg_auth_members AS m ON m.member = mine.oid
    LEFT JOIN pg_catalog.pg_roles AS g ON g.oid = m.grantor
    WHERE (
        coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option'::text)::boolean, true)
        OR coalesce((pg_catalog.to_jsonb(m) ->> 'set_option'::text)::boolean, true)
    ) AND (g.oid IS NULL OR g.rolsuper OR g.rolcreaterole OR m.grantor = m.member)
),
named (oid) AS (
    SELECT mine.oid
    FROM mine
    UNION
    -- 10 is the role that initdb made, which owns pg_catalog.
    SELECT r.oid
    FROM pg_catalog.pg_roles AS r
    WHERE r.rolsuper OR r.oid = 10::oid
)
SELECT named.oid
FROM named
UNION
SELECT o.oid
FROM pg_catalog.pg_roles AS o
JOIN pg_catalog.pg_database AS d ON d.datname = pg_catalog.current_database()
JOIN named ON named.oid = d.datdba
WHERE o.rolname = 'pg_database_owner'::name
