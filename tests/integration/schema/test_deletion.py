"""Deletions while others write: they lock in one order, take turns, and wait for nothing that they do not need."""

import psycopg
import pytest

from fowergram_db.database.connection import connect

# Everything that the account has, and everything that others have done to it.
_ACTIVE = """
INSERT INTO users (email, username)
SELECT format('user%s@example.com', n), format('user%s', n) FROM generate_series(1, 4) AS n;
INSERT INTO follows (follower_id, following_id) SELECT a.id, b.id FROM users a JOIN users b ON a.id <> b.id;
INSERT INTO posts (user_id) SELECT id FROM users, generate_series(1, 60);
INSERT INTO likes (user_id, post_id) SELECT u.id, p.id FROM users u, posts p;
INSERT INTO comments (user_id, post_id, content) SELECT u.id, p.id, 'nice' FROM users u, posts p LIMIT 200;
INSERT INTO comments (user_id, post_id, parent_id, content) SELECT user_id, post_id, id, 'thanks' FROM comments;
INSERT INTO comment_likes (user_id, comment_id) SELECT u.id, c.id FROM users u, comments c;
INSERT INTO hashtags (name) VALUES ('sea'), ('sky'), ('food');
INSERT INTO post_hashtags (post_id, hashtag_id) SELECT p.id, h.id FROM posts p, hashtags h;
INSERT INTO collections (user_id, name) SELECT id, 'favourites' FROM users;
INSERT INTO collection_posts (collection_id, post_id) SELECT c.id, p.id FROM collections c, posts p;
INSERT INTO music_tracks (title, artist) VALUES ('one', 'a');
INSERT INTO stories (user_id, media_url, music_track_id) SELECT u.id, 'a.jpg', t.id FROM users u, music_tracks t;
INSERT INTO story_views (story_id, user_id) SELECT s.id, u.id FROM stories s, users u;
INSERT INTO conversations (created_by) SELECT id FROM users;
INSERT INTO messages (conversation_id, sender_id, content, shared_post_id)
SELECT c.id, u.id, 'hello', p.id FROM conversations c, users u, (SELECT id FROM posts LIMIT 5) AS p;
INSERT INTO message_reads (message_id, user_id) SELECT m.id, u.id FROM messages m, users u;
INSERT INTO notifications (user_id, actor_id, type) SELECT a.id, b.id, 'like' FROM users a, users b;
INSERT INTO user_activities (user_id, activity_type) SELECT id, 'scroll' FROM users;
"""
_TABLES = r"""
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname !~ '_slots$' ORDER BY 1"""


@pytest.fixture
def active(db, column):
    """Four accounts with some of everything; the id of the first."""
    db.execute(_ACTIVE)
    return column("SELECT id FROM users ORDER BY username")[0]


@pytest.fixture
def rows(db, column):
    """Count the rows of each table, without slots: their number depends on who waited."""

    def count() -> dict[str, int]:
        counts = [f"SELECT '{table}', count(*) FROM {table}" for table in column(_TABLES)]
        return dict(db.execute(" UNION ALL ".join(counts)).fetchall())

    return count


def _delete(table: str) -> str:
    return f"DELETE FROM {table} WHERE id = %s"


class TestPlainDeletion:
    @pytest.mark.usefixtures("active")
    @pytest.mark.parametrize("table", ["users", "posts", "hashtags", "stories", "conversations"])
    def test_two_in_opposite_orders_take_turns(self, table, db, later, until_it_waits, column, value):
        first, second = column(f"SELECT id FROM {table} ORDER BY id LIMIT 2")
        with db.transaction():
            db.execute(_delete(table), [first])
            statement = later(_delete(table), second)
            until_it_waits(statement)
            db.execute(_delete(table), [second])
        assert statement.result(10).rowcount == 0
        assert value("SELECT count(*) FROM recount()") == 0

    @pytest.mark.usefixtures("active")
    @pytest.mark.parametrize("delete", ["DELETE FROM posts WHERE user_id = %s", "DELETE FROM users WHERE id = %s"])
    def test_hashtags_are_locked_in_the_order_of_their_keys(
        self, delete, db, target, later, until_it_waits, make_user, make_post, tag, add, value
    ):
        """Someone who posts with the last one has not to wait for a deletion that waits for the first one."""
        author, poster = make_user("author"), make_user("poster")
        tags = [add("hashtags", name=name) for name in ("one", "two", "three")]
        for name in ("three", "two", "one"):
            tag(make_post(author), name)
        with connect(target) as blocker, blocker.transaction():
            blocker.execute("SELECT FROM hashtags WHERE id = %s FOR UPDATE", [tags[0]])
            statement = later(delete, author)
            until_it_waits(statement)
            db.execute("SET lock_timeout = '5s'")
            tag(make_post(poster), "three")
        statement.result(10)
        assert value("SELECT post_count FROM hashtags WHERE name = 'three'") == 1
        assert value("SELECT count(*) FROM recount()") == 0

    def test_a_hashtag_is_deleted_while_one_of_its_posts_is_edited(self, db, other, make_user, make_post, tag, value):
        """The editor may archive the post next, and wait for the hashtag."""
        post = make_post(make_user("author"))
        hashtag = tag(post, "sea")
        with db.transaction():
            db.execute("UPDATE posts SET caption = 'edited'")
            other.execute(_delete("hashtags"), [hashtag])
            db.execute("UPDATE posts SET is_archived = true")
        assert value("SELECT count(*) FROM recount()") == 0

    def test_an_account_is_deleted_while_a_post_in_its_collection_is_edited(
        self, db, other, make_user, make_post, add, value
    ):
        collector, post = make_user("collector"), make_post(make_user("author"))
        add("collection_posts", collection_id=add("collections", user_id=collector, name="favourites"), post_id=post)
        with db.transaction():
            db.execute("UPDATE posts SET caption = 'edited'")
            other.execute(_delete("users"), [collector])
            db.execute("UPDATE posts SET is_archived = true")
        assert value("SELECT count(*) FROM recount()") == 0

    @pytest.mark.usefixtures("active")
    def test_an_account_that_everyone_can_see_takes_its_posts_out_of_the_trends(self, db, active, value):
        before = value("SELECT sum(score) FROM hashtag_trends")
        db.execute(_delete("users"), [active])
        assert value("SELECT sum(score) FROM hashtag_trends") == pytest.approx(before * 3 / 4)
        db.execute("UPDATE users SET is_private = true")
        assert value("SELECT abs(sum(score)) < 1e-9 * %s FROM hashtag_trends", before)


