-- Live streams, IGTV, shopping, close friends, music and interaction in stories, and verification.

-- Unqualified names are PostgreSQL's own: no schema is searched in which other roles may create objects.
SET LOCAL search_path = '';


-- Live streams ------------------------------------------------------------------------------------

CREATE TABLE public.live_streams (
    id               uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id          uuid        NOT NULL,
    title            text,
    description      text,
    stream_key       text,
    rtmp_url         text,
    hls_url          text,
    thumbnail_url    text,
    status           text        NOT NULL DEFAULT 'scheduled',
    viewer_count     integer     NOT NULL DEFAULT 0,
    max_viewer_count integer     NOT NULL DEFAULT 0,
    started_at       timestamptz,
    ended_at         timestamptz,
    scheduled_at     timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT live_streams_pkey PRIMARY KEY (id),
    CONSTRAINT live_streams_stream_key_key UNIQUE (stream_key),
    CONSTRAINT live_streams_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT live_streams_stream_key_check CHECK (stream_key ~ '^[0-9a-f]{64}$'),
    CONSTRAINT live_streams_status_check CHECK (status IN ('scheduled', 'live', 'ended', 'cancelled')),
    CONSTRAINT live_streams_counts_check CHECK (viewer_count >= 0 AND max_viewer_count >= viewer_count),
    CONSTRAINT live_streams_times_check CHECK (ended_at >= started_at)
) WITH (fillfactor = 80);

CREATE INDEX live_streams_user_id_created_at_idx ON public.live_streams (user_id, created_at DESC);

-- What is on now.
CREATE INDEX live_streams_live_idx ON public.live_streams (started_at DESC) WHERE status = 'live';

COMMENT ON TABLE public.live_streams IS 'Live broadcasts: planned, running and past.';
COMMENT ON COLUMN public.live_streams.stream_key IS 
    'SHA-256, in lower case hex, of the secret with which the broadcaster''s camera signs in; the secret itself is never '
    'stored. NULL: none was given out.';
COMMENT ON COLUMN public.live_streams.rtmp_url IS 'Where the broadcaster sends the stream.';
COMMENT ON COLUMN public.live_streams.hls_url IS 'Where viewers fetch it.';
COMMENT ON COLUMN public.live_streams.viewer_count IS 'Users who watch now; kept by triggers.';
COMMENT ON COLUMN public.live_streams.max_viewer_count IS 'The highest that viewer_count has been; kept by a trigger.';


CREATE FUNCTION public.raise_max_viewer_count() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.max_viewer_count := greatest(NEW.max_viewer_count, NEW.viewer_count);
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.raise_max_viewer_count() IS 'Row trigger on live_streams: keeps the highest viewer_count.';

CREATE TRIGGER raise_max_viewer_count BEFORE INSERT OR UPDATE OF viewer_count ON public.live_streams
    FOR EACH ROW EXECUTE FUNCTION public.raise_max_viewer_count();

CREATE TRIGGER delete_live_streams_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('live_streams', 'user_id');


CREATE TABLE public.live_stream_viewers (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    stream_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    joined_at  timestamptz NOT NULL DEFAULT now(),
    left_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT live_stream_viewers_pkey PRIMARY KEY (id),
    CONSTRAINT live_stream_viewers_stream_id_user_id_key UNIQUE (stream_id, user_id),
    CONSTRAINT live_stream_viewers_stream_id_fkey
        FOREIGN KEY (stream_id) REFERENCES public.live_streams (id) ON DELETE CASCADE,
    CONSTRAINT live_stream_viewers_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX live_stream_viewers_user_id_idx ON public.live_stream_viewers (user_id);

COMMENT ON TABLE public.live_stream_viewers IS 'Who watches or has watched which live stream, one row however often.';
COMMENT ON COLUMN public.live_stream_viewers.joined_at IS 'The latest time of joining; created_at is the first.';
COMMENT ON COLUMN public.live_stream_viewers.left_at IS 'NULL: is watching.';

SELECT public.keep_counts('live_stream_viewers', 'live_streams', 'id',
    'viewer_count', 'stream_id', '(it.left_at IS NULL)::integer');


CREATE TABLE public.live_comments (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    stream_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    content    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT live_comments_pkey PRIMARY KEY (id),
    CONSTRAINT live_comments_stream_id_fkey
        FOREIGN KEY (stream_id) REFERENCES public.live_streams (id) ON DELETE CASCADE,
    CONSTRAINT live_comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT live_comments_content_check CHECK (btrim(content) <> '')
);

CREATE INDEX live_comments_stream_id_created_at_idx ON public.live_comments (stream_id, created_at DESC, id DESC);
CREATE INDEX live_comments_user_id_idx ON public.live_comments (user_id);

COMMENT ON TABLE public.live_comments IS 'Comments on live streams.';


-- IGTV --------------------------------------------------------------------------------------------

CREATE TABLE public.igtv_series (
    id              uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id         uuid        NOT NULL,
    title           text        NOT NULL,
    description     text,
    cover_image_url text,
    video_count     integer     NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT igtv_series_pkey PRIMARY KEY (id),
    CONSTRAINT igtv_series_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT igtv_series_title_check CHECK (btrim(title) <> ''),
    CONSTRAINT igtv_series_video_count_check CHECK (video_count >= 0)
);

CREATE INDEX igtv_series_user_id_idx ON public.igtv_series (user_id);

COMMENT ON TABLE public.igtv_series IS 'Series of long videos.';
COMMENT ON COLUMN public.igtv_series.video_count IS 'Published videos in it; kept by triggers.';

CREATE TRIGGER delete_igtv_series_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('igtv_series', 'user_id');


CREATE TABLE public.igtv_videos (
    id            uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id       uuid        NOT NULL,
    title         text        NOT NULL,
    description   text,
    video_url     text        NOT NULL,
    thumbnail_url text,
    duration      integer,
    series_id     uuid,
    width         integer,
    height        integer,
    file_size     bigint,
    view_count    bigint      NOT NULL DEFAULT 0,
    is_published  boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT igtv_videos_pkey PRIMARY KEY (id),
    CONSTRAINT igtv_videos_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT igtv_videos_series_id_fkey
        FOREIGN KEY (series_id) REFERENCES public.igtv_series (id) ON DELETE SET NULL,
    CONSTRAINT igtv_videos_title_check CHECK (btrim(title) <> ''),
    CONSTRAINT igtv_videos_duration_check CHECK (duration >= 0),
    CONSTRAINT igtv_videos_dimensions_check CHECK (width > 0 AND height > 0),
    CONSTRAINT igtv_videos_file_size_check CHECK (file_size >= 0),
    CONSTRAINT igtv_videos_view_count_check CHECK (view_count >= 0)
) WITH (fillfactor = 80);

CREATE INDEX igtv_videos_user_id_created_at_idx ON public.igtv_videos (user_id, created_at DESC, id DESC);
CREATE INDEX igtv_videos_series_id_idx ON public.igtv_videos (series_id);

COMMENT ON TABLE public.igtv_videos IS 'Long videos, alone or in a series.';
COMMENT ON COLUMN public.igtv_videos.duration IS 'Seconds.';
COMMENT ON COLUMN public.igtv_videos.width IS 'Pixels.';
COMMENT ON COLUMN public.igtv_videos.height IS 'Pixels.';
COMMENT ON COLUMN public.igtv_videos.file_size IS 'Bytes.';
COMMENT ON COLUMN public.igtv_videos.view_count IS 'Views, added up by the app: no table holds a row for each.';
COMMENT ON COLUMN public.igtv_videos.is_published IS 'False while it is a draft.';

CREATE TRIGGER delete_igtv_videos_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('igtv_videos', 'user_id');

SELECT public.keep_counts('igtv_videos', 'igtv_series', 'id', 'video_count', 'series_id', 'it.is_published::integer');


CREATE TABLE public.igtv_stat_slots (
    video_id      uuid    NOT NULL,
    slot          integer NOT NULL,
    like_count    integer NOT NULL DEFAULT 0,
    comment_count integer NOT NULL DEFAULT 0,
    CONSTRAINT igtv_stat_slots_pkey PRIMARY KEY (video_id, slot)
) WITH (fillfactor = 70);

COMMENT ON TABLE public.igtv_stat_slots IS 'The parts that igtv_stats adds up; kept by triggers, read through the view.';
COMMENT ON COLUMN public.igtv_stat_slots.slot IS
    'Distinguishes the rows of one key: concurrent writers each use another row.';


CREATE FUNCTION public.igtv_counts(p_video_id uuid) RETURNS TABLE (like_count integer, comment_count integer)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.sum(s.like_count), 0)::integer, coalesce(pg_catalog.sum(s.comment_count), 0)::integer
    FROM public.igtv_stat_slots AS s
    WHERE s.video_id = p_video_id
