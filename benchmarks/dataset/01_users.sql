-- into: users (id, email, username, full_name, bio, avatar, is_private, is_verified, is_active, created_at, deleted_at)
-- A tenth is private, one in a hundred deleted, one in a hundred deactivated. Every third has a Thai name.
SELECT
    dataset.user_id(n), format('user%s@example.com', n), format('user%s', n),
    CASE WHEN n % 3 = 0
        THEN (ARRAY['สมชาย', 'สมหญิง', 'น้ำฝน', 'อำพล', 'แก้วตา'])[1 + n % 5] || ' ' || (ARRAY['ใจดี', 'รักไทย', 'ทองคำ', 'คำแก้ว'])[1 + n % 4]
        ELSE format('User Number %s', n)
    END,
    'Hello', format('https://example.com/avatars/%s.jpg', n),
    n <= dataset.users() AND dataset.share(n, 11) < 0.1,
    dataset.share(n, 12) < 0.01,
    n > dataset.users() OR dataset.share(n, 13) >= 0.01,
    dataset.start(),
    CASE WHEN n <= dataset.users() AND dataset.share(n, 14) < 0.01 THEN dataset.start() END
FROM generate_series(1, dataset.users() + 200) AS n