class TestErasure:
    def test_it_leaves_the_same_rows_as_a_plain_deletion(self, db, active, rows, value):
        with db.transaction(force_rollback=True):
            db.execute(_delete("users"), [active])
            expected = rows()
        db.execute("CALL erase_user(%s)", [active])
        assert rows() == expected
        assert value("SELECT count(*) FROM recount()") == 0

    @pytest.mark.usefixtures("active")
    @pytest.mark.parametrize("table", ["posts", "hashtags", "stories", "conversations", "comments"])
    def test_any_row_can_be_erased(self, table, db, column, rows, value):
        row = column(f"SELECT id FROM {table} ORDER BY id")[0]
        with db.transaction(force_rollback=True):
            db.execute(_delete(table), [row])
            expected = rows()
        db.execute("CALL erase_row(%s, %s)", [table, row])
        assert rows() == expected
        assert value("SELECT count(*) FROM recount()") == 0

    def test_counts_are_exact_after_each_step(self, db, active, value):
        steps = 1
        while not db.execute("SELECT erase_some('users', %s)", [active]).fetchone()[0]:
            steps += 1
            assert value("SELECT count(*) FROM recount()") == 0
        assert steps > 1
        assert value("SELECT count(*) FROM users") == 3

    def test_one_that_was_interrupted_is_completed_by_the_next_call(self, db, active, value):
        db.execute("SELECT erase_some('users', %s, 3)", [active])
        db.execute("CALL erase_user(%s)", [active])
        db.execute("CALL erase_user(%s)", [active])
        assert value("SELECT count(*) FROM users") == 3

    def test_it_holds_nothing_while_others_keep_a_row_locked(self, db, later, active, column, value):
        (second, _, _) = column("SELECT id FROM users WHERE id <> %s", active)
        with db.transaction():
            db.execute("INSERT INTO close_friends (user_id, friend_id) VALUES (%s, %s)", [second, active])
            erasure = later("CALL erase_user(%s)", active)
            while value("SELECT count(*) FROM posts WHERE user_id = %s", active) > 0:
                assert not erasure.done(), erasure.result()
            # An account that is being deleted would make these wait.
            db.execute("UPDATE users SET last_active_at = now()")
            db.execute("INSERT INTO user_activities (user_id, activity_type) VALUES (%s, 'scroll')", [active])
        erasure.result(30)
        assert value("SELECT count(*) FROM users") == 3

    def test_it_says_so_where_it_is_called_within_a_transaction(self, db, active):
        with pytest.raises(psycopg.errors.InvalidTransactionTermination), db.transaction():
            db.execute("CALL erase_user(%s)", [active])

    def test_comments_that_reply_to_each_other_are_erased(self, db, make_user, make_post, add, value):
        author = make_user("author")
        post = make_post(author)
        first = add("comments", user_id=author, post_id=post, content="one")
        second = add("comments", user_id=author, post_id=post, content="two", parent_id=first)
        db.execute("UPDATE comments SET parent_id = %s WHERE id = %s", [second, first])
        db.execute("CALL erase_row('comments', %s)", [first])
        assert value("SELECT count(*) FROM comments") == 0


class TestTrends:
    """The author may turn private, or be deleted, while a post is tagged; the count must know."""

    @pytest.mark.parametrize("change", ["is_private = true", "deleted_at = now()"])
    @pytest.mark.parametrize("is_tagged_first", [True, False])
    def test_of_an_author_who_changes_meanwhile(
        self, change, is_tagged_first, db, later, until_it_waits, make_user, make_post, add, value
    ):
        post, hashtag = make_post(make_user("author")), add("hashtags", name="sea")
        tagging = "INSERT INTO post_hashtags (post_id, hashtag_id) VALUES (%s, %s)"
        changing = f"UPDATE users SET {change}"
        with db.transaction():
            if is_tagged_first:
                db.execute(tagging, [post, hashtag])
                statement = later(changing)
            else:
                db.execute(changing)
                statement = later(tagging, post, hashtag)
            until_it_waits(statement)
        statement.result(10)
        assert value("SELECT score FROM hashtag_trends") == 0
        assert value("SELECT count(*) FROM recount()") == 0
