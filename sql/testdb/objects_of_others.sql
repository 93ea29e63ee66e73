-- Purpose: what roles own in this database that this role is no member of, each relation with its columns, defaults,
-- constraints, indexes, triggers, rules and policies: DROP ... CASCADE takes them along without asking. What belongs to an
-- extension goes with that, and is left out.
-- Oldest server: 13. Privileges: none. Requires search_path = ''.
-- Columns: class_oid, oid, part (as pg_depend has them), relation (OID of the relation that it is a part of, or 0), name.
WITH relation AS MATERIALIZED (
    SELECT c.tableoid AS class, c.oid, c.relkind
    FROM pg_catalog.pg_class AS c
    WHERE c.oid >= 16384::oid AND c.relkind <> 't'::"char" AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
        AND c.relnamespace <> (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = 'pg_toast'::name)
),
found (class, oid, part, relation) AS (
    SELECT r.class, r.oid, 0, coalesce(i.indrelid, 0::oid)
    FROM relation AS r
    LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = r.oid
    UNION ALL
    SELECT r.class, r.oid, x.attnum::integer, r.oid
    FROM relation AS r
    JOIN pg_catalog.pg_attribute AS x ON x.attrelid = r.oid AND x.attnum > 0::smallint AND NOT x.attisdropped
    WHERE r.relkind = ANY (ARRAY['r', 'p', 'f']::"char"[])
    UNION ALL
    SELECT x.tableoid, x.oid, 0, r.oid
    FROM relation AS r
    JOIN pg_catalog.pg_attrdef AS x ON x.adrelid = r.oid
    UNION ALL
    SELECT x.tableoid, x.oid, 0, r.oid
    FROM relation AS r
    JOIN pg_catalog.pg_constraint AS x ON x.conrelid = r.oid
    UNION ALL
    SELECT x.tableoid, x.oid, 0, r.oid
    FROM relation AS r
    JOIN pg_catalog.pg_trigger AS x ON x.tgrelid = r.oid AND NOT x.tgisinternal
    UNION ALL
    SELECT x.tableoid, x.oid, 0, r.oid
    FROM relation AS r
    JOIN pg_catalog.pg_rewrite AS x ON x.ev_class = r.oid AND x.rulename <> '_RETURN'::name
    UNION ALL
    SELECT x.tableoid, x.oid, 0, r.oid
    FROM relation AS r
    JOIN pg_catalog.pg_policy AS x ON x.polrelid = r.oid
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_type AS x
    WHERE x.typrelid = 0::oid AND x.typcategory <> 'A'::"char" AND NOT pg_catalog.pg_has_role(x.typowner, 'USAGE')
    UNION ALL
    SELECT 'pg_catalog.pg_user_mapping'::regclass::oid, x.umid, 0, 0::oid
    FROM pg_catalog.pg_user_mappings AS x
    WHERE x.umuser <> 0::oid AND NOT pg_catalog.pg_has_role(x.umuser, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_publication_rel AS x
    JOIN pg_catalog.pg_publication AS p ON p.oid = x.prpubid
    WHERE NOT pg_catalog.pg_has_role(p.pubowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_proc AS x
    WHERE NOT pg_catalog.pg_has_role(x.proowner, 'USAGE')
        -- The constructors of a range type belong to the bootstrap superuser, and are dropped with the type only.
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS i
            WHERE i.classid = x.tableoid AND i.objid = x.oid AND i.deptype = 'i'::"char"
                AND i.refclassid = 'pg_catalog.pg_type'::regclass::oid
        )
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_namespace AS x
    WHERE NOT pg_catalog.pg_has_role(x.nspowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_operator AS x
    WHERE NOT pg_catalog.pg_has_role(x.oprowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_opclass AS x
    WHERE NOT pg_catalog.pg_has_role(x.opcowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_opfamily AS x
    WHERE NOT pg_catalog.pg_has_role(x.opfowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_collation AS x
    WHERE NOT pg_catalog.pg_has_role(x.collowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_conversion AS x
    WHERE NOT pg_catalog.pg_has_role(x.conowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_statistic_ext AS x
    WHERE NOT pg_catalog.pg_has_role(x.stxowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_ts_config AS x
    WHERE NOT pg_catalog.pg_has_role(x.cfgowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_ts_dict AS x
    WHERE NOT pg_catalog.pg_has_role(x.dictowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_foreign_data_wrapper AS x
    WHERE NOT pg_catalog.pg_has_role(x.fdwowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_foreign_server AS x
    WHERE NOT pg_catalog.pg_has_role(x.srvowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_extension AS x
    WHERE NOT pg_catalog.pg_has_role(x.extowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_event_trigger AS x
    WHERE NOT pg_catalog.pg_has_role(x.evtowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_publication AS x
    WHERE NOT pg_catalog.pg_has_role(x.pubowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_language AS x
    WHERE NOT pg_catalog.pg_has_role(x.lanowner, 'USAGE')
    UNION ALL
    SELECT x.tableoid, x.oid, 0, 0::oid
    FROM pg_catalog.pg_default_acl AS x
    WHERE NOT pg_catalog.pg_has_role(x.defaclrole, 'USAGE')
)
SELECT
    f.class::bigint AS class_oid,
    f.oid::bigint AS oid,
    f.part AS part,
    f.relation::bigint AS relation,
    pg_catalog.pg_describe_object(f.class, f.oid, f.part) AS name
FROM found AS f
WHERE f.oid >= 16384::oid AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend AS e
    WHERE e.deptype = 'e'::"char" AND e.classid = ANY (ARRAY[f.class, 'pg_catalog.pg_class'::regclass::oid])
        AND ((e.classid = f.class AND e.objid = f.oid)
            OR (e.classid = 'pg_catalog.pg_class'::regclass::oid AND e.objid = f.relation))
)
ORDER BY f.relation <> 0::oid, f.class, f.oid, f.part;
