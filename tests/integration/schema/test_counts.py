"""Every count is the number of rows that it stands for, whatever statement changed them."""

import pytest

# The rows that each count stands for, as (key, number) for every key that has any.
_ROWS = {
    "user_stats.post_count": (
        "SELECT user_id, count(*) FROM posts WHERE deleted_at IS NULL AND NOT is_archived GROUP BY 1"
    ),
    "user_stats.follower_count": "SELECT following_id, count(*) FROM follows WHERE accepted_at IS NOT NULL GROUP BY 1",
    "user_stats.following_count": "SELECT follower_id, count(*) FROM follows WHERE accepted_at IS NOT NULL GROUP BY 1",
    "post_stats.like_count": "SELECT post_id, count(*) FROM likes GROUP BY 1",
    "post_stats.comment_count": "SELECT post_id, count(*) FROM comments WHERE deleted_at IS NULL GROUP BY 1",
    "comment_stats.like_count": "SELECT comment_id, count(*) FROM comment_likes GROUP BY 1",
    "comment_stats.reply_count": "SELECT parent_id, count(*) FROM comments WHERE deleted_at IS NULL GROUP BY 1",
    "hashtags.post_count": (
        "SELECT hashtag_id, count(*) FROM post_hashtags JOIN posts p ON p.id = post_id"
        " WHERE p.deleted_at IS NULL AND NOT p.is_archived GROUP BY 1"
    ),
    "stories.view_count": "SELECT story_id, count(*) FROM story_views GROUP BY 1",
    "collections.posts_count": (
        "SELECT collection_id, count(*) FROM collection_posts JOIN posts p ON p.id = post_id"
        " WHERE p.deleted_at IS NULL AND NOT p.is_archived GROUP BY 1"
    ),
    "highlights.story_count": "SELECT highlight_id, count(*) FROM highlight_stories GROUP BY 1",
    "audio_tracks.usage_count": "SELECT audio_track_id, count(*) FROM reels GROUP BY 1",
    "reel_stats.like_count": "SELECT reel_id, count(*) FROM reel_likes GROUP BY 1",
    "reel_stats.comment_count": "SELECT reel_id, count(*) FROM reel_comments WHERE deleted_at IS NULL GROUP BY 1",
    "reel_stats.share_count": "SELECT reel_id, count(*) FROM reel_shares GROUP BY 1",
    "reel_stats.save_count": "SELECT reel_id, count(*) FROM saved_reels GROUP BY 1",
    "live_streams.viewer_count": "SELECT stream_id, count(*) FROM live_stream_viewers WHERE left_at IS NULL GROUP BY 1",
    "igtv_series.video_count": "SELECT series_id, count(*) FROM igtv_videos WHERE is_published GROUP BY 1",
    "igtv_stats.like_count": "SELECT video_id, count(*) FROM igtv_likes GROUP BY 1",
    "igtv_stats.comment_count": "SELECT video_id, count(*) FROM igtv_comments WHERE deleted_at IS NULL GROUP BY 1",
    "music_tracks.usage_count": "SELECT music_track_id, count(*) FROM stories GROUP BY 1",
    "story_polls.option1_votes": "SELECT poll_id, count(*) FROM story_poll_votes WHERE option_selected = 1 GROUP BY 1",
    "story_polls.option2_votes": "SELECT poll_id, count(*) FROM story_poll_votes WHERE option_selected = 2 GROUP BY 1",
}
# Sums and peaks, which stand for no rows.
_TALLIES = {"reels.view_count", "reels.play_count", "igtv_videos.view_count", "live_streams.max_viewer_count"}

_KEYS = {
    "user_stats": "user_id", "post_stats": "post_id", "comment_stats": "comment_id", "reel_stats": "reel_id",
    "igtv_stats": "video_id",
}  # fmt: skip

