-- Purpose: list the rows of a database of run-migrations.sh that the schema of Fowergram would refuse, all of them.
-- Oldest server: 13. Privileges: SELECT on the old tables. Changes nothing: what it creates is temporary.
-- Run by psql, alone, or in front of set_aside.sql and from_run_migrations_sh.sql, which stop while the list has rows.
-- Columns: table_name; row_id (that of the old row; where it has none, its place in the table); problem; value.
--
-- docs/upgrading.md describes the way of which this is the first step.

SET search_path = pg_catalog, pg_temp;
SET client_min_messages = warning;

-- The old tables as temporary views with the columns that are carried over, whatever the old names and types are. A column
-- that the old table does not have is NULL, and a table that does not exist has no rows.
CREATE TEMPORARY TABLE upgrade_columns (
    position    integer GENERATED ALWAYS AS IDENTITY,
    table_name  text NOT NULL,
    column_name text NOT NULL,
    type        text NOT NULL,
    old_names   text[] NOT NULL
);

INSERT INTO upgrade_columns (table_name, column_name, type, old_names)
SELECT c.table_name, c.column_name, c.type, string_to_array(c.old_names, ' ')
FROM (VALUES
    ('users', 'id', 'text', 'id'),
    ('users', 'email', 'text', 'email'),
    ('users', 'username', 'text', 'username'),
    ('users', 'full_name', 'text', 'full_name'),
    ('users', 'bio', 'text', 'bio'),
    ('users', 'avatar', 'text', 'avatar profile_picture profile_picture_url avatar_url'),
    ('users', 'website', 'text', 'website'),
    ('users', 'is_private', 'boolean', 'is_private'),
    ('users', 'is_verified', 'boolean', 'is_verified'),
    ('users', 'created_at', 'timestamptz', 'created_at'),
    ('users', 'updated_at', 'timestamptz', 'updated_at'),
    ('users', 'deleted_at', 'timestamptz', 'deleted_at'),
    ('users', 'hashed_password', 'text', 'hashed_password password_hash password'),
    ('users', 'is_active', 'boolean', 'is_active'),
    ('users', 'last_login_at', 'timestamptz', 'last_login_at last_login'),
    ('users', 'phone_number', 'text', 'phone_number phone'),
    ('users', 'date_of_birth', 'date', 'date_of_birth'),
    ('users', 'gender', 'text', 'gender'),
    ('users', 'profile_category', 'text', 'profile_category'),
    ('users', 'two_factor_enabled', 'boolean', 'two_factor_enabled'),
    ('users', 'last_active_at', 'timestamptz', 'last_active_at'),
    ('posts', 'id', 'text', 'id'),
    ('posts', 'user_id', 'text', 'user_id author_id'),
    ('posts', 'caption', 'text', 'caption content'),
    ('posts', 'location', 'text', 'location'),
    ('posts', 'media_url', 'text', 'media_url image_url'),
    ('posts', 'is_archived', 'boolean', 'is_archived'),
    ('posts', 'comments_disabled', 'boolean', 'comments_disabled'),
    ('posts', 'likes_disabled', 'boolean', 'likes_disabled'),
    ('posts', 'created_at', 'timestamptz', 'created_at'),
    ('posts', 'updated_at', 'timestamptz', 'updated_at'),
    ('posts', 'deleted_at', 'timestamptz', 'deleted_at'),
    ('post_media', 'id', 'text', 'id'),
    ('post_media', 'post_id', 'text', 'post_id'),
    ('post_media', 'media_url', 'text', 'media_url'),
    ('post_media', 'media_type', 'text', 'media_type'),
    ('post_media', 'thumbnail_url', 'text', 'thumbnail_url'),
    ('post_media', 'width', 'integer', 'width'),
    ('post_media', 'height', 'integer', 'height'),
    ('post_media', 'file_size', 'bigint', 'file_size'),
    ('post_media', 'duration', 'integer', 'duration'),
    ('post_media', 'display_order', 'integer', 'display_order'),
    ('post_media', 'created_at', 'timestamptz', 'created_at'),
    ('follows', 'id', 'text', 'id'),
    ('follows', 'follower_id', 'text', 'follower_id'),
    ('follows', 'following_id', 'text', 'following_id followed_id followee_id'),
    ('follows', 'created_at', 'timestamptz', 'created_at'),
    ('followers', 'id', 'text', 'id'),
    ('followers', 'follower_id', 'text', 'follower_id'),
    ('followers', 'following_id', 'text', 'following_id followed_id followee_id user_id'),
    ('followers', 'created_at', 'timestamptz', 'created_at'),
    ('blocks', 'id', 'text', 'id'),
    ('blocks', 'blocker_id', 'text', 'blocker_id'),
    ('blocks', 'blocked_id', 'text', 'blocked_id'),
    ('blocks', 'created_at', 'timestamptz', 'created_at'),
    ('likes', 'id', 'text', 'id'),
    ('likes', 'user_id', 'text', 'user_id'),
    ('likes', 'post_id', 'text', 'post_id'),
    ('likes', 'created_at', 'timestamptz', 'created_at'),
    ('saved_posts', 'id', 'text', 'id'),
    ('saved_posts', 'user_id', 'text', 'user_id'),
    ('saved_posts', 'post_id', 'text', 'post_id'),
    ('saved_posts', 'created_at', 'timestamptz', 'created_at'),
    ('comments', 'id', 'text', 'id'),
    ('comments', 'user_id', 'text', 'user_id author_id'),
    ('comments', 'post_id', 'text', 'post_id'),
    ('comments', 'parent_id', 'text', 'parent_id parent_comment_id'),
    ('comments', 'content', 'text', 'content text body'),
    ('comments', 'created_at', 'timestamptz', 'created_at'),
    ('comments', 'updated_at', 'timestamptz', 'updated_at'),
    ('comments', 'deleted_at', 'timestamptz', 'deleted_at'),
    ('comment_likes', 'id', 'text', 'id'),
    ('comment_likes', 'user_id', 'text', 'user_id'),
    ('comment_likes', 'comment_id', 'text', 'comment_id'),
    ('comment_likes', 'created_at', 'timestamptz', 'created_at'),
    ('stories', 'id', 'text', 'id'),
    ('stories', 'user_id', 'text', 'user_id'),
    ('stories', 'media_url', 'text', 'media_url image_url'),
    ('stories', 'media_type', 'text', 'media_type'),
    ('stories', 'thumbnail_url', 'text', 'thumbnail_url'),
    ('stories', 'duration', 'integer', 'duration'),
    ('stories', 'audience', 'text', 'audience'),
    ('stories', 'created_at', 'timestamptz', 'created_at'),
    ('stories', 'expires_at', 'timestamptz', 'expires_at'),
    ('story_views', 'id', 'text', 'id'),
    ('story_views', 'user_id', 'text', 'user_id viewer_id'),
    ('story_views', 'story_id', 'text', 'story_id'),
    ('story_views', 'viewed_at', 'timestamptz', 'viewed_at created_at'),
    ('refresh_tokens', 'id', 'text', 'id'),
    ('refresh_tokens', 'user_id', 'text', 'user_id'),
    ('refresh_tokens', 'token', 'text', 'token'),
    ('refresh_tokens', 'token_hash', 'text', 'token_hash'),
    ('refresh_tokens', 'created_at', 'timestamptz', 'created_at'),
    ('refresh_tokens', 'expires_at', 'timestamptz', 'expires_at'),
    ('refresh_tokens', 'used_at', 'timestamptz', 'revoked_at'),
    ('email_verifications', 'id', 'text', 'id'),
    ('email_verifications', 'user_id', 'text', 'user_id'),
    ('email_verifications', 'token', 'text', 'token'),
    ('email_verifications', 'created_at', 'timestamptz', 'created_at'),
    ('email_verifications', 'expires_at', 'timestamptz', 'expires_at'),
    ('email_verifications', 'used_at', 'timestamptz', 'used_at verified_at'),
    ('password_resets', 'id', 'text', 'id'),
    ('password_resets', 'user_id', 'text', 'user_id'),
    ('password_resets', 'token', 'text', 'token'),
    ('password_resets', 'created_at', 'timestamptz', 'created_at'),
    ('password_resets', 'expires_at', 'timestamptz', 'expires_at'),
    ('password_resets', 'used_at', 'timestamptz', 'used_at')
) AS c (table_name, column_name, type, old_names);

