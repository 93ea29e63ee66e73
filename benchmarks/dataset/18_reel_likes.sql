-- into: reel_likes (id, user_id, reel_id, created_at)
-- From none to hundreds, over the thirty days after the reel was made.
SELECT public.uuid_v7(), dataset.user_id(fan.n), r.id, least(r.created_at + interval '30 days' * dataset.share(r.n * 1000 + fan.k, 181), now())
FROM (SELECT id, created_at, row_number() OVER (ORDER BY id) AS n FROM public.reels) AS r
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (n) k, n
    FROM generate_series(1, floor(100 * power(dataset.share(r.n, 182), 6))::integer) AS k
    CROSS JOIN LATERAL (SELECT 1 + floor(dataset.users() * dataset.share(r.n * 1000 + k, 183))::bigint) AS u (n)
) AS fan
