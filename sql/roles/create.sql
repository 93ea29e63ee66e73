-- Purpose: four roles without a login, and their rights in this database: fowergram_owner owns the schema,
-- fowergram_app is the backend's, fowergram_readonly may read all but secrets, fowergram_analyst may count what
-- happens, and reads nothing private. See docs/roles.md.
-- Run it in the database, in one transaction (psql -1 -f), as a superuser, or as a role that may create roles and owns
-- the database and what is in it; again after a migration has added a table. Running it again changes nothing else.
-- Oldest server: 13.

-- Unqualified names are PostgreSQL's own: no schema is searched in which other roles may create objects.
SET LOCAL search_path = '';

DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['fowergram_owner', 'fowergram_app', 'fowergram_readonly', 'fowergram_analyst'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = v_role) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', v_role);
        END IF;
    END LOOP;
    -- A role that gives away its objects must be a member of the new owner; a superuser need not be.
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        EXECUTE pg_catalog.format('GRANT fowergram_owner TO %I', current_user);
    END IF;
END;
$$;

-- Until PostgreSQL 14 every role could create tables in public.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO fowergram_owner;
GRANT USAGE ON SCHEMA public, api TO fowergram_app, fowergram_readonly;
GRANT USAGE ON SCHEMA public TO fowergram_analyst;
ALTER SCHEMA api OWNER TO fowergram_owner;

DO $$
DECLARE
    v_object text;
BEGIN
    -- Partitions, indexes and types of rows go with their tables; extensions keep what is theirs.
    FOR v_object IN
        SELECT pg_catalog.format(
            'ALTER %s %s OWNER TO fowergram_owner',
            CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END,
            c.oid::regclass)
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace IN ('public'::regnamespace::oid, 'api'::regnamespace::oid)
          AND c.relkind IN ('r', 'p', 'v', 'S', 'c')
          AND pg_catalog.pg_get_userbyid(c.relowner) <> 'fowergram_owner'
          AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_depend AS d
              WHERE d.classid = 'pg_catalog.pg_class'::regclass::oid AND d.objid = c.oid AND d.objsubid = 0
                AND d.deptype IN ('a', 'e', 'i')
                AND NOT c.relispartition)
        UNION ALL
        SELECT pg_catalog.format('ALTER ROUTINE %s OWNER TO fowergram_owner', p.oid::regprocedure)
        FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace IN ('public'::regnamespace::oid, 'api'::regnamespace::oid)
          AND pg_catalog.pg_get_userbyid(p.proowner) <> 'fowergram_owner'
          AND NOT EXISTS (
              SELECT FROM pg_catalog.pg_depend AS d
              WHERE d.classid = 'pg_catalog.pg_proc'::regclass::oid AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE v_object;
    END LOOP;
END;
$$;

-- What the others may, table by table: partitions are reached through their parent.
DO $$
DECLARE
    v_table record;
    -- Kept by triggers, which run as the owner; the history is the migrator's.
    v_kept constant text := '_(stat_slots|trends)$|^schema_migrations$';
    v_secrets constant text[] := ARRAY[
        'users.hashed_password', 'refresh_tokens.token_hash', 'email_verifications.token', 'password_resets.token',
        'live_streams.stream_key'];
    -- For whom only counts: of these tables, that there is a row is private already.
    v_private constant text[] := ARRAY[
        'blocks', 'close_friends', 'collection_posts', 'collections', 'conversation_archives',
        'conversation_participants', 'conversations', 'email_verifications', 'feeds', 'live_stream_viewers',
        'message_reads', 'messages', 'notifications', 'password_resets', 'refresh_tokens', 'saved_posts',
        'saved_reels', 'schema_migrations', 'search_history', 'story_poll_votes', 'story_question_responses',
        'story_reactions', 'story_views', 'user_activities', 'verification_requests', 'wishlists'];
    -- Of the others: numbers, times, yes and no, and keys, and of all that people write or show, these names alone.
    v_public constant text[] := ARRAY[
        'users.username', 'users.profile_category', 'hashtags.name', 'audio_tracks.title', 'audio_tracks.artist',
        'music_tracks.title', 'music_tracks.artist', 'music_tracks.album', 'music_tracks.genre', 'post_media.media_type',
        'stories.media_type', 'stories.audience', 'live_streams.status', 'products.category', 'products.currency'];
BEGIN
    FOR v_table IN
        SELECT
            c.oid::regclass AS name, c.relkind = 'v' OR c.relname::text ~ v_kept AS is_kept,
            pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FILTER (WHERE c.relname::text || '.' || a.attname::text <> ALL (v_secrets)) AS open_columns,
            pg_catalog.bool_or(c.relname::text || '.' || a.attname::text = ANY (v_secrets)) AS has_secrets,
            pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
                FILTER (WHERE c.relnamespace = 'public'::regnamespace::oid AND c.relname::text <> ALL (v_private)
                    AND (t.typcategory::text IN ('N', 'B') OR t.typname::text IN ('uuid', 'timestamptz')
                        OR c.relname::text || '.' || a.attname::text = ANY (v_public))
                    AND c.relname::text || '.' || a.attname::text <> 'users.two_factor_enabled') AS facts
        FROM pg_catalog.pg_class AS c
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
        WHERE c.relnamespace IN ('public'::regnamespace::oid, 'api'::regnamespace::oid)
          AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
        GROUP BY c.oid, c.relname, c.relkind
    LOOP
        EXECUTE pg_catalog.format(
            'REVOKE ALL ON %s FROM fowergram_app, fowergram_readonly, fowergram_analyst', v_table.name);
        EXECUTE pg_catalog.format('GRANT %s ON %s TO fowergram_app',
            CASE WHEN v_table.is_kept THEN 'SELECT' ELSE 'SELECT, INSERT, UPDATE, DELETE' END, v_table.name);
        EXECUTE pg_catalog.format('GRANT SELECT%s ON %s TO fowergram_readonly',
            CASE WHEN v_table.has_secrets THEN pg_catalog.format(' (%s)', v_table.open_columns) ELSE '' END,
            v_table.name);
        IF v_table.facts IS NOT NULL THEN
            EXECUTE pg_catalog.format('GRANT SELECT (%s) ON %s TO fowergram_analyst', v_table.facts, v_table.name);
        END IF;
    END LOOP;
END;
$$;

-- Partitions of coming months are the owner's, and so are tables of coming migrations, until this is run again.
REVOKE EXECUTE ON FUNCTION
    public.maintain_partitions(integer, interval), public.maintain_monthly_partitions(text, integer, interval),
    public.add_partition(text, text, timestamptz, timestamptz, boolean), public.cleanup_expired_stories(),
    public.generate_user_feed(uuid, integer)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.cleanup_expired_stories(), public.generate_user_feed(uuid, integer) TO fowergram_app;
