"""Transactions that run at the same time, at each isolation level: no count is lost, and each refusal has a name."""

from contextlib import ExitStack

import psycopg
import pytest

from fowergram_db.database.connection import connect

pytestmark = pytest.mark.every_version
LEVELS = ("REPEATABLE READ", "SERIALIZABLE")


@pytest.fixture(params=LEVELS)
def level(request):
    """Return an isolation level with a fixed snapshot."""
    return request.param


@pytest.fixture
def look(target, level):
    """Begin a transaction that reads the database as it is now, until its end; return its session."""
    with ExitStack() as sessions:

        def begin():
            session = sessions.enter_context(connect(target))
            session.execute(f"BEGIN ISOLATION LEVEL {level}")
            session.execute("SELECT count(*) FROM users")
            return session

        yield begin


# What is written about a row that is newer than the transaction: its count would be lost.
NEWER = {
    "like": "INSERT INTO likes (user_id, post_id) VALUES (%(known)s, %(post)s)",
    "likes": (
        "INSERT INTO likes (user_id, post_id)"
        " SELECT u, %(post)s::uuid FROM unnest(ARRAY[%(known)s, %(other)s]::uuid[]) u"
    ),
    "comment": "INSERT INTO comments (user_id, post_id, content) VALUES (%(known)s, %(post)s, 'x')",
    "reply": (
        "INSERT INTO comments (user_id, post_id, parent_id, content) VALUES (%(known)s, %(old_post)s, %(comment)s, 'x')"
    ),
    "like of a comment": "INSERT INTO comment_likes (user_id, comment_id) VALUES (%(known)s, %(comment)s)",
    "follow": "INSERT INTO follows (follower_id, following_id) VALUES (%(known)s, %(new)s)",
    "follow of a private account": "INSERT INTO follows (follower_id, following_id) VALUES (%(known)s, %(private)s)",
    "post": "INSERT INTO posts (user_id) VALUES (%(new)s)",
    "tag": "INSERT INTO post_hashtags (post_id, hashtag_id) VALUES (%(post)s, %(old_hashtag)s)",
    "new tag": "INSERT INTO post_hashtags (post_id, hashtag_id) VALUES (%(old_post)s, %(hashtag)s)",
    "moved tag": "UPDATE post_hashtags SET hashtag_id = %(hashtag)s WHERE post_id = %(old_post)s",
    "view": "INSERT INTO story_views (user_id, story_id) VALUES (%(known)s, %(story)s)",
    "song": "INSERT INTO stories (user_id, media_url, music_track_id) VALUES (%(known)s, 'https://a/1.jpg', %(track)s)",
    "like of a reel": "INSERT INTO reel_likes (user_id, reel_id) VALUES (%(known)s, %(reel)s)",
    "comment on a reel": "INSERT INTO reel_comments (user_id, reel_id, content) VALUES (%(known)s, %(reel)s, 'x')",
    "message": "INSERT INTO messages (conversation_id, sender_id, content) VALUES (%(chat)s, %(known)s, 'x')",
    "messages": (
        "INSERT INTO messages (conversation_id, sender_id, content)"
        " SELECT %(chat)s, %(known)s::uuid, n::text FROM generate_series(1, 2) n"
    ),
}


@pytest.fixture
def rows(add, make_user, make_post, tag, look):
    """Make rows, begin a transaction, make newer rows; return all by name, and the session of the transaction."""
    found = {"known": make_user("known"), "other": make_user("other")}
    found["old_post"] = make_post(found["known"])
    found["old_hashtag"] = tag(found["old_post"], "old")
    session = look()
    found["new"], found["private"] = make_user("new"), make_user("private", is_private=True)
    found["post"] = make_post(found["new"])
    found["comment"] = add("comments", user_id=found["new"], post_id=found["old_post"], content="x")
    found["hashtag"] = add("hashtags", name="new")
    found["story"] = add("stories", user_id=found["new"], media_url="https://a/1.jpg")
    found["track"] = add("music_tracks", title="t", artist="a")
    found["reel"] = add("reels", user_id=found["new"], video_url="https://a/1.mp4")
    found["chat"] = add("conversations", created_by=found["new"])
    return found, session


@pytest.mark.parametrize("what", NEWER)
def test_no_row_refers_to_one_that_the_transaction_does_not_see(rows, level, value, what):
    found, session = rows
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        session.execute(NEWER[what], found)
    session.execute("ROLLBACK")
    session.execute(f"BEGIN ISOLATION LEVEL {level}")
    session.execute(NEWER[what], found)
    session.execute("COMMIT")
    assert value("SELECT count(*) FROM recount()") == 0
    assert (
        value("SELECT count(*) FROM follows WHERE following_id = %s AND accepted_at IS NOT NULL", found["private"]) == 0
    )


