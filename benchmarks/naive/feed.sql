-- The home feed as one would first write it: all posts of all followees, sorted.
SELECT
    p.id AS post_id, u.id AS user_id, u.username, u.full_name, u.avatar, u.is_verified, p.caption, p.location,
    coalesce((
        SELECT jsonb_agg(to_jsonb(m) - 'post_id' ORDER BY m.display_order, m.id) FROM post_media AS m
        WHERE m.post_id = p.id), '[]') AS media,
    (SELECT s.like_count FROM post_stats AS s WHERE s.post_id = p.id) AS like_count,
    (SELECT s.comment_count FROM post_stats AS s WHERE s.post_id = p.id) AS comment_count,
    EXISTS (SELECT FROM likes AS l WHERE l.post_id = p.id AND l.user_id = {viewer}) AS is_liked,
    EXISTS (SELECT FROM saved_posts AS s WHERE s.post_id = p.id AND s.user_id = {viewer}) AS is_saved,
    p.created_at
FROM posts AS p
JOIN users AS u ON u.id = p.user_id
WHERE p.user_id IN (
        SELECT f.following_id FROM follows AS f WHERE f.follower_id = {viewer} AND f.accepted_at IS NOT NULL)
  AND p.deleted_at IS NULL AND NOT p.is_archived
  AND u.deleted_at IS NULL AND u.is_active
  AND NOT EXISTS (
      SELECT FROM blocks AS b
      WHERE (b.blocker_id = {viewer} AND b.blocked_id = u.id) OR (b.blocked_id = {viewer} AND b.blocker_id = u.id))
ORDER BY p.created_at DESC, p.id DESC
LIMIT 20
