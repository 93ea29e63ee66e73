-- Purpose: make the versions of the history whole numbers, of which 0 may be one. Fails where one is no such number.
-- Oldest server: 13. Privileges: owner of the table. To be run in a transaction of its own.
-- No notice of what is not there to drop.
SET LOCAL client_min_messages = warning;
ALTER TABLE public.schema_migrations
    DROP CONSTRAINT IF EXISTS schema_migrations_version_check,
    DROP COLUMN IF EXISTS position,
    ALTER COLUMN version TYPE bigint USING version::bigint;
ALTER TABLE public.schema_migrations ADD CONSTRAINT schema_migrations_version_check CHECK (version >= 0);