-- Where the old tables are: set_aside.sql moves them from public to fowergram_old.
CREATE TEMPORARY VIEW upgrade_tables AS
SELECT t.table_name, c.oid
FROM (SELECT DISTINCT u.table_name FROM pg_temp.upgrade_columns AS u) AS t
JOIN pg_catalog.pg_class AS c ON c.relname = t.table_name AND c.relkind IN ('r', 'p')
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = CASE WHEN to_regnamespace('fowergram_old') IS NULL THEN 'public' ELSE 'fowergram_old' END;

DO $$
DECLARE
    v_view record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_temp.upgrade_tables WHERE table_name = 'users') THEN
        RAISE EXCEPTION 'there is no old table users in this database';
    END IF;
    IF to_regnamespace('fowergram_old') IS NULL AND EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.users') AND attname = 'username_search') THEN
        RAISE EXCEPTION 'public.users is a table of the new schema: this database needs no upgrade';
    END IF;
    FOR v_view IN
        SELECT
            u.table_name, min(t.oid) AS oid,
            string_agg(
                coalesce(
                    'o.' || quote_ident(a.attname) || '::' || u.type,
                    -- Without an id, a row is named by its place.
                    CASE WHEN u.column_name = 'id' AND t.oid IS NOT NULL THEN 'o.ctid::text' END,
                    'NULL::' || u.type)
                || format(' AS %I', u.column_name), ', ' ORDER BY u.position) AS columns
        FROM pg_temp.upgrade_columns AS u
        LEFT JOIN pg_temp.upgrade_tables AS t ON t.table_name = u.table_name
        LEFT JOIN LATERAL (
            SELECT a.attname FROM pg_attribute AS a
            WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname = ANY (u.old_names)
            ORDER BY array_position(u.old_names, a.attname::text) LIMIT 1) AS a ON true
        GROUP BY u.table_name
    LOOP
        EXECUTE format('CREATE TEMPORARY VIEW %I AS SELECT %s %s', 'old_' || v_view.table_name, v_view.columns,
            coalesce('FROM ' || v_view.oid::regclass::text || ' AS o', 'WHERE false'));
    END LOOP;