# Eight users who follow, post, like and vote a little of everything, in bulk statements.
_WORLD = """
INSERT INTO users (email, username, is_private)
SELECT format('user%1$s@example.com', n), format('user%s', n), n > 6 FROM generate_series(1, 8) AS n;
INSERT INTO follows (follower_id, following_id)
SELECT a.id, b.id FROM users a JOIN users b ON a.id <> b.id;
INSERT INTO posts (user_id, caption) SELECT id, format('post %s', n) FROM users, generate_series(1, 3) AS n;
INSERT INTO likes (user_id, post_id) SELECT u.id, p.id FROM users u, posts p;
INSERT INTO comments (user_id, post_id, content) SELECT u.id, p.id, 'nice' FROM users u, posts p;
INSERT INTO comments (user_id, post_id, parent_id, content) SELECT user_id, post_id, id, 'thanks' FROM comments;
INSERT INTO comment_likes (user_id, comment_id) SELECT u.id, c.id FROM users u, comments c;
INSERT INTO hashtags (name) VALUES ('sea'), ('sky'), ('food');
INSERT INTO post_hashtags (post_id, hashtag_id) SELECT p.id, h.id FROM posts p, hashtags h;
INSERT INTO music_tracks (title, artist) VALUES ('one', 'a'), ('two', 'b');
INSERT INTO stories (user_id, media_url, music_track_id) SELECT u.id, 'a.jpg', t.id FROM users u, music_tracks t;
INSERT INTO story_views (story_id, user_id) SELECT s.id, u.id FROM stories s, users u;
INSERT INTO collections (user_id, name) SELECT id, 'favourites' FROM users;
INSERT INTO collection_posts (collection_id, post_id) SELECT c.id, p.id FROM collections c, posts p;
INSERT INTO highlights (user_id, title) SELECT id, 'summer' FROM users;
INSERT INTO highlight_stories (highlight_id, story_id) SELECT h.id, s.id FROM highlights h, stories s;
INSERT INTO audio_tracks (title, url) VALUES ('one', 'a.mp3'), ('two', 'b.mp3');
INSERT INTO reels (user_id, video_url, audio_track_id) SELECT u.id, 'a.mp4', a.id FROM users u, audio_tracks a;
INSERT INTO reel_likes (user_id, reel_id) SELECT u.id, r.id FROM users u, reels r;
INSERT INTO reel_comments (user_id, reel_id, content) SELECT u.id, r.id, 'nice' FROM users u, reels r;
INSERT INTO reel_shares (user_id, reel_id) SELECT u.id, r.id FROM users u, reels r;
INSERT INTO saved_reels (user_id, reel_id) SELECT u.id, r.id FROM users u, reels r;
INSERT INTO live_streams (user_id, title) SELECT id, 'hello' FROM users;
INSERT INTO live_stream_viewers (stream_id, user_id) SELECT s.id, u.id FROM live_streams s, users u;
INSERT INTO igtv_series (user_id, title) SELECT id, 'cooking' FROM users;
INSERT INTO igtv_videos (user_id, title, video_url, series_id)
SELECT u.id, 'soup', 'a.mp4', s.id FROM users u, igtv_series s;
INSERT INTO igtv_likes (user_id, video_id) SELECT u.id, v.id FROM users u, igtv_videos v;
INSERT INTO igtv_comments (user_id, video_id, content) SELECT u.id, v.id, 'nice' FROM users u, igtv_videos v;
INSERT INTO story_polls (story_id, question, option1, option2) SELECT id, 'tea?', 'yes', 'no' FROM stories;
INSERT INTO story_poll_votes (poll_id, user_id, option_selected)
SELECT p.id, u.id, 1 + (u.username < 'user4')::int FROM story_polls p, users u;
INSERT INTO verification_requests (user_id, request_type, full_name, reviewed_by)
SELECT a.id, 'creator', 'A Name', b.id FROM users a, users b WHERE a.id <> b.id;
"""


@pytest.fixture
def world(db):
    """A database with some of everything."""
    db.execute(_WORLD)
    return db


@pytest.fixture
def wrong_counts(db):
    """Return the counts that differ from the numbers of their rows."""

    def compare() -> list[tuple[str, int]]:
        found = []
        for name, rows in _ROWS.items():
            table, count = name.split(".")
            key = _KEYS.get(table, "id")
            wrong = db.execute(f"""
                SELECT count(*) FROM {table} AS counter LEFT JOIN ({rows}) AS b (key, rows) ON b.key = counter.{key}
                WHERE counter.{count} <> coalesce(b.rows, 0)""").fetchone()[0]
            if wrong:
                found.append((name, wrong))
        recounted = db.execute("SELECT counter, count_column, counted, is_there FROM recount()").fetchall()
        return found + recounted

    return compare


def test_every_count_column_is_known_here(column):
    names = column(r"""
        SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name ~ '(_count|_votes)$' AND table_name !~ '_slots$'""")
    assert set(names) == set(_ROWS) | _TALLIES


@pytest.mark.usefixtures("world")
def test_bulk_inserts_are_counted_in_every_count(wrong_counts, value):
    assert wrong_counts() == []
    for name in _ROWS:
        table, count = name.split(".")
        assert value(f"SELECT max({count}) FROM {table}") > 0, name


