"""What the readers return, in which order, and how much of it."""

import pytest

_PAGED = {
    "get_user_feed(%(user)s, {}, 0)": 20,
    "get_user_suggestions(%(user)s, {})": 10,
    "get_trending_hashtags({})": 10,
    "get_trending_music_tracks({})": 20,
}


@pytest.fixture
def crowd(db, make_user):
    """A user for whom every reader has thirty rows."""
    user = make_user("viewer")
    db.execute("""
        INSERT INTO users (email, username) SELECT format('u%1$s@example.com', n), format('user%s', n)
        FROM generate_series(1, 31) AS n;
        INSERT INTO follows (follower_id, following_id) SELECT v.id, f.id FROM users v, users f
        WHERE v.username = 'viewer' AND f.username = 'user31';
        INSERT INTO follows (follower_id, following_id) SELECT f.id, u.id FROM users f, users u
        WHERE f.username = 'user31' AND u.username NOT IN ('viewer', 'user31');
        INSERT INTO posts (user_id) SELECT id FROM users, generate_series(1, 30) WHERE username = 'user31';
        INSERT INTO hashtags (name) SELECT format('tag%s', n) FROM generate_series(1, 30) AS n;
        INSERT INTO post_hashtags (post_id, hashtag_id) SELECT (SELECT id FROM posts LIMIT 1), id FROM hashtags;
        INSERT INTO music_tracks (title, artist) SELECT format('song %s', n), 'a' FROM generate_series(1, 30) AS n;
        INSERT INTO stories (user_id, media_url, music_track_id)
        SELECT u.id, 'a.jpg', t.id FROM users u, music_tracks t WHERE u.username = 'user1';""")
    return user


def test_limits_of_any_size_are_answered_without_an_error(crowd, db):
    for reader, default in _PAGED.items():
        for limit, expected in {"5": 5, "0": 0, "-1": 0, "NULL": default, "1000000": 30, "2147483647": 30}.items():
            query = f"SELECT count(*) FROM {reader.format(limit)}"
            assert db.execute(query, {"user": crowd}).fetchone()[0] == expected, query


def test_defaults_are_those_of_the_signatures(crowd, value):
    assert value("SELECT count(*) FROM get_user_feed(%s)", crowd) == 20
    assert value("SELECT count(*) FROM get_user_suggestions(%s)", crowd) == 10
    assert value("SELECT count(*) FROM get_trending_hashtags()") == 10
    assert value("SELECT count(*) FROM get_trending_music_tracks()") == 20
    assert value("SELECT generate_user_feed(%s)", crowd) == 30


@pytest.mark.usefixtures("crowd")
def test_readers_for_an_unknown_user_are_empty(value):
    for user in ("NULL", "gen_random_uuid()"):
        for reader in ("get_user_feed", "get_user_suggestions", "get_close_friends_stories"):
            assert value(f"SELECT count(*) FROM {reader}({user})") == 0
        assert value(f"SELECT generate_user_feed({user})") == 0


