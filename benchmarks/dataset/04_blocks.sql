-- into: blocks (id, blocker_id, blocked_id)
-- A few of each user, and every other account that the viewers of kinds 7 and 8 follow.
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
