-- Purpose: what the current transaction has changed for the whole server, as far as the rows that it has written show,
-- and which shared catalogs it holds a writer's lock on: those of roles, members and settings keep it to the end. A row
-- is the transaction's own if its xmin is the transaction's or that of a subtransaction: those have higher numbers.
-- Oldest server: 13. Privileges: none.
-- Columns: kind, name, other (of a member its role, of a setting the role; "" stands for all databases or roles).
WITH
now AS MATERIALIZED (SELECT pg_catalog.pg_current_xact_id()::text::bigint AS xid),
shared AS MATERIALIZED (
    SELECT
        'member'::text AS kind,
        pg_catalog.pg_get_userbyid(m.member)::text AS name,
        pg_catalog.pg_get_userbyid(m.roleid)::text AS other,
        m.xmin AS written
    FROM pg_catalog.pg_auth_members AS m
    WHERE pg_catalog.age(m.xmin) <= 0
    UNION ALL
    SELECT 'setting'::text, coalesce(d.datname::text, ''::text), coalesce(r.rolname::text, ''::text), s.xmin
    FROM pg_catalog.pg_db_role_setting AS s
    LEFT JOIN pg_catalog.pg_database AS d ON d.oid = s.setdatabase
    LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
    WHERE pg_catalog.age(s.xmin) <= 0
    UNION ALL
    SELECT 'database'::text, d.datname::text, ''::text, d.xmin
    FROM pg_catalog.pg_database AS d
    WHERE pg_catalog.age(d.xmin) <= 0
    UNION ALL
    SELECT 'tablespace'::text, t.spcname::text, ''::text, t.xmin
    FROM pg_catalog.pg_tablespace AS t
    WHERE pg_catalog.age(t.xmin) <= 0
    UNION ALL
    SELECT 'role comment'::text, pg_catalog.pg_get_userbyid(c.objoid)::text, ''::text, c.xmin
    FROM pg_catalog.pg_shdescription AS c
    WHERE pg_catalog.age(c.xmin) <= 0 AND c.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass::pg_catalog.oid
    UNION ALL
    SELECT 'database comment'::text, d.datname::text, ''::text, c.xmin
    FROM pg_catalog.pg_shdescription AS c
    JOIN pg_catalog.pg_database AS d ON d.oid = c.objoid
    WHERE pg_catalog.age(c.xmin) <= 0 AND c.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass::pg_catalog.oid
    UNION ALL
    SELECT 'tablespace comment'::text, t.spcname::text, ''::text, c.xmin
    FROM pg_catalog.pg_shdescription AS c
    JOIN pg_catalog.pg_tablespace AS t ON t.oid = c.objoid
    WHERE pg_catalog.age(c.xmin) <= 0 AND c.classoid = 'pg_catalog.pg_tablespace'::pg_catalog.regclass::pg_catalog.oid
    UNION ALL
    SELECT 'label'::text, l.label, ''::text, l.xmin
    FROM pg_catalog.pg_shseclabel AS l
    WHERE pg_catalog.age(l.xmin) <= 0
)
SELECT shared.kind, shared.name, shared.other
FROM shared
CROSS JOIN now
WHERE
    pg_catalog.age(shared.written) = 0
    OR pg_catalog.pg_xact_status(
        (now.xid - pg_catalog.age(shared.written)::bigint)::text::pg_catalog.xid8
    ) = 'in progress'::text
UNION ALL
SELECT 'lock'::text, c.relname::text, ''::text
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
WHERE
    l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'::text AND l.database = 0::pg_catalog.oid
    AND l.mode NOT IN ('AccessShareLock'::text, 'RowShareLock'::text);
