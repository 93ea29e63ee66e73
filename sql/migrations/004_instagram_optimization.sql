-- Fuller profiles, collections, highlights, direct messages, reels, what users do and search for,
-- and the trigram indexes for search.

-- Unqualified names are PostgreSQL's own: no schema is searched in which other roles may create objects.
SET LOCAL search_path = '';


-- Full-text search splits words at spaces, which Thai does not have; trigrams find any part of a text.
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;


-- Profiles ----------------------------------------------------------------------------------------

ALTER TABLE public.users
    ADD COLUMN phone_number       text,
    ADD COLUMN date_of_birth      date,
    ADD COLUMN gender             text,
    ADD COLUMN profile_category   text,
    ADD COLUMN external_links     jsonb   NOT NULL DEFAULT '[]',
    ADD COLUMN business_info      jsonb   NOT NULL DEFAULT '{}',
    ADD COLUMN two_factor_enabled boolean NOT NULL DEFAULT false,
    ADD COLUMN last_active_at     timestamptz,
    ADD CONSTRAINT users_phone_number_check CHECK (phone_number ~ '^[+]?[0-9][0-9 ()-]{4,24}$'),
    ADD CONSTRAINT users_external_links_check CHECK (jsonb_typeof(external_links) = 'array'),
    ADD CONSTRAINT users_business_info_check CHECK (jsonb_typeof(business_info) = 'object');

COMMENT ON COLUMN public.users.profile_category IS 'What a business or creator does, in their own words.';
COMMENT ON COLUMN public.users.external_links IS 'Array of links shown on the profile.';
COMMENT ON COLUMN public.users.business_info IS 'Contact data of a business: address, opening hours and so on.';

-- Signs between the digits do not make another number, and a deleted account frees its own.
CREATE UNIQUE INDEX users_phone_number_key ON public.users (regexp_replace(phone_number, '[ ()-]', '', 'g'))
    WHERE deleted_at IS NULL;

COMMENT ON COLUMN public.users.phone_number IS
    'Unique among accounts that are not deleted, whatever signs are between its digits.';

-- Texts as they are searched for. To normalise a text takes a hundred times as long as to compare it, so a search that had
-- to do this for each row that it reads would take seconds.
ALTER TABLE public.users
    ADD COLUMN username_search  text GENERATED ALWAYS AS (public.search_text(username)) STORED,
    ADD COLUMN full_name_search text GENERATED ALWAYS AS (public.search_text(full_name)) STORED;
ALTER TABLE public.posts
    ADD COLUMN caption_search  text GENERATED ALWAYS AS (public.search_text(caption)) STORED,
    ADD COLUMN location_search text GENERATED ALWAYS AS (public.search_text(location)) STORED;

COMMENT ON COLUMN public.users.username_search IS 'The username as search_text spells it, for search_users.';
COMMENT ON COLUMN public.users.full_name_search IS 'The full name as search_text spells it, for search_users.';
COMMENT ON COLUMN public.posts.caption_search IS 'The caption as search_text spells it, for search_posts.';
COMMENT ON COLUMN public.posts.location_search IS 'The location as search_text spells it, for search_posts.';

-- Names by a part of them; and by their beginning, the shortest first, as search_users returns them.
CREATE INDEX users_search_idx ON public.users
    USING gin (username_search public.gin_trgm_ops, full_name_search public.gin_trgm_ops);
CREATE INDEX users_username_search_idx ON public.users (char_length(username_search), username_search COLLATE "C", id)
    WHERE deleted_at IS NULL;
CREATE INDEX hashtags_search_idx ON public.hashtags USING gin (name public.gin_trgm_ops);

-- With the week of a post, in UTC, a search reads one week after the other until it has found a page: of each list of
-- posts, only the part of that week. Not for live posts alone, because archiving a post would then write to the index.
-- Without a list of pending entries, which each of these weeks would read as a whole.
CREATE INDEX posts_search_idx ON public.posts USING gin (
    (ARRAY[date_trunc('week', timezone('UTC', created_at))]),
    caption_search public.gin_trgm_ops, location_search public.gin_trgm_ops) WITH (fastupdate = off);


-- Collections -------------------------------------------------------------------------------------

CREATE TABLE public.collections (
    id              uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id         uuid        NOT NULL,
    name            text        NOT NULL,
    description     text,
    cover_image_url text,
    is_public       boolean     NOT NULL DEFAULT false,
    posts_count     integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT collections_pkey PRIMARY KEY (id),
    CONSTRAINT collections_user_id_name_key UNIQUE (user_id, name),
    CONSTRAINT collections_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT collections_name_check CHECK (btrim(name) <> ''),
    CONSTRAINT collections_posts_count_check CHECK (posts_count >= 0)
);

COMMENT ON TABLE public.collections IS 'Named groups of the posts that a user has saved.';
COMMENT ON COLUMN public.collections.posts_count IS
    'Posts in it that are neither deleted nor archived; kept by triggers.';


CREATE TABLE public.collection_posts (
    id            uuid        NOT NULL DEFAULT public.uuid_v7(),
    collection_id uuid        NOT NULL,
    post_id       uuid        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT collection_posts_pkey PRIMARY KEY (id),
    CONSTRAINT collection_posts_collection_id_post_id_key UNIQUE (collection_id, post_id),
    CONSTRAINT collection_posts_collection_id_fkey
        FOREIGN KEY (collection_id) REFERENCES public.collections (id) ON DELETE CASCADE,
    CONSTRAINT collection_posts_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE
);

CREATE INDEX collection_posts_post_id_idx ON public.collection_posts (post_id);

