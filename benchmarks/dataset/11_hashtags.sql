-- into: hashtags (id, name)
SELECT public.uuid_v7(), CASE WHEN n % 2 = 0 THEN 'ทะเล' ELSE 'travel' END || n
FROM generate_series(1, greatest(dataset.users() / 10, 100)) AS n
