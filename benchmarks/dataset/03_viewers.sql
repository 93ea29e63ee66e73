-- into: follows (id, follower_id, following_id, accepted_at, created_at)
-- Kinds 0 to 2 follow 50, 500 and 2,000 accounts at random of those that still post, 3 and 4 those who post most and
-- those who no longer do, 5 private accounts (half of them have accepted), 6 hidden ones, 7 and 8 accounts that they or
-- that have blocked them, 9 a single account, 10 no one; 11 to 19 from 5 to 3,000, of other parts.
WITH kind (kind, follows, first, last) AS (
    VALUES
        (0, 50, 0.0, 0.75), (1, 500, 0.0, 0.75), (2, 2000, 0.0, 0.75), (3, 200, 0.0, 0.005), (4, 200, 0.76, 0.95),
        (5, 200, 0.0, 1.0), (6, 200, 0.0, 1.0), (7, 100, 0.0, 1.0), (8, 100, 0.0, 1.0), (9, 1, 0.0, 1.0),
        (11, 5, 0.0, 1.0), (12, 10, 0.0, 1.0), (13, 20, 0.0, 0.1), (14, 50, 0.9, 1.0), (15, 100, 0.0, 0.01),
        (16, 300, 0.0, 1.0), (17, 400, 0.5, 1.0), (18, 1000, 0.0, 1.0), (19, 3000, 0.0, 1.0)
)
SELECT public.uuid_v7(), dataset.user_id(v.viewer), dataset.user_id(v.n), v.accepted_at, dataset.start()
FROM (
    SELECT
        dataset.viewer(kind.kind, copy) AS viewer, candidate.n,
        CASE WHEN kind.kind <> 5 OR candidate.n % 2 = 0
            THEN dataset.start() + interval '700 days' * dataset.share(candidate.n, 31)
        END AS accepted_at
    FROM kind
    CROSS JOIN generate_series(1, 10) AS copy
    CROSS JOIN LATERAL (
        SELECT n FROM generate_series(
            1 + floor(dataset.users() * kind.first)::bigint, floor(dataset.users() * kind.last)::bigint) AS n
        WHERE CASE kind.kind
            WHEN 5 THEN dataset.share(n, 11) < 0.1
            WHEN 6 THEN dataset.share(n, 13) < 0.01 OR dataset.share(n, 14) < 0.01
            ELSE true
        END
        ORDER BY dataset.share(n, 40 + copy)
        LIMIT kind.follows
    ) AS candidate
) AS v
