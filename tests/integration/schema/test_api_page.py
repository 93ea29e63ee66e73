"""Every block of docs/api.md runs, in its order, and does what it is for."""

import re
from pathlib import Path

import psycopg
import pytest

_PAGE = (Path(__file__).resolve().parents[3] / "docs/api.md").read_text(encoding="utf-8")
_REFUSED = {
    "posts_author_not_deleted_check": """UPDATE users SET deleted_at = now();
        INSERT INTO posts (user_id) VALUES (:viewer)""",
    "comments_post_id_check": """UPDATE posts SET comments_disabled = true;
        INSERT INTO comments (user_id, post_id, content) VALUES (:viewer, :post, 'a')""",
    "comments_parent_id_check": """INSERT INTO comments (user_id, post_id, parent_id, content)
        VALUES (:viewer, :other_post, :comment, 'a')""",
    "comments_content_check": "INSERT INTO comments (user_id, post_id, content) VALUES (:viewer, :post, ' ')",
    "follows_no_self_check": "INSERT INTO follows (follower_id, following_id) VALUES (:viewer, :viewer)",
    "blocks_no_self_check": "INSERT INTO blocks (blocker_id, blocked_id) VALUES (:viewer, :viewer)",
    "close_friends_no_self_check": "INSERT INTO close_friends (user_id, friend_id) VALUES (:viewer, :viewer)",
    "likes_post_id_user_id_key": "INSERT INTO likes (user_id, post_id) VALUES (:viewer, :post), (:viewer, :post)",
    "story_poll_votes_option_selected_check": """INSERT INTO story_poll_votes (poll_id, user_id, option_selected)
        VALUES (:poll, :viewer, 3)""",
    "stories_music_track_id_fkey": """INSERT INTO stories (user_id, media_url, music_track_id)
        VALUES (:viewer, 'a.jpg', gen_random_uuid())""",
    "products_price_check": "INSERT INTO products (user_id, name, price) VALUES (:viewer, 'hat', -1)",
    "post_product_tags_coordinates_check": """WITH hat AS (
            INSERT INTO products (user_id, name, price) VALUES (:viewer, 'hat', 1) RETURNING id)
        INSERT INTO post_product_tags (post_id, product_id, x_coordinate) SELECT :post, id, 1.5 FROM hat""",
    "users_email_key": "INSERT INTO users (email, username) VALUES ('AUTHOR@example.com', 'somebody')",
    "users_username_key": "INSERT INTO users (email, username) VALUES ('somebody@example.com', 'AUTHOR')",
    "users_phone_number_key": (
        "UPDATE users SET phone_number = '+66 81 234' || CASE username WHEN 'author' THEN '5678' ELSE '-5678' END"
    ),
}
# What a statement must not leave without a row, unless it says so here: by its beginning.
_WITHOUT_ROWS = (
    # The author of the comment is another; the viewer follows already; none has asked; friends follow no one else.
    "UPDATE comments SET deleted_at", "INSERT INTO follows", "UPDATE follows SET accepted_at",
    "SELECT * FROM get_user_suggestions",
    "SELECT * FROM get_trending_reels_after",
    "SELECT *, make_cursor(created_at, post_id) AS cursor\nFROM get_user_feed_before",
    "SELECT * FROM search_posts_before",
    # The two who are now blocked did not follow each other.
    "DELETE FROM follows\nWHERE (follower_id",
)  # fmt: skip


def _statements() -> list[str]:
    blocks = re.findall(r"```sql\n(.*?)```", _PAGE, re.DOTALL)
    return [statement for block in blocks for statement in re.split(r";\s*", block.strip()) if statement]


@pytest.fixture
def ids(make_user, make_post, make_story, follow, tag, add):
    """An author who has some of everything, and a viewer who follows."""
    viewer, author, stranger = (make_user(name) for name in ("viewer", "author", "stranger"))
    follow(viewer, author)
    post = make_post(author, caption="a sunset", created_at="2026-01-01")
    story = make_story(author)
    add("close_friends", user_id=author, friend_id=viewer)
    make_story(author, audience="close_friends")
    highlight = add("highlights", user_id=author, title="summer")
    add("highlight_stories", highlight_id=highlight, story_id=story)
    other_post = make_post(author)
    tag(other_post, "travel")
    comment = add("comments", user_id=author, post_id=post, content="nice")
    add("comments", user_id=author, post_id=post, parent_id=comment, content="a reply")
    add("reels", user_id=author, video_url="a.mp4")
    track = add("music_tracks", title="a song", artist="a")
    make_story(author, music_track_id=track)
    talk = add("conversations", is_group=False)
    for user in (viewer, author):
        add("conversation_participants", conversation_id=talk, user_id=user)
    add("messages", conversation_id=talk, sender_id=author, content="hello")
    add("notifications", user_id=viewer, type="like")
    return {
        "viewer": viewer, "user": author, "stranger": stranger, "post": post, "own_post": make_post(viewer),
        "other_post": other_post, "highlight": highlight, "comment": comment, "story": story, "track": track,
        "poll": add("story_polls", story_id=story, question="tea?", option1="yes", option2="no"),
        "question": add("story_questions", story_id=story, question="where?"), "conversation": talk,
        "cursor": f"2026-01-01T00:00:00.123456_{post}", "last_id": post, "last_score": "1",
    }  # fmt: skip


@pytest.fixture
def run(db, ids):
    """Run a statement with values in place of its names; return the cursor."""

    def execute(statement: str) -> psycopg.Cursor:
        return db.execute(re.sub(r"(?<!:):([a-z_]+)", lambda name: f"'{ids[name[1]]}'", statement))

    return execute


def test_every_block_runs_and_finds_something_to_do(run):
    statements = _statements()
    assert len(statements) > 50
    idle = [statement for statement in statements if run(statement).rowcount == 0]
    assert [statement for statement in idle if not statement.startswith(_WITHOUT_ROWS)] == []


def test_every_write_that_asks_first_does_nothing_for_who_may_not(run, db, ids):
    db.execute("INSERT INTO blocks (blocker_id, blocked_id) VALUES (%s, %s)", [ids["user"], ids["viewer"]])
    db.execute("DELETE FROM conversation_participants WHERE user_id = %s", [ids["viewer"]])
    asking = re.compile(r"INSERT INTO \w+ \([^)]*\)\s*SELECT.* FROM (?!hashtags)", re.DOTALL)
    statements = [statement for statement in _statements() if asking.match(statement)]
    assert len(statements) >= 13
    assert [statement for statement in statements if run(statement).rowcount] == []


def test_what_the_page_says_is_refused_is_refused_by_that_name(run, db):
    page = set(re.findall(r"`(\w+_(?:check|key|fkey))`", _PAGE))
    assert set(_REFUSED) == page
    for constraint, statements in _REFUSED.items():
        *before, refused = statements.split(";")
        with db.transaction(force_rollback=True):
            for statement in before:
                run(statement)
            with pytest.raises(psycopg.errors.IntegrityError) as caught, db.transaction():
                run(refused)
        assert caught.value.diag.constraint_name == constraint
