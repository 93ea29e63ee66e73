-- All clients like one post, each time as another user: dataset.user_id is inlined, because a call would cost half a like.
INSERT INTO {schema}.likes (user_id, post_id) VALUES (
    overlay(overlay(md5('user ' || nextval('dataset.fans')) PLACING '4' FROM 13) PLACING '8' FROM 17)::uuid, '{post}');
