-- Everybody likes one post; each time somebody else: dataset.user_id, written out, as a call would cost half a like.
INSERT INTO {schema}.likes (user_id, post_id) VALUES (
    overlay(overlay(md5('user ' || nextval('dataset.fans')) PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid, '{post}');
