DROP TABLE public.email_verifications, public.password_resets;
