-- Purpose: the settings of a database, for all roles (role NULL) and for single ones.
-- Oldest server: 13. Privileges: none.
-- Parameter: oid. Columns: role, name, value.
SELECT
    r.rolname::text AS role,
    pg_catalog.split_part(setting.text, '=', 1) AS name,
    pg_catalog.substr(setting.text, pg_catalog.strpos(setting.text, '=') + 1) AS value
FROM pg_catalog.pg_db_role_setting AS s
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS setting (text, place)
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
WHERE s.setdatabase = %(oid)s::oid
ORDER BY role NULLS FIRST, setting.place;
