SET LOCAL search_path = '';

CREATE OR REPLACE FUNCTION public.reachable_users(p_viewer_id uuid)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean, is_private boolean
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.id, u.username, u.full_name, u.avatar, u.is_verified, u.is_private
    FROM public.users AS u
    WHERE u.deleted_at IS NULL
      AND (
          (SELECT true FROM public.blocks AS b WHERE b.blocker_id = p_viewer_id ORDER BY b.blocked_id LIMIT 1)
              IS NOT TRUE
          OR (SELECT true FROM public.blocks AS b WHERE b.blocker_id = p_viewer_id AND b.blocked_id = u.id) IS NOT TRUE)
      AND (
          (SELECT true FROM public.blocks AS b WHERE b.blocked_id = p_viewer_id ORDER BY b.blocker_id LIMIT 1)
              IS NOT TRUE
          OR (SELECT true FROM public.blocks AS b WHERE b.blocked_id = p_viewer_id AND b.blocker_id = u.id) IS NOT TRUE)
$$;

COMMENT ON FUNCTION public.reachable_users(uuid) IS
    'The accounts whose existence a viewer may learn of, by their profile, in a search or by a comment: none that is '
    'deleted or that either has blocked. What a private account has posted is not among it.';

DROP TABLE public.refresh_tokens;

ALTER TABLE public.users
    DROP COLUMN is_public,
    DROP COLUMN hashed_password,
    DROP COLUMN is_active,
    DROP COLUMN last_login_at,
    ADD COLUMN is_public boolean NOT NULL GENERATED ALWAYS AS (deleted_at IS NULL AND NOT is_private) STORED;

COMMENT ON COLUMN public.users.is_public IS 'Content is shown to everyone who is not blocked, and counts for trends.';

CREATE UNIQUE INDEX users_visibility_key ON public.users (id, is_private, deleted_at);
