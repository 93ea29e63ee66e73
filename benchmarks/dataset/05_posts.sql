-- into: posts (id, user_id, caption, location, is_archived, created_at, updated_at, deleted_at)
-- Two in a hundred are deleted, two archived. Captions have words of both languages; some are rare, and sara am is
-- typed in both ways. One is a word of the oldest twentieth, one of the newest posts only, one of private authors, and one
-- of the authors who have blocked a viewer.
SELECT
    dataset.post_id(n), dataset.user_id(dataset.author(n)),
    concat_ws(' ',
        (ARRAY['ทะเลสวย', 'Beautiful sunset', 'กินข้าวกับเพื่อน', 'น้ำตก', E'น้\u0E4D\u0E32ใส', 'Coffee time', 'ทำบุญ', 'At work'])[
            1 + floor(8 * dataset.share(n, 61))::integer],
        (ARRAY['กับเพื่อน', 'today', 'ที่บ้าน', 'in the morning', 'อากาศดีมาก', 'again'])[
            1 + floor(6 * dataset.share(n, 62))::integer],
        'no ' || n,
        CASE WHEN n % 10007 = 0 THEN 'ดอกลำดวน' END,
        CASE WHEN n <= dataset.posts() * 0.06 THEN 'ลอยกระทง' END,
        CASE WHEN n > dataset.posts() * 0.9999 THEN 'breaking' END,
        CASE WHEN dataset.share(dataset.author(n), 11) < 0.1 AND dataset.share(n, 65) < 0.6 THEN 'ความลับ' END,
        CASE WHEN dataset.share(dataset.author(n), 52) < 0.5 AND dataset.share(n, 66) < 0.12 THEN 'hidden' END),
    CASE WHEN n % 4 = 0 THEN (ARRAY['Phuket, Thailand', 'เชียงใหม่', 'Bangkok', 'กระบี่'])[1 + (n / 4) % 4] END,
    dataset.share(n, 63) < 0.02, dataset.at(n), dataset.at(n),
    CASE WHEN dataset.share(n, 64) < 0.02 THEN dataset.at(n) END
FROM generate_series(1, dataset.posts()) AS n
