-- Purpose: the roles that the transaction at hand has made or changed. See server_changes.sql for how that is told.
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
