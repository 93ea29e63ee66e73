-- Friends of friends without a cap.
SELECT u.id AS user_id, u.username, count(*) AS mutual_count
FROM follows AS mine
JOIN follows AS theirs ON theirs.follower_id = mine.following_id AND theirs.accepted_at IS NOT NULL
JOIN users AS u ON u.id = theirs.following_id
WHERE mine.follower_id = {viewer} AND mine.accepted_at IS NOT NULL
  AND u.id <> {viewer} AND u.deleted_at IS NULL AND u.is_active AND NOT u.is_private
  AND NOT EXISTS (SELECT FROM follows AS f WHERE f.follower_id = {viewer} AND f.following_id = u.id)
GROUP BY u.id
ORDER BY count(*) DESC, u.id
LIMIT 10
