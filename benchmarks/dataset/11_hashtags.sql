-- into: hashtags (id, name)
SELECT dataset.id('hashtag', n), CASE WHEN n % 2 = 0 THEN 'ทะเล' ELSE 'travel' END || n
FROM generate_series(1, dataset.hashtags()) AS n
