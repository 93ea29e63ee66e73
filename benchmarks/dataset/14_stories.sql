-- into: stories (id, user_id, media_url, media_type, audience, music_track_id, created_at, expires_at)
-- One in five users has three that run, one for each audience; all others have had three that ended.
SELECT
    public.uuid_v7(), dataset.user_id(s.n), format('https://example.com/stories/%s.mp4', s.n), 'video',
    (ARRAY['public', 'followers', 'close_friends'])[s.k],
    CASE s.k WHEN 1
        THEN dataset.id('song', 1 + floor(dataset.songs() * power(dataset.share(s.n, 142), 3))::bigint)
    END,
    s.at, s.at + interval '24 hours'
FROM (
    SELECT
        n, k,
        now() - interval '20 hours' * dataset.share(n * 3 + k, 141) - CASE WHEN n % 5 > 0 THEN 30 ELSE 0 END * interval '1 day' AS at
    FROM generate_series(1, dataset.users()) AS n
    CROSS JOIN generate_series(1, 3) AS k
) AS s
