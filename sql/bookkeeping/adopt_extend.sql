-- Purpose: give the table of run-migrations.sh the columns of ours; adopt_complete.sql adds the rest once they are filled.
-- Oldest server: 13. Privileges: owner of the table. Runs in the transaction of the adoption.
DO $$
DECLARE
    old record;
    counter text;
BEGIN
    FOR old IN
        SELECT c.conname
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conrelid = 'public.schema_migrations'::regclass::oid AND c.contype IN ('p', 'u', 'c')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE public.schema_migrations DROP CONSTRAINT %I', old.conname);
    END LOOP;
    ALTER TABLE public.schema_migrations ALTER COLUMN id DROP IDENTITY IF EXISTS;
    ALTER TABLE public.schema_migrations ALTER COLUMN id DROP DEFAULT;
    counter := pg_catalog.pg_get_serial_sequence('public.schema_migrations', 'id');
    IF counter IS NOT NULL THEN
        EXECUTE 'DROP SEQUENCE ' || counter;
    END IF;
END
$$;
ALTER TABLE public.schema_migrations
    ALTER COLUMN executed_at DROP DEFAULT,
    ALTER COLUMN id TYPE bigint,
    ALTER COLUMN filename TYPE text,
    ALTER COLUMN executed_at TYPE timestamptz,
    ALTER COLUMN checksum TYPE text,
    ADD COLUMN version bigint,
    ADD COLUMN name text,
    ADD COLUMN state text NOT NULL DEFAULT 'applied',
    ADD COLUMN duration_ms double precision,
    ADD COLUMN executed_by text NOT NULL DEFAULT CURRENT_USER,
    ADD COLUMN tool_version text,
    ADD COLUMN down_sql text,
    ADD COLUMN statements_done integer,
    ADD COLUMN progress jsonb;
