-- A page of comments whose likes and replies are counted when it is read.
SELECT
    c.id, c.content, u.username,
    (SELECT count(*) FROM comment_likes AS l WHERE l.comment_id = c.id),
    (SELECT count(*) FROM comments AS r WHERE r.parent_id = c.id AND r.deleted_at IS NULL)
FROM comments AS c
JOIN users AS u ON u.id = c.user_id
WHERE c.post_id = {post} AND c.parent_id IS NULL AND c.deleted_at IS NULL
ORDER BY c.created_at DESC, c.id DESC
LIMIT 20
