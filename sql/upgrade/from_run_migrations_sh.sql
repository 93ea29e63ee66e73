-- Purpose: carry the rows that set_aside.sql moved to fowergram_old into the new schema. All or nothing: an error, also that
-- of a second run, leaves the new tables as they were.
-- Oldest server: 13. Privileges: those of the database's owner.
-- Run by psql after report.sql, in the same session, when `fowergram-db migrate` has built the new schema.
-- Columns of its result: table_name; old_rows; carried; merged (a second row of the same pair: the earliest time counts);
-- then the old columns and tables with content that have no place in the new schema.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;

DO $$
DECLARE
    v_problems bigint;
    v_trigger record;
BEGIN
    IF to_regclass('pg_temp.upgrade_problems') IS NULL THEN
        RAISE EXCEPTION 'run report.sql first, in the same session';
    END IF;
    IF to_regnamespace('fowergram_old') IS NULL THEN
        RAISE EXCEPTION 'the old tables are still in public: run set_aside.sql first';
    END IF;
    IF to_regclass('public.users') IS NULL OR to_regclass('public.conversation_archives') IS NULL THEN
        RAISE EXCEPTION 'the new schema is not there yet: run `fowergram-db migrate` first';
    END IF;
    LOCK TABLE public.users IN SHARE ROW EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM public.users) THEN
        RAISE EXCEPTION 'public.users has rows: the old rows have been carried over already; nothing was carried'
            USING HINT = 'If the rows are of a test, empty the new tables: TRUNCATE public.users CASCADE.';
    END IF;
    SELECT count(*) INTO v_problems FROM pg_temp.upgrade_problems;
    IF v_problems > 0 THEN
        RAISE EXCEPTION '% rows would be refused by the new schema; nothing was carried', v_problems
            USING HINT = 'Correct the rows that the report lists, in fowergram_old, and run it again.';
    END IF;
    -- These rules are for what is written from now on: not for what a deleted account wrote, or what was said on a post
    -- before its author disabled comments. The report has checked where replies belong.
    FOR v_trigger IN
        SELECT t.tgrelid::regclass AS relation, t.tgname
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname IN ('posts', 'comments', 'stories')
          AND (t.tgname LIKE 'refuse\_%' OR t.tgname LIKE '%\_author\_not\_deleted\_check')
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', v_trigger.relation, v_trigger.tgname);
    END LOOP;
END;
$$;

INSERT INTO public.users (
    id, email, username, full_name, bio, avatar, website, is_private, is_verified, created_at, updated_at, deleted_at,
    hashed_password, is_active, last_login_at, phone_number, date_of_birth, gender, profile_category,
    two_factor_enabled, last_active_at)
SELECT
    fowergram_old.new_id('users', o.id), o.email, o.username, o.full_name, o.bio, o.avatar, o.website,
    coalesce(o.is_private, false), coalesce(o.is_verified, false),
    coalesce(o.created_at, now()), coalesce(o.updated_at, o.created_at, now()), o.deleted_at,
    o.hashed_password, coalesce(o.is_active, true), o.last_login_at, o.phone_number, o.date_of_birth, o.gender,
    o.profile_category, coalesce(o.two_factor_enabled, false), o.last_active_at
FROM pg_temp.old_users AS o;

INSERT INTO public.posts (
    id, user_id, caption, location, is_archived, comments_disabled, likes_disabled, created_at, updated_at, deleted_at)
SELECT
    fowergram_old.new_id('posts', o.id), fowergram_old.new_id('users', o.user_id), o.caption, o.location,
    coalesce(o.is_archived, false), coalesce(o.comments_disabled, false), coalesce(o.likes_disabled, false),
    coalesce(o.created_at, now()), coalesce(o.updated_at, o.created_at, now()), o.deleted_at
FROM pg_temp.old_posts AS o;

INSERT INTO public.post_media (
    id, post_id, media_url, media_type, thumbnail_url, width, height, file_size, duration, display_order, created_at)
SELECT
    fowergram_old.new_id('post_media', o.id), fowergram_old.new_id('posts', o.post_id), o.media_url,
    coalesce(o.media_type, public.media_type_of(o.media_url)), o.thumbnail_url, o.width, o.height, o.file_size,
    o.duration, coalesce(o.display_order, 0), coalesce(o.created_at, now())
