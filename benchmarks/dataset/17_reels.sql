-- into: reels (id, user_id, video_url, caption, duration, created_at)
SELECT
    public.uuid_v7(), dataset.user_id(r.author), format('https://example.com/reels/%s.mp4', r.n), 'Watch this', 15,
    now() - interval '300 days' * dataset.share(r.n, 172)
FROM (
    SELECT n, 1 + floor(0.95 * dataset.users() * power(dataset.share(n, 171), 2))::bigint AS author
    FROM generate_series(1, dataset.posts() / 100) AS n
) AS r
WHERE dataset.share(r.author, 14) >= 0.01
