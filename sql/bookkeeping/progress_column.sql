-- Purpose: give a table of the first version the column that migrations without a transaction need.
-- Oldest server: 13. Privileges: owner of the table.
ALTER TABLE public.schema_migrations ADD COLUMN IF NOT EXISTS progress jsonb;