$$;

COMMENT ON FUNCTION public.igtv_counts(uuid) IS 'The row of igtv_stats of one video.';


CREATE VIEW public.igtv_stats AS
SELECT v.id AS video_id, counts.like_count, counts.comment_count
FROM public.igtv_videos AS v
CROSS JOIN LATERAL public.igtv_counts(v.id) AS counts;

COMMENT ON VIEW public.igtv_stats IS 'Counts of each IGTV video, exact whenever they are read.';
COMMENT ON COLUMN public.igtv_stats.comment_count IS 'Comments that are not deleted.';

SELECT public.keep_slots('igtv_videos', 'igtv_stat_slots', 'video_id');


CREATE TABLE public.igtv_likes (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    video_id   uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT igtv_likes_pkey PRIMARY KEY (id),
    CONSTRAINT igtv_likes_video_id_user_id_key UNIQUE (video_id, user_id),
    CONSTRAINT igtv_likes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT igtv_likes_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.igtv_videos (id) ON DELETE CASCADE
);

CREATE INDEX igtv_likes_user_id_idx ON public.igtv_likes (user_id);

COMMENT ON TABLE public.igtv_likes IS 'Who likes which IGTV video.';

SELECT public.keep_counts('igtv_likes', 'igtv_stat_slots', 'video_id', 'like_count', 'video_id', '1');


CREATE TABLE public.igtv_comments (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    video_id   uuid        NOT NULL,
    content    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT igtv_comments_pkey PRIMARY KEY (id),
    CONSTRAINT igtv_comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT igtv_comments_video_id_fkey FOREIGN KEY (video_id) REFERENCES public.igtv_videos (id) ON DELETE CASCADE,
    CONSTRAINT igtv_comments_content_check CHECK (btrim(content) <> '')
);

CREATE INDEX igtv_comments_video_id_created_at_idx ON public.igtv_comments (video_id, created_at DESC, id DESC);
CREATE INDEX igtv_comments_user_id_idx ON public.igtv_comments (user_id);

COMMENT ON TABLE public.igtv_comments IS 'Comments on IGTV videos.';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.igtv_comments
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

SELECT public.keep_counts('igtv_comments', 'igtv_stat_slots', 'video_id',
    'comment_count', 'video_id', '(it.deleted_at IS NULL)::integer');


-- Shopping ----------------------------------------------------------------------------------------

CREATE TABLE public.products (
    id             uuid           NOT NULL DEFAULT public.uuid_v7(),
    user_id        uuid           NOT NULL,
    name           text           NOT NULL,
    description    text,
    price          numeric(12, 2) NOT NULL,
    currency       text           NOT NULL DEFAULT 'THB',
    category       text,
    brand          text,
    sku            text,
    stock_quantity integer        NOT NULL DEFAULT 0,
    images         text[]         NOT NULL DEFAULT '{}',
    is_available   boolean        NOT NULL DEFAULT true,
    created_at     timestamptz    NOT NULL DEFAULT now(),
    CONSTRAINT products_pkey PRIMARY KEY (id),
    CONSTRAINT products_user_id_sku_key UNIQUE (user_id, sku),
    CONSTRAINT products_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT products_name_check CHECK (btrim(name) <> ''),
    CONSTRAINT products_price_check CHECK (price >= 0 AND price <> 'NaN'),
    CONSTRAINT products_currency_check CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT products_stock_quantity_check CHECK (stock_quantity >= 0)
);

-- Browsing the shop.
CREATE INDEX products_available_idx ON public.products (category, created_at DESC) WHERE is_available;

