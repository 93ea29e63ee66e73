-- into: comment_likes (id, user_id, comment_id)
SELECT public.uuid_v7(), dataset.user_id(1 + (c.n % dataset.users())), c.id
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM public.comments) AS c
WHERE c.n % 3 = 0
