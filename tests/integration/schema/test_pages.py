"""Pages follow each other without a gap and without a repeat, by offset and by keyset, where times are equal too."""

from functools import partial

import psycopg
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


# Times that differ by a microsecond, across a full millisecond: rounded, they are one time, or the next one.
_MICROSECONDS_APART = """
UPDATE posts SET created_at = date_trunc('hour', now()) + n * interval '1 microsecond' - interval '515 microseconds'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM posts WHERE caption = 'a caption') AS a
WHERE a.id = posts.id;
UPDATE comments SET created_at = date_trunc('hour', now()) + n * interval '1 microsecond' - interval '515 microseconds'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM comments WHERE content <> 'parent') AS a
WHERE a.id = comments.id;
UPDATE stories SET created_at = date_trunc('hour', now()) + n * interval '1 microsecond' - interval '515 microseconds'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM stories) AS a WHERE a.id = stories.id;
UPDATE messages SET created_at = date_trunc('hour', now()) + n * interval '1 microsecond' - interval '515 microseconds'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM messages) AS a WHERE a.id = messages.id;
UPDATE conversations SET last_message_at = now() - interval '1 day' + n * interval '1 microsecond'
FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM conversations) AS a WHERE a.id = conversations.id;
"""


@pytest.fixture
def by_cursor(world):
    """Read the page that follows some rows as a JavaScript client does: it knows JSON and times in milliseconds."""

    def read(variant: str, parameters: list[str], key: str, rows: list[dict]) -> list[dict]:
        values = {name: _ARGUMENTS[name] for name in parameters if name in _ARGUMENTS}
        if variant.startswith("get_user_feed"):
            values["p_user_id"] = _ARGUMENTS["p_viewer_id"]
        begins = [name for name in parameters if name.startswith(("p_before", "p_after"))]
        values |= dict(zip(begins, ("cursor_at(%(cursor)s)", "cursor_id(%(cursor)s)"), strict=True))
        arguments = ", ".join(f"{name} => {value}" for name, value in values.items())
        cursor = rows[-1]["cursor"] if rows else None
        query = f"""SELECT page.*, make_cursor({key}) AS cursor FROM {variant}({arguments}, p_limit => 7) AS page"""
        return world.execute(query, {"cursor": cursor}).fetchall()

    return read


@pytest.mark.parametrize("settings", ["SET TimeZone = 'Asia/Bangkok'", "SET TimeZone = 'UTC'"])
def test_pages_by_cursor_are_the_whole_where_times_differ_by_microseconds(settings, readers, world, page, by_cursor):
    world.execute(_MICROSECONDS_APART)
    world.execute(settings)
    compared = 0
    for reader, (variant, parameters) in readers.items():
        if reader in _SORTED_BY:
            continue
        whole = page(reader, parameters, p_limit=100)
        at = "coalesce(last_message_at, created_at)" if "last_message_at" in whole[0] else "created_at"
        read = partial(by_cursor, variant, parameters, f"{at}, {next(iter(whole[0]))}")
        rows = [{name: value for name, value in row.items() if name != "cursor"} for row in _walk(read)]
        assert rows == whole, variant
        compared += 1
    assert compared == len(readers) - len(_SORTED_BY)


def test_pages_by_milliseconds_are_not_the_whole(world, page):
    """What the cursor is for: the same pages by a time as a JavaScript client rounds it."""
    world.execute(_MICROSECONDS_APART)
    variant, parameters = "get_user_posts_before", ["p_viewer_id", "p_user_id"]
    whole = page("get_user_posts", parameters, p_limit=100)
    first = page(variant, parameters, p_limit=7, p_before=None, p_before_id=None)
    last = first[-1]["created_at"]
    rounded = last.replace(microsecond=last.microsecond // 1000 * 1000)
    second = page(variant, parameters, p_limit=7, p_before=rounded, p_before_id=first[-1]["post_id"])
    assert first + second != whole[:14]


@pytest.mark.parametrize(
    "at", ["2026-12-01 10:00:00.000001+07", "1969-12-31 23:59:59.999999+00", "infinity", "-infinity", "0044-03-15 BC"]
)
def test_a_cursor_holds_every_time_exactly(at, world):
    for zone in ("UTC", "Asia/Bangkok", "America/New_York"):
        world.execute(f"SET TimeZone = '{zone}'; SET DateStyle = 'SQL, DMY'")
        row = world.execute(
            """SELECT cursor, cursor_at(cursor) = %(at)s::timestamptz AS is_same, cursor_id(cursor) = id AS is_same_id
            FROM (SELECT make_cursor(%(at)s, id) AS cursor, id FROM gen_random_uuid() AS id) AS made""",
            {"at": at if "+" in at or "inf" in at else f"{at} UTC"},
        ).fetchone()
        assert row["is_same"], row
        assert row["is_same_id"], row


@pytest.mark.parametrize("malformed", ["", "x", "2026-01-01", "2026-01-01_x", "_", "NaN_" + "0" * 32])
def test_a_malformed_cursor_is_an_error_of_the_data(malformed, world):
    with pytest.raises(psycopg.DataError):
        world.execute("SELECT * FROM get_user_feed_before(NULL, cursor_at(%(c)s), cursor_id(%(c)s))", {"c": malformed})
