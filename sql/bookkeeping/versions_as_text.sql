-- Purpose: make the versions of the history texts, each with a position that puts it in order as bytes compare. The
-- positions are empty; renumber.sql fills them. versions_as_number.sql takes this back.
-- Oldest server: 13. Privileges: owner of the table.
SET LOCAL client_min_messages = warning;
ALTER TABLE public.schema_migrations
    DROP CONSTRAINT IF EXISTS schema_migrations_version_check,
    ALTER COLUMN version TYPE text COLLATE "C" USING version::text,
    ADD COLUMN position text COLLATE "C" NOT NULL DEFAULT '';
COMMENT ON COLUMN public.schema_migrations.position IS 'Puts the versions in the order of their tool, as bytes compare';
