-- into: likes (id, user_id, post_id, created_at)
-- One for every other post, and thousands for a few.
SELECT public.uuid_v7(), dataset.user_id(l.fan), dataset.post_id(l.post), dataset.at(l.post)
FROM (
    SELECT n AS post, 1 + floor(dataset.users() * dataset.share(n, 71))::bigint AS fan
    FROM generate_series(1, dataset.posts(), 2) AS n
    UNION
    SELECT dataset.posts() - dataset.posts() / 10000 * hot, fan
    FROM generate_series(1, 20) AS hot
    CROSS JOIN generate_series(1, dataset.users() / (2 * hot)) AS fan
) AS l
