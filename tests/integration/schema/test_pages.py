"""Pages follow each other without a gap and without a repeat, by offset and by keyset, where times are equal too."""

from functools import partial

import pytest
from psycopg.rows import dict_row

# At least thirty rows for every reader, at ten different times, so that pages end between rows of one time.
_WORLD = """
INSERT INTO users (email, username) VALUES
    ('viewer@example.com', 'viewer'), ('author@example.com', 'author'), ('friend@example.com', 'friend');
CREATE TEMPORARY TABLE at AS
SELECT n, date_trunc('hour', now()) - n % 10 * interval '1 minute' AS moment FROM generate_series(1, 30) AS n;
INSERT INTO follows (follower_id, following_id)
SELECT v.id, a.id FROM users v, users a WHERE v.username = 'viewer' AND a.username <> 'viewer';
INSERT INTO posts (user_id, caption, created_at)
SELECT u.id, 'a caption', moment FROM at, users u WHERE u.username IN ('author', 'friend');
INSERT INTO posts (user_id, caption, created_at)
SELECT u.id, 'alone', now() - interval '1 year' FROM users u WHERE u.username = 'author';
INSERT INTO comments (user_id, post_id, content, created_at)
SELECT u.id, p.id, 'a comment', moment FROM at, users u, posts p WHERE u.username = 'author' AND p.caption = 'alone';
INSERT INTO comments (user_id, post_id, content, created_at)
SELECT u.id, p.id, 'parent', 'yesterday' FROM users u, posts p WHERE u.username = 'author' AND p.caption = 'alone';
INSERT INTO comments (user_id, post_id, parent_id, content, created_at)
SELECT c.user_id, c.post_id, c.id, 'a reply', moment FROM at, comments c WHERE c.content = 'parent';
INSERT INTO highlights (user_id, title, display_order)
SELECT u.id, format('highlight %s', n), n % 10 FROM at, users u WHERE u.username = 'author';
INSERT INTO stories (user_id, media_url, created_at, expires_at)
SELECT u.id, 'a.jpg', moment, now() + interval '1 hour' FROM at, users u WHERE u.username = 'author';
INSERT INTO highlight_stories (highlight_id, story_id)
SELECT h.id, s.id FROM stories s, highlights h WHERE h.title = 'highlight 1';
INSERT INTO reels (user_id, video_url, created_at)
SELECT u.id, 'a.mp4', moment FROM at, users u WHERE u.username = 'author';
INSERT INTO conversations (created_at, last_message_at)
SELECT moment, CASE WHEN n % 2 = 0 THEN moment + interval '5 minutes' END FROM at;
INSERT INTO conversation_participants (conversation_id, user_id)
SELECT c.id, u.id FROM conversations c, users u WHERE u.username = 'viewer';
INSERT INTO messages (conversation_id, sender_id, content, created_at)
SELECT (SELECT id FROM conversations ORDER BY id LIMIT 1), u.id, format('message %s', n), moment
FROM at, users u WHERE u.username = 'viewer';
"""
_ARGUMENTS = {
    "p_viewer_id": "(SELECT id FROM users WHERE username = 'viewer')",
    "p_user_id": "(SELECT id FROM users WHERE username = 'author')",
    "p_post_id": "(SELECT id FROM posts WHERE caption = 'alone')",
    "p_comment_id": "(SELECT id FROM comments WHERE content = 'parent')",
    "p_highlight_id": "(SELECT id FROM highlights WHERE title = 'highlight 1')",
    "p_conversation_id": "(SELECT id FROM conversations ORDER BY id LIMIT 1)",
    "p_query": "'a caption'",
}
# What a reader sorts by, if not by when a row was made; then by the id, which is its first column.
_SORTED_BY = {"get_user_highlights": "display_order", "get_trending_reels": "score"}


@pytest.fixture
def world(db):
    db.execute(_WORLD)
    db.row_factory = dict_row
    return db


@pytest.fixture
def readers(db):
    """The readers that come in both kinds: by name, the suffix of the other one and its parameters."""
    rows = db.execute(r"""
        SELECT p.proname, p.proargnames[1:p.pronargs] FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname ~ '^(get|search)_.*_(before|after)$'""")
    return {name.rpartition("_")[0]: (name, parameters) for name, parameters in rows}


@pytest.fixture
def page(world):
    """Read one page: ``page("get_post", ["p_viewer_id"], p_limit=7)``."""

    def read(reader: str, parameters: list[str], **given) -> list[dict]:
        values = {name: _ARGUMENTS[name] for name in parameters if name in _ARGUMENTS}
        if reader.startswith("get_user_feed"):
            values["p_user_id"] = _ARGUMENTS["p_viewer_id"]
        arguments = [f"{name} => {value}" for name, value in values.items()]
        arguments += [f"{name} => %({name})s" for name in given]
        return world.execute(f"SELECT * FROM {reader}({', '.join(arguments)})", given).fetchall()

    return read


@pytest.fixture
def by_offset(page):
    """Read the page that follows some rows of a reader."""
    return lambda reader, parameters, rows: page(reader, parameters, p_limit=7, p_offset=len(rows))


@pytest.fixture
def by_keyset(page):
    """Read the page that follows some rows of a reader, through its keyset variant."""

    def read(reader: str, variant: str, parameters: list[str], rows: list[dict]) -> list[dict]:
        begins = [name for name in parameters if name.startswith(("p_before", "p_after"))]
        last = _key(reader, rows[-1]) if rows else (None, None)
        return page(variant, parameters, p_limit=7, **dict(zip(begins, last, strict=True)))

    return read


def _key(reader: str, row: dict) -> tuple:
    at = row[_SORTED_BY.get(reader, "created_at")]
    return row.get("last_message_at") or at, next(iter(row.values()))


def _walk(next_page) -> list[dict]:
    """Put the pages together, up to the first that is empty; a reader that never ends is stopped."""
    rows: list[dict] = []
    while more := next_page(rows):
        rows += more
        assert len(rows) < 100
    return rows


def test_both_kinds_of_pages_are_the_whole_in_its_order(readers, page, by_offset, by_keyset):
    assert len(readers) == 11
    for reader, (variant, parameters) in readers.items():
        whole = page(reader, parameters, p_limit=100)
        assert len(whole) >= 30, reader
        assert _walk(partial(by_offset, reader, parameters)) == whole, reader
        assert _walk(partial(by_keyset, reader, variant, parameters)) == whole, variant


def test_limits_and_offsets_of_any_size_are_answered(readers, page):
    for reader, (_, parameters) in readers.items():
        whole = page(reader, parameters, p_limit=100)
        for limit in (0, -1, -(2**31)):
            assert page(reader, parameters, p_limit=limit) == [], reader
        for limit in (1_000_000, 2**31 - 1):
            assert page(reader, parameters, p_limit=limit) == whole, reader
        for offset in (0, -1, -(2**31), None):
            assert page(reader, parameters, p_limit=100, p_offset=offset) == whole, reader
        assert page(reader, parameters, p_limit=2**31 - 1, p_offset=2**31 - 1) == [], reader
        assert page(reader, parameters, p_limit=None) == whole[: len(page(reader, parameters))], reader