# What moves counts that rows of others are part of: the transaction would miss the newer ones.
MOVES = {
    "archive": "UPDATE posts SET is_archived = true",
    "delete softly": "UPDATE posts SET deleted_at = now()",
    "date": "UPDATE posts SET created_at = created_at - interval '1 day'",
    "turn private": "UPDATE users SET is_private = true WHERE username = 'known'",
    "turn public": "UPDATE users SET is_private = false WHERE username = 'shy'",
    "delete an account": "UPDATE users SET deleted_at = now() WHERE username = 'known'",
    "deactivate": "UPDATE users SET is_active = false WHERE username = 'known'",
    "truncate": "TRUNCATE likes",
    "recount": "SELECT recount(true)",
    "rebase": "SELECT rebase_trends(now() + interval '799 days')",
}


@pytest.mark.parametrize("what", MOVES)
def test_what_moves_the_counts_of_others_needs_read_committed(add, make_user, make_post, tag, look, value, what):
    author, fan, shy = make_user("known"), make_user("fan"), make_user("shy", is_private=True)
    post = make_post(author)
    tag(post, "old")
    session = look()
    tag(post, "new")
    add("follows", follower_id=fan, following_id=shy)
    add("likes", user_id=fan, post_id=post)
    if what == "rebase":
        value("SELECT 1 FROM (SELECT rebase_trends(now())) AS r")
    with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
        session.execute(MOVES[what])
    assert caught.value.diag.constraint_name == "read_committed_check"
    assert "READ COMMITTED" in (caught.value.diag.message_hint or "")
    session.execute("ROLLBACK")
    session.execute(MOVES[what])
    assert value("SELECT count(*) FROM recount()") == 0
    assert (
        value(
            "SELECT count(*) FROM follows f JOIN users u ON u.id = f.following_id"
            " WHERE accepted_at IS NULL AND NOT u.is_private"
        )
        == 0
    )


def test_other_changes_of_posts_and_accounts_need_no_level(make_user, make_post, tag, look):
    author = make_user("known")
    tag(make_post(author), "old")
    session = look()
    session.execute("UPDATE posts SET caption = 'new'")
    session.execute("UPDATE users SET last_active_at = now(), bio = 'new'")
    session.execute("COMMIT")


@pytest.mark.parametrize("table", ["posts", "users", "hashtags"])
def test_a_deletion_that_would_miss_newer_rows_has_to_be_repeated(make_user, make_post, tag, look, value, table):
    author = make_user("known")
    post = make_post(author)
    tag(post, "old")
    session = look()
    tag(make_post(author), "old") if table == "hashtags" else tag(post, "new")
    with pytest.raises(psycopg.errors.SerializationFailure):
        session.execute(f"DELETE FROM {table}")
    session.execute("ROLLBACK")
    assert value("SELECT count(*) FROM recount()") == 0


HIDES = {
    "turns private": "UPDATE users SET is_private = true WHERE id = %s",
    "is deactivated": "UPDATE users SET is_active = false WHERE id = %s",
    "is deleted": "UPDATE users SET deleted_at = now() WHERE id = %s",
}


@pytest.mark.parametrize("hides", HIDES)
def test_an_account_is_hidden_after_the_transactions_that_write_its_rows(
    db, later, until_it_waits, make_user, make_post, tag, value, hides
):
    author = make_user("author")
    with db.transaction():
        post = make_post(author)
        hiding = later(HIDES[hides], author)
        until_it_waits(hiding)
        tag(post, "sea")
    hiding.result(10)
    assert value("SELECT score FROM hashtag_trends") == 0
    assert value("SELECT count(*) FROM recount()") == 0


def test_a_post_that_waits_for_the_deletion_of_its_author_is_refused(db, later, until_it_waits, make_user, value):
    author = make_user("author")
    with db.transaction():
        db.execute(HIDES["is deleted"], [author])
        posting = later("INSERT INTO posts (user_id) VALUES (%s)", author)
        until_it_waits(posting)
    with pytest.raises(psycopg.errors.CheckViolation, match="deleted"):
        posting.result(10)
    assert value("SELECT count(*) FROM posts") == 0


def test_other_updates_of_an_account_keep_no_one_waiting(db, other, make_user, make_post, tag):
    author = make_user("author")
    with db.transaction():
        tag(make_post(author), "sea")
        other.execute("UPDATE users SET last_active_at = now(), bio = 'x', username = 'other'")
        tag(make_post(author), "sun")
    with other.transaction(), db.transaction():
        other.execute("UPDATE users SET last_active_at = now()")
        db.execute("SET LOCAL lock_timeout = '2s'")
        tag(make_post(author), "sky")
