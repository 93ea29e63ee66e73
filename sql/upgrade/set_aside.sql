-- Purpose: move the objects of a database of run-migrations.sh from public to the schema fowergram_old, so that
-- `fowergram-db migrate` can build the new schema in public. Changes no row. All or nothing.
-- Oldest server: 13. Privileges: those of the database's owner, who owns the old objects.
-- Run by psql after report.sql, in the same session.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    v_object record;
    v_problems bigint;
    v_secret text := gen_random_uuid()::text || gen_random_uuid()::text;
BEGIN
    IF to_regclass('pg_temp.upgrade_problems') IS NULL THEN
        RAISE EXCEPTION 'run report.sql first, in the same session';
    END IF;
    IF to_regnamespace('fowergram_old') IS NOT NULL THEN
        RAISE EXCEPTION 'the schema fowergram_old exists: the old tables have been set aside already';
    END IF;
    -- From here on no other session writes: the report cannot become wrong.
    FOR v_object IN SELECT t.oid FROM pg_temp.upgrade_tables AS t ORDER BY t.table_name LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', v_object.oid::regclass);
    END LOOP;
    SELECT count(*) INTO v_problems FROM pg_temp.upgrade_problems;
    IF v_problems > 0 THEN
        RAISE EXCEPTION '% rows would be refused by the new schema; nothing was moved', v_problems
            USING HINT = 'Correct the rows that the report lists, and run it again.';
    END IF;

    CREATE SCHEMA fowergram_old;
    FOR v_object IN
        -- Indexes, and the sequences and row types of tables, move with their tables.
        SELECT format('ALTER %s public.%I SET SCHEMA fowergram_old',
            CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, c.relname) AS command
        FROM pg_class AS c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
          AND NOT EXISTS (
              SELECT FROM pg_depend AS d
              WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND (d.deptype = 'e' OR c.relkind = 'S' AND d.deptype IN ('a', 'i')
                    AND d.refclassid = 'pg_class'::regclass))
        UNION ALL
        SELECT format('ALTER ROUTINE %s SET SCHEMA fowergram_old', p.oid::regprocedure)
        FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
        UNION ALL
        SELECT format('ALTER TYPE public.%I SET SCHEMA fowergram_old', t.typname)
        FROM pg_type AS t
        WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r') AND NOT EXISTS (
            SELECT FROM pg_depend AS d
            WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
    LOOP
        EXECUTE v_object.command;
    END LOOP;

    -- The history of run-migrations.sh stays readable; under its own names it would stop `migrate`.
    IF to_regclass('fowergram_old.schema_migrations') IS NOT NULL THEN
        ALTER TABLE fowergram_old.schema_migrations RENAME TO scripts_run;
        ALTER TABLE fowergram_old.scripts_run RENAME COLUMN executed_at TO ran_at;
    END IF;

    -- A UUID stays, any other id becomes one. The secret keeps the new ids from being guessed.
    EXECUTE format($f$
        CREATE FUNCTION fowergram_old.new_id(p_table text, p_id text) RETURNS uuid
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $b$
            SELECT CASE
                WHEN p_id ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN p_id::uuid
                ELSE overlay(overlay(
                    pg_catalog.md5(%L || p_table || ' ' || p_id) PLACING '4' FROM 13) PLACING 'a' FROM 17)::uuid
            END
        $b$ $f$, v_secret);
    REVOKE ALL ON FUNCTION fowergram_old.new_id(text, text) FROM PUBLIC;
END;
$$;

COMMENT ON SCHEMA fowergram_old IS 'The tables of run-migrations.sh, as they were. See docs/upgrading.md of fowergram-db.';

COMMIT;