FROM pg_temp.old_post_media AS o;

-- A picture that was a column of the post comes first.
INSERT INTO public.post_media (post_id, media_url, media_type, created_at)
SELECT
    fowergram_old.new_id('posts', o.id), o.media_url, public.media_type_of(o.media_url), coalesce(o.created_at, now())
FROM pg_temp.old_posts AS o
WHERE o.media_url <> '' AND NOT EXISTS (
    SELECT FROM pg_temp.old_post_media AS m WHERE m.post_id = o.id AND m.media_url = o.media_url);

-- The old app had no requests: each follow was in effect from the time at which it was written, in either table.
INSERT INTO public.follows (id, follower_id, following_id, accepted_at, created_at)
SELECT
    coalesce(fowergram_old.new_id('follows', min(o.place)), public.uuid_v7()),
    fowergram_old.new_id('users', o.follower_id), fowergram_old.new_id('users', o.following_id),
    coalesce(min(o.created_at), now()), coalesce(min(o.created_at), now())
FROM (
    SELECT f.id AS place, f.follower_id, f.following_id, f.created_at FROM pg_temp.old_follows AS f
    UNION ALL
    SELECT NULL, f.follower_id, f.following_id, f.created_at FROM pg_temp.old_followers AS f
) AS o
GROUP BY o.follower_id, o.following_id;

INSERT INTO public.blocks (id, blocker_id, blocked_id, created_at)
SELECT
    fowergram_old.new_id('blocks', min(o.id)), fowergram_old.new_id('users', o.blocker_id),
    fowergram_old.new_id('users', o.blocked_id), coalesce(min(o.created_at), now())
FROM pg_temp.old_blocks AS o
GROUP BY o.blocker_id, o.blocked_id;

INSERT INTO public.likes (id, user_id, post_id, created_at)
SELECT
    fowergram_old.new_id('likes', min(o.id)), fowergram_old.new_id('users', o.user_id),
    fowergram_old.new_id('posts', o.post_id), coalesce(min(o.created_at), now())
FROM pg_temp.old_likes AS o
GROUP BY o.user_id, o.post_id;

INSERT INTO public.saved_posts (id, user_id, post_id, created_at)
SELECT
    fowergram_old.new_id('saved_posts', min(o.id)), fowergram_old.new_id('users', o.user_id),
    fowergram_old.new_id('posts', o.post_id), coalesce(min(o.created_at), now())
FROM pg_temp.old_saved_posts AS o
GROUP BY o.user_id, o.post_id;

INSERT INTO public.comments (id, user_id, post_id, parent_id, content, created_at, updated_at, deleted_at)
SELECT
    fowergram_old.new_id('comments', o.id), fowergram_old.new_id('users', o.user_id),
    fowergram_old.new_id('posts', o.post_id), fowergram_old.new_id('comments', o.parent_id), o.content,
    coalesce(o.created_at, now()), coalesce(o.updated_at, o.created_at, now()), o.deleted_at
FROM pg_temp.old_comments AS o;

INSERT INTO public.comment_likes (id, user_id, comment_id, created_at)
SELECT
    fowergram_old.new_id('comment_likes', min(o.id)), fowergram_old.new_id('users', o.user_id),
    fowergram_old.new_id('comments', o.comment_id), coalesce(min(o.created_at), now())
FROM pg_temp.old_comment_likes AS o
GROUP BY o.user_id, o.comment_id;

-- A NULL in media_type and expires_at is completed by the trigger, from the URL and the duration.
INSERT INTO public.stories (
    id, user_id, media_url, media_type, thumbnail_url, duration, audience, created_at, expires_at)
SELECT
    fowergram_old.new_id('stories', o.id), fowergram_old.new_id('users', o.user_id), o.media_url, o.media_type,
    o.thumbnail_url, coalesce(o.duration, 24), coalesce(o.audience, 'public'), coalesce(o.created_at, now()),
    o.expires_at
FROM pg_temp.old_stories AS o;

INSERT INTO public.story_views (id, user_id, story_id, viewed_at)
SELECT
    fowergram_old.new_id('story_views', min(o.id)), fowergram_old.new_id('users', o.user_id),
    fowergram_old.new_id('stories', o.story_id), coalesce(min(o.viewed_at), now())
