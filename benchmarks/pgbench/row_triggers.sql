-- What the schema is compared with: the same tables and rows, each count a column of one row, kept by row triggers.
CREATE SCHEMA plain;
CREATE TABLE plain.post_stats (post_id uuid PRIMARY KEY, like_count integer NOT NULL DEFAULT 0) WITH (fillfactor = 70);
CREATE TABLE plain.user_stats (
    user_id uuid PRIMARY KEY, follower_count integer NOT NULL DEFAULT 0, following_count integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
INSERT INTO plain.post_stats SELECT post_id, like_count FROM public.post_stats;
INSERT INTO plain.user_stats SELECT user_id, follower_count, following_count FROM public.user_stats;
CREATE TABLE plain.likes (LIKE public.likes INCLUDING ALL);
INSERT INTO plain.likes SELECT * FROM public.likes;
ALTER TABLE plain.likes
    ADD FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (post_id) REFERENCES public.posts (id) ON DELETE CASCADE;
CREATE TABLE plain.follows (LIKE public.follows INCLUDING ALL);
INSERT INTO plain.follows SELECT * FROM public.follows;
ALTER TABLE plain.follows
    ADD FOREIGN KEY (follower_id) REFERENCES public.users (id) ON DELETE CASCADE,
    ADD FOREIGN KEY (following_id) REFERENCES public.users (id) ON DELETE CASCADE;

CREATE FUNCTION plain.count_like() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE plain.post_stats SET like_count = like_count + 1 WHERE post_id = NEW.post_id;
    ELSE
        UPDATE plain.post_stats SET like_count = like_count - 1 WHERE post_id = OLD.post_id;
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER count_like AFTER INSERT OR DELETE ON plain.likes FOR EACH ROW EXECUTE FUNCTION plain.count_like();

CREATE FUNCTION plain.count_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE plain.user_stats SET following_count = following_count + 1 WHERE user_id = NEW.follower_id;
        UPDATE plain.user_stats SET follower_count = follower_count + 1 WHERE user_id = NEW.following_id;
    ELSE
        UPDATE plain.user_stats SET following_count = following_count - 1 WHERE user_id = OLD.follower_id;
        UPDATE plain.user_stats SET follower_count = follower_count - 1 WHERE user_id = OLD.following_id;
    END IF;
    RETURN NULL;
END;
$$;

CREATE TRIGGER count_follow AFTER INSERT OR DELETE ON plain.follows FOR EACH ROW EXECUTE FUNCTION plain.count_follow();

-- What the clients like: a hundred posts, and fans without end.
CREATE TABLE dataset.hot (n integer PRIMARY KEY, id uuid NOT NULL);
INSERT INTO dataset.hot SELECT n, dataset.post_id(dataset.posts() - 7 * n) FROM generate_series(1, 100) AS n;
CREATE SEQUENCE dataset.fans;
