-- Signing in: credentials of accounts, and the refresh tokens of short-lived JWTs.

-- Unqualified names are PostgreSQL's own: no schema is searched in which other roles may create objects.
SET LOCAL search_path = '';


ALTER TABLE public.users
    ADD COLUMN hashed_password text,
    ADD COLUMN is_active       boolean NOT NULL DEFAULT true,
    ADD COLUMN last_login_at   timestamptz;

COMMENT ON COLUMN public.users.hashed_password IS 'In the format of the app''s password hash; NULL: no password.';
COMMENT ON COLUMN public.users.is_active IS
    'False while the account is deactivated: it and everything it created are hidden from all.';


CREATE TABLE public.refresh_tokens (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL,
    token_hash text        NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT refresh_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT refresh_tokens_token_hash_key UNIQUE (token_hash),
    CONSTRAINT refresh_tokens_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT refresh_tokens_token_hash_check CHECK (token_hash ~ '^[0-9a-f]{64}$')
);

CREATE INDEX refresh_tokens_user_id_idx ON public.refresh_tokens (user_id);

-- For the job that removes tokens whose time is over.
CREATE INDEX refresh_tokens_expires_at_idx ON public.refresh_tokens (expires_at);

COMMENT ON TABLE public.refresh_tokens IS 'Sessions that can be renewed. The token itself is never stored.';
COMMENT ON COLUMN public.refresh_tokens.token_hash IS 'SHA-256 of the token, in lower case hex.';
COMMENT ON COLUMN public.refresh_tokens.revoked_at IS 'When the session was ended before its time.';


-- Deactivated accounts are now hidden too.
ALTER TABLE public.users
    DROP COLUMN is_public,
    ADD COLUMN is_public boolean NOT NULL
        GENERATED ALWAYS AS (deleted_at IS NULL AND is_active AND NOT is_private) STORED;

COMMENT ON COLUMN public.users.is_public IS 'Content is shown to everyone who is not blocked, and counts for trends.';

DROP INDEX public.users_visibility_key;
CREATE UNIQUE INDEX users_visibility_key ON public.users (id, is_private, is_active, deleted_at);


CREATE OR REPLACE FUNCTION public.reachable_users(p_viewer_id uuid)
RETURNS TABLE (
    user_id uuid, username text, full_name text, avatar text, is_verified boolean, is_private boolean
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT u.id, u.username, u.full_name, u.avatar, u.is_verified, u.is_private
    FROM public.users AS u
    WHERE u.deleted_at IS NULL
      AND u.is_active
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
    'deleted or deactivated or that either has blocked. What a private account has posted is not among it.';
