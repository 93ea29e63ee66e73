-- Purpose: what would prevent DROP DATABASE, or what it would drop although others need it (logical replication slots).
-- Oldest server: 13. Privileges: none. Parameter: oid. Columns: kind, name (of the obstacle).
SELECT 'subscription'::text AS kind, s.subname::text AS name
FROM pg_catalog.pg_subscription AS s
WHERE s.subdbid = %(oid)s::oid
UNION ALL
SELECT 'logical replication slot'::text, r.slot_name::text
FROM pg_catalog.pg_replication_slots AS r
WHERE r.datoid = %(oid)s::oid
UNION ALL
SELECT 'prepared transaction'::text, x.gid
FROM pg_catalog.pg_prepared_xacts AS x
JOIN pg_catalog.pg_database AS d ON d.datname = x.database
WHERE d.oid = %(oid)s::oid
UNION ALL
SELECT 'owner'::text, pg_catalog.pg_get_userbyid(d.datdba)::text
FROM pg_catalog.pg_database AS d
WHERE d.oid = %(oid)s::oid AND NOT pg_catalog.pg_has_role(d.datdba, 'USAGE'::text)
UNION ALL
SELECT 'own session'::text, d.datname::text
FROM pg_catalog.pg_database AS d
WHERE d.oid = %(oid)s::oid AND %(elsewhere)s::boolean AND d.datname = pg_catalog.current_database();
