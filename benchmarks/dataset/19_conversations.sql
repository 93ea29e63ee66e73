-- into: conversations (id, is_group, created_at)
SELECT public.uuid_v7(), false, now() - interval '300 days' FROM generate_series(1, dataset.users() / 2)