class TestFeed:
    def test_pages_follow_each_other_without_a_gap(self, crowd, column):
        whole = column("SELECT post_id FROM get_user_feed(%s, 100)", crowd)
        pages = [column("SELECT post_id FROM get_user_feed(%s, 7, %s)", crowd, offset) for offset in range(0, 35, 7)]
        assert [post for page in pages for post in page] == whole

    def test_offsets_below_zero_or_null_start_at_the_beginning_and_large_ones_are_empty(self, crowd, column):
        page = "SELECT post_id FROM get_user_feed(%s, 5, %s)"
        first = column(page, crowd, 0)
        assert column(page, crowd, -3) == column(page, crowd, None) == first
        assert column(page, crowd, 2147483647) == []

    def test_it_is_the_newest_posts_of_the_followees_however_they_are_spread(self, db, make_user, column):
        """Against the plain query: authors of very different activity, and equal times."""
        viewer = make_user("viewer")
        db.execute("""
            INSERT INTO users (email, username) SELECT format('u%1$s@example.com', n), format('user%s', n)
            FROM generate_series(1, 30) AS n;
            INSERT INTO posts (user_id, created_at, is_archived, deleted_at)
            SELECT u.id, timestamptz '2026-01-01' + (random() * 50)::int * interval '1 hour' * length(u.username),
                random() < 0.2, CASE WHEN random() < 0.2 THEN now() END
            FROM users u, generate_series(1, 25) AS n WHERE random() < 0.5;
            INSERT INTO follows (follower_id, following_id)
            SELECT v.id, u.id FROM users v, users u
            WHERE v.username = 'viewer' AND u.username <> 'viewer' AND u.username <> 'user7';""")
        plain = """
            SELECT p.id FROM posts p JOIN follows f ON f.following_id = p.user_id AND f.follower_id = %s
            WHERE p.deleted_at IS NULL AND NOT p.is_archived
            ORDER BY p.created_at DESC, p.id DESC LIMIT %s OFFSET %s"""
        for limit, offset in [(1, 0), (5, 0), (20, 0), (10, 15), (500, 0)]:
            fast = column("SELECT post_id FROM get_user_feed(%s, %s, %s)", viewer, limit, offset)
            assert fast == column(plain, viewer, limit, offset)

    def test_a_post_comes_with_its_author_counts_media_and_what_the_viewer_did(
        self, db, make_user, follow, make_post, add
    ):
        viewer, author = make_user("viewer"), make_user("author", full_name="An Author", is_verified=True)
        follow(viewer, author)
        post = make_post(author, caption="Beautiful sunset!", location="Phuket, Thailand")
        for order in (1, 0):
            media = {"media_url": f"https://example.com/{order}.jpg", "media_type": "image", "display_order": order}
            add("post_media", post_id=post, **media)
        add("likes", user_id=viewer, post_id=post)
        add("likes", user_id=author, post_id=post)
        add("comments", user_id=author, post_id=post, content="hello")

        cursor = db.execute("SELECT * FROM get_user_feed(%s)", [viewer])
        row = dict(zip([item.name for item in cursor.description], cursor.fetchone(), strict=True))
        media = row.pop("media")
        assert [item["media_url"] for item in media] == ["https://example.com/0.jpg", "https://example.com/1.jpg"]
        row.pop("created_at")
        assert row == {
            "post_id": post, "user_id": author, "username": "author", "full_name": "An Author", "avatar": None,
            "is_verified": True, "caption": "Beautiful sunset!", "location": "Phuket, Thailand",
            "like_count": 2, "comment_count": 1, "is_liked": True, "is_saved": False,
        }  # fmt: skip

    def test_a_saved_post_is_marked_as_saved_for_who_saved_it(self, make_user, follow, make_post, add, column):
        viewer, other, author = make_user("viewer"), make_user("other"), make_user("author")
        follow(viewer, author)
        follow(other, author)
        add("saved_posts", user_id=viewer, post_id=make_post(author))
        assert column("SELECT is_saved FROM get_user_feed(%s)", viewer) == [True]
        assert column("SELECT is_saved FROM get_user_feed(%s)", other) == [False]

    def test_generating_a_feed_again_replaces_it(self, crowd, value, column):
        assert value("SELECT generate_user_feed(%s, 5)", crowd) == 5
        assert value("SELECT generate_user_feed(%s, 3)", crowd) == 3
        cached = "SELECT post_id FROM feeds WHERE user_id = %s"
        assert set(column(cached, crowd)) == set(column("SELECT post_id FROM get_user_feed(%s, 3)", crowd))


class TestSuggestions:
    def test_most_in_common_come_first_then_most_followed(self, make_user, follow, db):
        viewer = make_user("viewer")
        friends = [make_user(f"friend{number}") for number in range(3)]
        for friend in friends:
            follow(viewer, friend)
        close, popular, plain = make_user("close"), make_user("popular"), make_user("plain")
        for friend, others in zip(friends, [(close, popular, plain), (close, popular), (close,)], strict=True):
            for other in others:
                follow(friend, other)
        follow(make_user("stranger"), plain)
        follow(make_user("another"), plain)
        rows = db.execute("SELECT username, mutual_count, follower_count FROM get_user_suggestions(%s)", [viewer])
        assert rows.fetchall() == [("close", 3, 3), ("popular", 2, 2), ("plain", 1, 3)]

    def test_only_the_newest_follows_of_a_followee_are_read(self, db, make_user, follow, value):
        viewer, friend = make_user("viewer"), make_user("friend")
        follow(viewer, friend)
        db.execute("""
            INSERT INTO users (email, username) SELECT format('u%1$s@example.com', n), format('user%s', n)
            FROM generate_series(1, 60) AS n;
            INSERT INTO follows (follower_id, following_id, accepted_at)
            SELECT f.id, u.id, now() - substring(u.username FROM '[0-9]+')::int * interval '1 day'
            FROM users f, users u WHERE f.username = 'friend' AND u.username ~ '^user'""")
        assert value("SELECT count(*) FROM get_user_suggestions(%s, 100)", viewer) == 50
        assert value("SELECT bool_or(username = 'user60') FROM get_user_suggestions(%s, 100)", viewer) is False


