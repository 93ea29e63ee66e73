-- Questions that the old tables and the new ones answer equally: its name, the old query, the new one.

-- accounts
SELECT username, email, password_hash, full_name, profile_picture, is_private, created_at, deleted_at
FROM fowergram_old.users;
SELECT username, email, hashed_password, full_name, avatar, is_private, created_at AT TIME ZONE 'UTC', deleted_at AT TIME ZONE 'UTC'
FROM users;

-- posts of each account
SELECT u.username, p.caption, p.comments_disabled, p.created_at, p.deleted_at, m.media_url, m.media_type::text
FROM fowergram_old.posts p
JOIN fowergram_old.users u ON u.id = p.user_id
JOIN fowergram_old.post_media m ON m.post_id = p.id;
SELECT u.username, p.caption, p.comments_disabled, p.created_at AT TIME ZONE 'UTC', p.deleted_at AT TIME ZONE 'UTC', m.media_url, m.media_type
FROM posts p
JOIN users u ON u.id = p.user_id
JOIN post_media m ON m.post_id = p.id;

-- follows and their times
SELECT a.username, b.username, min(f.created_at), min(f.created_at)
FROM (SELECT follower_id, following_id, created_at
FROM fowergram_old.follows
UNION ALL SELECT follower_id, user_id, created_at
FROM fowergram_old.followers) f
JOIN fowergram_old.users a ON a.id = f.follower_id
JOIN fowergram_old.users b ON b.id = f.following_id
GROUP BY 1, 2;
SELECT a.username, b.username, f.created_at AT TIME ZONE 'UTC', f.accepted_at AT TIME ZONE 'UTC'
FROM follows f
JOIN users a ON a.id = f.follower_id
JOIN users b ON b.id = f.following_id;

-- likes
SELECT u.username, p.caption, l.created_at
FROM fowergram_old.likes l
JOIN fowergram_old.users u ON u.id = l.user_id
JOIN fowergram_old.posts p ON p.id = l.post_id;
SELECT u.username, p.caption, l.created_at AT TIME ZONE 'UTC'
FROM likes l
JOIN users u ON u.id = l.user_id
JOIN posts p ON p.id = l.post_id;

-- comments and replies
SELECT u.username, p.caption, c.content, r.content
FROM fowergram_old.comments c
JOIN fowergram_old.users u ON u.id = c.user_id
JOIN fowergram_old.posts p ON p.id = c.post_id
LEFT JOIN fowergram_old.comments r ON r.id = c.parent_id;
SELECT u.username, p.caption, c.content, r.content
FROM comments c
JOIN users u ON u.id = c.user_id
JOIN posts p ON p.id = c.post_id
LEFT JOIN comments r ON r.id = c.parent_id;

-- stories
SELECT u.username, s.media_url, s.media_type::text, s.created_at, s.created_at + interval '1 day'
FROM fowergram_old.stories s
JOIN fowergram_old.users u ON u.id = s.user_id;
SELECT u.username, s.media_url, s.media_type, s.created_at AT TIME ZONE 'UTC', s.expires_at AT TIME ZONE 'UTC'
FROM stories s
JOIN users u ON u.id = s.user_id;

-- counts
SELECT u.username, (SELECT count(*)
FROM fowergram_old.posts p
WHERE p.user_id = u.id AND p.deleted_at IS NULL)
FROM fowergram_old.users u;
SELECT u.username, coalesce(s.post_count, 0)
FROM users u
LEFT JOIN user_stats s ON s.user_id = u.id;

-- likes of each post
SELECT p.caption, count(l.id)
FROM fowergram_old.posts p
LEFT JOIN fowergram_old.likes l ON l.post_id = p.id
GROUP BY p.id, 1;
SELECT p.caption, coalesce(s.like_count, 0)
FROM posts p
LEFT JOIN post_stats s ON s.post_id = p.id;
