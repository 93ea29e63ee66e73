-- Everybody likes one post; each time somebody else.
INSERT INTO {schema}.likes (user_id, post_id) VALUES (dataset.user_id(nextval('dataset.fans')), '{post}');