COMMENT ON TABLE public.products IS 'What users sell.';
COMMENT ON COLUMN public.products.user_id IS 'The seller.';
COMMENT ON COLUMN public.products.currency IS 'ISO 4217 code.';
COMMENT ON COLUMN public.products.sku IS 'The seller''s own article number.';
COMMENT ON COLUMN public.products.images IS 'URLs of its pictures, in their order.';


CREATE TABLE public.post_product_tags (
    id           uuid             NOT NULL DEFAULT public.uuid_v7(),
    post_id      uuid             NOT NULL,
    product_id   uuid             NOT NULL,
    x_coordinate double precision,
    y_coordinate double precision,
    created_at   timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT post_product_tags_pkey PRIMARY KEY (id),
    CONSTRAINT post_product_tags_post_id_product_id_key UNIQUE (post_id, product_id),
    CONSTRAINT post_product_tags_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT post_product_tags_product_id_fkey
        FOREIGN KEY (product_id) REFERENCES public.products (id) ON DELETE CASCADE,
    CONSTRAINT post_product_tags_coordinates_check
        CHECK (x_coordinate >= 0 AND x_coordinate <= 1 AND y_coordinate >= 0 AND y_coordinate <= 1)
);

CREATE INDEX post_product_tags_product_id_idx ON public.post_product_tags (product_id);

COMMENT ON TABLE public.post_product_tags IS 'Products shown in posts.';
COMMENT ON COLUMN public.post_product_tags.x_coordinate IS 'Share of the width from the left edge, 0 to 1.';
COMMENT ON COLUMN public.post_product_tags.y_coordinate IS 'Share of the height from the top edge, 0 to 1.';


CREATE TABLE public.wishlists (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    product_id uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT wishlists_pkey PRIMARY KEY (id),
    CONSTRAINT wishlists_user_id_product_id_key UNIQUE (user_id, product_id),
    CONSTRAINT wishlists_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT wishlists_product_id_fkey FOREIGN KEY (product_id) REFERENCES public.products (id) ON DELETE CASCADE
);

CREATE INDEX wishlists_product_id_idx ON public.wishlists (product_id);

COMMENT ON TABLE public.wishlists IS 'Products that a user would like to have.';


-- Close friends -----------------------------------------------------------------------------------

CREATE TABLE public.close_friends (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id    uuid        NOT NULL,
    friend_id  uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT close_friends_pkey PRIMARY KEY (id),
    CONSTRAINT close_friends_user_id_friend_id_key UNIQUE (user_id, friend_id),
    CONSTRAINT close_friends_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT close_friends_friend_id_fkey FOREIGN KEY (friend_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT close_friends_no_self_check CHECK (user_id <> friend_id)
);

CREATE INDEX close_friends_friend_id_idx ON public.close_friends (friend_id);

COMMENT ON TABLE public.close_friends IS 'To whom a user shows stories for close friends.';
COMMENT ON COLUMN public.close_friends.user_id IS 'The user whose list it is.';
COMMENT ON COLUMN public.close_friends.friend_id IS 'The user on the list, who is not notified.';


-- Stories with music ------------------------------------------------------------------------------

CREATE TABLE public.music_tracks (
    id            uuid        NOT NULL DEFAULT public.uuid_v7(),
    title         text        NOT NULL,
    artist        text        NOT NULL,
    album         text,
    duration      integer,
    preview_url   text,
    cover_art_url text,
    genre         text,
    is_explicit   boolean     NOT NULL DEFAULT false,
    usage_count   integer     NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT music_tracks_pkey PRIMARY KEY (id),
    CONSTRAINT music_tracks_title_check CHECK (btrim(title) <> ''),
    CONSTRAINT music_tracks_duration_check CHECK (duration >= 0),
    CONSTRAINT music_tracks_usage_count_check CHECK (usage_count >= 0)
) WITH (fillfactor = 80);

COMMENT ON TABLE public.music_tracks IS 'Licensed songs that stories are set to.';
COMMENT ON COLUMN public.music_tracks.duration IS 'Seconds.';
COMMENT ON COLUMN public.music_tracks.usage_count IS
    'Stories that use it, expired ones until they are cleaned up; kept by triggers.';


ALTER TABLE public.stories
    ADD COLUMN audience         text NOT NULL DEFAULT 'public',
    ADD COLUMN music_track_id   uuid,
    ADD COLUMN music_start_time integer,
    ADD CONSTRAINT stories_audience_check CHECK (audience IN ('public', 'followers', 'close_friends')),
    ADD CONSTRAINT stories_music_start_time_check CHECK (music_start_time >= 0),
    ADD CONSTRAINT stories_music_track_id_fkey
        FOREIGN KEY (music_track_id) REFERENCES public.music_tracks (id) ON DELETE SET NULL;

CREATE INDEX stories_music_track_id_idx ON public.stories (music_track_id);

COMMENT ON COLUMN public.stories.audience IS
    'Who may see it, among those who may see its author: everyone, accepted followers, or close friends.';
COMMENT ON COLUMN public.stories.music_start_time IS 'Seconds into the song.';

SELECT public.keep_counts('stories', 'music_tracks', 'id', 'usage_count', 'music_track_id', '1');


CREATE TABLE public.music_track_trends (
    music_track_id uuid             NOT NULL,
    score          double precision NOT NULL DEFAULT 0,
    CONSTRAINT music_track_trends_pkey PRIMARY KEY (music_track_id)
) WITH (fillfactor = 80);

CREATE INDEX music_track_trends_score_idx ON public.music_track_trends (score DESC, music_track_id);

COMMENT ON TABLE public.music_track_trends IS
    'How much songs trend, in the order of the index; kept by triggers, without a foreign key as slots are.';
COMMENT ON COLUMN public.music_track_trends.score IS 'Sum of trend_weight over the stories that use it.';

CREATE TRIGGER add_music_track_trends AFTER INSERT ON public.music_tracks REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.add_trends('music_track_trends', 'music_track_id');

SELECT public.keep_slots('music_tracks', 'music_track_trends', 'music_track_id');

SELECT public.keep_counts('stories', 'music_track_trends', 'music_track_id',
    'score', 'music_track_id', 'public.trend_weight(it.created_at)');


-- Every weight loses the same power of two, which a double does exactly, so no score changes its place. What would
-- become too small for a double is years old, and becomes nothing.
CREATE FUNCTION public.rebase_trends(p_landmark timestamptz DEFAULT now() + interval '800 days') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_days constant double precision :=
        floor(extract(epoch FROM p_landmark)::double precision / 86400
            - extract(epoch FROM public.trend_landmark())::double precision / 86400);
    v_factor double precision;
    v_least double precision;
    v_table text;
    v_column text;
BEGIN
    IF p_landmark > now() + interval '800 days' THEN
        RAISE EXCEPTION 'a landmark more than 800 days ahead leaves the weights of the past no room: %', p_landmark
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF v_days IS NULL OR v_days <= 0 THEN
        RETURN;
    END IF;

    PERFORM public.require_read_committed('rebase_trends');
    -- Writers work out a weight and add it while they hold these: none may do so across the change.
    LOCK TABLE public.posts, public.users, public.post_hashtags, public.stories, public.reels, public.reel_likes,
        public.reel_comments, public.reel_shares, public.saved_reels IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION public.trend_landmark() RETURNS timestamptz
         LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$ SELECT %L::timestamptz $body$',
        to_char((public.trend_landmark() + make_interval(days => v_days::integer)) AT TIME ZONE 'UTC',
            'YYYY-MM-DD HH24:MI+00'));
    v_factor := power(2::double precision, -v_days);
    v_least := power(2::double precision, v_days - 1000);
    FOR v_table, v_column IN VALUES
        ('hashtag_trends', 'score'), ('music_track_trends', 'score'), ('reel_trends', 'score'),
        ('reel_stat_slots', 'trend_score')
    LOOP
        EXECUTE format(
            'UPDATE public.%1$I SET %2$I = CASE WHEN abs(%2$I) < $2 THEN 0 ELSE %2$I * $1 END WHERE %2$I <> 0',
            v_table, v_column) USING v_factor, v_least;
    END LOOP;
