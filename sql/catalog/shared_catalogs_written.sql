-- Purpose: the shared catalogs that the current transaction has written to, by the session's own statistics, which read
-- no table. Up to 14 they may count an earlier transaction of the session, too. Where the server does not count, the
-- name is "". The OIDs are those of the catalogs in every server.
-- Oldest server: 13. Privileges: none. Columns: name.
SELECT shared.name
FROM (
    VALUES
    ('pg_authid'::text, 1260::pg_catalog.oid), ('pg_auth_members'::text, 1261::pg_catalog.oid),
    ('pg_database'::text, 1262::pg_catalog.oid), ('pg_tablespace'::text, 1213::pg_catalog.oid),
    ('pg_db_role_setting'::text, 2964::pg_catalog.oid), ('pg_shdescription'::text, 2396::pg_catalog.oid),
    ('pg_shseclabel'::text, 3592::pg_catalog.oid), ('pg_subscription'::text, 6100::pg_catalog.oid),
    ('pg_replication_origin'::text, 6000::pg_catalog.oid), ('pg_parameter_acl'::text, 6243::pg_catalog.oid)
) AS shared (name, oid)
WHERE
    pg_catalog.pg_stat_get_xact_tuples_inserted(shared.oid)
    + pg_catalog.pg_stat_get_xact_tuples_updated(shared.oid)
    + pg_catalog.pg_stat_get_xact_tuples_deleted(shared.oid) > 0::bigint
UNION ALL
SELECT ''::text
WHERE pg_catalog.current_setting('track_counts'::text) = 'off'::text;