END;
$$;

-- As public.normalize_text does in the new schema, which does not exist yet.
CREATE FUNCTION pg_temp.normalized(p_text text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT pg_catalog.replace(
        pg_catalog.regexp_replace(
            normalize(p_text, NFKC), U&'\0E4D([\0E48-\0E4B])\0E32', U&'\\1\0E4D\0E32', 'g'),
        U&'\0E40\0E40', U&'\0E41')
$$;

CREATE TEMPORARY VIEW upgrade_references AS
SELECT r.table_name, r.column_name, r.target, r.is_optional
FROM (VALUES
    ('posts', 'user_id', 'users', false),
    ('post_media', 'post_id', 'posts', false),
    ('follows', 'follower_id', 'users', false),
    ('follows', 'following_id', 'users', false),
    ('followers', 'follower_id', 'users', false),
    ('followers', 'following_id', 'users', false),
    ('blocks', 'blocker_id', 'users', false),
    ('blocks', 'blocked_id', 'users', false),
    ('likes', 'user_id', 'users', false),
    ('likes', 'post_id', 'posts', false),
    ('saved_posts', 'user_id', 'users', false),
    ('saved_posts', 'post_id', 'posts', false),
    ('comments', 'user_id', 'users', false),
    ('comments', 'post_id', 'posts', false),
    ('comments', 'parent_id', 'comments', true),
    ('comment_likes', 'user_id', 'users', false),
    ('comment_likes', 'comment_id', 'comments', false),
    ('stories', 'user_id', 'users', false),
    ('story_views', 'user_id', 'users', false),
    ('story_views', 'story_id', 'stories', false),
    ('refresh_tokens', 'user_id', 'users', false),
    ('email_verifications', 'user_id', 'users', false),
    ('password_resets', 'user_id', 'users', false)
) AS r (table_name, column_name, target, is_optional);

-- What violates one rule of a single row: the table, the condition of a row that is refused, the problem, its value.
CREATE TEMPORARY VIEW upgrade_rules AS
SELECT r.table_name, r.refused, r.problem, r.value
FROM (VALUES
    ('users', $r$o.email IS NULL OR o.email !~ '^[^@[:space:]]+@[^@[:space:]]+$'$r$, 'not an email address', 'email'),
    ('users', $r$o.username IS NULL OR char_length(pg_temp.normalized(o.username)) NOT BETWEEN 3 AND 30$r$,
        'the username does not have 3 to 30 characters', 'username'),
    ('users', $r$pg_temp.normalized(o.username) ~ '[[:space:]@/]'$r$,
        'the username contains a space, @ or /', 'username'),
    ('users', $r$o.phone_number !~ '^[+]?[0-9][0-9 ()-]{4,24}$'$r$, 'not a phone number', 'phone_number'),
    ('post_media', $r$o.media_url IS NULL$r$, 'the media has no URL', 'media_url'),
    ('post_media', $r$o.media_type NOT IN ('image', 'video')$r$, 'neither image nor video', 'media_type'),
    ('post_media', $r$o.width <= 0 OR o.height <= 0 OR o.file_size < 0 OR o.duration < 0 OR o.display_order < 0$r$,
        'width, height, size, duration or order is out of range', 'media_url'),
    ('follows', $r$o.follower_id = o.following_id$r$, 'an account follows itself', 'follower_id'),
    ('followers', $r$o.follower_id = o.following_id$r$, 'an account follows itself', 'follower_id'),
    ('blocks', $r$o.blocker_id = o.blocked_id$r$, 'an account blocks itself', 'blocker_id'),
    ('comments', $r$o.content IS NULL OR btrim(o.content) = ''$r$, 'the comment is empty', 'content'),
    ('comments', $r$o.parent_id = o.id$r$, 'the comment replies to itself', 'parent_id'),
    ('comments', $r$EXISTS (SELECT FROM pg_temp.old_comments AS p WHERE p.id = o.parent_id AND p.post_id <> o.post_id)$r$,
        'the comment replies to a comment on another post', 'parent_id'),
    ('stories', $r$o.media_url IS NULL$r$, 'the story has no URL', 'media_url'),
    ('stories', $r$o.media_type NOT IN ('image', 'video')$r$, 'neither image nor video', 'media_type'),
    ('stories', $r$o.duration <= 0$r$, 'the story is shown for no time', 'duration'),
    ('stories', $r$o.audience NOT IN ('public', 'followers', 'close_friends')$r$, 'no such audience', 'audience'),
    ('refresh_tokens', $r$coalesce(o.token_hash, o.token) IS NULL OR o.expires_at IS NULL$r$,
        'no token, or no time at which it expires', 'id'),
    ('refresh_tokens', $r$o.token_hash !~ '^[0-9a-f]{64}$'$r$, 'not a SHA-256 in lower case hex', 'id'),
    ('email_verifications', $r$o.token IS NULL OR o.expires_at IS NULL$r$,
        'no token, or no time at which it expires', 'id'),
    ('password_resets', $r$o.token IS NULL OR o.expires_at IS NULL$r$, 'no token, or no time at which it expires', 'id')
) AS r (table_name, refused, problem, value);

-- What has to be unique, and among which rows.
CREATE TEMPORARY VIEW upgrade_keys AS
SELECT k.table_name, k.key, k.among, k.problem, k.value
FROM (VALUES
    ('users', 'lower(pg_temp.normalized(o.email))', 'o.deleted_at IS NULL AND o.email IS NOT NULL',
        'another account has this email address, at most in other case or form', 'o.email'),
    ('users', 'lower(pg_temp.normalized(o.username))', 'o.deleted_at IS NULL AND o.username IS NOT NULL',
        'another account has this username, at most in other case or form', 'o.username'),
    ('users', $k$regexp_replace(o.phone_number, '[ ()-]', '', 'g')$k$, 'o.deleted_at IS NULL AND o.phone_number IS NOT NULL',
        'another account has this phone number', 'o.phone_number'),
    ('users', 'o.id', 'true', 'another row has this id', 'o.id'),
    ('posts', 'o.id', 'true', 'another row has this id', 'o.id'),
    ('comments', 'o.id', 'true', 'another row has this id', 'o.id'),
    ('stories', 'o.id', 'true', 'another row has this id', 'o.id'),
    ('refresh_tokens', 'coalesce(o.token_hash, o.token)', 'coalesce(o.token_hash, o.token) IS NOT NULL', 'the token is not unique', 'o.id'),
    ('email_verifications', 'o.token', 'o.token IS NOT NULL', 'the token is not unique', 'o.id'),
    ('password_resets', 'o.token', 'o.token IS NOT NULL', 'the token is not unique', 'o.id')
) AS k (table_name, key, among, problem, value);

DO $$
BEGIN
    EXECUTE 'CREATE TEMPORARY VIEW upgrade_problems AS ' || (
        SELECT string_agg(p.query, ' UNION ALL ') FROM (
            SELECT format('SELECT %L::text AS table_name, o.id AS row_id, %L::text AS problem, o.%I::text AS value
                FROM pg_temp.%I AS o WHERE %s', r.table_name, r.problem, r.value, 'old_' || r.table_name, r.refused)
                AS query
            FROM pg_temp.upgrade_rules AS r
            UNION ALL
            SELECT format('SELECT %L::text, o.id, %L::text, o.%I FROM pg_temp.%I AS o
                WHERE NOT EXISTS (SELECT FROM pg_temp.%I AS t WHERE t.id = o.%3$I) AND %6$s',
                r.table_name, format('%s names no row of %s', r.column_name, r.target), r.column_name,
                'old_' || r.table_name, 'old_' || r.target,
                CASE WHEN r.is_optional THEN format('o.%I IS NOT NULL', r.column_name) ELSE 'true' END)
            FROM pg_temp.upgrade_references AS r
            UNION ALL
            SELECT format('SELECT %L::text, g.id, %L::text, g.value FROM (
                    SELECT o.id, %s AS value, %s AS key, count(*) OVER (PARTITION BY %4$s) AS n
                    FROM pg_temp.%I AS o WHERE %s) AS g WHERE g.n > 1',
                k.table_name, k.problem, k.value, k.key, 'old_' || k.table_name, k.among)
            FROM pg_temp.upgrade_keys AS k) AS p);
END;
$$;

SELECT p.table_name, p.row_id, p.problem, p.value
FROM pg_temp.upgrade_problems AS p
ORDER BY p.table_name, p.problem, lower(p.value), p.row_id;
