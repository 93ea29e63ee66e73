-- Fuller profiles, collections, highlights, direct messages, reels, what users do and search for,
-- and the trigram indexes for search.


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

-- Search by a part of a name, a hashtag, a caption or a place.
CREATE INDEX users_search_idx ON public.users USING gin (username public.gin_trgm_ops, full_name public.gin_trgm_ops);
CREATE INDEX hashtags_search_idx ON public.hashtags USING gin (name public.gin_trgm_ops);
CREATE INDEX posts_search_idx ON public.posts
    USING gin (caption public.gin_trgm_ops, location public.gin_trgm_ops) WHERE is_live;


-- Collections -------------------------------------------------------------------------------------

CREATE TABLE public.collections (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
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
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
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

SELECT public.keep_counts('collection_posts', 'collections', 'id',
    'posts_count', 'collection_id', 'public.lock_live_post(post_id)');

CREATE TRIGGER keep_collections_on_update AFTER UPDATE ON public.posts
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.maintain_counts_of_linked_posts(
        'collection_posts', 'collection_id', 'collections', 'posts_count');

CREATE TRIGGER delete_collection_posts_first BEFORE DELETE ON public.posts
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('collection_posts', 'post_id');

CREATE TRIGGER delete_collections_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('collections', 'user_id');


-- Highlights --------------------------------------------------------------------------------------

CREATE TABLE public.highlights (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
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
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
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

SELECT public.keep_counts('highlight_stories', 'highlights', 'id', 'story_count', 'highlight_id', 'true');

CREATE TRIGGER delete_highlights_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('highlights', 'user_id');


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
    'Deletes stories whose time is over and that are in no highlight, and tells how many. Readers never show '
    'expired stories, so it may run at any time.';


-- Direct messages ---------------------------------------------------------------------------------

CREATE TABLE public.conversations (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
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


CREATE TABLE public.conversation_participants (
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
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
    id                  uuid        NOT NULL DEFAULT gen_random_uuid(),
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
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('messages', 'sender_id');


CREATE FUNCTION public.touch_conversations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- In the order of their keys, as for counts, so that batches of messages never deadlock.
    PERFORM FROM public.conversations AS c
    WHERE c.id IN (SELECT conversation_id FROM new_rows)
    ORDER BY c.id
    FOR NO KEY UPDATE;

    UPDATE public.conversations AS c SET last_message_at = greatest(c.last_message_at, newest.created_at)
    FROM (SELECT conversation_id, max(created_at) AS created_at FROM new_rows GROUP BY conversation_id) AS newest
    WHERE c.id = newest.conversation_id;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.touch_conversations() IS
    'Statement trigger on messages: keeps last_message_at of conversations.';

REVOKE ALL ON FUNCTION public.touch_conversations() FROM PUBLIC;

CREATE TRIGGER touch_conversations AFTER INSERT ON public.messages REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.touch_conversations();


CREATE TABLE public.message_reads (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
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
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
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
    id             uuid        NOT NULL DEFAULT gen_random_uuid(),
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

SELECT public.keep_counts('reels', 'audio_tracks', 'id', 'usage_count', 'audio_track_id', 'true');


CREATE TABLE public.reel_stats (
    reel_id       uuid    NOT NULL,
    like_count    integer NOT NULL DEFAULT 0,
    comment_count integer NOT NULL DEFAULT 0,
    share_count   integer NOT NULL DEFAULT 0,
    save_count    integer NOT NULL DEFAULT 0,
    CONSTRAINT reel_stats_pkey PRIMARY KEY (reel_id),
    CONSTRAINT reel_stats_reel_id_fkey FOREIGN KEY (reel_id) REFERENCES public.reels (id) ON DELETE CASCADE,
    CONSTRAINT reel_stats_counts_check
        CHECK (like_count >= 0 AND comment_count >= 0 AND share_count >= 0 AND save_count >= 0)
) WITH (fillfactor = 70);

COMMENT ON TABLE public.reel_stats IS 'Counts of each reel, kept by triggers.';
COMMENT ON COLUMN public.reel_stats.comment_count IS 'Comments and replies that are not deleted.';

CREATE TRIGGER add_reel_stats AFTER INSERT ON public.reels REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.add_stats_row('reel_stats', 'reel_id');

CREATE TRIGGER delete_reel_stats_first BEFORE DELETE ON public.reels
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('reel_stats', 'reel_id');


CREATE TABLE public.reel_likes (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
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

SELECT public.keep_counts('reel_likes', 'reel_stats', 'reel_id', 'like_count', 'reel_id', 'true');


CREATE TABLE public.reel_comments (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
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
CREATE INDEX reel_comments_parent_id_created_at_idx ON public.reel_comments (parent_id, created_at);
CREATE INDEX reel_comments_user_id_idx ON public.reel_comments (user_id);

COMMENT ON TABLE public.reel_comments IS 'Comments on reels, and replies to them.';
COMMENT ON COLUMN public.reel_comments.parent_id IS
    'The comment that this one replies to; NULL: it comments on the reel.';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.reel_comments
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

SELECT public.keep_counts('reel_comments', 'reel_stats', 'reel_id', 'comment_count', 'reel_id', 'deleted_at IS NULL');


CREATE TABLE public.reel_shares (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
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

SELECT public.keep_counts('reel_shares', 'reel_stats', 'reel_id', 'share_count', 'reel_id', 'true');


CREATE TABLE public.saved_reels (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
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

SELECT public.keep_counts('saved_reels', 'reel_stats', 'reel_id', 'save_count', 'reel_id', 'true');


-- What users do and search for --------------------------------------------------------------------

CREATE TABLE public.user_activities (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
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
    id                uuid        NOT NULL DEFAULT gen_random_uuid(),
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
