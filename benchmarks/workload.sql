-- The statements of benchmarks.workload, one after each name. %(user)s, %(other)s, %(post)s and so on are ids drawn at random,
-- some of them of rows that are gone; %(n)s is a random number.

-- sign up
INSERT INTO users (email, username, is_private) VALUES ('w%(n)s@example.com', 'w%(n)s', %(n)s %% 4 = 0);
-- be seen
UPDATE users SET last_active_at = now() WHERE id = %(user)s;
-- be seen, all
UPDATE users SET last_active_at = now();
-- turn private
UPDATE users SET is_private = true WHERE id = %(user)s;
-- turn public
UPDATE users SET is_private = false WHERE id = %(user)s;
-- deactivate
UPDATE users SET is_active = false WHERE id = %(user)s;
-- activate
UPDATE users SET is_active = true WHERE id = (SELECT id FROM users WHERE NOT is_active LIMIT 1);
-- delete an account softly
UPDATE users SET deleted_at = now() WHERE id = %(user)s;
-- bring an account back
UPDATE users SET deleted_at = NULL WHERE id = (SELECT id FROM users WHERE deleted_at IS NOT NULL LIMIT 1);
-- delete an account
DELETE FROM users WHERE id = %(user)s;
-- erase an account
CALL erase_user(%(user)s);
-- follow
INSERT INTO follows (follower_id, following_id) VALUES (%(user)s, %(other)s) ON CONFLICT DO NOTHING;
-- follow many
INSERT INTO follows (follower_id, following_id)
SELECT %(user)s, u.id FROM users AS u WHERE u.id <> %(user)s ON CONFLICT DO NOTHING;
-- accept
UPDATE follows SET accepted_at = now() WHERE following_id = %(user)s AND accepted_at IS NULL;
-- take back
UPDATE follows SET accepted_at = NULL WHERE following_id = %(user)s;
-- unfollow
DELETE FROM follows WHERE follower_id = %(user)s AND following_id = %(other)s;
-- unfollow all
DELETE FROM follows WHERE follower_id = %(user)s;
-- block
INSERT INTO blocks (blocker_id, blocked_id) VALUES (%(user)s, %(other)s) ON CONFLICT DO NOTHING;
-- unblock
DELETE FROM blocks WHERE blocker_id = %(user)s;
-- post
INSERT INTO posts (user_id, caption) VALUES (%(user)s, 'post');
-- post with a hashtag
WITH p AS (INSERT INTO posts (user_id, caption) VALUES (%(user)s, 'tagged') RETURNING id)
INSERT INTO post_hashtags (post_id, hashtag_id) SELECT p.id, %(hashtag)s FROM p;
-- post with all hashtags
WITH p AS (INSERT INTO posts (user_id) VALUES (%(user)s), (%(user)s) RETURNING id)
INSERT INTO post_hashtags (post_id, hashtag_id) SELECT p.id, h.id FROM p, hashtags AS h;
-- edit a caption
UPDATE posts SET caption = 'edited' WHERE id = %(post)s;
-- edit all captions
UPDATE posts SET caption = 'edited' WHERE user_id = %(user)s;
-- archive
UPDATE posts SET is_archived = true WHERE id = %(post)s;
-- show again
UPDATE posts SET is_archived = false WHERE is_archived;
-- delete a post softly
UPDATE posts SET deleted_at = now() WHERE id = %(post)s;
-- bring posts back
UPDATE posts SET deleted_at = NULL WHERE user_id = %(user)s;
-- date a post
UPDATE posts SET created_at = created_at - interval '1 day' WHERE id = %(post)s;
-- delete a post
DELETE FROM posts WHERE id = %(post)s;
-- delete posts
DELETE FROM posts WHERE user_id = %(user)s;
-- add a hashtag
INSERT INTO hashtags (name) VALUES ('tag%(n)s') ON CONFLICT DO NOTHING;
-- tag
INSERT INTO post_hashtags (post_id, hashtag_id) VALUES (%(post)s, %(hashtag)s) ON CONFLICT DO NOTHING;
-- tag with all
INSERT INTO post_hashtags (post_id, hashtag_id) SELECT %(post)s, h.id FROM hashtags AS h ON CONFLICT DO NOTHING;
-- change a tag
UPDATE post_hashtags SET hashtag_id = %(hashtag)s WHERE post_id = %(post)s
    AND NOT EXISTS (SELECT FROM post_hashtags AS o WHERE o.post_id = %(post)s AND o.hashtag_id = %(hashtag)s)
    AND id = (SELECT min(m.id::text)::uuid FROM post_hashtags AS m WHERE m.post_id = %(post)s);