END;
$$;

COMMENT ON FUNCTION public.rebase_trends(timestamptz) IS
    'Moves the landmark of the trends to a later moment, by whole days; does nothing for an earlier one. Needed before '
    'the present is 1000 days past it; writers of posts, stories and reels wait meanwhile.';

REVOKE ALL ON FUNCTION public.rebase_trends(timestamptz) FROM PUBLIC;


-- Interactive stories -----------------------------------------------------------------------------

CREATE TABLE public.story_reactions (
    id            uuid        NOT NULL DEFAULT public.uuid_v7(),
    story_id      uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    reaction_type text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT story_reactions_pkey PRIMARY KEY (id),
    CONSTRAINT story_reactions_story_id_user_id_reaction_type_key UNIQUE (story_id, user_id, reaction_type),
    CONSTRAINT story_reactions_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.stories (id) ON DELETE CASCADE,
    CONSTRAINT story_reactions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT story_reactions_reaction_type_check CHECK (btrim(reaction_type) <> '')
);

CREATE INDEX story_reactions_user_id_idx ON public.story_reactions (user_id);

COMMENT ON TABLE public.story_reactions IS 'Quick reactions to stories.';
COMMENT ON COLUMN public.story_reactions.reaction_type IS 'An emoji or its name.';


CREATE TABLE public.story_polls (
    id            uuid        NOT NULL DEFAULT public.uuid_v7(),
    story_id      uuid        NOT NULL,
    question      text        NOT NULL,
    option1       text        NOT NULL,
    option2       text        NOT NULL,
    option1_votes integer     NOT NULL DEFAULT 0,
    option2_votes integer     NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT story_polls_pkey PRIMARY KEY (id),
    CONSTRAINT story_polls_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.stories (id) ON DELETE CASCADE,
    CONSTRAINT story_polls_texts_check CHECK (btrim(question) <> '' AND btrim(option1) <> '' AND btrim(option2) <> ''),
    CONSTRAINT story_polls_votes_check CHECK (option1_votes >= 0 AND option2_votes >= 0)
) WITH (fillfactor = 80);

CREATE INDEX story_polls_story_id_idx ON public.story_polls (story_id);

COMMENT ON TABLE public.story_polls IS 'Questions with two answers to choose from.';
COMMENT ON COLUMN public.story_polls.option1_votes IS 'Kept by triggers.';
COMMENT ON COLUMN public.story_polls.option2_votes IS 'Kept by triggers.';

CREATE TRIGGER delete_story_polls_first BEFORE DELETE ON public.stories
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('story_polls', 'story_id');


CREATE TABLE public.story_poll_votes (
    id              uuid        NOT NULL DEFAULT public.uuid_v7(),
    poll_id         uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    option_selected smallint    NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT story_poll_votes_pkey PRIMARY KEY (id),
    CONSTRAINT story_poll_votes_poll_id_user_id_key UNIQUE (poll_id, user_id),
    CONSTRAINT story_poll_votes_poll_id_fkey FOREIGN KEY (poll_id) REFERENCES public.story_polls (id) ON DELETE CASCADE,
    CONSTRAINT story_poll_votes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT story_poll_votes_option_selected_check CHECK (option_selected IN (1, 2))
);

CREATE INDEX story_poll_votes_user_id_idx ON public.story_poll_votes (user_id);

COMMENT ON TABLE public.story_poll_votes IS 'Who has chosen which answer.';
COMMENT ON COLUMN public.story_poll_votes.option_selected IS '1 or 2, for option1 or option2 of the poll.';

SELECT public.keep_counts('story_poll_votes', 'story_polls', 'id',
    'option1_votes', 'poll_id', '(it.option_selected = 1)::integer',
    'option2_votes', 'poll_id', '(it.option_selected = 2)::integer');


CREATE TABLE public.story_questions (
    id         uuid        NOT NULL DEFAULT public.uuid_v7(),
    story_id   uuid        NOT NULL,
    question   text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT story_questions_pkey PRIMARY KEY (id),
    CONSTRAINT story_questions_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.stories (id) ON DELETE CASCADE,
    CONSTRAINT story_questions_question_check CHECK (btrim(question) <> '')
);

CREATE INDEX story_questions_story_id_idx ON public.story_questions (story_id);

COMMENT ON TABLE public.story_questions IS 'Questions that viewers answer in their own words.';