FROM pg_temp.old_story_views AS o
GROUP BY o.user_id, o.story_id;

-- A token is stored as its SHA-256 only. The app hashes the same text that it has sent: the base64, not its bytes.
INSERT INTO public.refresh_tokens (id, user_id, token_hash, created_at, expires_at, revoked_at)
SELECT
    fowergram_old.new_id('refresh_tokens', o.id), fowergram_old.new_id('users', o.user_id),
    coalesce(o.token_hash, encode(sha256(convert_to(o.token, 'UTF8')), 'hex')), coalesce(o.created_at, now()),
    o.expires_at, o.used_at
FROM pg_temp.old_refresh_tokens AS o;

INSERT INTO public.email_verifications (id, user_id, token, created_at, expires_at, used_at)
SELECT
    fowergram_old.new_id('email_verifications', o.id), fowergram_old.new_id('users', o.user_id),
    encode(sha256(convert_to(o.token, 'UTF8')), 'hex'), coalesce(o.created_at, now()), o.expires_at, o.used_at
FROM pg_temp.old_email_verifications AS o;

INSERT INTO public.password_resets (id, user_id, token, created_at, expires_at, used_at)
SELECT
    fowergram_old.new_id('password_resets', o.id), fowergram_old.new_id('users', o.user_id),
    encode(sha256(convert_to(o.token, 'UTF8')), 'hex'), coalesce(o.created_at, now()), o.expires_at, o.used_at
FROM pg_temp.old_password_resets AS o;

DO $$
DECLARE
    v_trigger record;
    v_table record;
    v_old bigint;
    v_new bigint;
