-- into: messages (id, conversation_id, sender_id, content, created_at, updated_at)
-- Twenty each, thousands in a few.
SELECT public.uuid_v7(), p.conversation_id, p.user_id, 'สวัสดี hello', at, at
FROM (
    SELECT conversation_id, user_id, row_number() OVER (ORDER BY conversation_id, user_id) AS n
    FROM public.conversation_participants
) AS p
CROSS JOIN LATERAL generate_series(1, CASE WHEN p.n % 2000 < 2 THEN 2000 ELSE 10 END) AS k
CROSS JOIN LATERAL (SELECT now() - interval '200 days' * dataset.share(p.n * 10000 + k, 211)) AS t (at)