_CHANGES = {
    "likes": (
        "DELETE FROM likes WHERE user_id IN (SELECT id FROM users LIMIT 3)",
        "INSERT INTO likes (user_id, post_id) SELECT user_id, post_id FROM likes ON CONFLICT DO NOTHING",
        """
        DELETE FROM likes WHERE post_id = (SELECT max(id::text)::uuid FROM posts);
        UPDATE likes SET post_id = (SELECT max(id::text)::uuid FROM posts)
        WHERE post_id = (SELECT min(id::text)::uuid FROM posts)""",
    ),
    "follows": (
        "UPDATE follows SET accepted_at = now()",
        "UPDATE follows SET accepted_at = NULL",
        "UPDATE users SET is_private = false",
        "DELETE FROM follows",
    ),
    "posts": (
        "UPDATE posts SET deleted_at = now()",
        "UPDATE posts SET deleted_at = now(); UPDATE posts SET deleted_at = NULL WHERE caption = 'post 1'",
        "UPDATE posts SET is_archived = true, deleted_at = now(); UPDATE posts SET is_archived = false",
        "UPDATE posts SET is_archived = caption < 'post 3'",
        "UPDATE posts SET deleted_at = now() WHERE caption = 'post 2'; DELETE FROM posts WHERE caption > 'post 1'",
        "UPDATE posts SET user_id = (SELECT id FROM users LIMIT 1)",
        "DELETE FROM posts",
    ),
    "hashtags and collections": (
        "UPDATE posts SET deleted_at = now(); DELETE FROM post_hashtags; DELETE FROM collection_posts",
        "DELETE FROM post_hashtags WHERE hashtag_id = (SELECT id FROM hashtags LIMIT 1)",
        """
        DELETE FROM post_hashtags WHERE hashtag_id <> (SELECT id FROM hashtags ORDER BY name LIMIT 1);
        UPDATE post_hashtags SET hashtag_id = (SELECT id FROM hashtags ORDER BY name OFFSET 1 LIMIT 1)""",
        "DELETE FROM collection_posts",
        "DELETE FROM collections; DELETE FROM hashtags",
    ),
    "comments": (
        "UPDATE comments SET deleted_at = now() WHERE parent_id IS NULL",
        "UPDATE comments SET deleted_at = now(); UPDATE comments SET deleted_at = NULL",
        "DELETE FROM comments WHERE parent_id IS NULL",
    ),
    "reels": (
        "UPDATE reel_comments SET deleted_at = now()",
        "DELETE FROM reel_likes; DELETE FROM reel_shares; DELETE FROM saved_reels",
        "UPDATE reels SET audio_track_id = (SELECT id FROM audio_tracks LIMIT 1)",
        "DELETE FROM audio_tracks WHERE title = 'one'",
        "DELETE FROM reels",
    ),
    "stories": (
        "UPDATE stories SET music_track_id = NULL",
        "UPDATE stories SET expires_at = now(); DELETE FROM highlights; SELECT cleanup_expired_stories()",
        "DELETE FROM music_tracks WHERE title = 'one'",
        "DELETE FROM story_views",
        "DELETE FROM stories",
    ),
    "polls": (
        "UPDATE story_poll_votes SET option_selected = 3 - option_selected",
        "DELETE FROM story_poll_votes WHERE option_selected = 1",
    ),
    "live streams": (
        "UPDATE live_stream_viewers SET left_at = now()",
        "UPDATE live_stream_viewers SET left_at = now(); UPDATE live_stream_viewers SET left_at = NULL",
    ),
    "igtv": (
        "UPDATE igtv_videos SET is_published = false",
        "UPDATE igtv_videos SET series_id = (SELECT id FROM igtv_series LIMIT 1)",
        "UPDATE igtv_comments SET deleted_at = now(); DELETE FROM igtv_likes",
        "DELETE FROM igtv_series",
    ),
    "deleted users": (
        "DELETE FROM users WHERE username < 'user4'",
        "DELETE FROM users WHERE username > 'user3'",
        "DELETE FROM users",
    ),
    "truncation": (
        "TRUNCATE users CASCADE",
        "TRUNCATE likes, comments, follows, post_hashtags, story_poll_votes CASCADE",
    ),
}


@pytest.mark.parametrize("subject", _CHANGES)
def test_counts_stay_right_through_changes_of(subject, world, wrong_counts):
    for statement in _CHANGES[subject]:
        with world.transaction(force_rollback=True):
            world.execute(statement)
            assert wrong_counts() == [], statement


def test_users_can_be_deleted_in_the_transaction_that_made_all_they_have(db, wrong_counts):
    for users in ("username < 'user4'", "username > 'user3'", "true"):
        with db.transaction(force_rollback=True):
            db.execute(_WORLD)
            db.execute(f"DELETE FROM users WHERE {users}")
            assert wrong_counts() == [], users


