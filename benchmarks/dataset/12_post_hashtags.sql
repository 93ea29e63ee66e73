-- into: post_hashtags (id, post_id, hashtag_id, created_at)
-- Every fifth post carries one; a few are on most.
SELECT public.uuid_v7(), dataset.post_id(p.n), h.id, dataset.at(p.n)
FROM generate_series(1, dataset.posts(), 5) AS p (n)
JOIN (SELECT id, row_number() OVER (ORDER BY name) AS n, count(*) OVER () AS all FROM public.hashtags) AS h
    ON h.n = 1 + floor(h.all * power(dataset.share(p.n, 121), 3))::bigint
