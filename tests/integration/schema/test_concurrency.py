"""Statements that touch the same counts at the same time: none deadlocks, none is lost."""

from threading import Barrier, Thread

import psycopg
import pytest

from fowergram_db.database.connection import connect


@pytest.fixture
def at_once(target):
    """Run a statement list in a session each, all starting together; return the errors."""

    def run(*scripts: list[str]) -> list[psycopg.Error]:
        ready, errors = Barrier(len(scripts)), []

        def session(statements: list[str]) -> None:
            with connect(target) as connection:
                ready.wait()
                try:
                    for statement in statements:
                        connection.execute(statement)
                except psycopg.Error as error:
                    errors.append(error)

        threads = [Thread(target=session, args=[statements]) for statements in scripts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    return run


def test_follows_back_and_forth_do_not_deadlock(at_once, make_user, value):
    a, b = make_user("ann"), make_user("bob")

    def toggle(follower, following):
        row = f"INSERT INTO follows (follower_id, following_id) VALUES ('{follower}', '{following}')"
        return [row, f"DELETE FROM follows WHERE follower_id = '{follower}'"] * 50 + [row]

    assert at_once(toggle(a, b), toggle(b, a)) == []
    assert value("SELECT array_agg(DISTINCT (follower_count, following_count))::text FROM user_stats") == '{"(1,1)"}'


def test_batches_of_likes_in_any_order_do_not_deadlock(at_once, make_user, make_post, value):
    author, users = make_user("author"), [make_user(f"fan{number}") for number in range(4)]
    for _ in range(20):
        make_post(author)

    def toggle(user):
        shuffled = f"SELECT '{user}', id FROM posts ORDER BY md5(id::text || '{user}') LIMIT 15"
        like = f"INSERT INTO likes (user_id, post_id) {shuffled}"
        return [like, f"DELETE FROM likes WHERE user_id = '{user}'"] * 20 + [like]

    assert at_once(*map(toggle, users)) == []
    wrong = """
        SELECT count(*) FROM post_stats AS s
        WHERE like_count <> (SELECT count(*) FROM likes AS l WHERE l.post_id = s.post_id)"""
    assert value(wrong) == 0


def test_likes_of_two_posts_in_opposite_orders_in_one_transaction_do_not_wait(db, target, make_user, make_post, value):
    """Row locks on counters would deadlock here, in whatever order each statement takes them."""
    author, one, other = make_user("author"), make_user("one"), make_user("other")
    first, second = make_post(author), make_post(author)
    like = "INSERT INTO likes (user_id, post_id) VALUES (%s, %s)"
    with connect(target) as session:
        session.execute("SET lock_timeout = '5s'")
        with db.transaction(), session.transaction():
            db.execute(like, [one, first])
            session.execute(like, [other, second])
            db.execute(like, [one, second])
            session.execute(like, [other, first])
    assert value("SELECT array_agg(like_count) FROM post_stats") == [2, 2]


def test_a_quiet_post_keeps_one_slot_and_a_busy_one_gets_no_more_than_its_writers(
    db, target, make_user, make_post, value
):
    fans = [make_user(f"fan{number}") for number in range(6)]
    post = make_post(fans[0])
    like = "INSERT INTO likes (user_id, post_id) VALUES (%s, %s)"
    slots = "SELECT count(*) FROM post_stat_slots WHERE post_id = %s"
    for fan in fans[:3]:
        db.execute(like, [fan, post])
    assert value(slots, post) == 1
    with connect(target) as session:
        for _ in range(2):
            with db.transaction(), session.transaction():
                db.execute(like, [fans[3], post])
                session.execute(like, [fans[4], post])
                assert value("SELECT like_count FROM post_stats WHERE post_id = %s", post) == 4
            assert value("SELECT like_count FROM post_stats WHERE post_id = %s", post) == 5
            db.execute("DELETE FROM likes WHERE user_id = ANY (%s)", [fans[3:5]])
    assert value(slots, post) == 2
    assert value("SELECT like_count FROM post_stats WHERE post_id = %s", post) == 3


def test_a_session_does_not_wait_for_a_transaction_that_it_has_prepared(db, target, make_user, make_post, value):
    """The prepared one holds the session's own slot."""
    if value("SELECT current_setting('max_prepared_transactions')") == "0":
        pytest.skip("the server prepares no transactions")
    fans = [make_user(f"fan{number}") for number in range(5)]
    post = make_post(fans[0])
    like = "INSERT INTO likes (user_id, post_id) VALUES (%s, %s)"
    db.execute("SET lock_timeout = '5s'")
    db.execute(like, [fans[0], post])
    with connect(target) as session, session.transaction():
        session.execute(like, [fans[1], post])
        db.execute(like, [fans[2], post])
        db.execute("BEGIN")
        db.execute(like, [fans[3], post])
        db.execute("PREPARE TRANSACTION 'of a like'")
        db.execute(like, [fans[4], post])
    db.execute("COMMIT PREPARED 'of a like'")
    assert value("SELECT like_count FROM post_stats") == 5
    assert value("SELECT count(*) FROM recount()") == 0


def test_a_like_does_not_wait_for_the_deletion_of_its_post_to_count(
    db, later, until_it_waits, make_user, make_post, value
):
    """It waits for its foreign key alone; in either order, no slot of a post that is gone is ever read."""
    fan, author = make_user("fan"), make_user("author")
    post = make_post(author)
    with db.transaction():
        db.execute("DELETE FROM posts WHERE id = %s", [post])
        liking = later("INSERT INTO likes (user_id, post_id) VALUES (%s, %s)", fan, post)
        until_it_waits(liking)
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        liking.result(10)
    assert value("SELECT count(*) FROM post_stats") == 0
    assert value("SELECT count(*) FROM recount()") == 0


def test_a_post_that_is_tagged_while_it_is_deleted_is_counted_right(at_once, make_user, make_post, add, value):
    """Both may come first; the count must know which."""
    hashtag, post = add("hashtags", name="sea"), make_post(make_user("author"))
    tagging = [f"INSERT INTO post_hashtags (post_id, hashtag_id) VALUES ('{post}', '{hashtag}')",
               "DELETE FROM post_hashtags"] * 30  # fmt: skip
    deleting = ["UPDATE posts SET deleted_at = now()", "UPDATE posts SET deleted_at = NULL"] * 30
    assert at_once(tagging, deleting) == []
    assert value("SELECT post_count FROM hashtags") == 0


def test_a_feed_that_is_generated_twice_at_once_is_whole(at_once, make_user, make_post, follow, value):
    reader, author = make_user("reader"), make_user("author")
    follow(reader, author)
    for _ in range(5):
        make_post(author)
    generate = [f"SELECT generate_user_feed('{reader}')"] * 20
    assert at_once(generate, generate) == []
    assert value("SELECT count(*) FROM feeds") == 5


def test_a_follow_of_an_account_that_is_just_turning_public_is_accepted(db, later, until_it_waits, make_user, value):
    follower, account = make_user("follower"), make_user("account", is_private=True)
    asked = "INSERT INTO follows (follower_id, following_id) VALUES (%s, %s)"
    with db.transaction():
        db.execute("UPDATE users SET is_private = false WHERE id = %s", [account])
        asking = later(asked, follower, account)
        until_it_waits(asking)
    asking.result(10)
    assert value("SELECT count(*) FROM follows WHERE accepted_at IS NOT NULL") == 1