BEGIN
    FOR v_trigger IN
        SELECT t.tgrelid::regclass AS relation, t.tgname
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND t.tgenabled = 'D'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER %I', v_trigger.relation, v_trigger.tgname);
    END LOOP;

    -- Each old row has its new one: as many as there are, or as there are different pairs.
    FOR v_table IN
        SELECT t.table_name, t.pair FROM (VALUES
            ('users', 'o.id'), ('posts', 'o.id'), ('blocks', 'o.blocker_id, o.blocked_id'),
            ('likes', 'o.user_id, o.post_id'), ('saved_posts', 'o.user_id, o.post_id'), ('comments', 'o.id'),
            ('comment_likes', 'o.user_id, o.comment_id'), ('stories', 'o.id'), ('story_views', 'o.user_id, o.story_id'),
            ('refresh_tokens', 'o.id'), ('email_verifications', 'o.id'), ('password_resets', 'o.id')
        ) AS t (table_name, pair)
    LOOP
        EXECUTE format('SELECT (SELECT count(*) FROM (SELECT DISTINCT %s FROM pg_temp.%I AS o) AS d),
            (SELECT count(*) FROM public.%I)', v_table.pair, 'old_' || v_table.table_name, v_table.table_name)
        INTO v_old, v_new;
        IF v_old <> v_new THEN
            RAISE EXCEPTION '% of % rows of % arrived; nothing was carried', v_new, v_old, v_table.table_name;
        END IF;
    END LOOP;
    SELECT count(*) INTO v_old FROM (
        SELECT o.follower_id, o.following_id FROM pg_temp.old_follows AS o
        UNION
        SELECT o.follower_id, o.following_id FROM pg_temp.old_followers AS o) AS d;
    SELECT count(*) INTO v_new FROM public.follows;
    IF v_old <> v_new THEN
        RAISE EXCEPTION '% of % rows of follows arrived; nothing was carried', v_new, v_old;
    END IF;
    IF EXISTS (SELECT FROM public.recount()) THEN
        RAISE EXCEPTION 'the counts do not equal what they count; nothing was carried'
            USING HINT = 'Report this as a fault of fowergram-db.';
    END IF;
END;
$$;

CREATE TEMPORARY TABLE upgrade_left (what text, filled_rows bigint);

DO $$
DECLARE
    v_column record;
    v_count bigint;
BEGIN
    FOR v_column IN
        SELECT c.oid::regclass AS relation, c.relname, a.attname, k.table_name IS NOT NULL AS is_carried
        FROM pg_class AS c
        LEFT JOIN pg_temp.upgrade_tables AS k ON k.oid = c.oid
        LEFT JOIN pg_attribute AS a
            ON k.oid IS NOT NULL AND a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace = 'fowergram_old'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> 'scripts_run'
          AND (k.oid IS NULL OR a.attname <> ALL (
              -- The first of several old names is the one that was read.
              SELECT (SELECT o.name FROM unnest(u.old_names) WITH ORDINALITY AS o (name, n)
                  JOIN pg_attribute AS x ON x.attrelid = c.oid AND x.attname = o.name AND NOT x.attisdropped
                  ORDER BY o.n LIMIT 1)
              FROM pg_temp.upgrade_columns AS u
              WHERE u.table_name = k.table_name AND EXISTS (
                  SELECT FROM pg_attribute AS x
                  WHERE x.attrelid = c.oid AND x.attname = ANY (u.old_names) AND NOT x.attisdropped)))
    LOOP
        EXECUTE CASE WHEN v_column.is_carried
            THEN format('SELECT count(%I) FROM %s', v_column.attname, v_column.relation)
            ELSE format('SELECT count(*) FROM %s', v_column.relation) END INTO v_count;
        IF v_count > 0 THEN
            INSERT INTO pg_temp.upgrade_left VALUES (concat_ws('.', v_column.relname, v_column.attname), v_count);
        END IF;
    END LOOP;
END;
$$;

COMMIT;

-- Without statistics, the first queries of the app would be planned badly.
ANALYZE
    public.users, public.posts, public.post_media, public.follows, public.blocks, public.likes, public.saved_posts,
    public.comments, public.comment_likes, public.stories, public.story_views, public.refresh_tokens,
    public.email_verifications, public.password_resets, public.user_stat_slots, public.post_stat_slots,
    public.comment_stat_slots;

SELECT c.table_name, c.old_rows, c.carried, c.old_rows - c.carried AS merged
FROM (VALUES
    ('users', (SELECT count(*) FROM pg_temp.old_users), (SELECT count(*) FROM public.users)),
    ('posts', (SELECT count(*) FROM pg_temp.old_posts), (SELECT count(*) FROM public.posts)),
    ('post_media', (SELECT count(*) FROM pg_temp.old_post_media), (
        SELECT count(*) FROM public.post_media AS m
        WHERE EXISTS (SELECT FROM pg_temp.old_post_media AS o WHERE fowergram_old.new_id('post_media', o.id) = m.id))),
    ('follows and followers',
        (SELECT count(*) FROM pg_temp.old_follows) + (SELECT count(*) FROM pg_temp.old_followers),
        (SELECT count(*) FROM public.follows)),
    ('blocks', (SELECT count(*) FROM pg_temp.old_blocks), (SELECT count(*) FROM public.blocks)),
    ('likes', (SELECT count(*) FROM pg_temp.old_likes), (SELECT count(*) FROM public.likes)),
    ('saved_posts', (SELECT count(*) FROM pg_temp.old_saved_posts), (SELECT count(*) FROM public.saved_posts)),
    ('comments', (SELECT count(*) FROM pg_temp.old_comments), (SELECT count(*) FROM public.comments)),
    ('comment_likes', (SELECT count(*) FROM pg_temp.old_comment_likes), (SELECT count(*) FROM public.comment_likes)),
    ('stories', (SELECT count(*) FROM pg_temp.old_stories), (SELECT count(*) FROM public.stories)),
    ('story_views', (SELECT count(*) FROM pg_temp.old_story_views), (SELECT count(*) FROM public.story_views)),
    ('refresh_tokens', (SELECT count(*) FROM pg_temp.old_refresh_tokens), (SELECT count(*) FROM public.refresh_tokens)),
    ('email_verifications', (SELECT count(*) FROM pg_temp.old_email_verifications),
        (SELECT count(*) FROM public.email_verifications)),
    ('password_resets', (SELECT count(*) FROM pg_temp.old_password_resets), (SELECT count(*) FROM public.password_resets))
) AS c (table_name, old_rows, carried)
WHERE c.old_rows > 0 OR c.carried > 0;

SELECT l.what AS not_carried, l.filled_rows FROM pg_temp.upgrade_left AS l ORDER BY l.what;