CREATE TABLE public.story_question_responses (
    id          uuid        NOT NULL DEFAULT public.uuid_v7(),
    question_id uuid        NOT NULL,
    user_id     uuid        NOT NULL,
    response    text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT story_question_responses_pkey PRIMARY KEY (id),
    CONSTRAINT story_question_responses_question_id_fkey
        FOREIGN KEY (question_id) REFERENCES public.story_questions (id) ON DELETE CASCADE,
    CONSTRAINT story_question_responses_user_id_fkey
        FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT story_question_responses_response_check CHECK (btrim(response) <> '')
);

CREATE INDEX story_question_responses_question_id_created_at_idx
    ON public.story_question_responses (question_id, created_at DESC);
CREATE INDEX story_question_responses_user_id_idx ON public.story_question_responses (user_id);

COMMENT ON TABLE public.story_question_responses IS 'Answers to the questions of stories.';


-- Verification ------------------------------------------------------------------------------------

CREATE TABLE public.verification_requests (
    id               uuid        NOT NULL DEFAULT public.uuid_v7(),
    user_id          uuid        NOT NULL,
    request_type     text        NOT NULL,
    full_name        text        NOT NULL,
    category         text,
    document_urls    text[]      NOT NULL DEFAULT '{}',
    reason           text,
    status           text        NOT NULL DEFAULT 'pending',
    reviewed_by      uuid,
    reviewed_at      timestamptz,
    rejection_reason text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT verification_requests_pkey PRIMARY KEY (id),
    CONSTRAINT verification_requests_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT verification_requests_reviewed_by_fkey
        FOREIGN KEY (reviewed_by) REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT verification_requests_request_type_check CHECK (btrim(request_type) <> ''),
    CONSTRAINT verification_requests_status_check CHECK (status IN ('pending', 'approved', 'rejected'))
);

CREATE INDEX verification_requests_user_id_idx ON public.verification_requests (user_id);
CREATE INDEX verification_requests_reviewed_by_idx ON public.verification_requests (reviewed_by);

-- The queue of the reviewers.
CREATE INDEX verification_requests_pending_idx ON public.verification_requests (created_at) WHERE status = 'pending';

COMMENT ON TABLE public.verification_requests IS 'Requests for the verified badge.';
COMMENT ON COLUMN public.verification_requests.full_name IS 'The name as in the documents.';
COMMENT ON COLUMN public.verification_requests.reason IS 'Why the account should be verified.';
COMMENT ON COLUMN public.verification_requests.reviewed_by IS 'Who decided.';

CREATE TRIGGER delete_verification_requests_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_dependents_first('verification_requests', 'user_id');


-- Archived conversations --------------------------------------------------------------------------

ALTER TABLE public.conversations
    ADD COLUMN is_archived boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN public.conversations.is_archived IS
    'Archived for all participants; conversation_archives is for one user alone.';


