-- into: conversation_participants (id, conversation_id, user_id, joined_at)
-- Each user talks to the next one; the viewers of kind 0 also to two hundred more.
SELECT public.uuid_v7(), c.id, dataset.user_id(member), now() - interval '300 days'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM public.conversations) AS c
CROSS JOIN LATERAL (
    SELECT unnest(CASE WHEN c.n <= 2000 AND c.n <= dataset.users() / 4
        THEN ARRAY[c.n, dataset.viewer(0, 1 + c.n % 10)] ELSE ARRAY[c.n, c.n + 1] END)) AS m (member)
