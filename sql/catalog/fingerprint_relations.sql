-- Purpose: the tables, views, sequences and composite types of a database, with all that belongs to them.
-- Oldest server: 13 (a column that a version lacks comes out NULL). Privileges: none; requires search_path = ''.
-- Parameters: relations ('schema.name'[], unquoted) and schemas (text[]), both to be left out.
-- Columns: identity; part_of (the identity it belongs to, or ''); definition (jsonb as text); owner (NULL: its
-- table's); grants (text[], NULL: the object has none of its own). What an extension owns, what is temporary and
-- the partitions' copies of foreign keys are left out; so are statistics, positions and whether a column came by inheritance.
WITH relation AS MATERIALIZED (
    SELECT
        c.*,
        pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
        CASE c.relkind
            WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
            WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'table'
        END || ' ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS identity
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND c.relpersistence <> 't'
        AND n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_' AND n.nspname <> ALL (%(schemas)s)
        AND n.nspname::text || '.' || c.relname::text <> ALL (%(relations)s)
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid AND d.deptype = 'e'
        )
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_depend AS d
            JOIN pg_catalog.pg_class AS t ON t.oid = d.refobjid
            JOIN pg_catalog.pg_namespace AS s ON s.oid = t.relnamespace
            WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid
                AND d.refclassid = 'pg_catalog.pg_class'::regclass::oid AND d.deptype IN ('a', 'i')
                AND s.nspname::text || '.' || t.relname::text = ANY (%(relations)s)
        )
),
thing (classid, objid, objsubid, identity, part_of, facts, owner, acl, acl_kind) AS (
    SELECT
        'pg_catalog.pg_class'::regclass, r.oid, 0, r.identity, coalesce('table ' || s.of, ''),
        pg_catalog.jsonb_build_object(
            'persistence', nullif(r.relpersistence, 'p'),
            'options', (SELECT pg_catalog.array_agg(o ORDER BY o) FROM pg_catalog.unnest(r.reloptions) AS o),
            'toast_options', (
                SELECT t.reloptions FROM pg_catalog.pg_class AS t WHERE t.oid = r.reltoastrelid
            ),
            'access_method', (
                SELECT m.amname FROM pg_catalog.pg_am AS m WHERE m.oid = r.relam AND m.amname <> 'heap'
            ),
            'tablespace', (SELECT s.spcname FROM pg_catalog.pg_tablespace AS s WHERE s.oid = r.reltablespace),
            'partition_key', CASE r.relkind WHEN 'p' THEN pg_catalog.pg_get_partkeydef(r.oid) END,
            'partition_bound', pg_catalog.pg_get_expr(r.relpartbound, r.oid),
            'row_security', nullif(r.relrowsecurity, false),
            'forced_row_security', nullif(r.relforcerowsecurity, false),
            'replica_identity', CASE WHEN r.relkind IN ('r', 'p') THEN nullif(r.relreplident, 'd') END,
            'of_type', CASE WHEN r.reloftype <> 0::oid THEN r.reloftype::regtype::text END,
            'inherits', (
                SELECT pg_catalog.array_agg(i.inhparent::regclass::text ORDER BY i.inhseqno)
                FROM pg_catalog.pg_inherits AS i WHERE i.inhrelid = r.oid
            ),
            'disabled_constraint_triggers', (
                SELECT nullif(pg_catalog.count(*), 0) FROM pg_catalog.pg_trigger AS t
                WHERE t.tgrelid = r.oid AND t.tgisinternal AND t.tgenabled <> 'O' AND t.tgconstraint <> 0::oid
            ),
            'query', CASE WHEN r.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(r.oid) END,
            'server', f.server,
            'server_options', f.options,
            'sequence', s.facts
        ),
        r.relowner, r.relacl, CASE r.relkind WHEN 'S' THEN 's' WHEN 'c' THEN NULL ELSE 'r' END
    FROM relation AS r
    LEFT JOIN LATERAL (
        SELECT w.srvname AS server, t.ftoptions AS options
        FROM pg_catalog.pg_foreign_table AS t
        JOIN pg_catalog.pg_foreign_server AS w ON w.oid = t.ftserver
        WHERE r.relkind = 'f' AND t.ftrelid = r.oid
    ) AS f ON true
    LEFT JOIN LATERAL (
        SELECT
            pg_catalog.jsonb_build_object(
                'type', q.seqtypid::regtype::text, 'start', q.seqstart, 'increment', q.seqincrement,
                'min', q.seqmin, 'max', q.seqmax, 'cache', q.seqcache, 'cycle', q.seqcycle,
                'owned_by', d.refobjid::regclass::text || '.' || pg_catalog.quote_ident(a.attname)
            ),
            d.refobjid::regclass::text
        FROM pg_catalog.pg_sequence AS q
        LEFT JOIN pg_catalog.pg_depend AS d
            ON d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = q.seqrelid
            AND d.refclassid = 'pg_catalog.pg_class'::regclass::oid AND d.deptype IN ('a', 'i')
        LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE r.relkind = 'S' AND q.seqrelid = r.oid
    ) AS s (facts, of) ON true
    UNION ALL
    SELECT
        'pg_catalog.pg_class'::regclass, r.oid, a.attnum,
        'column ' || r.name || '.' || pg_catalog.quote_ident(a.attname), r.identity,
        pg_catalog.jsonb_build_object(
            'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
            'not_null', nullif(a.attnotnull, false),
            'default', CASE WHEN a.atthasdef THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
            'identity', nullif(a.attidentity, ''),
            'generated', nullif(a.attgenerated, ''),
            'collation', CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
            'storage', CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage END,
            'compression', CASE
                WHEN a.attlen = -1 AND r.relkind IN ('r', 'p', 'm')
                THEN nullif(pg_catalog.to_jsonb(a) ->> 'attcompression'::text, '')
            END,
            'statistics', nullif(a.attstattarget, -1),
            'options', a.attoptions,
            'server_options', a.attfdwoptions
        ),
        NULL::oid, a.attacl, CASE WHEN a.attacl IS NOT NULL THEN 'c' END
    FROM relation AS r
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE r.relkind <> 'S'
    UNION ALL
    SELECT
        'pg_catalog.pg_constraint'::regclass, c.oid, 0,
        'constraint ' || r.name || '.' || pg_catalog.quote_ident(c.conname), r.identity,
        pg_catalog.jsonb_build_object(
            'definition', pg_catalog.pg_get_constraintdef(c.oid), 'validated', c.convalidated
        ),
        NULL, NULL, NULL
    FROM relation AS r
    JOIN pg_catalog.pg_constraint AS c ON c.conrelid = r.oid
    -- From 18 on every NOT NULL is a constraint too, with a name that the server makes up: the column says it.
    WHERE c.contype <> 't' AND (c.contype <> 'f' OR c.conparentid = 0::oid)
        AND (c.contype <> 'n' OR c.connoinherit OR NOT c.convalidated)
    UNION ALL
    SELECT
        'pg_catalog.pg_class'::regclass, i.indexrelid, 0, 'index ' || i.indexrelid::regclass::text, r.identity,
        pg_catalog.jsonb_build_object(
            'definition', pg_catalog.pg_get_indexdef(i.indexrelid),
            'invalid', nullif(NOT i.indisvalid, false),
            'clustered', nullif(i.indisclustered, false),
            'replica_identity', nullif(i.indisreplident, false),
            'tablespace', (SELECT s.spcname FROM pg_catalog.pg_tablespace AS s WHERE s.oid = x.reltablespace),
            'partition_of', (
                SELECT h.inhparent::regclass::text FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = i.indexrelid
            ),
            'statistics', (
                SELECT pg_catalog.jsonb_object_agg(a.attnum, a.attstattarget)
                FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0
            )
        ),
        NULL, NULL, NULL
    FROM relation AS r
    JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid
    JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
    UNION ALL
    SELECT
        'pg_catalog.pg_trigger'::regclass, t.oid, 0,
        'trigger ' || r.name || '.' || pg_catalog.quote_ident(t.tgname), r.identity,
        pg_catalog.jsonb_build_object(
            'definition', pg_catalog.pg_get_triggerdef(t.oid), 'enabled', nullif(t.tgenabled, 'O')
        ),
        NULL, NULL, NULL
    FROM relation AS r
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT
        'pg_catalog.pg_rewrite'::regclass, w.oid, 0,
        'rule ' || r.name || '.' || pg_catalog.quote_ident(w.rulename), r.identity,
        pg_catalog.jsonb_build_object(
            'definition', pg_catalog.pg_get_ruledef(w.oid), 'enabled', nullif(w.ev_enabled, 'O')
        ),
        NULL, NULL, NULL
    FROM relation AS r
    JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
    UNION ALL
    SELECT
        'pg_catalog.pg_policy'::regclass, p.oid, 0,
        'policy ' || r.name || '.' || pg_catalog.quote_ident(p.polname), r.identity,
        pg_catalog.jsonb_build_object(
            'command', p.polcmd,
            'permissive', p.polpermissive,
            'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
            'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
            'roles', (
                SELECT pg_catalog.array_agg(
                    CASE role.oid WHEN 0::oid THEN 'public' ELSE pg_catalog.pg_get_userbyid(role.oid)::text END
                    ORDER BY pg_catalog.pg_get_userbyid(role.oid)::text
                )
                FROM pg_catalog.unnest(p.polroles) AS role (oid)
            )
        ),
        NULL, NULL, NULL
    FROM relation AS r
    JOIN pg_catalog.pg_policy AS p ON p.polrelid = r.oid
    UNION ALL
    SELECT
        'pg_catalog.pg_statistic_ext'::regclass, s.oid, 0,
        'statistics ' || pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(s.stxname), r.identity,
        pg_catalog.jsonb_build_object(
            'definition', pg_catalog.pg_get_statisticsobjdef(s.oid),
            'statistics', nullif((pg_catalog.to_jsonb(s) ->> 'stxstattarget'::text)::integer, -1)
        ),
        s.stxowner, NULL, NULL
    FROM relation AS r
    JOIN pg_catalog.pg_statistic_ext AS s ON s.stxrelid = r.oid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = s.stxnamespace
)
SELECT
    thing.identity,
    thing.part_of,
    pg_catalog.jsonb_strip_nulls(
        thing.facts || pg_catalog.jsonb_build_object('comment', comment.description)
    )::text AS definition,
    pg_catalog.pg_get_userbyid(thing.owner)::text AS owner,
    CASE WHEN thing.acl_kind IS NOT NULL THEN (
        SELECT coalesce(
            pg_catalog.array_agg(
                CASE a.grantee WHEN 0::oid THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
                || ' ' || a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                ORDER BY a.grantee = 0::oid, pg_catalog.pg_get_userbyid(a.grantee)::text, a.privilege_type
            ), '{}'
        )
        FROM pg_catalog.aclexplode(
            coalesce(thing.acl, pg_catalog.acldefault(thing.acl_kind::"char", thing.owner))
        ) AS a
    ) END AS grants
FROM thing
LEFT JOIN pg_catalog.pg_description AS comment
    ON comment.classoid = thing.classid::oid AND comment.objoid = thing.objid AND comment.objsubid = thing.objsubid;
