CREATE OR REPLACE FUNCTION public.visible_users(p_viewer_id uuid)
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

DROP TABLE public.refresh_tokens;

ALTER TABLE public.users
    DROP COLUMN hashed_password,
    DROP COLUMN is_active,
    DROP COLUMN last_login_at;
