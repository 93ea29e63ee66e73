-- Purpose: undo sql/roles/create.sql in this database: everything becomes the property of who runs it, and the roles
-- go, unless another database still needs them.
-- Oldest server: 13.

-- Unqualified names are PostgreSQL's own: no schema is searched in which other roles may create objects.
SET LOCAL search_path = '';

DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['fowergram_app', 'fowergram_readonly', 'fowergram_analyst', 'fowergram_owner'] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = v_role);
        EXECUTE pg_catalog.format('GRANT %I TO %I', v_role, current_user);
        EXECUTE pg_catalog.format('REASSIGN OWNED BY %I TO %I', v_role, current_user);
        EXECUTE pg_catalog.format('DROP OWNED BY %I', v_role);
        BEGIN
            EXECUTE pg_catalog.format('DROP ROLE %I', v_role);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            RAISE NOTICE 'the role % stays: another database needs it', v_role;
        END;
    END LOOP;
END;
$$;

GRANT EXECUTE ON FUNCTION
    public.maintain_partitions(integer, interval), public.maintain_monthly_partitions(text, integer, interval),
    public.add_partition(text, text, timestamptz, timestamptz, boolean), public.cleanup_expired_stories(),
    public.generate_user_feed(uuid, integer)
TO PUBLIC;

DO $$
BEGIN
    IF pg_catalog.current_setting('server_version_num')::integer < 150000 THEN
        GRANT CREATE ON SCHEMA public TO PUBLIC;
    END IF;
END;
$$;
