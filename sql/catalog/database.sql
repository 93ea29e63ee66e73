-- Purpose: one database as it was made: what CREATE DATABASE has to say to make it again.
-- Oldest server: 13 (what a version does not have comes out NULL). Privileges: none.
-- Parameter: name (NULL: the current one). Columns: as named; like_template: encoding and locale are those of template1;
-- own_tablespace: NULL where it is template1's; has_grants: not the default ones; settings: what a session of this role
-- begins with there (text[], name=value; for all roles, then for this one; NULL: nothing). No row: no such database.
SELECT
    d.oid,
    pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding,
    d.datcollate::text AS lc_collate,
    d.datctype::text AS lc_ctype,
    made.how ->> 'datlocprovider'::text AS locale_provider,
    coalesce(made.how ->> 'datlocale'::text, made.how ->> 'daticulocale'::text) AS locale,
    made.how ->> 'daticurules'::text AS icu_rules,
    EXISTS (
        (
            SELECT a.grantor, a.grantee, a.privilege_type, a.is_grantable FROM pg_catalog.aclexplode(d.datacl) AS a
            EXCEPT
            SELECT a.grantor, a.grantee, a.privilege_type, a.is_grantable
            FROM pg_catalog.aclexplode(pg_catalog.acldefault('d'::"char", d.datdba)) AS a
        )
        UNION ALL
        (
            SELECT a.grantor, a.grantee, a.privilege_type, a.is_grantable
            FROM pg_catalog.aclexplode(pg_catalog.acldefault('d'::"char", d.datdba)) AS a
            WHERE d.datacl IS NOT NULL
            EXCEPT
            SELECT a.grantor, a.grantee, a.privilege_type, a.is_grantable FROM pg_catalog.aclexplode(d.datacl) AS a
        )
    ) AS has_grants,
    CASE WHEN template.tablespace IS DISTINCT FROM d.dattablespace THEN s.spcname::text END AS own_tablespace,
    coalesce(made.how @> template.how AND template.how @> made.how, false) AS like_template,
    (
        SELECT pg_catalog.array_agg(setting.text ORDER BY g.setrole, setting.place)
        FROM pg_catalog.pg_db_role_setting AS g
        CROSS JOIN LATERAL pg_catalog.unnest(g.setconfig) WITH ORDINALITY AS setting (text, place)
        LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = g.setrole
        WHERE g.setdatabase = d.oid AND (g.setrole = 0::oid OR r.rolname = session_user)
    ) AS settings
FROM pg_catalog.pg_database AS d
JOIN pg_catalog.pg_tablespace AS s ON s.oid = d.dattablespace
CROSS JOIN LATERAL (
    SELECT pg_catalog.jsonb_object_agg(field.key, field.value)
    FROM pg_catalog.jsonb_each(pg_catalog.to_jsonb(d)) AS field
    WHERE field.key IN (
        'encoding', 'datcollate', 'datctype', 'datlocprovider', 'datlocale', 'daticulocale', 'daticurules'
    )
) AS made (how)
LEFT JOIN LATERAL (
    SELECT pg_catalog.jsonb_object_agg(field.key, field.value), t.dattablespace
    FROM pg_catalog.pg_database AS t
    CROSS JOIN LATERAL pg_catalog.jsonb_each(pg_catalog.to_jsonb(t)) AS field
    WHERE t.datname = 'template1'
        AND field.key IN (
            'encoding', 'datcollate', 'datctype', 'datlocprovider', 'datlocale', 'daticulocale', 'daticurules'
        )
    GROUP BY t.dattablespace
) AS template (how, tablespace) ON true
WHERE d.datname::text = coalesce(%(name)s::text, pg_catalog.current_database()::text);
