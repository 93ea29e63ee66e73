"""recount finds what a disabled trigger has left, and repairs it, also while others write."""

from threading import Event, Thread

import pytest

from fowergram_db.database.connection import connect

# One of each kind of count: slots, columns, through a post, with a trend; and what each says afterwards.
_UNSEEN = """
SET session_replication_role = replica;
INSERT INTO posts (user_id) SELECT u.id FROM users u, generate_series(1, 2);
INSERT INTO likes (user_id, post_id) SELECT u.id, p.id FROM users u, posts p;
INSERT INTO follows (follower_id, following_id, accepted_at)
SELECT a.id, b.id, now() FROM users a JOIN users b ON a.id <> b.id;
INSERT INTO hashtags (name) VALUES ('sea');
INSERT INTO hashtag_trends (hashtag_id) SELECT id FROM hashtags;
INSERT INTO post_hashtags (post_id, hashtag_id) SELECT p.id, h.id FROM posts p, hashtags h;
INSERT INTO reels (user_id, video_url) SELECT id, 'a.mp4' FROM users;
INSERT INTO reel_likes (user_id, reel_id) SELECT u.id, r.id FROM users u, reels r;
INSERT INTO stories (user_id, media_url, media_type, expires_at) SELECT id, 'a.jpg', 'image', 'tomorrow' FROM users;
INSERT INTO story_views (story_id, user_id) SELECT s.id, u.id FROM stories s, users u;
SET session_replication_role = origin;
"""
_COUNTED = {
    "user_stat_slots.post_count", "user_stat_slots.follower_count", "user_stat_slots.following_count",
    "post_stat_slots.like_count", "hashtags.post_count", "hashtag_trends.score", "reel_stat_slots.like_count",
    "reel_stat_slots.trend_score", "stories.view_count",
}  # fmt: skip


@pytest.fixture
def unseen(db, make_user):
    """Three users who have done much that no trigger has seen."""
    for name in ("ann", "bob", "cat"):
        make_user(name)
    db.execute(_UNSEEN)
    return db


@pytest.fixture
def found(column):
    def ask(arguments: str = "") -> set[str]:
        return set(column(f"SELECT counter || '.' || count_column FROM recount({arguments})"))

    return ask


def test_a_database_that_triggers_have_kept_has_no_difference(make_user, make_post, add, found):
    author = make_user("author")
    add("likes", user_id=author, post_id=make_post(author))
    assert found() == set()


def test_rows_that_no_trigger_has_counted_are_found_and_finding_them_changes_nothing(unseen, found, value):
    assert found() == found() == _COUNTED
    assert value("SELECT sum(like_count) FROM post_stats") == 0
    assert unseen.execute("""
        SELECT counted, is_there FROM recount() WHERE counter = 'post_stat_slots' LIMIT 1""").fetchone() == (0, 3)


def test_a_repair_returns_what_it_found_and_leaves_no_difference(unseen, found, column):
    assert found("p_repair => true") == _COUNTED
    assert found() == set()
    assert set(column("SELECT like_count FROM post_stats")) == {3}
    assert set(column("SELECT (post_count, follower_count, following_count)::text FROM user_stats")) == {"(2,2,2)"}
    assert column("SELECT name FROM get_trending_hashtags()") == ["sea"]
    unseen.execute("DELETE FROM users WHERE username = 'ann'")
    assert found() == set()


def test_counts_that_are_too_high_and_slots_without_a_post_are_corrected(unseen, found, column):
    unseen.execute("SELECT recount(true)")
    unseen.execute("""
        INSERT INTO post_stat_slots (post_id, slot, like_count) SELECT id, 7, 5 FROM posts;
        INSERT INTO post_stat_slots (post_id, slot, like_count) VALUES (gen_random_uuid(), 1, 5)""")
    assert found("true") == {"post_stat_slots.like_count"}
    assert found() == set()
    assert set(column("SELECT like_count FROM post_stats")) == {3}


def test_a_repair_while_others_write_ends_with_right_counts(unseen, target, found, make_user, value):
    post = value("SELECT id FROM posts LIMIT 1")
    fans = [make_user(f"fan{number}") for number in range(40)]
    repaired = Event()

    def like():
        with connect(target) as session:
            for fan in fans:
                session.execute("INSERT INTO likes (user_id, post_id) VALUES (%s, %s)", [fan, post])
            while not repaired.is_set():
                session.execute("DELETE FROM likes WHERE user_id = %s", [fans[0]])
                session.execute("INSERT INTO likes (user_id, post_id) VALUES (%s, %s)", [fans[0], post])

    writer = Thread(target=like)
    writer.start()
    try:
        for _ in range(3):
            unseen.execute("SELECT recount(true)")
    finally:
        repaired.set()
        writer.join()
    assert found() == set()
    assert value("SELECT like_count FROM post_stats WHERE post_id = %s", post) == 43
