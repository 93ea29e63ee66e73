-- Made-up rows of {users} accounts, {per} of most things for each..
INSERT INTO users (id, username, email, password_hash, full_name, profile_picture, is_private, created_at, deleted_at)
SELECT {n_user}, 'user' || n, 'User' || n || '@Example.com', 'hash' || n, 'ผู้ใช้ ' || n, 'https://a/' || n || '.jpg', n % 5 = 0,
    '2024-01-01'::timestamp + n * interval '1 second', CASE WHEN n % 97 = 0 THEN '2024-06-01'::timestamp END
FROM generate_series(1, {users}) AS n;
INSERT INTO posts (id, user_id, caption, comments_disabled, created_at, deleted_at)
SELECT {n_post}, {n_author}, 'post ' || n, n % 11 = 0, '2024-02-01'::timestamp + n * interval '1 second',
    CASE WHEN n % 13 = 0 THEN '2024-06-01'::timestamp END
FROM generate_series(1, {users} * {per}) AS n;
INSERT INTO post_media (id, post_id, media_url, media_type)
SELECT {n_media}, {n_post}, 'https://m/' || n || '.mp4', 'video' FROM generate_series(1, {users} * {per}) AS n;
-- The one after each account and the ones after that; the second table repeats some, and has others of its own.
INSERT INTO follows (follower_id, following_id, created_at)
SELECT {follower}, {following}, '2024-03-01'::timestamp + n * interval '1 second'
FROM generate_series(1, {users}) AS n, generate_series(1, {per}) AS k;
INSERT INTO followers (id, user_id, follower_id, created_at)
SELECT {n_follow}, {follower}, {following}, '2024-02-15'::timestamp
FROM generate_series(1, {users}) AS n, generate_series(1, 1) AS k;
INSERT INTO followers (id, user_id, follower_id, created_at)
SELECT {n_follow2}, {following}, {follower}, '2024-02-20'::timestamp
FROM generate_series(1, {users}) AS n, generate_series(1, 1) AS k WHERE n % 2 = 0;
INSERT INTO likes (id, user_id, post_id, created_at)
SELECT {n_like}, {following}, {n_post}, '2024-04-01'::timestamp + n * interval '1 second'
FROM generate_series(1, {users} * {per}) AS n, generate_series(1, {per}) AS k;
INSERT INTO comments (id, user_id, post_id, content, created_at)
SELECT {n_comment}, {n_author}, {n_post}, 'ดี ' || n, '2024-04-02'::timestamp + n * interval '1 second'
FROM generate_series(1, {users} * {per}) AS n;
INSERT INTO comments (id, user_id, post_id, parent_id, content)
SELECT {n_reply}, {n_author}, {n_post}, {n_comment}, 'reply ' || n FROM generate_series(1, {users} * {per}) AS n WHERE n % 3 = 0;
INSERT INTO stories (id, user_id, media_url, media_type)
SELECT {n_story}, {n_author}, 'https://s/' || n, 'image' FROM generate_series(1, {users}) AS n;
INSERT INTO email_verifications (id, user_id, token, expires_at)
SELECT {n_verification}, {n_author}, encode(convert_to('token ' || n, 'UTF8'), 'base64'), now() + interval '1 day'
FROM generate_series(1, {users}) AS n;
INSERT INTO devices (user_id, model) SELECT {n_author}, 'phone' FROM generate_series(1, 3) AS n;