CREATE TABLE public.conversation_archives (
    id              uuid        NOT NULL DEFAULT public.uuid_v7(),
    conversation_id uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    archived_at     timestamptz NOT NULL DEFAULT now(),
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT conversation_archives_pkey PRIMARY KEY (id),
    CONSTRAINT conversation_archives_conversation_id_user_id_key UNIQUE (conversation_id, user_id),
    CONSTRAINT conversation_archives_conversation_id_fkey
        FOREIGN KEY (conversation_id) REFERENCES public.conversations (id) ON DELETE CASCADE,
    CONSTRAINT conversation_archives_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX conversation_archives_user_id_idx ON public.conversation_archives (user_id);

COMMENT ON TABLE public.conversation_archives IS 'Who has put which conversation out of sight.';
COMMENT ON COLUMN public.conversation_archives.archived_at IS 'The latest time; created_at is the first.';


-- Readers -----------------------------------------------------------------------------------------

-- Stories

CREATE TYPE public.story_item AS (
    story_id uuid, user_id uuid, username text, full_name text, avatar text, is_verified boolean, media_url text,
    media_type text, thumbnail_url text, audience text, music_track_id uuid, music_start_time integer,
    is_viewed boolean, expires_at timestamptz, created_at timestamptz
);

COMMENT ON TYPE public.story_item IS 'A story as a viewer sees it. is_viewed: by the viewer.';


CREATE FUNCTION public.stories_for(p_viewer_id uuid)
RETURNS TABLE (
    story_id uuid, user_id uuid, username text, full_name text, avatar text, is_verified boolean,
    media_url text, media_type text, thumbnail_url text, audience text,
    music_track_id uuid, music_start_time integer, expires_at timestamptz, created_at timestamptz
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        s.id, author.user_id, author.username, author.full_name, author.avatar, author.is_verified,
        s.media_url, s.media_type, s.thumbnail_url, s.audience,
        s.music_track_id, s.music_start_time, s.expires_at, s.created_at
    FROM public.stories AS s
    JOIN public.visible_users(p_viewer_id) AS author ON author.user_id = s.user_id
    WHERE s.audience = 'public'
       OR s.user_id = p_viewer_id
       OR (s.audience = 'followers' AND EXISTS (
           SELECT FROM public.follows AS f
           WHERE f.follower_id = p_viewer_id AND f.following_id = s.user_id AND f.accepted_at IS NOT NULL))
       OR (s.audience = 'close_friends' AND EXISTS (
           SELECT FROM public.close_friends AS c WHERE c.user_id = s.user_id AND c.friend_id = p_viewer_id))
$$;

COMMENT ON FUNCTION public.stories_for(uuid) IS
    'The stories whose audience a viewer belongs to, those that have ended too: a highlight still shows them.';


CREATE FUNCTION public.visible_stories(p_viewer_id uuid)
RETURNS TABLE (
    story_id uuid, user_id uuid, username text, full_name text, avatar text, is_verified boolean,
    media_url text, media_type text, thumbnail_url text, audience text,
    music_track_id uuid, music_start_time integer, expires_at timestamptz, created_at timestamptz
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT s.* FROM public.stories_for(p_viewer_id) AS s WHERE s.expires_at > pg_catalog.now()
$$;

COMMENT ON FUNCTION public.visible_stories(uuid) IS
    'The stories that a viewer may see now. For an unknown viewer, or NULL: the public stories of public accounts.';


CREATE FUNCTION public.get_user_stories_after(
    p_viewer_id uuid, p_user_id uuid, p_after timestamptz, p_after_id uuid, p_limit integer DEFAULT 100,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.story_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        s.story_id, s.user_id, s.username, s.full_name, s.avatar, s.is_verified, s.media_url, s.media_type,
        s.thumbnail_url, s.audience, s.music_track_id, s.music_start_time,
        EXISTS (SELECT FROM public.story_views AS v WHERE v.story_id = s.story_id AND v.user_id = p_viewer_id),
        s.expires_at, s.created_at
    FROM public.visible_stories(p_viewer_id) AS s
    WHERE s.user_id = p_user_id
      AND (s.created_at, s.story_id) > (
          coalesce(p_after, '-infinity'), coalesce(p_after_id, '00000000-0000-0000-0000-000000000000'))
    ORDER BY s.created_at, s.story_id
    LIMIT greatest(coalesce(p_limit, 100), 0) OFFSET greatest(coalesce(p_offset, 0), 0)
$$;

COMMENT ON FUNCTION public.get_user_stories_after(uuid, uuid, timestamptz, uuid, integer, integer) IS
    'As get_user_stories, later than the last one of the page before.';


CREATE FUNCTION public.get_user_stories(
    p_viewer_id uuid, p_user_id uuid, p_limit integer DEFAULT 100, p_offset integer DEFAULT 0
) RETURNS SETOF public.story_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_user_stories_after(p_viewer_id, p_user_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_user_stories(uuid, uuid, integer, integer) IS
    'The running stories of one account that a viewer may see, oldest first, as they are played.';


CREATE FUNCTION public.get_highlight_stories_after(
    p_viewer_id uuid, p_highlight_id uuid, p_after timestamptz, p_after_id uuid, p_limit integer DEFAULT 100,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.story_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        s.story_id, s.user_id, s.username, s.full_name, s.avatar, s.is_verified, s.media_url, s.media_type,
        s.thumbnail_url, s.audience, s.music_track_id, s.music_start_time,
        EXISTS (SELECT FROM public.story_views AS v WHERE v.story_id = s.story_id AND v.user_id = p_viewer_id),
        s.expires_at, s.created_at
    FROM public.highlight_stories AS link
    JOIN public.stories_for(p_viewer_id) AS s ON s.story_id = link.story_id
    JOIN public.highlights AS h ON h.id = link.highlight_id
    JOIN public.visible_users(p_viewer_id) AS owner ON owner.user_id = h.user_id
    WHERE link.highlight_id = p_highlight_id
      AND (s.created_at, s.story_id) > (
          coalesce(p_after, '-infinity'), coalesce(p_after_id, '00000000-0000-0000-0000-000000000000'))
    ORDER BY s.created_at, s.story_id
    LIMIT greatest(coalesce(p_limit, 100), 0) OFFSET greatest(coalesce(p_offset, 0), 0)
$$;

COMMENT ON FUNCTION public.get_highlight_stories_after(uuid, uuid, timestamptz, uuid, integer, integer) IS
    'As get_highlight_stories, later than the last one of the page before.';


CREATE FUNCTION public.get_highlight_stories(
    p_viewer_id uuid, p_highlight_id uuid, p_limit integer DEFAULT 100, p_offset integer DEFAULT 0
) RETURNS SETOF public.story_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_highlight_stories_after(p_viewer_id, p_highlight_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_highlight_stories(uuid, uuid, integer, integer) IS
    'The stories of a highlight whose audience a viewer belongs to, oldest first, ended or not.';


CREATE FUNCTION public.get_close_friends_stories(p_user_id uuid) RETURNS SETOF public.story_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        s.story_id, s.user_id, s.username, s.full_name, s.avatar, s.is_verified, s.media_url, s.media_type,
        s.thumbnail_url, s.audience, s.music_track_id, s.music_start_time,
        EXISTS (SELECT FROM public.story_views AS v WHERE v.story_id = s.story_id AND v.user_id = p_user_id),
        s.expires_at, s.created_at
    FROM public.close_friends AS listed
    JOIN public.visible_stories(p_user_id) AS s ON s.user_id = listed.user_id AND s.audience = 'close_friends'
    WHERE listed.friend_id = p_user_id
    ORDER BY s.created_at DESC, s.story_id DESC
$$;

COMMENT ON FUNCTION public.get_close_friends_stories(uuid) IS
    'The stories for close friends of all accounts that have a user on their list, newest first.';


CREATE FUNCTION public.get_trending_music_tracks(p_limit integer DEFAULT 20)
RETURNS TABLE (
    music_track_id uuid, title text, artist text, album text, duration integer, preview_url text,
    cover_art_url text, genre text, is_explicit boolean, usage_count integer, score double precision
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        m.id, m.title, m.artist, m.album, m.duration, m.preview_url,
        m.cover_art_url, m.genre, m.is_explicit, m.usage_count, t.score / public.trend_weight(pg_catalog.now())
    FROM public.music_track_trends AS t
    JOIN public.music_tracks AS m ON m.id = t.music_track_id
    WHERE t.score > 0::double precision AND m.usage_count > 0
    ORDER BY t.score DESC, t.music_track_id
    LIMIT greatest(coalesce(p_limit, 20), 0)
$$;

COMMENT ON FUNCTION public.get_trending_music_tracks(integer) IS
    'The songs that are used most: each story that is kept adds 1 to the score, half as much for each day of age.';


-- Messages

CREATE FUNCTION public.visible_conversations(p_viewer_id uuid)
RETURNS TABLE (conversation_id uuid, left_at timestamptz, is_archived boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT
        c.id, member.left_at,
        c.is_archived OR EXISTS (
            SELECT FROM public.conversation_archives AS a
            WHERE a.conversation_id = c.id AND a.user_id = member.user_id)
    FROM public.conversation_participants AS member
    JOIN public.conversations AS c ON c.id = member.conversation_id
    JOIN public.reachable_users(p_viewer_id) AS viewer ON viewer.user_id = member.user_id
    WHERE member.user_id = p_viewer_id
$$;

COMMENT ON FUNCTION public.visible_conversations(uuid) IS
    'The conversations that a viewer takes part in, or took part in until left_at. Archived ones can be read, but do not '
    'come up in the list.';


CREATE TYPE public.message_item AS (
    message_id uuid, conversation_id uuid, sender_id uuid, username text, full_name text, avatar text,
    is_verified boolean, message_type text, content text, media_url text, shared_post_id uuid, shared_story_id uuid,
    reply_to_message_id uuid, is_edited boolean, is_read boolean, created_at timestamptz
);

COMMENT ON TYPE public.message_item IS 'A message as a viewer sees it. is_read: by the viewer; own messages are.';


CREATE FUNCTION public.get_conversation_messages_before(
    p_viewer_id uuid, p_conversation_id uuid, p_before timestamptz, p_before_id uuid, p_limit integer DEFAULT 20,
    p_offset integer DEFAULT 0
) RETURNS SETOF public.message_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        m.id, m.conversation_id, sender.user_id, sender.username, sender.full_name, sender.avatar, sender.is_verified,
        m.message_type, m.content, m.media_url, m.shared_post_id, m.shared_story_id, m.reply_to_message_id,
        m.is_edited,
        m.sender_id = p_viewer_id OR EXISTS (
            SELECT FROM public.message_reads AS r WHERE r.message_id = m.id AND r.user_id = p_viewer_id),
        m.created_at
    FROM public.messages AS m
    CROSS JOIN LATERAL public.reachable_user(p_viewer_id, m.sender_id) AS sender
    WHERE m.conversation_id = p_conversation_id AND m.deleted_at IS NULL
      AND m.created_at <= (
          SELECT coalesce(c.left_at, 'infinity') FROM public.visible_conversations(p_viewer_id) AS c
          WHERE c.conversation_id = p_conversation_id)
      AND (m.created_at, m.id) < (
          coalesce(p_before, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    ORDER BY m.created_at DESC, m.id DESC
    LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)
$$;

COMMENT ON FUNCTION public.get_conversation_messages_before(uuid, uuid, timestamptz, uuid, integer, integer) IS
    'As get_conversation_messages, older than the last one of the page before.';


CREATE FUNCTION public.get_conversation_messages(
    p_viewer_id uuid, p_conversation_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0
) RETURNS SETOF public.message_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_conversation_messages_before(
        p_viewer_id, p_conversation_id, NULL, NULL, p_limit, p_offset)
$$;

COMMENT ON FUNCTION public.get_conversation_messages(uuid, uuid, integer, integer) IS
    'The messages of a conversation, newest first: to those who take part all of them, to those who have left what was '
    'sent until then, to others none; none of senders who cannot be reached.';


CREATE TYPE public.conversation_item AS (
    conversation_id uuid, is_group boolean, group_name text, group_image_url text, participants jsonb,
    last_message_id uuid, last_message text, last_message_type text, last_sender_id uuid, is_read boolean,
    last_message_at timestamptz, created_at timestamptz
);

COMMENT ON TYPE public.conversation_item IS
    'A conversation in the list of a viewer. participants: an array of the others who take part; last_message and what '
    'belongs to it: the newest that the viewer may see; is_read: it was read, or none is there.';


CREATE FUNCTION public.get_conversations_before(
    p_viewer_id uuid, p_before timestamptz, p_before_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0,
    p_archived boolean DEFAULT false
) RETURNS SETOF public.conversation_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT
        page.id, page.is_group, page.group_name, page.group_image_url,
        coalesce((
            SELECT pg_catalog.jsonb_agg(
                pg_catalog.jsonb_build_object(
                    'user_id', other.user_id, 'username', other.username, 'full_name', other.full_name,
                    'avatar', other.avatar, 'is_verified', other.is_verified)
                ORDER BY member.joined_at, other.user_id)
            FROM public.conversation_participants AS member
            JOIN public.reachable_users(p_viewer_id) AS other ON other.user_id = member.user_id
            WHERE member.conversation_id = page.id AND member.left_at IS NULL AND member.user_id <> p_viewer_id), '[]'),
        newest.message_id, newest.content, newest.message_type, newest.sender_id, coalesce(newest.is_read, true),
        page.last_message_at, page.created_at
    FROM (
        SELECT c.id, c.is_group, c.group_name, c.group_image_url, c.last_message_at, c.created_at
        FROM public.visible_conversations(p_viewer_id) AS visible
        JOIN public.conversations AS c ON c.id = visible.conversation_id
        WHERE visible.left_at IS NULL AND visible.is_archived = coalesce(p_archived, false)
          AND (coalesce(c.last_message_at, c.created_at), c.id) < (
              coalesce(p_before, 'infinity'), coalesce(p_before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        ORDER BY coalesce(c.last_message_at, c.created_at) DESC, c.id DESC
        LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)) AS page
    LEFT JOIN LATERAL public.get_conversation_messages(p_viewer_id, page.id, 1) AS newest ON true
    ORDER BY coalesce(page.last_message_at, page.created_at) DESC, page.id DESC
$$;

COMMENT ON FUNCTION public.get_conversations_before(uuid, timestamptz, uuid, integer, integer, boolean) IS
    'As get_conversations, older than the last one of the page before: its last_message_at, or where that is NULL its '
    'created_at.';


CREATE FUNCTION public.get_conversations(
    p_viewer_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0, p_archived boolean DEFAULT false
) RETURNS SETOF public.conversation_item
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 AS $$
    SELECT * FROM public.get_conversations_before(p_viewer_id, NULL, NULL, p_limit, p_offset, p_archived)
$$;

COMMENT ON FUNCTION public.get_conversations(uuid, integer, integer, boolean) IS
    'The conversations that a viewer takes part in, latest message first; those that are archived, by the viewer or for '
    'all, only with p_archived.';


-- For clients that introspect ----------------------------------------------------------------------

-- PostGraphile, PostgREST and similar servers make an API of a schema. This one holds the types that the app's
-- GraphQL schema has, as one viewer sees them; what may be seen is said by the same five functions as everywhere, so
-- the views, which run with the rights of their owner, show nothing else.
CREATE SCHEMA api;

COMMENT ON SCHEMA api IS
    'What a GraphQL or REST server may show to a viewer, who is named by the setting fowergram.viewer_id.';


CREATE FUNCTION api.viewer_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(pg_catalog.current_setting('fowergram.viewer_id', true), '')::uuid
$$;

COMMENT ON FUNCTION api.viewer_id() IS
    'The viewer: the setting fowergram.viewer_id, which the server sets for each request; NULL if it is not set.';


CREATE VIEW api.users AS
SELECT
    reachable.user_id AS id, reachable.username, reachable.full_name, u.bio, reachable.avatar, u.website,
    reachable.is_private, reachable.is_verified,
    (SELECT counts.post_count FROM public.user_counts(reachable.user_id) AS counts) AS posts_count,
    (SELECT counts.follower_count FROM public.user_counts(reachable.user_id) AS counts) AS followers_count,
    (SELECT counts.following_count FROM public.user_counts(reachable.user_id) AS counts) AS following_count,
    u.created_at
FROM public.reachable_users(api.viewer_id()) AS reachable
JOIN public.users AS u ON u.id = reachable.user_id;

COMMENT ON VIEW api.users IS 'Accounts that the viewer may learn of.';


CREATE VIEW api.posts AS
SELECT
    p.post_id AS id, p.user_id, p.caption, p.location,
    (SELECT counts.like_count FROM public.post_counts(p.post_id) AS counts) AS like_count,
    (SELECT counts.comment_count FROM public.post_counts(p.post_id) AS counts) AS comment_count,
    EXISTS (SELECT FROM public.likes AS l WHERE l.post_id = p.post_id AND l.user_id = api.viewer_id()) AS is_liked,
    EXISTS (SELECT FROM public.saved_posts AS s WHERE s.post_id = p.post_id AND s.user_id = api.viewer_id()) AS is_saved,
    p.created_at
FROM public.visible_posts(api.viewer_id()) AS p;

COMMENT ON VIEW api.posts IS 'Posts that the viewer may see.';


CREATE VIEW api.post_media AS
SELECT
    m.id, m.post_id, m.media_url, m.media_type, m.thumbnail_url, m.width, m.height, m.file_size, m.duration,
    m.display_order, m.created_at
FROM public.post_media AS m
JOIN public.visible_posts(api.viewer_id()) AS p ON p.post_id = m.post_id;

COMMENT ON VIEW api.post_media IS 'Pictures and videos of posts that the viewer may see.';


CREATE VIEW api.stories AS
SELECT
    s.story_id AS id, s.user_id, s.media_url, s.media_type, s.thumbnail_url, s.audience, s.music_track_id,
    s.music_start_time,
    EXISTS (SELECT FROM public.story_views AS v WHERE v.story_id = s.story_id AND v.user_id = api.viewer_id())
        AS is_viewed,
    s.expires_at, s.created_at
FROM public.visible_stories(api.viewer_id()) AS s;

COMMENT ON VIEW api.stories IS 'Running stories whose audience the viewer belongs to.';


CREATE VIEW api.highlights AS
SELECT h.id, h.user_id, h.title, h.cover_image_url, h.display_order, h.story_count, h.created_at
FROM public.highlights AS h
JOIN public.visible_users(api.viewer_id()) AS owner ON owner.user_id = h.user_id;

COMMENT ON VIEW api.highlights IS 'Highlights of accounts whose content the viewer may see.';


CREATE FUNCTION api."user"(id uuid) RETURNS api.users
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.* FROM api.users AS u WHERE u.id = $1
$$;

COMMENT ON FUNCTION api."user"(uuid) IS 'One account; none where the viewer may not learn of it.';


CREATE FUNCTION api.post(id uuid) RETURNS api.posts
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT p.* FROM api.posts AS p WHERE p.id = $1
$$;

COMMENT ON FUNCTION api.post(uuid) IS 'One post; none where the viewer may not see it.';


CREATE FUNCTION api.feed("limit" integer DEFAULT 20, "offset" integer DEFAULT 0) RETURNS api.posts[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.array_agg(
        ROW(f.post_id, f.user_id, f.caption, f.location, f.like_count, f.comment_count, f.is_liked, f.is_saved,
            f.created_at)::api.posts
        ORDER BY f.created_at DESC, f.post_id DESC), '{}')
    FROM public.get_user_feed(api.viewer_id(), $1, $2) AS f
$$;

COMMENT ON FUNCTION api.feed(integer, integer) IS 'The home feed of the viewer.';


-- By their names, fields of a user or a post. Arrays, since lists of the app's schema are taken by limit and offset.

CREATE FUNCTION api.users_posts(account api.users, "limit" integer DEFAULT 20, "offset" integer DEFAULT 0)
RETURNS api.posts[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.array_agg(
        ROW(p.post_id, p.user_id, p.caption, p.location, p.like_count, p.comment_count, p.is_liked, p.is_saved,
            p.created_at)::api.posts
        ORDER BY p.created_at DESC, p.post_id DESC), '{}')
    FROM public.get_user_posts(api.viewer_id(), ($1).id, $2, $3) AS p
$$;

COMMENT ON FUNCTION api.users_posts(api.users, integer, integer) IS 'Field posts of a user: newest first.';


CREATE FUNCTION api.users_stories(account api.users) RETURNS api.stories[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.array_agg(s ORDER BY s.created_at, s.id), '{}')
    FROM api.stories AS s
    WHERE s.user_id = ($1).id
$$;

COMMENT ON FUNCTION api.users_stories(api.users) IS 'Field stories of a user: those that run, oldest first.';


CREATE FUNCTION api.users_highlights(account api.users) RETURNS api.highlights[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.array_agg(h ORDER BY h.display_order, h.id), '{}')
    FROM api.highlights AS h
    WHERE h.user_id = ($1).id
$$;

COMMENT ON FUNCTION api.users_highlights(api.users) IS 'Field highlights of a user, in their order.';


CREATE FUNCTION api.posts_user(post api.posts) RETURNS api.users
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.* FROM api.users AS u WHERE u.id = ($1).user_id
$$;

COMMENT ON FUNCTION api.posts_user(api.posts) IS 'Field user of a post: its author.';


CREATE FUNCTION api.posts_media(post api.posts) RETURNS api.post_media[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(pg_catalog.array_agg(m ORDER BY m.display_order, m.id), '{}')
    FROM api.post_media AS m
    WHERE m.post_id = ($1).id
$$;

COMMENT ON FUNCTION api.posts_media(api.posts) IS 'Field media of a post: pictures and videos in their order.';