def test_senders_can_be_deleted_with_what_their_messages_share(world, value):
    world.execute("""
        INSERT INTO conversations DEFAULT VALUES;
        INSERT INTO messages (conversation_id, sender_id, message_type, shared_post_id)
        SELECT c.id, u.id, 'post_share', p.id FROM conversations c, users u, posts p;
        INSERT INTO messages
            (conversation_id, sender_id, message_type, shared_post_id, shared_story_id, reply_to_message_id)
        SELECT m.conversation_id, m.sender_id, 'story_share', m.shared_post_id, s.id, m.id
        FROM messages m, stories s""")
    world.execute("DELETE FROM users WHERE username > 'user3'")
    assert value("SELECT count(DISTINCT sender_id) FROM messages") == 3


def test_a_user_and_a_post_made_in_one_statement_are_counted(db, value):
    db.execute("""
        WITH author AS (INSERT INTO users (email, username) VALUES ('a@example.com', 'author') RETURNING id)
        INSERT INTO posts (user_id) SELECT id FROM author""")
    assert value("SELECT post_count FROM user_stats") == 1


def test_an_edit_that_moves_no_row_in_or_out_leaves_counter_rows_alone(world, column):
    versions = "SELECT xmin::text FROM user_stat_slots UNION ALL SELECT xmin::text FROM post_stat_slots"
    before = sorted(column(versions))
    world.execute("UPDATE posts SET caption = 'edited'; UPDATE comments SET content = 'edited'")
    assert sorted(column(versions)) == before


def test_counts_are_kept_for_a_role_that_may_not_write_them(db, make_user, make_post, value, role):
    author, reader = make_user("author"), make_user("reader")
    post = make_post(author)
    db.execute(f"GRANT SELECT, INSERT ON likes TO {role}")
    db.execute(f"SET ROLE {role}")
    db.execute("INSERT INTO likes (user_id, post_id) VALUES (%s, %s)", [reader, post])
    db.execute("RESET ROLE")
    assert value("SELECT like_count FROM post_stats") == 1


class TestFollows:
    @pytest.fixture
    def counts(self, db):
        def ask(user) -> tuple[int, int]:
            query = "SELECT follower_count, following_count FROM user_stats WHERE user_id = %s"
            return db.execute(query, [user]).fetchone()

        return ask

    def test_a_follow_of_a_public_account_is_accepted_and_moves_both_counts(self, make_user, follow, value, counts):
        fan, star = make_user("fan"), make_user("star")
        row = follow(fan, star)
        assert value("SELECT accepted_at IS NOT NULL FROM follows WHERE id = %s", row)
        assert (counts(fan), counts(star)) == ((0, 1), (1, 0))

    def test_a_follow_of_a_private_account_counts_once_it_is_accepted(self, make_user, follow, value, change, counts):
        fan, star = make_user("fan"), make_user("star", is_private=True)
        row = follow(fan, star)
        assert value("SELECT accepted_at IS NULL FROM follows WHERE id = %s", row)
        assert (counts(fan), counts(star)) == ((0, 0), (0, 0))
        change("follows", row, accepted_at="now")
        assert (counts(fan), counts(star)) == ((0, 1), (1, 0))

    def test_unfollowing_moves_both_counts_back(self, db, make_user, follow, counts):
        fan, star = make_user("fan"), make_user("star")
        follow(fan, star)
        db.execute("DELETE FROM follows")
        assert (counts(fan), counts(star)) == ((0, 0), (0, 0))

    def test_an_account_that_turns_public_accepts_who_waits(self, make_user, follow, change, counts):
        fan, star = make_user("fan"), make_user("star", is_private=True)
        follow(fan, star)
        change("users", star, is_private=False)
        assert counts(star) == (1, 0)


def test_the_peak_of_a_live_stream_is_remembered(world, column):
    world.execute("UPDATE live_stream_viewers SET left_at = now()")
    assert set(column("SELECT (viewer_count, max_viewer_count)::text FROM live_streams")) == {"(0,8)"}


def test_a_conversation_knows_its_newest_message(db, make_user, add, value):
    sender, conversation = make_user("sender"), add("conversations", is_group=False)
    db.execute(
        """INSERT INTO messages (conversation_id, sender_id, content, created_at)
           SELECT %s, %s, 'hello', timestamptz '2026-01-01' + n * interval '1 day' FROM generate_series(-5, 3) AS n""",
        [conversation, sender],
    )
    assert value("SELECT last_message_at = '2026-01-04' FROM conversations")
