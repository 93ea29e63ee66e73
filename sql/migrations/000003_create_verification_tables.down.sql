SET LOCAL search_path = '';

DROP TABLE public.email_verifications, public.password_resets;
