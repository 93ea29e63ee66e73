-- Proof that an email address is the user's own, and the way back in without the password.

-- Unqualified names are PostgreSQL's own: no schema is searched in which other roles may create objects.
SET LOCAL search_path = '';


CREATE TABLE public.email_verifications (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL,
    token      text        NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT email_verifications_pkey PRIMARY KEY (id),
    CONSTRAINT email_verifications_token_key UNIQUE (token),
    CONSTRAINT email_verifications_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT email_verifications_token_check CHECK (token ~ '^[0-9a-f]{64}$')
);

CREATE INDEX email_verifications_user_id_idx ON public.email_verifications (user_id);

COMMENT ON TABLE public.email_verifications IS 'Requests to confirm an email address.';
COMMENT ON COLUMN public.email_verifications.token IS 'SHA-256 of the token that was sent by email, in lower case hex; the token itself is never stored.';
COMMENT ON COLUMN public.email_verifications.used_at IS 'When the address was confirmed; a token works once.';


CREATE TABLE public.password_resets (
    id         uuid        NOT NULL DEFAULT gen_random_uuid(),
    user_id    uuid        NOT NULL,
    token      text        NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT password_resets_pkey PRIMARY KEY (id),
    CONSTRAINT password_resets_token_key UNIQUE (token),
    CONSTRAINT password_resets_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT password_resets_token_check CHECK (token ~ '^[0-9a-f]{64}$')
);

CREATE INDEX password_resets_user_id_idx ON public.password_resets (user_id);

COMMENT ON TABLE public.password_resets IS 'Requests to choose a new password.';
COMMENT ON COLUMN public.password_resets.token IS 'SHA-256 of the token that was sent by email, in lower case hex; the token itself is never stored.';
COMMENT ON COLUMN public.password_resets.used_at IS 'When the new password was chosen; a token works once.';
