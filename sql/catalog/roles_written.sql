-- Purpose: the roles that the current transaction has made or changed. server_changes.sql says how they are found.
-- Oldest server: 13. Privileges: superuser. Columns: name.
SELECT r.rolname::text AS name
FROM pg_catalog.pg_authid AS r
WHERE
    pg_catalog.age(r.xmin) = 0
    OR (
        pg_catalog.age(r.xmin) < 0
        AND pg_catalog.pg_xact_status(
            (pg_catalog.pg_current_xact_id()::text::bigint - pg_catalog.age(r.xmin)::bigint)::text::pg_catalog.xid8
        ) = 'in progress'::text
    );