-- untag
DELETE FROM post_hashtags WHERE post_id = %(post)s;
-- untag everywhere
DELETE FROM post_hashtags WHERE hashtag_id = %(hashtag)s;
-- delete a hashtag
DELETE FROM hashtags WHERE id = %(hashtag)s;
-- like
INSERT INTO likes (user_id, post_id) VALUES (%(user)s, %(post)s) ON CONFLICT DO NOTHING;
-- like many
INSERT INTO likes (user_id, post_id) SELECT %(user)s, p.id FROM posts AS p LIMIT 20 ON CONFLICT DO NOTHING;
-- unlike
DELETE FROM likes WHERE user_id = %(user)s AND post_id = %(post)s;
-- unlike all
DELETE FROM likes WHERE user_id = %(user)s;
-- save
INSERT INTO saved_posts (user_id, post_id) VALUES (%(user)s, %(post)s) ON CONFLICT DO NOTHING;
-- comment
INSERT INTO comments (user_id, post_id, content) VALUES (%(user)s, %(post)s, 'comment');
-- reply
INSERT INTO comments (user_id, post_id, parent_id, content)
SELECT %(user)s, c.post_id, c.id, 'reply' FROM comments AS c WHERE c.id = %(comment)s;
-- delete a comment softly
UPDATE comments SET deleted_at = now() WHERE id = %(comment)s;
-- bring a comment back
UPDATE comments SET deleted_at = NULL WHERE post_id = %(post)s;
-- delete a comment
DELETE FROM comments WHERE id = %(comment)s;
-- like a comment
INSERT INTO comment_likes (user_id, comment_id) VALUES (%(user)s, %(comment)s) ON CONFLICT DO NOTHING;
-- unlike a comment
DELETE FROM comment_likes WHERE user_id = %(user)s;
-- add a story
INSERT INTO stories (user_id, media_url, music_track_id) VALUES (%(user)s, 'https://a/1.jpg', %(track)s);
-- view a story
INSERT INTO story_views (user_id, story_id) VALUES (%(user)s, %(story)s) ON CONFLICT DO NOTHING;
-- change the song
UPDATE stories SET music_track_id = %(track)s WHERE id = %(story)s;
-- delete a story
DELETE FROM stories WHERE id = %(story)s;
-- delete a song
DELETE FROM music_tracks WHERE id = %(track)s;
-- add a song
INSERT INTO music_tracks (title, artist) VALUES ('song', 'artist');
-- add a reel
INSERT INTO reels (user_id, video_url, audio_track_id) VALUES (%(user)s, 'https://a/1.mp4', %(sound)s);
-- like a reel
INSERT INTO reel_likes (user_id, reel_id) VALUES (%(user)s, %(reel)s) ON CONFLICT DO NOTHING;
-- comment on a reel
INSERT INTO reel_comments (user_id, reel_id, content) VALUES (%(user)s, %(reel)s, 'comment');
-- delete a reel
DELETE FROM reels WHERE id = %(reel)s;
-- collect
INSERT INTO collection_posts (collection_id, post_id) VALUES (%(collection)s, %(post)s) ON CONFLICT DO NOTHING;
-- add a collection
INSERT INTO collections (user_id, name) VALUES (%(user)s, 'c%(n)s') ON CONFLICT DO NOTHING;
-- empty a collection
DELETE FROM collection_posts WHERE collection_id = %(collection)s;
-- delete a collection
DELETE FROM collections WHERE id = %(collection)s;
-- write a message
INSERT INTO messages (conversation_id, sender_id, content) VALUES (%(conversation)s, %(user)s, 'message');
-- delete messages
DELETE FROM messages WHERE sender_id = %(user)s;
-- delete a conversation
DELETE FROM conversations WHERE id = %(conversation)s;
-- start a conversation
WITH c AS (INSERT INTO conversations (created_by) VALUES (%(user)s) RETURNING id)
INSERT INTO conversation_participants (conversation_id, user_id)
SELECT c.id, member FROM c, unnest(ARRAY[%(user)s::uuid, %(other)s]) AS member;
-- highlight
WITH h AS (INSERT INTO highlights (user_id, title) VALUES (%(user)s, 'highlight') RETURNING id)
INSERT INTO highlight_stories (highlight_id, story_id) SELECT h.id, %(story)s FROM h;
-- clean up
SELECT cleanup_expired_stories();
