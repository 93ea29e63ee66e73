-- The core of Fowergram: accounts, posts, the social graph, notifications, hashtags and stories,
-- the triggers that keep every count exact, and the home feed.


-- Shared trigger functions ------------------------------------------------------------------------

CREATE FUNCTION public.set_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.set_updated_at() IS 'Row trigger: stamps updated_at on every update.';


-- Stats rows are born with their owner, so that keeping counts never has to insert: an insert would
-- fail while a cascade is removing the owner.
CREATE FUNCTION public.add_stats_row() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('INSERT INTO public.%I (%I) SELECT id FROM new_rows', TG_ARGV[0], TG_ARGV[1]);
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.add_stats_row() IS
    'Statement trigger: gives each new row its row in a stats table. Arguments: stats table, its key column.';


-- Every change of a count goes through this function. Locking the rows in the order of their keys
-- first is what keeps statements that touch the same rows from deadlocking; one row needs no order.
-- Hard deletes of users and posts cascade row by row, in no order: they may have to be repeated when
-- they meet. A soft delete is one statement like any other.
CREATE FUNCTION public.add_to_counts(
    p_counter text, p_key_column text, p_count_columns text[], p_keys uuid[], p_changes bigint[]
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count_column text;
BEGIN
    IF cardinality(p_keys) > 1 THEN
        EXECUTE format('SELECT FROM public.%1$I WHERE %2$I = ANY ($1) ORDER BY %2$I FOR NO KEY UPDATE',
            p_counter, p_key_column) USING p_keys;
    END IF;
    FOR v_count_column IN SELECT DISTINCT unnest(p_count_columns) LOOP
        EXECUTE format(
            'UPDATE public.%1$I AS counter SET %3$I = counter.%3$I + net.change
             FROM unnest($1, $2, $3) AS net (count_column, key, change)
             WHERE net.count_column = %3$L AND counter.%2$I = net.key',
            p_counter, p_key_column, v_count_column) USING p_count_columns, p_keys, p_changes;
    END LOOP;
END;
$$;

COMMENT ON FUNCTION public.add_to_counts(text, text, text[], uuid[], bigint[]) IS
    'Adds changes to counts of one table, given as parallel arrays, after locking their rows in key order.';


-- The net change per key is all that is written: an update that moves no row in or out of a count
-- locks no counter.
CREATE FUNCTION public.maintain_counts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_changes text[] := '{}';
    v_count_columns text[];
    v_keys uuid[];
    v_net_changes bigint[];
BEGIN
    FOR i IN 2 .. TG_NARGS - 1 BY 3 LOOP
        IF TG_OP = 'TRUNCATE' THEN
            EXECUTE format('UPDATE public.%1$I SET %2$I = 0 WHERE %2$I <> 0', TG_ARGV[0], TG_ARGV[i]);
        END IF;
        IF TG_OP IN ('INSERT', 'UPDATE') THEN
            v_changes := v_changes || format('SELECT %L, %I, 1 FROM new_rows WHERE %s',
                TG_ARGV[i], TG_ARGV[i + 1], TG_ARGV[i + 2]);
        END IF;
        IF TG_OP IN ('DELETE', 'UPDATE') THEN
            v_changes := v_changes || format('SELECT %L, %I, -1 FROM old_rows WHERE %s',
                TG_ARGV[i], TG_ARGV[i + 1], TG_ARGV[i + 2]);
        END IF;
    END LOOP;
    IF TG_OP = 'TRUNCATE' THEN
        RETURN NULL;
    END IF;

    EXECUTE format(
        'SELECT array_agg(count_column), array_agg(key), array_agg(net_change)
         FROM (SELECT count_column, key, sum(change) AS net_change
               FROM (%s) AS changes (count_column, key, change)
               WHERE key IS NOT NULL
               GROUP BY count_column, key
               HAVING sum(change) <> 0) AS net',
        array_to_string(v_changes, ' UNION ALL ')) INTO v_count_columns, v_keys, v_net_changes;
    PERFORM public.add_to_counts(TG_ARGV[0], TG_ARGV[1], v_count_columns, v_keys, v_net_changes);
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.maintain_counts() IS
    'Statement trigger: keeps counts of the rows of its table. Arguments as in keep_counts, without the source.';


CREATE FUNCTION public.keep_counts(p_source text, p_counter text, p_key_column text, VARIADIC p_counts text[])
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_arguments constant text := (
        SELECT string_agg(quote_literal(argument), ', ' ORDER BY position)
        FROM unnest(ARRAY[p_counter, p_key_column] || p_counts) WITH ORDINALITY AS a (argument, position));
    v_event text;
    v_rows text;
BEGIN
    FOR v_event, v_rows IN VALUES
        ('insert', 'REFERENCING NEW TABLE AS new_rows'),
        ('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'),
        ('delete', 'REFERENCING OLD TABLE AS old_rows'),
        ('truncate', '')
    LOOP
        EXECUTE format(
            'CREATE TRIGGER %I AFTER %s ON public.%I %s
             FOR EACH STATEMENT EXECUTE FUNCTION public.maintain_counts(%s)',
            format('keep_%s_on_%s', p_counter, v_event), v_event, p_source, v_rows, v_arguments);
    END LOOP;
END;
$$;

COMMENT ON FUNCTION public.keep_counts(text, text, text, text[]) IS
    'For migrations: creates the triggers that keep counts of the rows of one table in another. Arguments: '
    'source, counter table, its key column, then for each count its column, the source column that holds '
    'the key, and the condition on a source row to be counted.';


-- A row that is changed twice in one transaction has all its foreign keys checked again. So a row that
-- cascades change, by its counts or by ON DELETE SET NULL, must be gone before its owner is.
CREATE FUNCTION public.delete_first() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DELETE FROM public.%I WHERE %I = $1', TG_ARGV[0], TG_ARGV[1]) USING OLD.id;
    RETURN OLD;
END;
$$;

COMMENT ON FUNCTION public.delete_first() IS
    'Row trigger before a delete: deletes the rows that refer to this one. Arguments: their table and column.';


-- They run as their owner, and their arguments become SQL, so nobody else may attach them to a table.
REVOKE ALL ON FUNCTION public.add_stats_row() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.maintain_counts() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.add_to_counts(text, text, text[], uuid[], bigint[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.keep_counts(text, text, text, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION public.delete_first() FROM PUBLIC;


-- Accounts ----------------------------------------------------------------------------------------

CREATE TABLE public.users (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    email       text        NOT NULL,
    username    text        NOT NULL,
    full_name   text,
    bio         text,
    avatar      text,
    website     text,
    is_private  boolean     NOT NULL DEFAULT false,
    is_verified boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_format_check CHECK (email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    CONSTRAINT users_username_length_check CHECK (char_length(username) BETWEEN 3 AND 30),
    CONSTRAINT users_username_format_check CHECK (username !~ '[[:space:]@/]')
);

-- Case does not make another address or name, and a deleted account frees its own.
CREATE UNIQUE INDEX users_email_key ON public.users (lower(email)) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_username_key ON public.users (lower(username)) WHERE deleted_at IS NULL;

COMMENT ON TABLE public.users IS 'An account and its public profile.';
COMMENT ON COLUMN public.users.email IS 'Unique among accounts that are not deleted, whatever the case.';
COMMENT ON COLUMN public.users.username IS 'Normalised to NFKC; unique as email is.';
COMMENT ON COLUMN public.users.avatar IS 'URL of the profile picture.';
COMMENT ON COLUMN public.users.is_private IS 'Content is shown to accepted followers only.';
COMMENT ON COLUMN public.users.is_verified IS 'Carries the verified badge.';
COMMENT ON COLUMN public.users.deleted_at IS 'Soft delete: the account and all it made are shown to nobody.';


-- Thai sara am, among others, can be typed as one character or as two that look the same.
CREATE FUNCTION public.normalize_user_names() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.username := normalize(NEW.username, NFKC);
    NEW.full_name := normalize(NEW.full_name, NFKC);
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.normalize_user_names() IS
    'Row trigger: stores names in NFKC, so that names that look the same are the same.';

CREATE TRIGGER normalize_names BEFORE INSERT OR UPDATE OF username, full_name ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.normalize_user_names();

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();


-- Nothing indexes a count and pages keep some room, so that an update stays within its page (HOT).
CREATE TABLE public.user_stats (
    user_id         uuid    NOT NULL,
    post_count      integer NOT NULL DEFAULT 0,
    follower_count  integer NOT NULL DEFAULT 0,
    following_count integer NOT NULL DEFAULT 0,
    CONSTRAINT user_stats_pkey PRIMARY KEY (user_id),
    CONSTRAINT user_stats_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT user_stats_counts_check CHECK (post_count >= 0 AND follower_count >= 0 AND following_count >= 0)
) WITH (fillfactor = 70);

COMMENT ON TABLE public.user_stats IS 'Counts of each user, kept by triggers.';
COMMENT ON COLUMN public.user_stats.post_count IS 'Posts that are neither deleted nor archived.';
COMMENT ON COLUMN public.user_stats.follower_count IS 'Accepted follows of this user.';
COMMENT ON COLUMN public.user_stats.following_count IS 'Accepted follows by this user.';

CREATE TRIGGER add_user_stats AFTER INSERT ON public.users REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.add_stats_row('user_stats', 'user_id');

CREATE TRIGGER delete_user_stats_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('user_stats', 'user_id');


-- Social graph ------------------------------------------------------------------------------------

CREATE TABLE public.follows (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),
    follower_id  uuid        NOT NULL,
    following_id uuid        NOT NULL,
    accepted_at  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT follows_pkey PRIMARY KEY (id),
    CONSTRAINT follows_follower_id_following_id_key UNIQUE (follower_id, following_id),
    CONSTRAINT follows_follower_id_fkey FOREIGN KEY (follower_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT follows_following_id_fkey
        FOREIGN KEY (following_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT follows_no_self_check CHECK (follower_id <> following_id)
);

-- Whom a user follows, newest first; read by the feed and the suggestions without touching the table.
CREATE INDEX follows_follower_id_accepted_at_idx
    ON public.follows (follower_id, accepted_at DESC, following_id) WHERE accepted_at IS NOT NULL;

-- Followers, newest first; requests that wait for an answer sort before them.
CREATE INDEX follows_following_id_accepted_at_idx ON public.follows (following_id, accepted_at DESC, follower_id);

COMMENT ON TABLE public.follows IS 'Who follows whom, or has asked to.';
COMMENT ON COLUMN public.follows.follower_id IS 'The user who follows.';
COMMENT ON COLUMN public.follows.following_id IS 'The user who is followed.';
COMMENT ON COLUMN public.follows.accepted_at IS
    'NULL while a private account has not accepted: such a follow shows nothing and counts nowhere.';

SELECT public.keep_counts('follows', 'user_stats', 'user_id',
    'following_count', 'follower_id', 'accepted_at IS NOT NULL',
    'follower_count', 'following_id', 'accepted_at IS NOT NULL');


CREATE FUNCTION public.accept_follow_of_public_account() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.accepted_at IS NULL THEN
        -- The lock waits for an account that is just turning public, which would not see this request.
        PERFORM FROM public.users AS u WHERE u.id = NEW.following_id AND u.is_private FOR SHARE;
        IF NOT FOUND THEN
            NEW.accepted_at := now();
        END IF;
    END IF;
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.accept_follow_of_public_account() IS
    'Row trigger: a follow of a public account is accepted at once.';

CREATE TRIGGER accept_follow BEFORE INSERT OR UPDATE OF following_id ON public.follows
    FOR EACH ROW EXECUTE FUNCTION public.accept_follow_of_public_account();


-- Nobody would answer the requests that an account still holds once it is public.
CREATE FUNCTION public.accept_pending_follows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.follows SET accepted_at = now() WHERE following_id = NEW.id AND accepted_at IS NULL;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.accept_pending_follows() IS
    'Row trigger: accepts the waiting follow requests of an account that turns public.';

REVOKE ALL ON FUNCTION public.accept_pending_follows() FROM PUBLIC;

CREATE TRIGGER accept_pending_follows AFTER UPDATE OF is_private ON public.users
    FOR EACH ROW WHEN (OLD.is_private AND NOT NEW.is_private)
    EXECUTE FUNCTION public.accept_pending_follows();


CREATE TABLE public.blocks (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    blocker_id uuid        NOT NULL,
    blocked_id uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT blocks_pkey PRIMARY KEY (id),
    CONSTRAINT blocks_blocker_id_blocked_id_key UNIQUE (blocker_id, blocked_id),
    CONSTRAINT blocks_blocker_id_fkey FOREIGN KEY (blocker_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT blocks_blocked_id_fkey FOREIGN KEY (blocked_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT blocks_no_self_check CHECK (blocker_id <> blocked_id)
);

CREATE INDEX blocks_blocked_id_blocker_id_idx ON public.blocks (blocked_id, blocker_id);

COMMENT ON TABLE public.blocks IS 'Who has blocked whom: neither sees the other.';


-- Posts -------------------------------------------------------------------------------------------

CREATE TABLE public.posts (
    id                uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id           uuid        NOT NULL,
    caption           text,
    location          text,
    is_archived       boolean     NOT NULL DEFAULT false,
    comments_disabled boolean     NOT NULL DEFAULT false,
    likes_disabled    boolean     NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    is_live           boolean     NOT NULL GENERATED ALWAYS AS (deleted_at IS NULL AND NOT is_archived) STORED,
    CONSTRAINT posts_pkey PRIMARY KEY (id),
    CONSTRAINT posts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);

-- The posts of one author, newest first, live or not, from the index alone.
CREATE INDEX posts_user_id_created_at_idx ON public.posts (user_id, created_at DESC, id DESC) INCLUDE (is_live);

-- The newest posts of everybody, for what is trending.
CREATE INDEX posts_created_at_idx ON public.posts (created_at DESC) WHERE is_live;

COMMENT ON TABLE public.posts IS 'A post; its pictures and videos are in post_media.';
COMMENT ON COLUMN public.posts.user_id IS 'The author.';
COMMENT ON COLUMN public.posts.is_archived IS 'Put away by the author: shown to nobody, counted nowhere.';
COMMENT ON COLUMN public.posts.is_live IS
    'Neither deleted nor archived: the one definition of a post that is shown and counted.';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.posts
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

SELECT public.keep_counts('posts', 'user_stats', 'user_id', 'post_count', 'user_id', 'is_live');


CREATE TABLE public.post_media (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    post_id       uuid        NOT NULL,
    media_url     text        NOT NULL,
    media_type    text        NOT NULL,
    thumbnail_url text,
    width         integer,
    height        integer,
    file_size     bigint,
    duration      integer,
    display_order integer     NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT post_media_pkey PRIMARY KEY (id),
    CONSTRAINT post_media_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT post_media_media_type_check CHECK (media_type IN ('image', 'video')),
    CONSTRAINT post_media_dimensions_check CHECK (width > 0 AND height > 0),
    CONSTRAINT post_media_file_size_check CHECK (file_size >= 0),
    CONSTRAINT post_media_duration_check CHECK (duration >= 0),
    CONSTRAINT post_media_display_order_check CHECK (display_order >= 0)
);

CREATE INDEX post_media_post_id_display_order_idx ON public.post_media (post_id, display_order);

COMMENT ON TABLE public.post_media IS 'The pictures and videos of a post, in their order.';
COMMENT ON COLUMN public.post_media.width IS 'Pixels.';
COMMENT ON COLUMN public.post_media.height IS 'Pixels.';
COMMENT ON COLUMN public.post_media.file_size IS 'Bytes.';
COMMENT ON COLUMN public.post_media.duration IS 'Seconds, of a video.';
COMMENT ON COLUMN public.post_media.display_order IS 'Position in the carousel, from 0.';


CREATE TABLE public.post_stats (
    post_id       uuid    NOT NULL,
    like_count    integer NOT NULL DEFAULT 0,
    comment_count integer NOT NULL DEFAULT 0,
    CONSTRAINT post_stats_pkey PRIMARY KEY (post_id),
    CONSTRAINT post_stats_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT post_stats_counts_check CHECK (like_count >= 0 AND comment_count >= 0)
) WITH (fillfactor = 70);

COMMENT ON TABLE public.post_stats IS 'Counts of each post, kept by triggers.';
COMMENT ON COLUMN public.post_stats.comment_count IS 'Comments and replies that are not deleted.';

CREATE TRIGGER add_post_stats AFTER INSERT ON public.posts REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.add_stats_row('post_stats', 'post_id');

CREATE TRIGGER delete_post_stats_first BEFORE DELETE ON public.posts
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('post_stats', 'post_id');


CREATE TABLE public.likes (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL,
    post_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT likes_pkey PRIMARY KEY (id),
    CONSTRAINT likes_post_id_user_id_key UNIQUE (post_id, user_id),
    CONSTRAINT likes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT likes_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE
);

CREATE INDEX likes_user_id_created_at_idx ON public.likes (user_id, created_at DESC);

COMMENT ON TABLE public.likes IS 'Who likes which post.';

SELECT public.keep_counts('likes', 'post_stats', 'post_id', 'like_count', 'post_id', 'true');


CREATE TABLE public.comments (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL,
    post_id    uuid        NOT NULL,
    parent_id  uuid,
    content    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    CONSTRAINT comments_pkey PRIMARY KEY (id),
    CONSTRAINT comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT comments_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT comments_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES public.comments (id) ON DELETE CASCADE,
    CONSTRAINT comments_no_self_parent_check CHECK (parent_id <> id),
    CONSTRAINT comments_content_check CHECK (btrim(content) <> '')
);

CREATE INDEX comments_post_id_created_at_idx ON public.comments (post_id, created_at DESC, id DESC);
CREATE INDEX comments_parent_id_created_at_idx ON public.comments (parent_id, created_at);
CREATE INDEX comments_user_id_idx ON public.comments (user_id);

COMMENT ON TABLE public.comments IS 'Comments on posts, and replies to them.';
COMMENT ON COLUMN public.comments.parent_id IS 'The comment that this one replies to; NULL: it comments on the post.';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.comments
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();

SELECT public.keep_counts('comments', 'post_stats', 'post_id', 'comment_count', 'post_id', 'deleted_at IS NULL');


CREATE TABLE public.comment_likes (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL,
    comment_id uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT comment_likes_pkey PRIMARY KEY (id),
    CONSTRAINT comment_likes_comment_id_user_id_key UNIQUE (comment_id, user_id),
    CONSTRAINT comment_likes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT comment_likes_comment_id_fkey
        FOREIGN KEY (comment_id) REFERENCES public.comments (id) ON DELETE CASCADE
);

CREATE INDEX comment_likes_user_id_idx ON public.comment_likes (user_id);

COMMENT ON TABLE public.comment_likes IS 'Who likes which comment.';


CREATE TABLE public.saved_posts (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL,
    post_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT saved_posts_pkey PRIMARY KEY (id),
    CONSTRAINT saved_posts_post_id_user_id_key UNIQUE (post_id, user_id),
    CONSTRAINT saved_posts_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT saved_posts_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE
);

CREATE INDEX saved_posts_user_id_created_at_idx ON public.saved_posts (user_id, created_at DESC);

COMMENT ON TABLE public.saved_posts IS 'Posts that a user keeps for later, seen by that user only.';


-- Hashtags and mentions ---------------------------------------------------------------------------

CREATE TABLE public.hashtags (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    name       text        NOT NULL,
    post_count integer     NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT hashtags_pkey PRIMARY KEY (id),
    CONSTRAINT hashtags_name_key UNIQUE (name),
    CONSTRAINT hashtags_name_check CHECK (name ~ '^[^#[:space:]]+$'),
    CONSTRAINT hashtags_post_count_check CHECK (post_count >= 0)
) WITH (fillfactor = 80);

COMMENT ON TABLE public.hashtags IS 'Hashtags that posts carry.';
COMMENT ON COLUMN public.hashtags.name IS 'In lower case and NFKC, without the #.';
COMMENT ON COLUMN public.hashtags.post_count IS
    'Posts that carry it and are neither deleted nor archived; kept by triggers.';


CREATE FUNCTION public.normalize_hashtag_name() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.name := lower(ltrim(normalize(NEW.name, NFKC), '#'));
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.normalize_hashtag_name() IS
    'Row trigger: stores a hashtag in lower case and NFKC without its #, so that one tag has one row.';

CREATE TRIGGER normalize_name BEFORE INSERT OR UPDATE OF name ON public.hashtags
    FOR EACH ROW EXECUTE FUNCTION public.normalize_hashtag_name();

CREATE TRIGGER set_updated_at BEFORE UPDATE ON public.hashtags
    FOR EACH ROW EXECUTE FUNCTION public.set_updated_at();


CREATE TABLE public.post_hashtags (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    post_id    uuid        NOT NULL,
    hashtag_id uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT post_hashtags_pkey PRIMARY KEY (id),
    CONSTRAINT post_hashtags_post_id_hashtag_id_key UNIQUE (post_id, hashtag_id),
    CONSTRAINT post_hashtags_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT post_hashtags_hashtag_id_fkey
        FOREIGN KEY (hashtag_id) REFERENCES public.hashtags (id) ON DELETE CASCADE
);

CREATE INDEX post_hashtags_hashtag_id_created_at_idx ON public.post_hashtags (hashtag_id, created_at DESC);

COMMENT ON TABLE public.post_hashtags IS
    'Which post carries which hashtag; written by the app, which reads the caption.';


-- The lock keeps a post from being deleted or restored between being looked at and being counted.
CREATE FUNCTION public.lock_live_post(p_post_id uuid) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT p.is_live FROM public.posts AS p WHERE p.id = p_post_id FOR SHARE
$$;

COMMENT ON FUNCTION public.lock_live_post(uuid) IS
    'Whether a post is live, which then stays so until the end of the transaction. For counting links to posts.';

SELECT public.keep_counts('post_hashtags', 'hashtags', 'id',
    'post_count', 'hashtag_id', 'public.lock_live_post(post_id)');


CREATE FUNCTION public.maintain_counts_of_linked_posts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count_columns text[];
    v_keys uuid[];
    v_changes bigint[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(%3$L::text), array_agg(key), array_agg(change)
         FROM (SELECT link.%1$I AS key, sum(CASE WHEN new.is_live THEN 1 ELSE -1 END) AS change
               FROM new_rows AS new
               JOIN old_rows AS old ON old.id = new.id AND old.is_live <> new.is_live
               JOIN public.%2$I AS link ON link.post_id = new.id
               GROUP BY link.%1$I) AS net',
        TG_ARGV[1], TG_ARGV[0], TG_ARGV[3]) INTO v_count_columns, v_keys, v_changes;
    PERFORM public.add_to_counts(TG_ARGV[2], 'id', v_count_columns, v_keys, v_changes);
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.maintain_counts_of_linked_posts() IS
    'Statement trigger on posts: a post that is deleted, archived or restored leaves or joins the counts of what '
    'links to it. Arguments: link table, its column that holds the counter''s id, counter table, count column.';

REVOKE ALL ON FUNCTION public.maintain_counts_of_linked_posts() FROM PUBLIC;

CREATE TRIGGER keep_hashtags_on_update AFTER UPDATE ON public.posts
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION public.maintain_counts_of_linked_posts(
        'post_hashtags', 'hashtag_id', 'hashtags', 'post_count');


-- A cascade would remove the links only when the post is gone, too late to see whether it was live.
CREATE TRIGGER delete_post_hashtags_first BEFORE DELETE ON public.posts
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('post_hashtags', 'post_id');


CREATE TABLE public.user_mentions (
    id                uuid        NOT NULL DEFAULT gen_random_uuid(),
    post_id           uuid,
    comment_id        uuid,
    mentioned_user_id uuid        NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT user_mentions_pkey PRIMARY KEY (id),
    CONSTRAINT user_mentions_post_id_mentioned_user_id_key UNIQUE (post_id, mentioned_user_id),
    CONSTRAINT user_mentions_comment_id_mentioned_user_id_key UNIQUE (comment_id, mentioned_user_id),
    CONSTRAINT user_mentions_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE,
    CONSTRAINT user_mentions_comment_id_fkey
        FOREIGN KEY (comment_id) REFERENCES public.comments (id) ON DELETE CASCADE,
    CONSTRAINT user_mentions_mentioned_user_id_fkey
        FOREIGN KEY (mentioned_user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT user_mentions_one_source_check CHECK (num_nonnulls(post_id, comment_id) = 1)
);

CREATE INDEX user_mentions_mentioned_user_id_created_at_idx
    ON public.user_mentions (mentioned_user_id, created_at DESC);

COMMENT ON TABLE public.user_mentions IS 'Who is mentioned in a post or in a comment: in exactly one of the two.';


-- Stories -----------------------------------------------------------------------------------------

CREATE TABLE public.stories (
    id            uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id       uuid        NOT NULL,
    media_url     text        NOT NULL,
    media_type    text        NOT NULL,
    thumbnail_url text,
    duration      integer     NOT NULL DEFAULT 24,
    view_count    integer     NOT NULL DEFAULT 0,
    expires_at    timestamptz NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stories_pkey PRIMARY KEY (id),
    CONSTRAINT stories_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT stories_media_type_check CHECK (media_type IN ('image', 'video')),
    CONSTRAINT stories_duration_check CHECK (duration > 0),
    CONSTRAINT stories_view_count_check CHECK (view_count >= 0)
) WITH (fillfactor = 80);

CREATE INDEX stories_user_id_expires_at_idx ON public.stories (user_id, expires_at);
CREATE INDEX stories_expires_at_idx ON public.stories (expires_at);

COMMENT ON TABLE public.stories IS 'A picture or video that is shown for a day.';
COMMENT ON COLUMN public.stories.media_type IS 'image or video; told from the URL where it is not given.';
COMMENT ON COLUMN public.stories.duration IS 'Hours for which it is shown.';
COMMENT ON COLUMN public.stories.view_count IS 'Users who have viewed it; kept by triggers.';
COMMENT ON COLUMN public.stories.expires_at IS 'created_at plus the duration, where it is not given.';


CREATE FUNCTION public.media_type_of(p_url text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT CASE
        WHEN p_url ~* '^[^?#]*\.(mp4|m4v|mov|webm|mkv|avi|3gp|ogv|mpe?g|m3u8)([?#]|$)' THEN 'video'
        ELSE 'image'
    END
$$;

COMMENT ON FUNCTION public.media_type_of(text) IS
    'image or video, told by the extension of the path of a URL; image where that tells nothing.';


CREATE FUNCTION public.complete_story() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.media_type := coalesce(NEW.media_type, public.media_type_of(NEW.media_url));
    NEW.expires_at := coalesce(NEW.expires_at, NEW.created_at + make_interval(hours => NEW.duration));
    RETURN NEW;
END;
$$;

COMMENT ON FUNCTION public.complete_story() IS
    'Row trigger: fills in the media type and the end of a story where they are not given.';

CREATE TRIGGER complete_story BEFORE INSERT ON public.stories
    FOR EACH ROW EXECUTE FUNCTION public.complete_story();

CREATE TRIGGER delete_stories_first BEFORE DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION public.delete_first('stories', 'user_id');


CREATE TABLE public.story_views (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    story_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    viewed_at  timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT story_views_pkey PRIMARY KEY (id),
    CONSTRAINT story_views_story_id_user_id_key UNIQUE (story_id, user_id),
    CONSTRAINT story_views_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.stories (id) ON DELETE CASCADE,
    CONSTRAINT story_views_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);

CREATE INDEX story_views_user_id_idx ON public.story_views (user_id);

COMMENT ON TABLE public.story_views IS 'Who has viewed which story, one row however often.';
COMMENT ON COLUMN public.story_views.viewed_at IS 'The latest view; created_at is the first.';

SELECT public.keep_counts('story_views', 'stories', 'id', 'view_count', 'story_id', 'true');


CREATE FUNCTION public.cleanup_expired_stories() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_deleted integer;
BEGIN
    DELETE FROM public.stories
    WHERE id IN (
        SELECT s.id FROM public.stories AS s
        WHERE s.expires_at <= now()
        ORDER BY s.id
        FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    RETURN v_deleted;
END;
$$;

COMMENT ON FUNCTION public.cleanup_expired_stories() IS
    'Deletes stories whose time is over and tells how many. Readers never show them, so it may run at any time.';


-- Notifications -----------------------------------------------------------------------------------

-- No DEFAULT partition: it would have to be scanned for each month that is added.
CREATE TABLE public.notifications (
    id          uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id     uuid        NOT NULL,
    actor_id    uuid,
    type        text        NOT NULL,
    entity_type text,
    entity_id   uuid,
    message     text,
    is_read     boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notifications_pkey PRIMARY KEY (id, created_at),
    CONSTRAINT notifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT notifications_actor_id_fkey FOREIGN KEY (actor_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT notifications_type_check CHECK (btrim(type) <> '')
) PARTITION BY RANGE (created_at);

CREATE INDEX notifications_user_id_created_at_idx ON public.notifications (user_id, created_at DESC);
CREATE INDEX notifications_actor_id_idx ON public.notifications (actor_id);

-- The badge with the number of unread notifications.
CREATE INDEX notifications_unread_idx ON public.notifications (user_id) WHERE NOT is_read;

COMMENT ON TABLE public.notifications IS
    'What has happened to a user; one partition per month (UTC), made by maintain_partitions.';
COMMENT ON COLUMN public.notifications.user_id IS 'Who is notified.';
COMMENT ON COLUMN public.notifications.actor_id IS 'Who caused it; NULL: the app itself.';
COMMENT ON COLUMN public.notifications.type IS 'What happened: like, comment, follow and so on.';
COMMENT ON COLUMN public.notifications.entity_type IS 'The kind of thing it is about: post, comment, story and so on.';
COMMENT ON COLUMN public.notifications.entity_id IS 'The id of that thing, without a foreign key: the kinds differ.';


CREATE FUNCTION public.is_partition(p_parent text, p_name text) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_inherits AS link
        WHERE link.inhparent = to_regclass('public.' || quote_ident(p_parent))
          AND link.inhrelid = to_regclass('public.' || quote_ident(p_name)))
$$;

COMMENT ON FUNCTION public.is_partition(text, text) IS
    'Whether a table of this name is a partition of another; a stranger of that name is none.';


CREATE FUNCTION public.maintain_monthly_partitions(p_parent text, p_months_ahead integer, p_keep interval)
RETURNS TABLE (partition_name text, action text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now constant timestamp := now() AT TIME ZONE 'UTC';
    v_keep_from constant timestamp := coalesce(v_now - p_keep, '-infinity');
    v_month timestamp;
BEGIN
    IF p_keep < interval '0' THEN
        RAISE EXCEPTION 'the time to keep partitions is negative: %', p_keep
            USING ERRCODE = 'invalid_parameter_value';
    END IF;

    FOR v_month IN
        SELECT generate_series(
            date_trunc('month', v_now) - interval '1 month',
            date_trunc('month', v_now) + make_interval(months => p_months_ahead),
            interval '1 month')
    LOOP
        partition_name := p_parent || to_char(v_month, '_YYYY_MM');
        CONTINUE WHEN v_month + interval '1 month' <= v_keep_from;
        CONTINUE WHEN public.is_partition(p_parent, partition_name);

        -- Another session may be about to make the same partition: wait for it, then look again.
        EXECUTE format('LOCK TABLE public.%I IN SHARE UPDATE EXCLUSIVE MODE', p_parent);
        CONTINUE WHEN public.is_partition(p_parent, partition_name);

        -- Attaching, unlike creating in place, lets readers of the parent go on. For the foreign keys it
        -- waits for open writers of users, so it is for quiet hours.
        EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL)', partition_name, p_parent);
        EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            p_parent, partition_name,
            to_char(v_month, 'YYYY-MM-DD 00:00+00'),
            to_char(v_month + interval '1 month', 'YYYY-MM-DD 00:00+00'));
        action := 'created';
        RETURN NEXT;
    END LOOP;

    FOR partition_name IN
        SELECT child.relname
        FROM pg_catalog.pg_inherits AS link
        JOIN pg_catalog.pg_class AS child ON child.oid = link.inhrelid
        WHERE link.inhparent = format('public.%I', p_parent)::regclass
          AND to_date(substring(child.relname FROM '_([0-9]{4}_[0-9]{2})$'), 'YYYY_MM') + interval '1 month'
              <= v_keep_from
        ORDER BY child.relname
    LOOP
        EXECUTE format('DROP TABLE public.%I', partition_name);
        action := 'dropped';
        RETURN NEXT;
    END LOOP;
END;
$$;

COMMENT ON FUNCTION public.maintain_monthly_partitions(text, integer, interval) IS
    'The work of maintain_partitions for one table.';


CREATE FUNCTION public.maintain_partitions(p_months_ahead integer DEFAULT 6, p_keep interval DEFAULT NULL)
RETURNS TABLE (partition_name text, action text)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT changed.partition_name, changed.action
    FROM unnest(ARRAY['notifications']) AS parent (name)
    CROSS JOIN LATERAL public.maintain_monthly_partitions(parent.name, coalesce(p_months_ahead, 6), p_keep) AS changed
$$;

COMMENT ON FUNCTION public.maintain_partitions(integer, interval) IS
    'Makes the monthly partitions that are missing, from the previous month to some months ahead, and, where a '
    'time to keep is given, drops those that ended before it. Tells what it did; safe to repeat and to run twice at '
    'once.';

SELECT public.maintain_partitions();


-- Readers -----------------------------------------------------------------------------------------

CREATE FUNCTION public.visible_users(p_viewer_id uuid)
RETURNS TABLE (user_id uuid, username text, full_name text, avatar text, is_verified boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.id, u.username, u.full_name, u.avatar, u.is_verified
    FROM public.users AS u
    WHERE u.deleted_at IS NULL
      AND NOT EXISTS (
          SELECT FROM public.blocks AS b WHERE b.blocker_id = p_viewer_id AND b.blocked_id = u.id)
      AND NOT EXISTS (
          SELECT FROM public.blocks AS b WHERE b.blocker_id = u.id AND b.blocked_id = p_viewer_id)
      AND (NOT u.is_private
          OR u.id = p_viewer_id
          OR EXISTS (
              SELECT FROM public.follows AS f
              WHERE f.follower_id = p_viewer_id AND f.following_id = u.id AND f.accepted_at IS NOT NULL))
$$;

COMMENT ON FUNCTION public.visible_users(uuid) IS
    'The users whose content a viewer may see: the one place for blocks, private and deleted accounts. Readers join '
    'it, and the planner inlines it. For an unknown viewer, or NULL: the public accounts.';


-- A followee whose newest post ranks below the k-th newest cannot place a post among the first k, so
-- the second step looks at k followees at most, however many the viewer follows.
CREATE FUNCTION public.get_user_feed(p_user_id uuid, p_limit integer DEFAULT 20, p_offset integer DEFAULT 0)
RETURNS TABLE (
    post_id uuid, user_id uuid, username text, full_name text, avatar text, is_verified boolean,
    caption text, location text, media jsonb, like_count integer, comment_count integer,
    is_liked boolean, is_saved boolean, created_at timestamptz
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH authors AS (
        SELECT followee.user_id, followee.username, followee.full_name, followee.avatar, followee.is_verified
        FROM public.follows AS f
        JOIN public.visible_users(p_user_id) AS followee ON followee.user_id = f.following_id
        CROSS JOIN LATERAL (
            SELECT p.created_at, p.id FROM public.posts AS p
            WHERE p.user_id = f.following_id AND p.is_live
            ORDER BY p.created_at DESC, p.id DESC
            LIMIT 1) AS newest
        WHERE f.follower_id = p_user_id AND f.accepted_at IS NOT NULL
        ORDER BY newest.created_at DESC, newest.id DESC
        LIMIT greatest(coalesce(p_limit, 20), 0)::bigint + greatest(coalesce(p_offset, 0), 0)
    ),
    page AS (
        SELECT post.id, post.created_at, authors.*
        FROM authors
        CROSS JOIN LATERAL (
            SELECT p.id, p.created_at FROM public.posts AS p
            WHERE p.user_id = authors.user_id AND p.is_live
            ORDER BY p.created_at DESC, p.id DESC
            LIMIT greatest(coalesce(p_limit, 20), 0)::bigint + greatest(coalesce(p_offset, 0), 0)) AS post
        ORDER BY post.created_at DESC, post.id DESC
        LIMIT greatest(coalesce(p_limit, 20), 0) OFFSET greatest(coalesce(p_offset, 0), 0)
    )
    SELECT
        page.id, page.user_id, page.username, page.full_name, page.avatar, page.is_verified,
        p.caption, p.location, coalesce(media.items, '[]'), stats.like_count, stats.comment_count,
        EXISTS (SELECT FROM public.likes AS l WHERE l.post_id = page.id AND l.user_id = p_user_id),
        EXISTS (SELECT FROM public.saved_posts AS s WHERE s.post_id = page.id AND s.user_id = p_user_id),
        page.created_at
    FROM page
    JOIN public.posts AS p ON p.id = page.id
    JOIN public.post_stats AS stats ON stats.post_id = page.id
    LEFT JOIN LATERAL (
        SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(m) - 'post_id' ORDER BY m.display_order, m.id) AS items
        FROM public.post_media AS m
        WHERE m.post_id = page.id) AS media ON true
    ORDER BY page.created_at DESC, page.id DESC
$$;

COMMENT ON FUNCTION public.get_user_feed(uuid, integer, integer) IS
    'The home feed: live posts of the accounts that a user follows, newest first, with their media as a JSON array.';


CREATE TABLE public.feeds (
    id         uuid             NOT NULL DEFAULT gen_random_uuid(),
    user_id    uuid             NOT NULL,
    post_id    uuid             NOT NULL,
    score      double precision NOT NULL DEFAULT 0,
    created_at timestamptz      NOT NULL DEFAULT now(),
    CONSTRAINT feeds_pkey PRIMARY KEY (id),
    CONSTRAINT feeds_post_id_user_id_key UNIQUE (post_id, user_id),
    CONSTRAINT feeds_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT feeds_post_id_fkey FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE
);

CREATE INDEX feeds_user_id_score_idx ON public.feeds (user_id, score DESC);

COMMENT ON TABLE public.feeds IS 'A cache of feeds, filled by generate_user_feed; get_user_feed does not need it.';
COMMENT ON COLUMN public.feeds.score IS 'Rank within the feed of the user, highest first.';


-- The rank lets a post gain half a day on newer ones for every ten times more likes and comments.
CREATE FUNCTION public.generate_user_feed(p_user_id uuid, p_limit integer DEFAULT 50) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_generated integer;
BEGIN
    -- One session at a time may replace the feed of a user.
    PERFORM FROM public.users AS u WHERE u.id = p_user_id FOR NO KEY UPDATE;
    DELETE FROM public.feeds AS f WHERE f.user_id = p_user_id;
    INSERT INTO public.feeds (user_id, post_id, score)
    SELECT p_user_id, feed.post_id,
        extract(epoch FROM feed.created_at) / 43200 + log(1 + feed.like_count + feed.comment_count)
    FROM public.get_user_feed(p_user_id, coalesce(p_limit, 50)) AS feed;
    GET DIAGNOSTICS v_generated = ROW_COUNT;
    RETURN v_generated;
END;
$$;

COMMENT ON FUNCTION public.generate_user_feed(uuid, integer) IS
    'Replaces the cached feed of one user by the newest posts, ranked by age and engagement; tells how many.';


CREATE FUNCTION public.get_trending_hashtags(p_limit integer DEFAULT 10)
RETURNS TABLE (hashtag_id uuid, name text, post_count integer, score double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT h.id, h.name, h.post_count, recent.score
    FROM (
        SELECT
            ph.hashtag_id,
            sum(pg_catalog.power(
                0.5::double precision, (extract(epoch FROM now() - p.created_at) / 86400)::double precision)) AS score
        FROM public.posts AS p
        JOIN public.visible_users(NULL) AS author ON author.user_id = p.user_id
        JOIN public.post_hashtags AS ph ON ph.post_id = p.id
        WHERE p.is_live AND p.created_at > now() - interval '7 days' AND p.created_at <= now()
        GROUP BY ph.hashtag_id) AS recent
    JOIN public.hashtags AS h ON h.id = recent.hashtag_id
    ORDER BY recent.score DESC, h.post_count DESC, h.name
    LIMIT greatest(coalesce(p_limit, 10), 0)
$$;

COMMENT ON FUNCTION public.get_trending_hashtags(integer) IS
    'Hashtags of public posts of the last seven days. Each post adds to the score, half as much for each day of age.';


-- Both steps are capped, so that the work stays the same however many accounts anyone follows.
CREATE FUNCTION public.get_user_suggestions(p_user_id uuid, p_limit integer DEFAULT 10)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean,
    mutual_count bigint, follower_count integer
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH followees AS (
        SELECT f.following_id AS user_id
        FROM public.follows AS f
        JOIN public.visible_users(p_user_id) AS followee ON followee.user_id = f.following_id
        WHERE f.follower_id = p_user_id AND f.accepted_at IS NOT NULL
        ORDER BY f.accepted_at DESC, f.following_id
        LIMIT 200
    ),
    candidates AS (
        SELECT friend.user_id, count(*) AS mutual_count
        FROM followees
        CROSS JOIN LATERAL (
            SELECT f.following_id AS user_id FROM public.follows AS f
            WHERE f.follower_id = followees.user_id AND f.accepted_at IS NOT NULL
            ORDER BY f.accepted_at DESC, f.following_id
            LIMIT 50) AS friend
        WHERE friend.user_id <> p_user_id
        GROUP BY friend.user_id
    )
    SELECT u.user_id, u.username, u.full_name, u.avatar, u.is_verified, c.mutual_count, stats.follower_count
    FROM candidates AS c
    JOIN public.visible_users(p_user_id) AS u ON u.user_id = c.user_id
    JOIN public.user_stats AS stats ON stats.user_id = c.user_id
    WHERE NOT EXISTS (
        SELECT FROM public.follows AS f WHERE f.follower_id = p_user_id AND f.following_id = c.user_id)
    ORDER BY c.mutual_count DESC, stats.follower_count DESC, u.user_id
    LIMIT greatest(coalesce(p_limit, 10), 0)
$$;

COMMENT ON FUNCTION public.get_user_suggestions(uuid, integer) IS
    'Accounts followed by those whom a user follows, most in common first; none that the user follows or asked to. '
    'Looks at the newest 200 followees and the newest 50 follows of each.';