class TestTrending:
    def test_new_posts_raise_a_hashtag_above_more_old_ones(self, make_user, make_post, tag, column, db):
        author = make_user("author")
        for _ in range(3):
            tag(make_post(author), "yesterday")
        db.execute("UPDATE posts SET created_at = now() - interval '3 days'")
        tag(make_post(author), "today")
        assert column("SELECT name FROM get_trending_hashtags()") == ["today", "yesterday"]

    def test_hashtags_of_posts_older_than_a_week_do_not_trend(self, make_user, make_post, tag, column, db):
        tag(make_post(make_user("author")), "past")
        db.execute("UPDATE posts SET created_at = now() - interval '8 days'")
        assert column("SELECT name FROM get_trending_hashtags()") == []

    def test_a_post_of_the_future_counts_as_one_of_the_moment_it_was_tagged(self, make_user, make_post, tag, db):
        tag(make_post(make_user("author")), "future")
        for moment in ("now() + interval '1500 days'", "'infinity'"):
            db.execute(f"UPDATE posts SET created_at = {moment}")
            ((name, score),) = db.execute("SELECT name, score FROM get_trending_hashtags()").fetchall()
            assert name == "future"
            assert score == pytest.approx(1, rel=0.01)

    def test_the_song_of_most_stories_comes_first(self, make_user, make_story, add, db):
        author = make_user("author")
        rare, common = (add("music_tracks", title=title, artist="a") for title in ("rare", "common"))
        add("music_tracks", title="unused", artist="a")
        for track in (rare, common, common):
            make_story(author, music_track_id=track)
        rows = db.execute("SELECT title, usage_count FROM get_trending_music_tracks()")
        assert rows.fetchall() == [("common", 2), ("rare", 1)]


class TestStories:
    def test_stories_of_close_friends_are_newest_first_and_marked_as_viewed(self, make_user, make_story, add, db):
        viewer, author = make_user("viewer"), make_user("author")
        add("close_friends", user_id=author, friend_id=viewer)
        new = make_story(author, audience="close_friends")
        old = make_story(author, audience="close_friends", created_at="yesterday", expires_at="tomorrow")
        add("story_views", story_id=old, user_id=viewer)
        rows = db.execute("SELECT story_id, is_viewed FROM get_close_friends_stories(%s)", [viewer]).fetchall()
        assert rows == [(new, False), (old, True)]

    def test_cleanup_deletes_expired_stories_but_those_in_highlights(self, make_user, make_story, add, value, column):
        author = make_user("author")
        running, kept = make_story(author), make_story(author, expires_at="yesterday")
        make_story(author, expires_at="yesterday")
        add("highlight_stories", highlight_id=add("highlights", user_id=author, title="summer"), story_id=kept)
        assert value("SELECT cleanup_expired_stories()") == 1
        assert set(column("SELECT id FROM stories")) == {running, kept}
        assert value("SELECT cleanup_expired_stories()") == 0

    def test_a_story_ends_its_hours_after_it_was_made(self, make_user, make_story, value):
        story = make_story(make_user("author"), duration=6)
        assert value("SELECT expires_at - created_at = interval '6 hours' FROM stories WHERE id = %s", story)

    def test_the_media_type_of_a_story_follows_from_its_url(self, make_user, make_story, value):
        author = make_user("author")
        types = {
            "https://storage.com/story.mp4": "video",
            "https://storage.com/STORY.MOV?token=a.jpg": "video",
            "https://storage.com/clip.webm#t=10": "video",
            "https://storage.com/a.jpg?next=b.mp4": "image",
            "https://storage.com/a.png#b.mp4": "image",
            "https://storage.com/mp4/photo": "image",
        }
        for url, media_type in types.items():
            story = make_story(author, media_url=url)
            assert value("SELECT media_type FROM stories WHERE id = %s", story) == media_type, url

    def test_a_media_type_that_is_given_is_kept(self, make_user, make_story, value):
        make_story(make_user("author"), media_url="https://storage.com/a.jpg", media_type="video")
        assert value("SELECT media_type FROM stories") == "video"
