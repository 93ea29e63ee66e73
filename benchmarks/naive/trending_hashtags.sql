-- The hashtags of the most posts of the last week, counted when they are read.
SELECT h.id, h.name, count(*)
FROM post_hashtags AS link
JOIN posts AS p ON p.id = link.post_id
JOIN users AS u ON u.id = p.user_id
JOIN hashtags AS h ON h.id = link.hashtag_id
WHERE p.created_at > now() - interval '7 days' AND p.deleted_at IS NULL AND NOT p.is_archived
  AND u.deleted_at IS NULL AND u.is_active AND NOT u.is_private
GROUP BY h.id
ORDER BY count(*) DESC, h.id
LIMIT 10
