-- into: stories (id, user_id, media_url, media_type, audience, music_track_id, created_at, expires_at)
-- One in five users has three that run, one for each audience; all have had some that ended.
SELECT
    public.uuid_v7(), dataset.user_id(s.n), format('https://example.com/stories/%s.mp4', s.n), 'video',
    (ARRAY['public', 'followers', 'close_friends'])[s.k], m.id, s.at, s.at + interval '24 hours'
FROM (
    SELECT n, k, now() - interval '20 hours' * dataset.share(n * 3 + k, 141) - CASE WHEN n % 5 > 0 THEN interval '30 days' ELSE interval '0' END AS at
    FROM generate_series(1, dataset.users()) AS n
    CROSS JOIN generate_series(1, 3) AS k
) AS s
LEFT JOIN (SELECT id, row_number() OVER (ORDER BY title) AS n, count(*) OVER () AS all FROM public.music_tracks) AS m
    ON m.n = 1 + floor(m.all * power(dataset.share(s.n, 142), 3))::bigint AND s.k = 1
