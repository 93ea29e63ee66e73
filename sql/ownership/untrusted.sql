-- Purpose: for each object in root, a CTE that precedes it with the columns class and oid (as pg_depend has them), the
-- first thing that a use of it could run and that belongs to a role that is not trusted: the object itself, a child or
-- partition of it, whatever belongs to these (triggers, rules, policies, defaults, constraints, indexes, statistics,
-- sequences), and all that they depend on (functions, types, operators). So too a table that refers to a relation by a
-- foreign key: its deferred triggers run as the role that deletes here. What a function's body calls, and what a view
-- reads, is the affair of its owner. It replaces the placeholder untrusted.
-- Oldest server: 13. Privileges: none.
-- Columns: class, oid (of the root), found (type and identity of the thing, its owner, type and identity of its user).
WITH RECURSIVE trusted (oid) AS MATERIALIZED (
    {trusted_roles}
),
-- OFFSET 0 keeps the planner from reading all of pg_depend at each step.
used (root_class, root, class, oid, by_class, by_oid) AS (
    SELECT root.class, root.oid, root.class, root.oid, root.class, root.oid
    FROM root
    UNION
    SELECT u.root_class, u.root, d.class, d.oid, u.class, u.oid
    FROM used AS u
    CROSS JOIN LATERAL (
        (
            -- What it depends on, if it did not come with the server.
            SELECT down.refclassid, down.refobjid
            FROM pg_catalog.pg_depend AS down
            WHERE down.classid = u.class AND down.objid = u.oid AND down.refobjid >= 16384::oid
                AND down.deptype <> 'e'::"char" AND down.refclassid <> ALL (ARRAY[
                    'pg_catalog.pg_namespace', 'pg_catalog.pg_publication', 'pg_catalog.pg_language'
                ]::regclass[]::oid[])
            OFFSET 0
        )
        UNION ALL
        (
            -- What would be dropped with it; and of a relation, its children and the foreign keys that refer to it.
            SELECT up.classid, up.objid
            FROM pg_catalog.pg_depend AS up
            WHERE up.refclassid = u.class AND up.refobjid = u.oid AND (
                up.deptype = ANY (ARRAY['a', 'i', 'P', 'S']::"char"[])
                OR (
                    u.class = 'pg_catalog.pg_class'::regclass::oid
                    AND up.classid = ANY (ARRAY['pg_catalog.pg_class', 'pg_catalog.pg_constraint']::regclass[]::oid[])
                )
            )
            OFFSET 0
        )
    ) AS d (class, oid)
),
-- pg_shdepend would be shorter, but has no row for what belongs to a predefined role. Materialized, or the planner plans
-- each of these subqueries twice.
owned AS MATERIALIZED (
    SELECT
        u.*,
        CASE u.class
            WHEN 'pg_catalog.pg_class'::regclass::oid
            THEN (SELECT x.relowner FROM pg_catalog.pg_class AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_proc'::regclass::oid
            THEN (SELECT x.proowner FROM pg_catalog.pg_proc AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_type'::regclass::oid
            THEN (SELECT x.typowner FROM pg_catalog.pg_type AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_operator'::regclass::oid
            THEN (SELECT x.oprowner FROM pg_catalog.pg_operator AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_opclass'::regclass::oid
            THEN (SELECT x.opcowner FROM pg_catalog.pg_opclass AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_opfamily'::regclass::oid
            THEN (SELECT x.opfowner FROM pg_catalog.pg_opfamily AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_collation'::regclass::oid
            THEN (SELECT x.collowner FROM pg_catalog.pg_collation AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_statistic_ext'::regclass::oid
            THEN (SELECT x.stxowner FROM pg_catalog.pg_statistic_ext AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_ts_config'::regclass::oid
            THEN (SELECT x.cfgowner FROM pg_catalog.pg_ts_config AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_ts_dict'::regclass::oid
            THEN (SELECT x.dictowner FROM pg_catalog.pg_ts_dict AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_foreign_server'::regclass::oid
            THEN (SELECT x.srvowner FROM pg_catalog.pg_foreign_server AS x WHERE x.oid = u.oid)
            WHEN 'pg_catalog.pg_foreign_data_wrapper'::regclass::oid
            THEN (SELECT x.fdwowner FROM pg_catalog.pg_foreign_data_wrapper AS x WHERE x.oid = u.oid)
        END AS owner
    FROM used AS u
),
untrusted AS (
    SELECT DISTINCT ON (o.root_class, o.root) o.*
    FROM owned AS o
    WHERE o.owner NOT IN (SELECT t.oid FROM trusted AS t)
    -- Types last: no role can drop the row type of a table by itself.
    ORDER BY
        o.root_class, o.root, o.oid <> o.root, o.by_oid <> o.root, o.class = 'pg_catalog.pg_type'::regclass::oid,
        o.by_oid, o.oid
)
SELECT
    u.root_class AS class,
    u.root AS oid,
    ARRAY[f.type, f.identity, pg_catalog.pg_get_userbyid(u.owner)::text, b.type, b.identity] AS found
FROM untrusted AS u
CROSS JOIN LATERAL pg_catalog.pg_identify_object(u.class, u.oid, 0) AS f
CROSS JOIN LATERAL pg_catalog.pg_identify_object(u.by_class, u.by_oid, 0) AS b
