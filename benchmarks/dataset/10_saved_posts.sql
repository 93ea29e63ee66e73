-- into: saved_posts (id, user_id, post_id, created_at)
SELECT public.uuid_v7(), dataset.user_id(1 + floor(dataset.users() * dataset.share(n, 101))::bigint), dataset.post_id(n), dataset.at(n)
FROM generate_series(1, dataset.posts(), 20) AS n
