"""Trends: exact scores by forward decay, in any order of events, and moved to a later landmark without a change."""

import psycopg
import pytest


@pytest.fixture
def author(make_user):
    return make_user("author")


@pytest.fixture
def scores(db):
    """The scores of today's trends: hashtags by name."""
    return lambda: dict(db.execute("SELECT name, score FROM get_trending_hashtags(100)").fetchall())


@pytest.fixture
def uncounted(column):
    return lambda: column("SELECT counter || '.' || count_column FROM recount()")


def test_a_post_counts_half_for_each_day_of_age(author, make_post, tag, scores, db):
    for days in (0, 1, 2):
        tag(make_post(author), f"day{days}")
        db.execute("UPDATE posts SET created_at = now() - %s * interval '1 day' WHERE caption IS NULL", [days])
        db.execute("UPDATE posts SET caption = 'done'")
    assert scores() == pytest.approx({"day0": 1, "day1": 0.5, "day2": 0.25}, rel=0.001)


def test_the_posts_of_an_account_follow_it_out_of_the_trends_and_back(
    author, make_user, make_post, tag, change, scores
):
    tag(make_post(make_user("other")), "sea")
    for name in ("sea", "sky"):
        tag(make_post(author), name)
    both, one = {"sea": 2, "sky": 1}, {"sea": 1}
    assert scores() == pytest.approx(both, rel=0.001)
    changes: list[tuple[dict[str, object], dict[str, object]]] = [
        ({"is_private": True}, {"is_private": False}),
        ({"is_active": False}, {"is_active": True}),
        ({"deleted_at": "now"}, {"deleted_at": None}),
    ]
    for columns, back in changes:
        change("users", author, **columns)
        assert scores() == pytest.approx(one, rel=0.001)
        change("users", author, **back)
        assert scores() == pytest.approx(both, rel=0.001)


def test_posts_that_are_made_while_their_account_is_private_join_when_it_opens(author, make_post, tag, change, scores):
    change("users", author, is_private=True)
    tag(make_post(author), "sea")
    assert scores() == {}
    change("users", author, is_private=False)
    assert scores() == pytest.approx({"sea": 1}, rel=0.001)


class TestReels:
    @pytest.fixture
    def make_reel(self, author, add):
        return lambda **columns: add("reels", user_id=author, video_url="a.mp4", **columns)

    @pytest.fixture
    def order(self, column):
        return lambda: column("SELECT reel_id FROM get_trending_reels(NULL)")

    def test_newer_likes_count_for_more(self, make_reel, make_user, add, order):
        old, new = make_reel(created_at="2026-01-01"), make_reel(created_at="2026-01-01")
        for number in range(6):
            user = make_user(f"user{number}")
            days = 3 if number < 4 else 0
            add("reel_likes", user_id=user, reel_id=old if days else new, created_at=f"2026-01-0{9 - days}")
        assert order() == [new, old]

    def test_every_kind_of_use_counts_and_taking_it_back_counts_back(self, make_reel, make_user, add, order, db, value):
        rival, reel = make_reel(created_at="2026-01-01"), make_reel(created_at="2026-01-01")
        user = make_user("user")
        add("reel_likes", user_id=user, reel_id=rival)
        assert order() == [rival, reel]
        add("reel_likes", user_id=user, reel_id=reel)
        add("reel_shares", user_id=user, reel_id=reel)
        add("saved_reels", user_id=user, reel_id=reel)
        add("reel_comments", user_id=user, reel_id=reel, content="nice")
        assert order() == [reel, rival]
        per_use = "SELECT score / trend_weight(now()) FROM reel_trends WHERE reel_id = %s"
        assert value(per_use, reel) == pytest.approx(4, rel=0.01)
        db.execute("DELETE FROM reel_shares; DELETE FROM saved_reels; UPDATE reel_comments SET deleted_at = now()")
        db.execute("DELETE FROM reel_likes WHERE reel_id = %s", [reel])
        assert order() == [rival, reel]

    def test_the_place_is_kept_within_a_few_hundredths_of_a_slot(self, make_reel, db, value):
        reel = make_reel()
        db.execute("""
            INSERT INTO users (email, username)
            SELECT format('u%1$s@example.com', n), format('user%s', n) FROM generate_series(1, 300) AS n""")
        for user in range(1, 301):
            query = "INSERT INTO reel_likes (user_id, reel_id) SELECT id, %s FROM users WHERE username = %s"
            db.execute(query, [reel, f"user{user}"])
        assert value("SELECT score / trend_weight(now()) FROM reel_trends") == pytest.approx(301, rel=0.06)


def test_a_later_landmark_changes_no_order_and_no_score(db, author, make_post, make_story, tag, add, scores, uncounted):
    for name, posts in {"sea": 3, "sky": 2, "food": 1}.items():
        for _ in range(posts):
            tag(make_post(author), name)
    track = add("music_tracks", title="a song", artist="a")
    make_story(author, music_track_id=track)
    reel = add("reels", user_id=author, video_url="a.mp4")
    add("reel_likes", user_id=author, reel_id=reel)
    songs = "SELECT music_track_id, score FROM get_trending_music_tracks()"
    reels = "SELECT reel_id, score / trend_weight(now()) FROM reel_trends"
    before = scores(), dict(db.execute(songs).fetchall()), dict(db.execute(reels).fetchall())
    for landmark in ("'2028-11-11 12:34'", "now() + interval '700 days'", "now() + interval '800 days'"):
        db.execute(f"SELECT rebase_trends({landmark})")
        after = scores(), dict(db.execute(songs).fetchall()), dict(db.execute(reels).fetchall())
        for one, other in zip(before, after, strict=True):
            assert other == pytest.approx(one, rel=0.001)
        assert uncounted() == []


def test_what_is_too_old_for_a_later_landmark_weighs_nothing(db, author, make_post, tag, column, uncounted):
    tag(make_post(author, created_at="2020-01-01"), "ancient")
    tag(make_post(author), "today")
    db.execute("SELECT rebase_trends(now() + interval '800 days')")
    assert column("SELECT name FROM hashtag_trends JOIN hashtags ON id = hashtag_id WHERE score > 0") == ["today"]
    db.execute("DELETE FROM posts")
    assert uncounted() == []


def test_a_landmark_too_far_ahead_is_refused_and_an_earlier_one_changes_nothing(db, value):
    before = value("SELECT trend_landmark()")
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        db.execute("SELECT rebase_trends(now() + interval '801 days')")
    for earlier in ("'2020-01-01'", "trend_landmark()", "NULL", "'-infinity'"):
        db.execute(f"SELECT rebase_trends({earlier})")
        assert value("SELECT trend_landmark()") == before


def test_any_moment_has_a_weight(value):
    for moment in ("'-infinity'", "'infinity'", "'1900-01-01'", "'2500-01-01'"):
        assert value(f"SELECT trend_weight({moment}) > 0 AND trend_weight({moment}) < 'infinity'")
