-- into: close_friends (id, user_id, friend_id)
-- Ten on each list, and the first viewers on a hundred.
SELECT DISTINCT ON (l.owner, l.friend) public.uuid_v7(), dataset.user_id(l.owner), dataset.user_id(l.friend)
FROM (
    SELECT n AS owner, dataset.celebrity(dataset.share(n * 10 + k, 151)) AS friend
    FROM generate_series(1, dataset.users()) AS n
    CROSS JOIN generate_series(1, 10) AS k
    UNION ALL
    SELECT n * 5, dataset.viewer(0, copy)
    FROM generate_series(1, 100) AS n
    CROSS JOIN generate_series(1, 10) AS copy
) AS l
WHERE l.owner <> l.friend