COMMENT ON TABLE public.collection_posts IS 'Which post is in which collection.';

SELECT public.lock_posts_of_links('collection_posts', 'collection_id', p_with_authors => false);

SELECT public.keep_counts_of_links('collection_posts', 'collections', 'id', 'posts_count', 'collection_id',
    'post.is_live::integer');

CREATE TRIGGER delete_collections_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('collections', 'user_id');


-- Highlights --------------------------------------------------------------------------------------

CREATE TABLE public.highlights (
    id              uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id         uuid        NOT NULL,
    title           text        NOT NULL,
    cover_image_url text,
    display_order   integer     NOT NULL DEFAULT 0,
    story_count     integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT highlights_pkey PRIMARY KEY (id),
    CONSTRAINT highlights_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT highlights_title_check CHECK (btrim(title) <> ''),
    CONSTRAINT highlights_display_order_check CHECK (display_order >= 0),
    CONSTRAINT highlights_story_count_check CHECK (story_count >= 0)
);

CREATE INDEX highlights_user_id_display_order_idx ON public.highlights (user_id, display_order);

COMMENT ON TABLE public.highlights IS 'Groups of stories that stay on the profile of their author.';
COMMENT ON COLUMN public.highlights.display_order IS 'Position on the profile, from 0.';
COMMENT ON COLUMN public.highlights.story_count IS 'Stories in it; kept by triggers.';


CREATE TABLE public.highlight_stories (
    id           uuid        NOT NULL DEFAULT public.uuid_v7(),
    highlight_id uuid        NOT NULL,
    story_id     uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT highlight_stories_pkey PRIMARY KEY (id),
    CONSTRAINT highlight_stories_highlight_id_story_id_key UNIQUE (highlight_id, story_id),
    CONSTRAINT highlight_stories_highlight_id_fkey
        FOREIGN KEY (highlight_id) REFERENCES public.highlights (id) ON DELETE CASCADE,
    CONSTRAINT highlight_stories_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.stories (id) ON DELETE CASCADE
);

CREATE INDEX highlight_stories_story_id_idx ON public.highlight_stories (story_id);

COMMENT ON TABLE public.highlight_stories IS 'Which story is in which highlight; such a story outlives its day.';

SELECT public.keep_counts('highlight_stories', 'highlights', 'id', 'story_count', 'highlight_id', '1');

CREATE TRIGGER delete_highlights_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('highlights', 'user_id');


