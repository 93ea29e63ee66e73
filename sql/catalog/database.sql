-- Purpose: one database as it was made: what CREATE DATABASE has to say to make it again.
-- Oldest server: 13 (what a version does not have comes out NULL). Privileges: none.
-- Parameter: name (NULL: the current one). Columns: as named; like_template: encoding and locale are those of template1;
-- own_tablespace: NULL where it is template1's; has_grants: not the default ones; lets_in: it
-- allows connections; mark_lasts: it carries the production mark as a setting of its own; production: so, or as a line of
-- its comment; identity: tells the database from every other one, in a label. No row: no such database.
SELECT
    d.oid,
    d.datname::text AS name,
    pg_catalog.pg_get_userbyid(d.datdba)::text AS owner,
    pg_catalog.pg_encoding_to_char(d.encoding)::text AS encoding,
    d.datcollate::text AS lc_collate,
    d.datctype::text AS lc_ctype,
    made.how ->> 'datlocprovider'::text AS locale_provider,
    coalesce(made.how ->> 'datlocale'::text, made.how ->> 'daticulocale'::text) AS locale,
    made.how ->> 'daticurules'::text AS icu_rules,
    CASE WHEN template.tablespace IS DISTINCT FROM d.dattablespace THEN s.spcname::text END AS own_tablespace,
    d.datconnlimit AS connection_limit,
    d.datistemplate AS is_template,
    d.datallowconn AS lets_in,
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
    note.description AS comment,
    coalesce(made.how @> template.how AND template.how @> made.how, false) AS like_template,
    mark.lasts AS mark_lasts,
    mark.lasts OR mark.is_in_comment AS production,
    pg_catalog.concat_ws(
        '/', (SELECT c.system_identifier FROM pg_catalog.pg_control_system() AS c), d.oid, d.datdba, d.datname
    ) AS identity
FROM pg_catalog.pg_database AS d
JOIN pg_catalog.pg_tablespace AS s ON s.oid = d.dattablespace
LEFT JOIN pg_catalog.pg_shdescription AS note
    ON note.objoid = d.oid AND note.classoid = 'pg_catalog.pg_database'::regclass::oid
CROSS JOIN LATERAL (
    SELECT
        EXISTS (
            SELECT
            FROM pg_catalog.pg_db_role_setting AS r
            CROSS JOIN LATERAL pg_catalog.unnest(r.setconfig) AS setting (text)
            WHERE r.setdatabase = d.oid AND r.setrole = 0::oid
                AND setting.text
                    ~* '^(fowergram\.environment=\s*production\s*|temp_tablespaces=.*"fowergram\.environment=production".*)$'
        ),
        coalesce(
            note.description
                ~* '(^|[\r\n])\s*fowergram\.environment=production\s*([\r\n]|$)',
            false
        )
) AS mark (lasts, is_in_comment)
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
WHERE d.datname = coalesce(%(name)s, pg_catalog.current_database()::text);
