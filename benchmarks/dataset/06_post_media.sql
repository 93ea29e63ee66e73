-- into: post_media (id, post_id, media_url, media_type, width, height, display_order, created_at)
SELECT
    public.uuid_v7(), dataset.post_id(n), format('https://example.com/media/%s-%s.jpg', n, k), 'image', 1080, 1080, k,
    dataset.at(n)
FROM generate_series(1, dataset.posts()) AS n
CROSS JOIN LATERAL generate_series(0, CASE WHEN n % 10 = 0 THEN 1 ELSE 0 END) AS k
