-- Purpose: all of a database's schema that belongs to no table: schemas, functions, types, extensions and so on.
-- Oldest server: 13 (a column that a version lacks comes out NULL). Privileges: none; requires search_path = ''.
-- Parameter: schemas (text[]), to be left out. Columns: as in fingerprint_relations.sql.
-- What an extension owns is left out, and of the extension its version: the server's packages decide it, and two
-- databases of one schema may well have been made under different ones. Options of servers that may hold a password
-- (user mappings, subscriptions) are not read.
WITH space AS MATERIALIZED (
    SELECT n.*, pg_catalog.quote_ident(n.nspname) || '.' AS prefix
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname <> 'information_schema' AND n.nspname::text !~ '^pg_' AND n.nspname <> ALL (%(schemas)s)
),
visible_type AS MATERIALIZED (
    SELECT t.*, CASE t.typtype WHEN 'd' THEN 'domain ' ELSE 'type ' END || t.oid::regtype::text AS identity
    FROM pg_catalog.pg_type AS t
    JOIN space AS n ON n.oid = t.typnamespace
    WHERE (t.typtype IN ('d', 'e', 'r') OR t.typtype = 'b' AND t.typcategory <> 'A')
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend AS d
            WHERE d.classid = 'pg_catalog.pg_type'::regclass::oid AND d.objid = t.oid AND d.deptype = 'e'
        )
),
thing (classid, objid, identity, part_of, facts, owner, acl, acl_kind) AS (
    SELECT
        'pg_catalog.pg_namespace'::regclass, n.oid, 'schema ' || pg_catalog.quote_ident(n.nspname), '', '{}'::jsonb,
        n.nspowner, n.nspacl, 'n'
    FROM space AS n
    UNION ALL
    SELECT
        'pg_catalog.pg_proc'::regclass, p.oid,
        CASE p.prokind WHEN 'p' THEN 'procedure ' WHEN 'a' THEN 'aggregate ' ELSE 'function ' END
        || p.oid::regprocedure::text,
        '',
        CASE
            WHEN p.prokind <> 'a' THEN pg_catalog.jsonb_build_object(
                'definition', pg_catalog.pg_get_functiondef(p.oid)
            )
            ELSE pg_catalog.to_jsonb(g) - '{aggfnoid,aggsortop,aggtranstype,aggmtranstype}'::text[]
                || pg_catalog.jsonb_build_object(
                    'arguments', pg_catalog.pg_get_function_arguments(p.oid),
                    'result', pg_catalog.pg_get_function_result(p.oid),
                    'parallel', p.proparallel,
                    'aggsortop', g.aggsortop::regoperator::text,
                    'aggtranstype', g.aggtranstype::regtype::text,
                    'aggmtranstype', g.aggmtranstype::regtype::text
                )
        END,
        p.proowner, p.proacl, 'f'
    FROM pg_catalog.pg_proc AS p
    JOIN space AS n ON n.oid = p.pronamespace
    LEFT JOIN pg_catalog.pg_aggregate AS g ON g.aggfnoid::oid = p.oid
    -- A range type makes its constructors itself.
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass::oid AND d.objid = p.oid AND d.deptype = 'i'
    )
    UNION ALL
    SELECT
        'pg_catalog.pg_type'::regclass, t.oid, t.identity, '',
        CASE t.typtype
            WHEN 'e' THEN pg_catalog.jsonb_build_object('labels', (
                SELECT pg_catalog.jsonb_agg(e.enumlabel ORDER BY e.enumsortorder)
                FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid
            ))
            WHEN 'd' THEN pg_catalog.jsonb_build_object(
                'type', pg_catalog.format_type(t.typbasetype, t.typtypmod),
                'not_null', nullif(t.typnotnull, false),
                'default', t.typdefault,
                'collation', nullif(t.typcollation, 0::oid)::regcollation::text
            )
            WHEN 'r' THEN (
                SELECT pg_catalog.jsonb_build_object(
                    'subtype', g.rngsubtype::regtype::text,
                    'collation', nullif(g.rngcollation, 0::oid)::regcollation::text,
                    'class', (
                        SELECT o.opcname FROM pg_catalog.pg_opclass AS o WHERE o.oid = g.rngsubopc
                    ),
                    'canonical', g.rngcanonical::text,
                    'difference', g.rngsubdiff::text,
                    'multirange', pg_catalog.format_type(
                        (pg_catalog.to_jsonb(g) ->> 'rngmultitypid'::text)::oid, NULL
                    )
                )
                FROM pg_catalog.pg_range AS g WHERE g.rngtypid = t.oid
            )
            ELSE pg_catalog.jsonb_build_object(
                'length', t.typlen, 'by_value', t.typbyval, 'category', t.typcategory, 'preferred', t.typispreferred,
                'input', t.typinput::text, 'output', t.typoutput::text, 'alignment', t.typalign,
                'storage', t.typstorage, 'defined', t.typisdefined
            )
        END,
        t.typowner, t.typacl, 'T'
    FROM visible_type AS t
    UNION ALL
    SELECT
        'pg_catalog.pg_constraint'::regclass, c.oid,
        'constraint ' || t.oid::regtype::text || '.' || pg_catalog.quote_ident(c.conname), t.identity,
        pg_catalog.jsonb_build_object(
            'definition', pg_catalog.pg_get_constraintdef(c.oid), 'validated', c.convalidated
        ),
        NULL, NULL, NULL
    FROM visible_type AS t
    JOIN pg_catalog.pg_constraint AS c ON c.contypid = t.oid AND c.contype <> 'n'
    UNION ALL
    SELECT
        'pg_catalog.pg_extension'::regclass, x.oid, 'extension ' || pg_catalog.quote_ident(x.extname), '',
        pg_catalog.jsonb_build_object('schema', n.nspname), x.extowner, NULL, NULL
    FROM pg_catalog.pg_extension AS x
    JOIN pg_catalog.pg_namespace AS n ON n.oid = x.extnamespace
    WHERE x.oid >= 16384::oid
    UNION ALL
    SELECT
        'pg_catalog.pg_event_trigger'::regclass, e.oid, 'event trigger ' || pg_catalog.quote_ident(e.evtname), '',
        pg_catalog.jsonb_build_object(
            'event', e.evtevent, 'enabled', e.evtenabled, 'function', e.evtfoid::regprocedure::text, 'tags', e.evttags
        ),
        e.evtowner, NULL, NULL
    FROM pg_catalog.pg_event_trigger AS e
    UNION ALL
    SELECT
        'pg_catalog.pg_operator'::regclass, o.oid, 'operator ' || o.oid::regoperator::text, '',
        pg_catalog.jsonb_build_object(
            'function', o.oprcode::regprocedure::text, 'result', o.oprresult::regtype::text,
            'commutator', nullif(o.oprcom, 0::oid)::regoperator::text,
            'negator', nullif(o.oprnegate, 0::oid)::regoperator::text,
            'restrict', o.oprrest::text, 'join', o.oprjoin::text, 'merges', o.oprcanmerge, 'hashes', o.oprcanhash
        ),
        o.oprowner, NULL, NULL
    FROM pg_catalog.pg_operator AS o
    JOIN space AS n ON n.oid = o.oprnamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_cast'::regclass, c.oid,
        'cast ' || c.castsource::regtype::text || ' as ' || c.casttarget::regtype::text, '',
        pg_catalog.jsonb_build_object(
            'function', nullif(c.castfunc, 0::oid)::regprocedure::text, 'context', c.castcontext, 'method', c.castmethod
        ),
        NULL, NULL, NULL
    FROM pg_catalog.pg_cast AS c
    WHERE c.oid >= 16384::oid
    UNION ALL
    SELECT
        'pg_catalog.pg_collation'::regclass, c.oid, 'collation ' || n.prefix || pg_catalog.quote_ident(c.collname), '',
        pg_catalog.to_jsonb(c) - '{oid,collname,collnamespace,collowner,collversion}'::text[],
        c.collowner, NULL, NULL
    FROM pg_catalog.pg_collation AS c
    JOIN space AS n ON n.oid = c.collnamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_conversion'::regclass, c.oid, 'conversion ' || n.prefix || pg_catalog.quote_ident(c.conname), '',
        pg_catalog.to_jsonb(c) - '{oid,conname,connamespace,conowner}'::text[],
        c.conowner, NULL, NULL
    FROM pg_catalog.pg_conversion AS c
    JOIN space AS n ON n.oid = c.connamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_ts_config'::regclass, c.oid,
        'text search configuration ' || n.prefix || pg_catalog.quote_ident(c.cfgname), '',
        pg_catalog.jsonb_build_object(
            'parser', (
                SELECT pg_catalog.jsonb_build_array(p.prsnamespace::regnamespace::text, p.prsname)
                FROM pg_catalog.pg_ts_parser AS p WHERE p.oid = c.cfgparser
            ),
            'dictionaries', (
                SELECT pg_catalog.jsonb_agg(
                    pg_catalog.jsonb_build_array(m.maptokentype, m.mapdict::regdictionary::text)
                    ORDER BY m.maptokentype, m.mapseqno
                )
                FROM pg_catalog.pg_ts_config_map AS m WHERE m.mapcfg = c.oid
            )
        ),
        c.cfgowner, NULL, NULL
    FROM pg_catalog.pg_ts_config AS c
    JOIN space AS n ON n.oid = c.cfgnamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_ts_dict'::regclass, d.oid,
        'text search dictionary ' || n.prefix || pg_catalog.quote_ident(d.dictname), '',
        pg_catalog.jsonb_build_object(
            'options', d.dictinitoption,
            'template', (
                SELECT pg_catalog.jsonb_build_array(t.tmplnamespace::regnamespace::text, t.tmplname)
                FROM pg_catalog.pg_ts_template AS t WHERE t.oid = d.dicttemplate
            )
        ),
        d.dictowner, NULL, NULL
    FROM pg_catalog.pg_ts_dict AS d
    JOIN space AS n ON n.oid = d.dictnamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_ts_parser'::regclass, p.oid,
        'text search parser ' || n.prefix || pg_catalog.quote_ident(p.prsname), '',
        pg_catalog.to_jsonb(p) - '{oid,prsname,prsnamespace}'::text[], NULL, NULL, NULL
    FROM pg_catalog.pg_ts_parser AS p
    JOIN space AS n ON n.oid = p.prsnamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_ts_template'::regclass, t.oid,
        'text search template ' || n.prefix || pg_catalog.quote_ident(t.tmplname), '',
        pg_catalog.to_jsonb(t) - '{oid,tmplname,tmplnamespace}'::text[], NULL, NULL, NULL
    FROM pg_catalog.pg_ts_template AS t
    JOIN space AS n ON n.oid = t.tmplnamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_opfamily'::regclass, f.oid,
        'operator family ' || (pg_catalog.pg_identify_object('pg_catalog.pg_opfamily'::regclass, f.oid, 0)).identity, '',
        pg_catalog.jsonb_build_object(
            'operators', (
                SELECT pg_catalog.jsonb_agg(line ORDER BY line)
                FROM pg_catalog.pg_amop AS o
                CROSS JOIN LATERAL (
                    SELECT pg_catalog.format(
                        '%%s %%s %%s', o.amopstrategy, o.amopopr::regoperator, o.amoppurpose
                    )
                ) AS said (line)
                WHERE o.amopfamily = f.oid
            ),
            'functions', (
                SELECT pg_catalog.jsonb_agg(line ORDER BY line)
                FROM pg_catalog.pg_amproc AS o
                CROSS JOIN LATERAL (
                    SELECT pg_catalog.format(
                        '%%s (%%s, %%s) %%s', o.amprocnum, o.amproclefttype::regtype, o.amprocrighttype::regtype,
                        o.amproc::regprocedure
                    )
                ) AS said (line)
                WHERE o.amprocfamily = f.oid
            )
        ),
        f.opfowner, NULL, NULL
    FROM pg_catalog.pg_opfamily AS f
    JOIN space AS n ON n.oid = f.opfnamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_opclass'::regclass, o.oid,
        'operator class ' || (pg_catalog.pg_identify_object('pg_catalog.pg_opclass'::regclass, o.oid, 0)).identity, '',
        pg_catalog.jsonb_build_object(
            'family', (pg_catalog.pg_identify_object('pg_catalog.pg_opfamily'::regclass, o.opcfamily, 0)).identity,
            'type', o.opcintype::regtype::text, 'default', o.opcdefault,
            'stored_as', nullif(o.opckeytype, 0::oid)::regtype::text
        ),
        o.opcowner, NULL, NULL
    FROM pg_catalog.pg_opclass AS o
    JOIN space AS n ON n.oid = o.opcnamespace
    UNION ALL
    SELECT
        'pg_catalog.pg_am'::regclass, m.oid, 'access method ' || pg_catalog.quote_ident(m.amname), '',
        pg_catalog.jsonb_build_object('type', m.amtype, 'handler', m.amhandler::regprocedure::text), NULL, NULL, NULL
    FROM pg_catalog.pg_am AS m
    WHERE m.oid >= 16384::oid
    UNION ALL
    SELECT
        'pg_catalog.pg_language'::regclass, l.oid, 'language ' || pg_catalog.quote_ident(l.lanname), '',
        pg_catalog.jsonb_build_object(
            'trusted', l.lanpltrusted, 'handler', nullif(l.lanplcallfoid, 0::oid)::regprocedure::text,
            'inline', nullif(l.laninline, 0::oid)::regprocedure::text,
            'validator', nullif(l.lanvalidator, 0::oid)::regprocedure::text
        ),
        l.lanowner, l.lanacl, 'l'
    FROM pg_catalog.pg_language AS l
    WHERE l.oid >= 16384::oid
    UNION ALL
    SELECT
        'pg_catalog.pg_foreign_data_wrapper'::regclass, w.oid,
        'foreign data wrapper ' || pg_catalog.quote_ident(w.fdwname), '',
        pg_catalog.jsonb_build_object(
            'handler', nullif(w.fdwhandler, 0::oid)::regprocedure::text,
            'validator', nullif(w.fdwvalidator, 0::oid)::regprocedure::text, 'options', w.fdwoptions
        ),
        w.fdwowner, w.fdwacl, 'F'
    FROM pg_catalog.pg_foreign_data_wrapper AS w
    UNION ALL
    SELECT
        'pg_catalog.pg_foreign_server'::regclass, s.oid, 'server ' || pg_catalog.quote_ident(s.srvname), '',
        pg_catalog.jsonb_build_object(
            'wrapper', w.fdwname, 'type', s.srvtype, 'version', s.srvversion, 'options', s.srvoptions
        ),
        s.srvowner, s.srvacl, 'S'
    FROM pg_catalog.pg_foreign_server AS s
    JOIN pg_catalog.pg_foreign_data_wrapper AS w ON w.oid = s.srvfdw
    UNION ALL
    SELECT
        'pg_catalog.pg_publication'::regclass, p.oid, 'publication ' || pg_catalog.quote_ident(p.pubname), '',
        pg_catalog.to_jsonb(p) - '{oid,pubname,pubowner}'::text[]
        || pg_catalog.jsonb_build_object(
            'members', (
                SELECT pg_catalog.jsonb_agg(member.identity ORDER BY member.identity)
                FROM pg_catalog.pg_depend AS d
                CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) AS member
                WHERE d.refclassid = 'pg_catalog.pg_publication'::regclass::oid AND d.refobjid = p.oid
            ),
            'tables', CASE WHEN NOT p.puballtables THEN (
                SELECT pg_catalog.jsonb_agg(line.facts ORDER BY line.facts)
                FROM pg_catalog.pg_publication_tables AS t
                CROSS JOIN LATERAL (SELECT pg_catalog.to_jsonb(t) - 'pubname'::text) AS line (facts)
                WHERE t.pubname = p.pubname
            ) END
        ),
        p.pubowner, NULL, NULL
    FROM pg_catalog.pg_publication AS p
    UNION ALL
    SELECT
        'pg_catalog.pg_default_acl'::regclass, a.oid,
        'grants by default of ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.defaclrole)) || ' '
        || coalesce('in ' || nullif(a.defaclnamespace, 0::oid)::regnamespace::text || ' ', '')
        || 'on ' || CASE a.defaclobjtype
            WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types'
            WHEN 'n' THEN 'schemas' ELSE 'large objects'
        END, '',
        pg_catalog.jsonb_build_object('grants', a.defaclacl::text[]), NULL, NULL, NULL
    FROM pg_catalog.pg_default_acl AS a
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
    ON comment.classoid = thing.classid::oid AND comment.objoid = thing.objid AND comment.objsubid = 0
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend AS d
    WHERE d.classid = thing.classid::oid AND d.objid = thing.objid AND d.deptype = 'e'
);
