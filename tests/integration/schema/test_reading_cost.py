"""What a reader costs depends on what it shows, and not on how many accounts a viewer has blocked or is blocked by."""

import pytest

_SMALL, _LARGE = 1_000, 8_000
_ROWS = """
    INSERT INTO users (email, username, full_name)
    SELECT format('a%1$s@example.com', n), format('author%s', n), 'Hello ' || n FROM generate_series(1, 60) AS n;
    INSERT INTO users (email, username)
    SELECT format('o%1$s@example.com', n), format('other%s', n) FROM generate_series(1, {large}) AS n;
    INSERT INTO users (email, username)
    SELECT format('%s@example.com', v), v
    FROM unnest('{{quiet,blocked_few,blocked,blocking_few,blocking}}'::text[]) AS v;
    CREATE TEMP VIEW author AS SELECT * FROM users WHERE username LIKE 'author%';
    CREATE TEMP VIEW viewer AS SELECT * FROM users WHERE username !~ '[0-9]';
    INSERT INTO blocks (blocker_id, blocked_id)
    SELECT o.id, v.id FROM users AS v, users AS o
    WHERE o.username LIKE 'other%' AND (v.username, ltrim(o.username, 'other')::int <= {small})
        IN (('quiet', o.username = 'other1'), ('blocked_few', true), ('blocked', true), ('blocked', false));
    INSERT INTO blocks (blocker_id, blocked_id)
    SELECT v.id, o.id FROM users AS v, users AS o
    WHERE o.username LIKE 'other%' AND (v.username, ltrim(o.username, 'other')::int <= {small})
        IN (('quiet', o.username = 'other1'), ('blocking_few', true), ('blocking', true), ('blocking', false));
    INSERT INTO follows (follower_id, following_id)
    SELECT f.id, a.id FROM users AS f, author AS a WHERE f.username !~ 'other' AND f.id <> a.id
    ORDER BY a.username;
    WITH known AS (
        INSERT INTO users (email, username)
        SELECT format('k%1$s@example.com', n), format('known%s', n) FROM generate_series(1, 30) AS n RETURNING id)
    INSERT INTO follows (follower_id, following_id) SELECT a.id, known.id FROM author AS a, known;
    INSERT INTO posts (user_id, caption, created_at)
    SELECT a.id, 'hello ' || n, now() - n * interval '1 minute' FROM author AS a, generate_series(1, 3) AS n;
    INSERT INTO comments (user_id, post_id, content, created_at)
    SELECT a.id, p.id, 'hello', now() - n * interval '1 minute'
    FROM author AS a, (SELECT id FROM posts ORDER BY created_at LIMIT 1) AS p, generate_series(1, 3) AS n;
    INSERT INTO comments (user_id, post_id, parent_id, content)
    SELECT a.id, c.post_id, c.id, 'hello' FROM author AS a, (SELECT * FROM comments ORDER BY id LIMIT 1) AS c;
    INSERT INTO stories (user_id, media_url, audience)
    SELECT a.id, 'a.jpg', s FROM author AS a, unnest('{{public,close_friends}}'::text[]) AS s;
    INSERT INTO close_friends (user_id, friend_id) SELECT a.id, v.id FROM author AS a, viewer AS v;
    INSERT INTO highlights (user_id, title) SELECT id, 'hello' FROM author;
    INSERT INTO highlight_stories (highlight_id, story_id)
    SELECT h.id, s.id FROM highlights AS h JOIN stories AS s USING (user_id);
    INSERT INTO reels (user_id, video_url) SELECT id, 'a.mp4' FROM author;
    WITH made AS (
        INSERT INTO conversations (is_group, created_by) SELECT true, id FROM viewer RETURNING id, created_by)
    INSERT INTO conversation_participants (conversation_id, user_id)
    SELECT m.id, m.created_by FROM made AS m UNION ALL SELECT m.id, a.id FROM made AS m, author AS a;
    INSERT INTO messages (conversation_id, sender_id, content)
    SELECT p.conversation_id, p.user_id, 'hello' FROM conversation_participants AS p, generate_series(1, 3);
"""
# The values of the other arguments, by their names.
_VALUES = {
    "p_user_id": "(SELECT id FROM author ORDER BY username LIMIT 1)",
    "p_username": "'author1'",
    "p_query": "'hello'",
    "p_post_id": "(SELECT post_id FROM comments LIMIT 1)",
    "p_comment_id": "(SELECT parent_id FROM comments WHERE parent_id IS NOT NULL LIMIT 1)",
    "p_highlight_id": "(SELECT h.id FROM highlights AS h JOIN author AS a ON a.id = h.user_id LIMIT 1)",
    "p_conversation_id": "(SELECT id FROM conversations WHERE created_by = {viewer})",
}
_READERS = """
    SELECT p.proname, p.proargnames[1 : p.pronargs - p.pronargdefaults]
    FROM pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace AND p.provolatile = 's' AND p.proretset AND p.prokind = 'f'
      AND (p.proargnames[1] = 'p_viewer_id' OR p.proname ~ '^get_' AND p.proargnames[1] = 'p_user_id')
      AND p.pronargs > 1 - (p.proname ~ '^get_')::int
    ORDER BY p.proname
"""


@pytest.fixture
def populated(db):
    db.execute(_ROWS.format(small=_SMALL, large=_LARGE))
    return db


def _calls(db, viewer: str) -> dict[str, str]:
    """Return for each reader the call of it that shows something to this viewer."""
    user = f"'{db.execute('SELECT id FROM users WHERE username = %s', (viewer,)).fetchone()[0]}'::uuid"
    calls = {}
    for reader, names in db.execute(_READERS):
        values = [user]
        for name in names[1:]:
            known = _VALUES.get(name)
            found = db.execute(f"SELECT {known.format(viewer=user)}").fetchone()[0] if known else None
            values.append("NULL" if found is None else f"'{found}'")
        calls[reader] = f"SELECT * FROM public.{reader}({', '.join(values)})"
    return calls


def _buffers(db, query: str, *, is_generic: bool) -> int:
    db.execute(f"PREPARE reading AS {query}")
    db.execute(f"SET LOCAL plan_cache_mode = {'force_generic_plan' if is_generic else 'force_custom_plan'}")
    try:
        for _ in range(2):
            plan = db.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE reading").fetchone()[0][0]["Plan"]
    finally:
        db.execute("DEALLOCATE reading")
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["without statistics", "analyzed"])
@pytest.mark.parametrize("side", ["blocked", "blocking"])
def test_no_reader_reads_all_blocks_of_a_viewer(populated, side, is_analyzed):
    if is_analyzed:
        populated.execute("ANALYZE")
    quiet, few, many = (_calls(populated, viewer) for viewer in ("quiet", f"{side}_few", side))
    assert len(many) > 25
    for reader, call in many.items():
        for is_generic in (False, True):
            base = _buffers(populated, quiet[reader], is_generic=is_generic)
            small = _buffers(populated, few[reader], is_generic=is_generic)
            large = _buffers(populated, call, is_generic=is_generic)
            # An index that is a level deeper, and pages that this transaction has changed and not yet cleaned up.
            assert large <= small * 1.1 + 30, reader
            assert large <= base * 1.5 + 60, reader


def test_readers_show_something_and_the_same_to_all_of_these_viewers(populated):
    quiet, *others = (_calls(populated, viewer) for viewer in ("quiet", "blocked", "blocking"))
    for reader, call in quiet.items():
        count = len(populated.execute(call).fetchall())
        assert count > 0, call
        for other in others:
            assert len(populated.execute(other[reader]).fetchall()) == count, other[reader]
