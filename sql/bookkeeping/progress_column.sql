-- Purpose: add the column that migrations without a transaction need to a table of the first version. If the column
-- exists, nothing locks the table, and the server sends no notice.
-- Oldest server: 13. Privileges: owner of the table, where the column is missing.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = 'public.schema_migrations'::regclass::oid AND a.attname = 'progress' AND NOT a.attisdropped
    ) THEN
        ALTER TABLE public.schema_migrations ADD COLUMN IF NOT EXISTS progress jsonb;
    END IF;
END
$$;
