-- A profile whose counts are counted when it is read.
SELECT
    u.id, u.username, u.full_name, u.bio,
    (SELECT count(*) FROM posts AS p WHERE p.user_id = u.id AND p.deleted_at IS NULL AND NOT p.is_archived),
    (SELECT count(*) FROM follows AS f WHERE f.following_id = u.id AND f.accepted_at IS NOT NULL),
    (SELECT count(*) FROM follows AS f WHERE f.follower_id = u.id AND f.accepted_at IS NOT NULL)
FROM users AS u
WHERE u.id = {celebrity}
