-- Purpose: the settings of a database, for all roles (role NULL) and for single ones: each role may store its own there.
-- Oldest server: 13. Privileges: none.
-- Parameter: oid. Columns: role, setting (name=value); both are literals in bytea, see any_text.py.
SELECT
    pg_catalog.decode(pg_catalog.quote_literal(r.rolname::text), 'escape') AS role,
    pg_catalog.decode(pg_catalog.quote_literal(setting.text), 'escape') AS setting
FROM pg_catalog.pg_db_role_setting AS s
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS setting (text, place)
LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = s.setrole
WHERE s.setdatabase = %(oid)s::oid
ORDER BY r.rolname NULLS FIRST, setting.place;
