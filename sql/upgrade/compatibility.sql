-- Purpose: views with the names and columns of the former schema, for an app whose statements are changed one by one. They
-- are in a schema of their own, fowergram_compatibility; the new schema stays as the migrations build it. The app finds
-- them before the tables with: ALTER ROLE app SET search_path = fowergram_compatibility, public
-- Oldest server: 13. Privileges: those of the database's owner. Can be run again. Removed by remove_compatibility.sql.
--
-- The views run with their owner's rights, so grant them to the app's role only, as docs/upgrading.md says.

BEGIN;

SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;

DROP SCHEMA IF EXISTS fowergram_compatibility CASCADE;
CREATE SCHEMA fowergram_compatibility;
COMMENT ON SCHEMA fowergram_compatibility IS 'Views of the former schema. See docs/upgrading.md of fowergram-db.';

-- Each column has its new name too, so a statement that is half changed runs. A count can be read, not written.
CREATE VIEW fowergram_compatibility.users AS
SELECT
    u.*, u.avatar AS profile_picture, u.hashed_password AS password_hash,
    coalesce((SELECT s.post_count FROM public.user_stats AS s WHERE s.user_id = u.id), 0) AS post_count,
    coalesce((SELECT s.follower_count FROM public.user_stats AS s WHERE s.user_id = u.id), 0) AS follower_count,
    coalesce((SELECT s.following_count FROM public.user_stats AS s WHERE s.user_id = u.id), 0) AS following_count
FROM public.users AS u;

CREATE VIEW fowergram_compatibility.posts AS
SELECT
    p.*,
    coalesce((SELECT s.like_count FROM public.post_stats AS s WHERE s.post_id = p.id), 0) AS like_count,
    coalesce((SELECT s.comment_count FROM public.post_stats AS s WHERE s.post_id = p.id), 0) AS comment_count
FROM public.posts AS p;

-- The second table of follows, with both names that it had for the followed account. What is written here is written to
-- follows, and counts once, although the app writes to follows too.
CREATE VIEW fowergram_compatibility.followers AS
SELECT f.id, f.follower_id, f.following_id, f.following_id AS user_id, f.created_at
FROM public.follows AS f
WHERE f.accepted_at IS NOT NULL;

CREATE FUNCTION fowergram_compatibility.insert_follow() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.following_id := coalesce(NEW.following_id, NEW.user_id);
    NEW.user_id := NEW.following_id;
    NEW.created_at := coalesce(NEW.created_at, now());
    INSERT INTO public.follows (follower_id, following_id, created_at)
    VALUES (NEW.follower_id, NEW.following_id, NEW.created_at)
    ON CONFLICT (follower_id, following_id) DO NOTHING;
    SELECT f.id, f.created_at INTO NEW.id, NEW.created_at FROM public.follows AS f
    WHERE f.follower_id = NEW.follower_id AND f.following_id = NEW.following_id;
    RETURN NEW;
END;
$$;

CREATE TRIGGER insert_follow INSTEAD OF INSERT ON fowergram_compatibility.followers
FOR EACH ROW EXECUTE FUNCTION fowergram_compatibility.insert_follow();

-- Tokens are stored as their hash. A new one may be given in the clear: it is hashed. Look one up by its hash.
CREATE VIEW fowergram_compatibility.email_verifications AS
SELECT v.* FROM public.email_verifications AS v;

CREATE VIEW fowergram_compatibility.password_resets AS
SELECT r.* FROM public.password_resets AS r;

CREATE VIEW fowergram_compatibility.refresh_tokens AS
SELECT t.*, t.token_hash AS token FROM public.refresh_tokens AS t;

CREATE FUNCTION fowergram_compatibility.insert_hashed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.id := coalesce(NEW.id, gen_random_uuid());
    NEW.created_at := coalesce(NEW.created_at, now());
    IF TG_TABLE_NAME = 'refresh_tokens' THEN
        NEW.token_hash := coalesce(NEW.token_hash, NEW.token);
        IF NEW.token_hash !~ '^[0-9a-f]{64}$' THEN
            NEW.token_hash := encode(sha256(convert_to(NEW.token_hash, 'UTF8')), 'hex');
        END IF;
        NEW.token := NEW.token_hash;
        INSERT INTO public.refresh_tokens (id, user_id, token_hash, expires_at, revoked_at, created_at)
        VALUES (NEW.id, NEW.user_id, NEW.token_hash, NEW.expires_at, NEW.revoked_at, NEW.created_at);
        RETURN NEW;
    END IF;
    IF NEW.token !~ '^[0-9a-f]{64}$' THEN
        NEW.token := encode(sha256(convert_to(NEW.token, 'UTF8')), 'hex');
    END IF;
    EXECUTE format('INSERT INTO public.%I (id, user_id, token, expires_at, used_at, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)', TG_TABLE_NAME)
    USING NEW.id, NEW.user_id, NEW.token, NEW.expires_at, NEW.used_at, NEW.created_at;
    RETURN NEW;
END;
$$;

CREATE TRIGGER insert_hashed INSTEAD OF INSERT ON fowergram_compatibility.email_verifications
FOR EACH ROW EXECUTE FUNCTION fowergram_compatibility.insert_hashed();

CREATE TRIGGER insert_hashed INSTEAD OF INSERT ON fowergram_compatibility.password_resets
FOR EACH ROW EXECUTE FUNCTION fowergram_compatibility.insert_hashed();

CREATE TRIGGER insert_hashed INSTEAD OF INSERT ON fowergram_compatibility.refresh_tokens
FOR EACH ROW EXECUTE FUNCTION fowergram_compatibility.insert_hashed();

COMMIT;
