-- Purpose: the objects of this session's database that belong to roles that are not trusted, the first few by type and
-- name. Of a relation its indexes, its row type and its TOAST table are left out, as they have its owner. An extension is
-- none: what is in it belongs to a superuser, or is listed by itself, and its owner can only update or drop it.
-- pg_shdepend is not enough: it does not say what belongs to predefined roles (pg_monitor and others), which other
-- roles are members of.
-- Oldest server: 13. Privileges: none. Requires search_path = ''. Columns: owner; object (its type and identity); total
-- (of all such objects).
WITH object (class, oid, owner) AS (
    SELECT 'pg_catalog.pg_namespace'::regclass::oid, n.oid, n.nspowner
    FROM pg_catalog.pg_namespace AS n
    -- Managed services give public to a role of theirs; what is in it counts, and its owner cannot come in yet.
    WHERE n.nspname <> 'public'::name
    UNION ALL
    SELECT 'pg_catalog.pg_class'::regclass::oid, c.oid, c.relowner
    FROM pg_catalog.pg_class AS c
    WHERE c.relkind NOT IN ('i'::"char", 'I'::"char", 't'::"char")
    UNION ALL
    SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid, p.proowner
    FROM pg_catalog.pg_proc AS p
    UNION ALL
    SELECT 'pg_catalog.pg_type'::regclass::oid, t.oid, t.typowner
    FROM pg_catalog.pg_type AS t
    WHERE t.typrelid = 0::oid AND NOT (t.typtype = 'b'::"char" AND t.typcategory = 'A'::"char")
    UNION ALL
    SELECT 'pg_catalog.pg_operator'::regclass::oid, o.oid, o.oprowner
    FROM pg_catalog.pg_operator AS o
    UNION ALL
    SELECT 'pg_catalog.pg_opclass'::regclass::oid, o.oid, o.opcowner
    FROM pg_catalog.pg_opclass AS o
    UNION ALL
    SELECT 'pg_catalog.pg_opfamily'::regclass::oid, o.oid, o.opfowner
    FROM pg_catalog.pg_opfamily AS o
    UNION ALL
    SELECT 'pg_catalog.pg_collation'::regclass::oid, c.oid, c.collowner
    FROM pg_catalog.pg_collation AS c
    UNION ALL
    SELECT 'pg_catalog.pg_conversion'::regclass::oid, c.oid, c.conowner
    FROM pg_catalog.pg_conversion AS c
    UNION ALL
    SELECT 'pg_catalog.pg_language'::regclass::oid, l.oid, l.lanowner
    FROM pg_catalog.pg_language AS l
    UNION ALL
    SELECT 'pg_catalog.pg_event_trigger'::regclass::oid, e.oid, e.evtowner
    FROM pg_catalog.pg_event_trigger AS e
    UNION ALL
    SELECT 'pg_catalog.pg_default_acl'::regclass::oid, d.oid, d.defaclrole
    FROM pg_catalog.pg_default_acl AS d
    UNION ALL
    SELECT 'pg_catalog.pg_statistic_ext'::regclass::oid, s.oid, s.stxowner
    FROM pg_catalog.pg_statistic_ext AS s
    UNION ALL
    SELECT 'pg_catalog.pg_publication'::regclass::oid, p.oid, p.pubowner
    FROM pg_catalog.pg_publication AS p
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_data_wrapper'::regclass::oid, f.oid, f.fdwowner
    FROM pg_catalog.pg_foreign_data_wrapper AS f
    UNION ALL
    SELECT 'pg_catalog.pg_foreign_server'::regclass::oid, f.oid, f.srvowner
    FROM pg_catalog.pg_foreign_server AS f
    UNION ALL
    SELECT 'pg_catalog.pg_ts_config'::regclass::oid, t.oid, t.cfgowner
    FROM pg_catalog.pg_ts_config AS t
    UNION ALL
    SELECT 'pg_catalog.pg_ts_dict'::regclass::oid, t.oid, t.dictowner
    FROM pg_catalog.pg_ts_dict AS t
    UNION ALL
    SELECT 'pg_catalog.pg_largeobject'::regclass::oid, l.oid, l.lomowner
    FROM pg_catalog.pg_largeobject_metadata AS l
)
SELECT
    coalesce(r.rolname::text, untrusted.owner::text) AS owner,
    pg_catalog.concat(what.type, ' ', what.identity) AS object,
    untrusted.total
FROM (
    SELECT o.class, o.oid, o.owner, pg_catalog.count(*) OVER () AS total
    FROM object AS o
    LEFT JOIN (
        {trusted_roles}
    ) AS trusted ON trusted.oid = o.owner
    WHERE trusted.oid IS NULL
    ORDER BY o.oid
    LIMIT 5
) AS untrusted
CROSS JOIN LATERAL pg_catalog.pg_identify_object(untrusted.class, untrusted.oid, 0) AS what
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = untrusted.owner
ORDER BY untrusted.oid;
