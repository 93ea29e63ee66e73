-- into: blocks (id, blocker_id, blocked_id)
-- A few of each user, and every other account that the viewers of kinds 7 and 8 follow. Of kind 0, half of all accounts
-- have blocked the fourth viewer, and the seventh has blocked a fifth of them, but none that they follow.
SELECT public.uuid_v7(), dataset.user_id(b.blocker), dataset.user_id(b.blocked)
FROM (
    SELECT DISTINCT n AS blocker, dataset.celebrity(dataset.share(n, 51)) AS blocked
    FROM generate_series(1, dataset.users(), 20) AS n
) AS b
WHERE b.blocker <> b.blocked
UNION ALL
SELECT
    public.uuid_v7(),
    CASE viewer.kind WHEN 7 THEN f.follower_id ELSE f.following_id END,
    CASE viewer.kind WHEN 7 THEN f.following_id ELSE f.follower_id END
FROM (VALUES (7), (8)) AS viewer (kind)
CROSS JOIN generate_series(1, 10) AS copy
JOIN public.follows AS f ON f.follower_id = dataset.user_id(dataset.viewer(viewer.kind, copy))
WHERE get_byte(uuid_send(f.following_id), 15) % 2 = 0
UNION ALL
SELECT
    public.uuid_v7(),
    dataset.user_id(CASE viewer.copy WHEN 4 THEN other.n ELSE viewer.n END),
    dataset.user_id(CASE viewer.copy WHEN 4 THEN viewer.n ELSE other.n END)
FROM (
    SELECT copy, dataset.viewer(0, copy) AS n, part FROM (VALUES (4, 0.5), (7, 0.2)) AS v (copy, part)
) AS viewer
JOIN generate_series(1, dataset.users()) AS other (n) ON dataset.share(other.n, 52) < viewer.part
WHERE NOT EXISTS (
    SELECT FROM public.follows AS f
    WHERE f.follower_id = dataset.user_id(viewer.n) AND f.following_id = dataset.user_id(other.n))
