-- into: follows (id, follower_id, following_id, accepted_at, created_at)
-- Most follow few accounts and some many, celebrities above all. A tenth of the follows of private accounts waits.
SELECT
    public.uuid_v7(), dataset.user_id(f.follower), dataset.user_id(f.followee),
    CASE WHEN dataset.share(f.followee, 11) >= 0.1 OR dataset.share(f.follower * 31 + f.followee, 21) >= 0.1
        THEN f.at
    END,
    f.at
FROM (
    SELECT DISTINCT ON (u.n, followee) u.n AS follower, followee,
        dataset.start() + interval '700 days' * dataset.share(u.n * 10000 + k, 22) AS at
    FROM generate_series(1, dataset.users()) AS u (n)
    CROSS JOIN LATERAL generate_series(1, 3 + floor(300 * power(dataset.share(u.n, 23), 4))::integer) AS k
    CROSS JOIN LATERAL (SELECT dataset.celebrity(dataset.share(u.n * 10000 + k, 24))) AS c (followee)
    WHERE u.n <> followee
    ORDER BY u.n, followee, k
) AS f
