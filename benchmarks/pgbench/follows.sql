-- Two users follow and unfollow each other at the same time.
\set pair random(1, 20)
\set one 2 * :pair + :client_id % 2
\set other 2 * :pair + 1 - :client_id % 2
INSERT INTO {schema}.follows (follower_id, following_id) VALUES (dataset.user_id(:one), dataset.user_id(:other)) ON CONFLICT DO NOTHING;
DELETE FROM {schema}.follows WHERE follower_id = dataset.user_id(:one) AND following_id = dataset.user_id(:other);
