-- Likes of twenty posts in any order, removed and added again, as one statement and as twenty in a transaction.
-- No two clients are the same user: two sessions of one user would wait for each other's rows.
\set fan :client_id + 16 * random(1, 25)
BEGIN;
DELETE FROM {schema}.likes WHERE user_id = dataset.user_id(:fan) AND post_id = ANY (ARRAY(SELECT id FROM dataset.hot));
INSERT INTO {schema}.likes (user_id, post_id)
SELECT dataset.user_id(:fan), id FROM dataset.hot ORDER BY random() LIMIT 20;
END;
