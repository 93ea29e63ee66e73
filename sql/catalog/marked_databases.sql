-- Purpose: the databases of this server that are marked as production: see catalog/database.sql, which has the same rule.
-- Oldest server: 13. Privileges: none. Column: oid.
SELECT d.oid
FROM pg_catalog.pg_database AS d
LEFT JOIN pg_catalog.pg_shdescription AS note
    ON note.objoid = d.oid AND note.classoid = 'pg_catalog.pg_database'::regclass::oid
WHERE
    EXISTS (
        SELECT
        FROM pg_catalog.pg_db_role_setting AS r
        CROSS JOIN LATERAL pg_catalog.unnest(r.setconfig) AS setting (text)
        WHERE r.setdatabase = d.oid AND r.setrole = 0::oid
            AND setting.text
                ~* '^(fowergram\.environment=\s*production\s*|temp_tablespaces=.*"fowergram\.environment=production".*)$'
    )
    OR coalesce(
        note.description
            ~* '(^|[\r\n])\s*fowergram\.environment=production\s*([\r\n]|$)',
        false
    );
