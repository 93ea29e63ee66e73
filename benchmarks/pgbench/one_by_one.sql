-- The same as a transaction of single statements, in any order.
\set fan :client_id + 16 * random(26, 50)
\set a random(1, 100)
\set b random(1, 100)
\set c random(1, 100)
\set d random(1, 100)
BEGIN;
INSERT INTO {schema}.likes (user_id, post_id) SELECT dataset.user_id(:fan), id FROM dataset.hot WHERE n = :a ON CONFLICT DO NOTHING;
INSERT INTO {schema}.likes (user_id, post_id) SELECT dataset.user_id(:fan), id FROM dataset.hot WHERE n = :b ON CONFLICT DO NOTHING;
INSERT INTO {schema}.likes (user_id, post_id) SELECT dataset.user_id(:fan), id FROM dataset.hot WHERE n = :c ON CONFLICT DO NOTHING;
DELETE FROM {schema}.likes WHERE user_id = dataset.user_id(:fan) AND post_id = (SELECT id FROM dataset.hot WHERE n = :d);
END;
