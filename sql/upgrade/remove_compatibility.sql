-- Purpose: remove what compatibility.sql has created, when no statement of the app needs it any more. Touches no row.
-- Oldest server: 13. Privileges: those of the database's owner.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

DROP SCHEMA IF EXISTS fowergram_compatibility CASCADE;

COMMIT;