-- A story in a highlight is kept.
CREATE OR REPLACE FUNCTION public.cleanup_expired_stories() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_deleted integer;
BEGIN
    DELETE FROM public.stories
    WHERE id IN (
        SELECT s.id FROM public.stories AS s
        WHERE s.expires_at <= now()
          AND NOT EXISTS (SELECT FROM public.highlight_stories AS h WHERE h.story_id = s.id)
        ORDER BY s.id
        FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN v_deleted;
END;
$$;

COMMENT ON FUNCTION public.cleanup_expired_stories() IS
    'Deletes expired stories that are in no highlight, and returns their number. Readers never show expired '
    'stories, so it may run at any time.';


-- Direct messages ---------------------------------------------------------------------------------

CREATE TABLE public.conversations (
    id              uuid        NOT NULL DEFAULT public.uuid_v7(),
    is_group        boolean     NOT NULL DEFAULT false,
    group_name      text,
    group_image_url text,
    created_by      uuid,
    last_message_at timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT conversations_pkey PRIMARY KEY (id),
    CONSTRAINT conversations_created_by_fkey FOREIGN KEY (created_by) REFERENCES public.users (id) ON DELETE SET NULL
) WITH (fillfactor = 80);

CREATE INDEX conversations_created_by_idx ON public.conversations (created_by);

COMMENT ON TABLE public.conversations IS 'A conversation of two users or of a group.';
COMMENT ON COLUMN public.conversations.last_message_at IS 'When the newest message was sent; kept by a trigger.';

CREATE TRIGGER await_other_deletions BEFORE DELETE ON public.conversations
    FOR EACH STATEMENT EXECUTE FUNCTION public.await_other_deletions();


CREATE TABLE public.conversation_participants (
    id              uuid        NOT NULL DEFAULT public.uuid_v7(),
    conversation_id uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    joined_at       timestamptz NOT NULL DEFAULT now(),
    left_at         timestamptz,
    is_admin        boolean     NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT conversation_participants_pkey PRIMARY KEY (id),
    CONSTRAINT conversation_participants_conversation_id_user_id_key UNIQUE (conversation_id, user_id),
    CONSTRAINT conversation_participants_conversation_id_fkey
        FOREIGN KEY (conversation_id) REFERENCES public.conversations (id) ON DELETE CASCADE,
    CONSTRAINT conversation_participants_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX conversation_participants_user_id_idx ON public.conversation_participants (user_id);

COMMENT ON TABLE public.conversation_participants IS 'Who takes part in which conversation.';
COMMENT ON COLUMN public.conversation_participants.joined_at IS 'The latest time of joining; created_at is the first.';
COMMENT ON COLUMN public.conversation_participants.left_at IS 'NULL: takes part.';


CREATE TABLE public.messages (
    id                  uuid        NOT NULL DEFAULT public.uuid_v7(),
    conversation_id     uuid        NOT NULL,
    sender_id           uuid        NOT NULL,
    message_type        text        NOT NULL DEFAULT 'text',
    content             text,
    media_url           text,
    shared_post_id      uuid,
    shared_story_id     uuid,
    reply_to_message_id uuid,
    is_edited           boolean     NOT NULL DEFAULT false,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    CONSTRAINT messages_pkey PRIMARY KEY (id),
    CONSTRAINT messages_conversation_id_fkey
        FOREIGN KEY (conversation_id) REFERENCES public.conversations (id) ON DELETE CASCADE,
    CONSTRAINT messages_sender_id_fkey FOREIGN KEY (sender_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT messages_shared_post_id_fkey
        FOREIGN KEY (shared_post_id) REFERENCES public.posts (id) ON DELETE SET NULL,
    CONSTRAINT messages_shared_story_id_fkey
        FOREIGN KEY (shared_story_id) REFERENCES public.stories (id) ON DELETE SET NULL,
    CONSTRAINT messages_reply_to_message_id_fkey
        FOREIGN KEY (reply_to_message_id) REFERENCES public.messages (id) ON DELETE SET NULL,
    CONSTRAINT messages_message_type_check
        CHECK (message_type IN ('text', 'image', 'video', 'audio', 'post_share', 'story_share')),
    -- What a share points to may be deleted later, so only the message's own parts can be required.
    CONSTRAINT messages_content_check CHECK (
        deleted_at IS NOT NULL
        OR CASE
            WHEN message_type = 'text' THEN coalesce(btrim(content), '') <> ''
            WHEN message_type IN ('image', 'video', 'audio') THEN media_url IS NOT NULL
            ELSE true
        END)
);

CREATE INDEX messages_conversation_id_created_at_idx ON public.messages (conversation_id, created_at DESC, id DESC);
CREATE INDEX messages_sender_id_idx ON public.messages (sender_id);
CREATE INDEX messages_shared_post_id_idx ON public.messages (shared_post_id);
CREATE INDEX messages_shared_story_id_idx ON public.messages (shared_story_id);
CREATE INDEX messages_reply_to_message_id_idx ON public.messages (reply_to_message_id);

COMMENT ON TABLE public.messages IS 'Messages of conversations.';
COMMENT ON COLUMN public.messages.shared_post_id IS 'Of a post_share; NULL once that post is gone.';
COMMENT ON COLUMN public.messages.shared_story_id IS 'Of a story_share; NULL once that story is gone.';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.messages
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

CREATE TRIGGER delete_messages_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('messages', 'sender_id');


CREATE FUNCTION public.touch_conversations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_key uuid;
    v_created_at timestamptz;
    v_is_one_of_many boolean;
    v_keys uuid[];
    v_newest timestamptz[];
BEGIN
    SELECT n.conversation_id, n.created_at, EXISTS (SELECT FROM new_rows OFFSET 1)
    INTO v_key, v_created_at, v_is_one_of_many FROM new_rows AS n;
    IF NOT v_is_one_of_many THEN
        UPDATE public.conversations AS c SET last_message_at = greatest(c.last_message_at, v_created_at) WHERE c.id = v_key;
        RETURN NULL;
    END IF;

    SELECT
        array_agg(n.conversation_id ORDER BY n.conversation_id), array_agg(n.created_at ORDER BY n.conversation_id)
    INTO v_keys, v_newest
    FROM (SELECT conversation_id, max(created_at) AS created_at FROM new_rows GROUP BY conversation_id) AS n;

    -- In the order of their keys, as for counts, so that batches of messages never deadlock.
    PERFORM FROM unnest(v_keys) AS touched (key)
    CROSS JOIN LATERAL (SELECT FROM public.conversations AS c WHERE c.id = touched.key FOR NO KEY UPDATE) AS locked;
    UPDATE public.conversations AS c SET last_message_at = greatest(c.last_message_at, touched.created_at)
    FROM unnest(v_keys, v_newest) AS touched (key, created_at)
    WHERE c.id = touched.key;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.touch_conversations() IS
    'Statement trigger on messages: keeps last_message_at of conversations.';

REVOKE ALL ON FUNCTION public.touch_conversations() FROM PUBLIC;

CREATE TRIGGER touch_conversations AFTER INSERT ON public.messages REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.touch_conversations();


CREATE TABLE public.message_reads (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    message_id uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    read_at    timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT message_reads_pkey PRIMARY KEY (id),
    CONSTRAINT message_reads_message_id_user_id_key UNIQUE (message_id, user_id),
    CONSTRAINT message_reads_message_id_fkey FOREIGN KEY (message_id) REFERENCES public.messages (id) ON DELETE CASCADE,
    CONSTRAINT message_reads_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX message_reads_user_id_idx ON public.message_reads (user_id);

COMMENT ON TABLE public.message_reads IS 'Who has read which message.';
COMMENT ON COLUMN public.message_reads.read_at IS 'When it was read; created_at is when the server learnt of it.';


-- Reels -------------------------------------------------------------------------------------------

CREATE TABLE public.audio_tracks (
    id          uuid        NOT NULL DEFAULT public.uuid_v7(),
    title       text        NOT NULL,
    artist      text,
    url         text        NOT NULL,
    duration    integer,
    usage_count integer     NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT audio_tracks_pkey PRIMARY KEY (id),
    CONSTRAINT audio_tracks_title_check CHECK (btrim(title) <> ''),
    CONSTRAINT audio_tracks_duration_check CHECK (duration >= 0),
    CONSTRAINT audio_tracks_usage_count_check CHECK (usage_count >= 0)
) WITH (fillfactor = 80);

COMMENT ON TABLE public.audio_tracks IS 'Sounds that reels are set to.';
COMMENT ON COLUMN public.audio_tracks.artist IS 'NULL: a sound of a user''s own.';
COMMENT ON COLUMN public.audio_tracks.duration IS 'Seconds.';
COMMENT ON COLUMN public.audio_tracks.usage_count IS 'Reels that use it; kept by triggers.';


CREATE TABLE public.reels (
    id             uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id        uuid        NOT NULL,
    video_url      text        NOT NULL,
    thumbnail_url  text,
    caption        text,
    audio_track_id uuid,
    duration       integer,
    width          integer     NOT NULL DEFAULT 1080,
    height         integer     NOT NULL DEFAULT 1920,
    view_count     bigint      NOT NULL DEFAULT 0,
    play_count     bigint      NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reels_pkey PRIMARY KEY (id),
    CONSTRAINT reels_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT reels_audio_track_id_fkey
        FOREIGN KEY (audio_track_id) REFERENCES public.audio_tracks (id) ON DELETE SET NULL,
    CONSTRAINT reels_duration_check CHECK (duration >= 0),
    CONSTRAINT reels_dimensions_check CHECK (width > 0 AND height > 0),
    CONSTRAINT reels_counts_check CHECK (view_count >= 0 AND play_count >= 0)
) WITH (fillfactor = 80);

CREATE INDEX reels_user_id_created_at_idx ON public.reels (user_id, created_at DESC, id DESC);
CREATE INDEX reels_audio_track_id_idx ON public.reels (audio_track_id);

COMMENT ON TABLE public.reels IS 'Short upright videos.';
COMMENT ON COLUMN public.reels.duration IS 'Seconds.';
COMMENT ON COLUMN public.reels.width IS 'Pixels.';
COMMENT ON COLUMN public.reels.height IS 'Pixels.';
COMMENT ON COLUMN public.reels.view_count IS 'Viewers, added up by the app: no table holds a row for each.';
COMMENT ON COLUMN public.reels.play_count IS 'Plays, repeats included, added up by the app.';

CREATE TRIGGER reels_author_not_deleted_check AFTER INSERT ON public.reels REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_deleted_authors();

CREATE TRIGGER await_other_deletions BEFORE DELETE ON public.reels
    FOR EACH STATEMENT EXECUTE FUNCTION public.await_other_deletions();

SELECT public.keep_counts('reels', 'audio_tracks', 'id', 'usage_count', 'audio_track_id', '1');


CREATE TABLE public.reel_stat_slots (
    reel_id       uuid             NOT NULL,
    slot          integer          NOT NULL,
    like_count    integer          NOT NULL DEFAULT 0,
    comment_count integer          NOT NULL DEFAULT 0,
    share_count   integer          NOT NULL DEFAULT 0,
    save_count    integer          NOT NULL DEFAULT 0,
    trend_score   double precision NOT NULL DEFAULT 0,
    CONSTRAINT reel_stat_slots_pkey PRIMARY KEY (reel_id, slot)
) WITH (fillfactor = 70);

COMMENT ON TABLE public.reel_stat_slots IS 'The parts that reel_stats adds up; kept by triggers, read through the view.';
COMMENT ON COLUMN public.reel_stat_slots.slot IS
    'Distinguishes the rows of one key: concurrent writers each use another row.';
COMMENT ON COLUMN public.reel_stat_slots.trend_score IS
    'Sum of trend_weight over the likes, comments, shares and saves that this slot has counted.';


CREATE FUNCTION public.reel_counts(p_reel_id uuid)
RETURNS TABLE (like_count integer, comment_count integer, share_count integer, save_count integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        coalesce(pg_catalog.sum(s.like_count), 0)::integer, coalesce(pg_catalog.sum(s.comment_count), 0)::integer,
        coalesce(pg_catalog.sum(s.share_count), 0)::integer, coalesce(pg_catalog.sum(s.save_count), 0)::integer
    FROM public.reel_stat_slots AS s
    WHERE s.reel_id = p_reel_id
$$;

COMMENT ON FUNCTION public.reel_counts(uuid) IS 'The row of reel_stats of one reel.';


CREATE VIEW public.reel_stats AS
SELECT r.id AS reel_id, counts.like_count, counts.comment_count, counts.share_count, counts.save_count
FROM public.reels AS r
CROSS JOIN LATERAL public.reel_counts(r.id) AS counts;

COMMENT ON VIEW public.reel_stats IS 'Counts of each reel, exact whenever they are read.';
COMMENT ON COLUMN public.reel_stats.comment_count IS 'Comments and replies that are not deleted.';

SELECT public.keep_slots('reels', 'reel_stat_slots', 'reel_id');


CREATE TABLE public.reel_trends (
    reel_id uuid             NOT NULL,
    score   double precision NOT NULL DEFAULT 0,
    CONSTRAINT reel_trends_pkey PRIMARY KEY (reel_id)
) WITH (fillfactor = 80);

CREATE INDEX reel_trends_score_idx ON public.reel_trends (score DESC, reel_id);

COMMENT ON TABLE public.reel_trends IS
    'How much reels trend, in the order of the index; kept by triggers, without a foreign key as slots are.';
COMMENT ON COLUMN public.reel_trends.score IS
    'trend_weight of the reel and of all likes, comments, shares and saves, within a few hundredths.';


CREATE FUNCTION public.add_reel_trends() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.reel_trends (reel_id, score) SELECT id, public.trend_weight(least(created_at, now())) FROM new_rows;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.add_reel_trends() IS 'Statement trigger: a reel enters the trend as if it had been liked once.';

REVOKE ALL ON FUNCTION public.add_reel_trends() FROM PUBLIC;

CREATE TRIGGER add_reel_trends AFTER INSERT ON public.reels REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.add_reel_trends();

SELECT public.keep_slots('reels', 'reel_trends', 'reel_id');


-- A viral reel gets more likes than updates of the trend index would be worth. So its place is updated only when a slot
-- has grown by a twentieth, by a session that finds it unlocked. Likes neither wait here, nor fill the index.
CREATE FUNCTION public.move_reel_trend() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM public.reel_trends AS t WHERE t.reel_id = NEW.reel_id FOR NO KEY UPDATE SKIP LOCKED;
    IF FOUND THEN
        UPDATE public.reel_trends AS t
        SET score = public.trend_weight(least(r.created_at, now())) + (
            SELECT sum(s.trend_score) FROM public.reel_stat_slots AS s WHERE s.reel_id = NEW.reel_id)
        FROM public.reels AS r
        WHERE t.reel_id = NEW.reel_id AND r.id = NEW.reel_id;
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.move_reel_trend() IS 'Row trigger on reel_stat_slots: gives the reel its place in the trend.';

REVOKE ALL ON FUNCTION public.move_reel_trend() FROM PUBLIC;

CREATE TRIGGER move_trend_on_insert AFTER INSERT ON public.reel_stat_slots
    FOR EACH ROW EXECUTE FUNCTION public.move_reel_trend();

-- ln(1.05) is about 1/20; the logarithm has no value at zero.
CREATE TRIGGER move_trend_on_update AFTER UPDATE ON public.reel_stat_slots
    FOR EACH ROW WHEN (
        floor(20 * ln(greatest(NEW.trend_score, 1e-307))) <> floor(20 * ln(greatest(OLD.trend_score, 1e-307))))
    EXECUTE FUNCTION public.move_reel_trend();


CREATE TABLE public.reel_likes (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    reel_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reel_likes_pkey PRIMARY KEY (id),
    CONSTRAINT reel_likes_reel_id_user_id_key UNIQUE (reel_id, user_id),
    CONSTRAINT reel_likes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT reel_likes_reel_id_fkey FOREIGN KEY (reel_id) REFERENCES public.reels (id) ON DELETE CASCADE
);

CREATE INDEX reel_likes_user_id_idx ON public.reel_likes (user_id);

COMMENT ON TABLE public.reel_likes IS 'Who likes which reel.';

CREATE TRIGGER at_latest_now BEFORE INSERT OR UPDATE ON public.reel_likes
    FOR EACH ROW WHEN (NEW.created_at > now()) EXECUTE FUNCTION public.limit_created_at();

SELECT public.keep_counts('reel_likes', 'reel_stat_slots', 'reel_id',
    'like_count', 'reel_id', '1',
    'trend_score', 'reel_id', 'public.trend_weight(it.created_at)');


CREATE TABLE public.reel_comments (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    reel_id    uuid        NOT NULL,
    parent_id  uuid,
    content    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT reel_comments_pkey PRIMARY KEY (id),
    CONSTRAINT reel_comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT reel_comments_reel_id_fkey FOREIGN KEY (reel_id) REFERENCES public.reels (id) ON DELETE CASCADE,
    CONSTRAINT reel_comments_parent_id_fkey
        FOREIGN KEY (parent_id) REFERENCES public.reel_comments (id) ON DELETE CASCADE,
    CONSTRAINT reel_comments_no_self_parent_check CHECK (parent_id <> id),
    CONSTRAINT reel_comments_content_check CHECK (btrim(content) <> '')
);

CREATE INDEX reel_comments_reel_id_created_at_idx ON public.reel_comments (reel_id, created_at DESC, id DESC);
CREATE INDEX reel_comments_parent_id_created_at_idx ON public.reel_comments (parent_id, created_at, id);
CREATE INDEX reel_comments_user_id_idx ON public.reel_comments (user_id);

COMMENT ON TABLE public.reel_comments IS 'Comments on reels, and replies to them.';
COMMENT ON COLUMN public.reel_comments.parent_id IS
    'The comment that this one replies to; NULL: it comments on the reel.';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.reel_comments
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

CREATE TRIGGER at_latest_now BEFORE INSERT OR UPDATE ON public.reel_comments
    FOR EACH ROW WHEN (NEW.created_at > now()) EXECUTE FUNCTION public.limit_created_at();

CREATE TRIGGER reel_comments_author_not_deleted_check AFTER INSERT ON public.reel_comments
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_deleted_authors();

SELECT public.keep_counts('reel_comments', 'reel_stat_slots', 'reel_id',
    'comment_count', 'reel_id', '(it.deleted_at IS NULL)::integer',
    'trend_score', 'reel_id', 'CASE WHEN it.deleted_at IS NULL THEN public.trend_weight(it.created_at) ELSE 0 END');


CREATE FUNCTION public.refuse_misplaced_reel_comments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM public.reel_comments AS c WHERE c.id = NEW.parent_id AND c.reel_id <> NEW.reel_id) THEN
        RAISE check_violation USING
            MESSAGE = 'a reply belongs to the reel of the comment that it replies to',
            SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = 'reel_comments_parent_id_check';
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.refuse_misplaced_reel_comments() IS
    'Row trigger: refuses replies to comments on another reel.';

REVOKE ALL ON FUNCTION public.refuse_misplaced_reel_comments() FROM PUBLIC;

CREATE TRIGGER refuse_misplaced AFTER INSERT OR UPDATE OF reel_id, parent_id ON public.reel_comments
    FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION public.refuse_misplaced_reel_comments();


CREATE TABLE public.reel_shares (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    reel_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reel_shares_pkey PRIMARY KEY (id),
    CONSTRAINT reel_shares_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT reel_shares_reel_id_fkey FOREIGN KEY (reel_id) REFERENCES public.reels (id) ON DELETE CASCADE
);

CREATE INDEX reel_shares_reel_id_idx ON public.reel_shares (reel_id);
CREATE INDEX reel_shares_user_id_idx ON public.reel_shares (user_id);

COMMENT ON TABLE public.reel_shares IS 'Each time that a user passed a reel on.';

CREATE TRIGGER at_latest_now BEFORE INSERT OR UPDATE ON public.reel_shares
    FOR EACH ROW WHEN (NEW.created_at > now()) EXECUTE FUNCTION public.limit_created_at();

SELECT public.keep_counts('reel_shares', 'reel_stat_slots', 'reel_id',
    'share_count', 'reel_id', '1',
    'trend_score', 'reel_id', 'public.trend_weight(it.created_at)');


CREATE TABLE public.saved_reels (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    reel_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT saved_reels_pkey PRIMARY KEY (id),
    CONSTRAINT saved_reels_reel_id_user_id_key UNIQUE (reel_id, user_id),
    CONSTRAINT saved_reels_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT saved_reels_reel_id_fkey FOREIGN KEY (reel_id) REFERENCES public.reels (id) ON DELETE CASCADE
);

CREATE INDEX saved_reels_user_id_created_at_idx ON public.saved_reels (user_id, created_at DESC);

COMMENT ON TABLE public.saved_reels IS 'Reels that a user keeps for later, seen by that user only.';

CREATE TRIGGER at_latest_now BEFORE INSERT OR UPDATE ON public.saved_reels
    FOR EACH ROW WHEN (NEW.created_at > now()) EXECUTE FUNCTION public.limit_created_at();

SELECT public.keep_counts('saved_reels', 'reel_stat_slots', 'reel_id',
    'save_count', 'reel_id', '1',
    'trend_score', 'reel_id', 'public.trend_weight(it.created_at)');


-- What users do and search for --------------------------------------------------------------------

CREATE TABLE public.user_activities (
    id            uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id       uuid        NOT NULL,
    activity_type text        NOT NULL,
    entity_type   text,
    entity_id     uuid,
    metadata      jsonb       NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_activities_pkey PRIMARY KEY (id, created_at),
    CONSTRAINT user_activities_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT user_activities_activity_type_check CHECK (btrim(activity_type) <> '')
) PARTITION BY RANGE (created_at);

CREATE INDEX user_activities_user_id_created_at_idx ON public.user_activities (user_id, created_at DESC);

COMMENT ON TABLE public.user_activities IS
    'What users do; one partition per month (UTC), made by maintain_partitions.';
COMMENT ON COLUMN public.user_activities.entity_type IS 'The kind of thing it was done to: post, story and so on.';
COMMENT ON COLUMN public.user_activities.entity_id IS 'The id of that thing, without a foreign key: the kinds differ.';


CREATE OR REPLACE FUNCTION public.maintain_partitions(p_months_ahead integer DEFAULT 6, p_keep interval DEFAULT NULL)
RETURNS TABLE (partition_name text, action text)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT changed.partition_name, changed.action
    FROM unnest(ARRAY['notifications', 'user_activities']) AS parent (name)
    CROSS JOIN LATERAL public.maintain_monthly_partitions(parent.name, coalesce(p_months_ahead, 6), p_keep) AS changed
$$;

SELECT public.maintain_partitions();


CREATE TABLE public.search_history (
    id                uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id           uuid        NOT NULL,
    search_type       text        NOT NULL,
    search_term       text        NOT NULL,
    clicked_result_id uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT search_history_pkey PRIMARY KEY (id),
    CONSTRAINT search_history_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT search_history_search_type_check CHECK (search_type IN ('user', 'hashtag', 'location')),
    CONSTRAINT search_history_search_term_check CHECK (btrim(search_term) <> '')
);

CREATE INDEX search_history_user_id_created_at_idx ON public.search_history (user_id, created_at DESC);

COMMENT ON TABLE public.search_history IS 'What users have searched for.';
COMMENT ON COLUMN public.search_history.clicked_result_id IS
    'The result that was opened, without a foreign key: the kinds differ.';


-- Readers -----------------------------------------------------------------------------------------

-- Search: by a part of a text, or, in one or two signs, by its beginning.

-- pg_trgm takes letters and digits into trigrams: three of them, two at the end of a word, one at its beginning.
CREATE FUNCTION public.has_trigrams(p_query text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT public.search_text(pg_catalog.btrim(p_query)) ~ CASE
        WHEN pg_catalog.char_length(public.search_text(pg_catalog.btrim(p_query))) < 3 THEN '[[:alnum:]]'
        ELSE '[[:alnum:]]{3}|[[:alnum:]]{2}[^[:alnum:]]|[^[:alnum:]][[:alnum:]]'
    END
$$;

COMMENT ON FUNCTION public.has_trigrams(text) IS
    'Whether a trigram index finds the search_pattern of a query; if not, it would read all that it holds.';


-- First the names that begin with the query, one length after the other, until the page is full; the others only if it is
-- not: they have to be sorted.
CREATE FUNCTION public.search_users(p_viewer_id uuid, p_query text, p_limit integer DEFAULT 20)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean, is_private boolean
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT page.user_id, page.username, page.full_name, page.avatar, page.is_verified, page.is_private
    FROM (
        WITH RECURSIVE query (search, pattern) AS MATERIALIZED (
            SELECT public.search_text(pg_catalog.btrim(p_query)), public.search_pattern(p_query)
            WHERE pg_catalog.btrim(p_query) <> ''
        ), length (of_name) AS (
            SELECT pg_catalog.char_length(q.search) - 1 FROM query AS q
            UNION ALL
            SELECT longer.of_name
            FROM length
            CROSS JOIN LATERAL (
                SELECT pg_catalog.char_length(u.username_search) AS of_name FROM public.users AS u
                WHERE u.deleted_at IS NULL AND pg_catalog.char_length(u.username_search) > length.of_name
                ORDER BY pg_catalog.char_length(u.username_search)
                LIMIT 1) AS longer
        )
        SELECT matching.step, matching.of_name, matching.username_search, found.*
        FROM (
            SELECT 1 AS step, length.of_name, named.username_search, named.id
            FROM length
            CROSS JOIN LATERAL (
                SELECT u.id, u.username_search FROM public.users AS u
                WHERE u.deleted_at IS NULL AND pg_catalog.char_length(u.username_search) = length.of_name
                  AND u.username_search COLLATE "C" >= (SELECT q.search FROM query AS q)
                  AND u.username_search COLLATE "C" < (SELECT q.search || U&'\+10FFFF' FROM query AS q)
                ORDER BY u.username_search COLLATE "C", u.id
                OFFSET 0) AS named
            UNION ALL
            SELECT other.*
            FROM (
                SELECT 2, pg_catalog.char_length(u.username_search), u.username_search, u.id
                FROM public.users AS u
                WHERE u.deleted_at IS NULL
                  AND (u.username_search LIKE (SELECT q.pattern FROM query AS q)
                      OR u.full_name_search LIKE (SELECT q.pattern FROM query AS q))
                  AND NOT pg_catalog.starts_with(u.username_search, (SELECT q.search FROM query AS q))
                ORDER BY pg_catalog.char_length(u.username_search), u.username_search COLLATE "C", u.id
                OFFSET 0) AS other
            ) AS matching
        CROSS JOIN LATERAL public.reachable_user(p_viewer_id, matching.id) AS found
        LIMIT greatest(coalesce(p_limit, 20), 0)) AS page
    ORDER BY page.step, page.of_name, page.username_search COLLATE "C", page.user_id
$$;

COMMENT ON FUNCTION public.search_users(uuid, text, integer) IS
    'Accounts with a part of their username or full name: the very name first, then those that begin with it, then the '
    'shortest. None that cannot be reached; private ones too, so that they can be asked.';


CREATE FUNCTION public.search_hashtags(p_query text, p_limit integer DEFAULT 20)
RETURNS TABLE (hashtag_id uuid, name text, post_count integer)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT h.id, h.name, h.post_count
    FROM public.hashtags AS h
    WHERE pg_catalog.ltrim(pg_catalog.btrim(p_query), '#') <> ''
      AND h.name LIKE public.search_pattern(pg_catalog.ltrim(pg_catalog.btrim(p_query), '#'))
    ORDER BY
        h.name = public.search_text(pg_catalog.ltrim(pg_catalog.btrim(p_query), '#')) DESC, h.post_count DESC, h.name
    LIMIT greatest(coalesce(p_limit, 20), 0)
$$;

COMMENT ON FUNCTION public.search_hashtags(text, integer) IS
    'Hashtags with a part of their name, with or without the #: the very name first, then by their posts.';


-- One week after the other, the newest first, and no row after the last one of the page. Nothing here depends on what the
-- planner expects of a word: each week is a lookup (LATERAL, OFFSET 0), and the pattern is read once (as a subquery).
-- A query without trigrams, such as three emoji, would read the whole index, so it compares the posts of each week.
CREATE FUNCTION public.search_posts_before(
    p_viewer_id uuid, p_query text, p_before timestamptz, p_before_id uuid, p_limit integer DEFAULT 20,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.post_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        page.id, page.user_id, page.username, page.full_name, page.avatar, page.is_verified, d.caption, d.location,
        d.media, d.like_count, d.comment_count, d.is_liked, d.is_saved, page.created_at
    FROM (
        WITH RECURSIVE week (starts) AS (
            SELECT pg_catalog.date_trunc('week', newest.created_at AT TIME ZONE 'UTC')
            FROM (
                SELECT p.created_at FROM public.posts AS p
                WHERE p.is_live AND p.created_at <= coalesce(p_before, 'infinity')
                  AND pg_catalog.btrim(p_query) <> ''
                ORDER BY p.created_at DESC
                LIMIT 1) AS newest
            UNION ALL
            SELECT older.starts
            FROM week
            CROSS JOIN LATERAL (
                SELECT pg_catalog.date_trunc('week', p.created_at AT TIME ZONE 'UTC') AS starts
                FROM public.posts AS p
                WHERE p.is_live AND p.created_at < week.starts AT TIME ZONE 'UTC'
                ORDER BY p.created_at DESC
                LIMIT 1) AS older
        )
        SELECT found.id, found.created_at, author.*
        FROM week
        CROSS JOIN LATERAL (
            SELECT matching.id, matching.user_id, matching.created_at
            FROM (
                SELECT p.id, p.user_id, p.created_at
                FROM public.posts AS p
                WHERE (SELECT public.has_trigrams(p_query)) AND p.is_live
                  AND ARRAY[pg_catalog.date_trunc('week', p.created_at AT TIME ZONE 'UTC')]
                      OPERATOR(pg_catalog.@>) ARRAY[week.starts]
                  AND (p.caption_search LIKE (SELECT public.search_pattern(p_query))
                      OR p.location_search LIKE (SELECT public.search_pattern(p_query)))
                UNION ALL
                SELECT p.id, p.user_id, p.created_at
                FROM public.posts AS p
                WHERE NOT (SELECT public.has_trigrams(p_query)) AND p.is_live
                  AND p.created_at >= week.starts AT TIME ZONE 'UTC'
                  AND p.created_at <= (week.starts + interval '7 days' - interval '1 microsecond') AT TIME ZONE 'UTC'
                  AND (p.caption_search LIKE (SELECT public.search_pattern(p_query))
                      OR p.location_search LIKE (SELECT public.search_pattern(p_query)))) AS matching
            WHERE (matching.created_at, matching.id) < (
                coalesce(p_before, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
            ORDER BY matching.created_at DESC, matching.id DESC
            OFFSET 0) AS found
        CROSS JOIN LATERAL public.visible_user(p_viewer_id, found.user_id) AS author
        LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)) AS page
    CROSS JOIN LATERAL public.post_details(p_viewer_id, page.id) AS d
    ORDER BY page.created_at DESC, page.id DESC
$$;

COMMENT ON FUNCTION public.search_posts_before(uuid, text, timestamptz, uuid, integer, integer) IS
    'As search_posts, older than the last one of the page before.';


CREATE FUNCTION public.search_posts(
    p_viewer_id uuid, p_query text, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0
) RETURNS SETOF public.post_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.search_posts_before(p_viewer_id, p_query, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.search_posts(uuid, text, integer, integer) IS
    'Posts that a viewer may see with a part of their caption or place, newest first.';


-- Highlights

CREATE TYPE public.highlight_item AS (
    highlight_id uuid, user_id uuid, title text, cover_image_url text, display_order integer, story_count integer,
    created_at timestamptz
);

COMMENT ON TYPE public.highlight_item IS 'A highlight on a profile. story_count: of all its stories, visible or not.';


CREATE FUNCTION public.get_user_highlights_after(
    p_viewer_id uuid, p_user_id uuid, p_after_order integer, p_after_id uuid, p_limit integer DEFAULT 20,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.highlight_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT h.id, h.user_id, h.title, h.cover_image_url, h.display_order, h.story_count, h.created_at
    FROM public.visible_users(p_viewer_id) AS owner
    JOIN public.highlights AS h ON h.user_id = owner.user_id
    WHERE owner.user_id = p_user_id AND h.user_id = p_user_id
      AND (h.display_order, h.id) > (
          coalesce(p_after_order, -1), coalesce(p_after_id, '00000000-0000-0000-0000-000000000000'))
    ORDER BY h.display_order, h.id
    LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)
$$;

COMMENT ON FUNCTION public.get_user_highlights_after(uuid, uuid, integer, uuid, integer, integer) IS
    'The highlights of an account in their order, after the last one of the page before.';


CREATE FUNCTION public.get_user_highlights(
    p_viewer_id uuid, p_user_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0
) RETURNS SETOF public.highlight_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_user_highlights_after(p_viewer_id, p_user_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_user_highlights(uuid, uuid, integer, integer) IS
    'The highlights of an account in their order; none where a viewer may not see its content.';


-- Reels

CREATE TYPE public.reel_item AS (
    reel_id uuid, user_id uuid, username text, full_name text, avatar text, is_verified boolean, video_url text,
    thumbnail_url text, caption text, audio_track_id uuid, duration integer, width integer, height integer,
    view_count bigint, play_count bigint, like_count integer, comment_count integer, share_count integer,
    save_count integer, is_liked boolean, is_saved boolean, score double precision, created_at timestamptz
);

COMMENT ON TYPE public.reel_item IS
    'A reel as a viewer sees it. score: its place in the trend, the same for all moments; is_liked, is_saved: by the viewer.';


CREATE FUNCTION public.get_trending_reels_after(
    p_viewer_id uuid, p_after_score double precision, p_after_id uuid, p_limit integer DEFAULT 20,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.reel_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        r.id, page.user_id, page.username, page.full_name, page.avatar, page.is_verified, r.video_url,
        r.thumbnail_url, r.caption, r.audio_track_id, r.duration, r.width, r.height, r.view_count, r.play_count,
        counts.like_count, counts.comment_count, counts.share_count, counts.save_count,
        EXISTS (SELECT FROM public.reel_likes AS l WHERE l.reel_id = r.id AND l.user_id = p_viewer_id),
        EXISTS (SELECT FROM public.saved_reels AS s WHERE s.reel_id = r.id AND s.user_id = p_viewer_id),
        page.score, r.created_at
    FROM (
        SELECT t.reel_id, t.score, author.*
        FROM public.reel_trends AS t
        JOIN public.reels AS r ON r.id = t.reel_id
        CROSS JOIN LATERAL public.visible_user(p_viewer_id, r.user_id) AS author
        WHERE t.score <= coalesce(p_after_score, 'infinity')
          AND (t.score < coalesce(p_after_score, 'infinity')
              OR t.reel_id > coalesce(p_after_id, '00000000-0000-0000-0000-000000000000'))
        ORDER BY t.score DESC, t.reel_id
        LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)) AS page
    JOIN public.reels AS r ON r.id = page.reel_id
    CROSS JOIN LATERAL public.reel_counts(page.reel_id) AS counts
    ORDER BY page.score DESC, page.reel_id
$$;

COMMENT ON FUNCTION public.get_trending_reels_after(uuid, double precision, uuid, integer, integer) IS
    'As get_trending_reels, after the score and the id of the last one of the page before.';


CREATE FUNCTION public.get_trending_reels(
    p_viewer_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0
) RETURNS SETOF public.reel_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_trending_reels_after(p_viewer_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_trending_reels(uuid, integer, integer) IS
    'The reels that trend, among those that a viewer may see: each like, comment, share and save counts, half as much '
    'for each day of age.';
