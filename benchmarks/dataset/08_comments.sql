-- into: comments (id, user_id, post_id, content, created_at, updated_at, deleted_at)
-- One for every fifth post, and thousands for a few; one in fifty is deleted.
SELECT
    public.uuid_v7(), dataset.user_id(1 + floor(dataset.users() * dataset.share(n * 7 + k, 81))::bigint), dataset.post_id(n),
    CASE WHEN k % 2 = 0 THEN 'สวยมาก' ELSE 'So nice' END, dataset.at(n) + k * interval '1 second',
    dataset.at(n) + k * interval '1 second', CASE WHEN dataset.share(n * 7 + k, 82) < 0.02 THEN dataset.at(n) END
FROM (
    SELECT n, 1 AS comments FROM generate_series(1, dataset.posts(), 5) AS n
    UNION ALL
    SELECT dataset.posts() - dataset.posts() / 10000 * hot, 10000 / hot FROM generate_series(1, 20) AS hot
) AS post
CROSS JOIN LATERAL generate_series(1, post.comments) AS k
