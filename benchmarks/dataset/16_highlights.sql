-- into: highlights (id, user_id, title, display_order)
SELECT public.uuid_v7(), dataset.user_id(n), format('Summer %s', k), k
FROM generate_series(1, dataset.users(), 4) AS n
CROSS JOIN generate_series(0, 2) AS k
