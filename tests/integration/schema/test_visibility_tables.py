"""Every cell of the tables of docs/visibility.md, asked of every reader in its row."""

import re
from pathlib import Path

import pytest

_PAGE = (Path(__file__).resolve().parents[3] / "docs/visibility.md").read_text(encoding="utf-8")
_YES, _NEVER = "yes", "–"

# Ids that are distinguished at a glance: the author, the viewers, others, and what they have made.
_IDS = {name: f"00000000-0000-4000-8000-00000000000{digit}" for name, digit in zip(
    ("author", "viewer", "other", "friend", "post", "elsewhere", "comment", "remark", "highlight"), "123456789",
    strict=True)}  # fmt: skip
_ANONYMOUS = "00000000-0000-4000-8000-0000000000ff"

# The author has one of everything; everyone but the anonymous viewer follows a friend, who follows the author.
_WORLD = """
INSERT INTO users (id, email, username) VALUES
    ({author}, 'author@example.com', 'author'), ({viewer}, 'viewer@example.com', 'viewer'),
    ({other}, 'other@example.com', 'other'), ({friend}, 'friend@example.com', 'friend');
INSERT INTO follows (follower_id, following_id) VALUES
    ({viewer}, {friend}), ({author}, {friend}), ({friend}, {author});
INSERT INTO posts (id, user_id, caption) VALUES
    ({post}, {author}, 'the caption'), ({elsewhere}, {other}, 'another caption');
INSERT INTO hashtags (name) VALUES ('thetag');
INSERT INTO post_hashtags (post_id, hashtag_id) SELECT {post}, id FROM hashtags;
INSERT INTO comments (id, user_id, post_id, parent_id, content) VALUES
    ({comment}, {other}, {post}, NULL, 'a comment'), (DEFAULT, {other}, {post}, {comment}, 'a reply'),
    ({remark}, {other}, {elsewhere}, NULL, 'a remark'), (DEFAULT, {author}, {elsewhere}, {remark}, 'a reply'),
    (DEFAULT, {author}, {elsewhere}, NULL, 'a comment of the author');
INSERT INTO reels (user_id, video_url) VALUES ({author}, 'a.mp4');
INSERT INTO music_tracks (title, artist) VALUES ('the song', 'a');
INSERT INTO stories (user_id, media_url, audience, music_track_id)
SELECT {author}, 'a.jpg', audience, m.id
FROM music_tracks AS m, unnest(ARRAY['public', 'followers', 'close_friends']) AS audience;
INSERT INTO highlights (id, user_id, title) VALUES ({highlight}, {author}, 'summer');
INSERT INTO highlight_stories (highlight_id, story_id) SELECT {highlight}, id FROM stories;
"""

# What a row of a table looks for in the result of its readers, and arguments of its own.
_AUTHORS = "row.user_id = {author}"
_LOOKS_FOR = {
    "profile": _AUTHORS,
    "posts": _AUTHORS,
    "posts in the home feed": _AUTHORS,
    "others' comments on the posts": "row.user_id = {other}",
    "comments on others' posts": _AUTHORS,
    "reels": _AUTHORS,
    "highlights": _AUTHORS,
    "public stories": "row.audience = 'public'",
    "stories for followers": "row.audience = 'followers'",
    "stories for close friends": "row.audience = 'close_friends'",
    "stories in the list of close friends'": _AUTHORS,
    "stories while they run": _AUTHORS,
    "stories in a highlight": _AUTHORS,
    "the account as a suggestion": _AUTHORS,
    "hashtags of the posts, trending": "row.name = 'thetag'",
    "hashtags of the posts, by name": "row.name = 'thetag'",
    "songs of the stories": "row.title = 'the song'",
}
_ARGUMENTS = {
    "p_viewer_id": "{viewer_id}", "p_user_id": "{author}", "p_post_id": "{post}", "p_comment_id": "{comment}",
    "p_highlight_id": "{highlight}", "p_username": "'AUTHOR'", "p_query": "'cap'", "p_limit": "100",
}  # fmt: skip
_OF_ITS_OWN = {
    "comments on others' posts": {"p_post_id": "{elsewhere}", "p_comment_id": "{remark}"},
    "search_users": {"p_query": "'uthor'"},
    "search_hashtags": {"p_query": "'heta'"},
    # These are asked by the viewer about the viewer.
    "get_user_feed": {"p_user_id": "{viewer_id}"},
    "get_user_suggestions": {"p_user_id": "{viewer_id}"},
    "get_close_friends_stories": {"p_user_id": "{viewer_id}"},
}  # fmt: skip

_FOLLOWS = "INSERT INTO follows (follower_id, following_id) VALUES ({viewer}, {author});"
_ACCEPTED = "UPDATE follows SET accepted_at = now();"
_LISTED = "INSERT INTO close_friends (user_id, friend_id) VALUES ({author}, {viewer});"
_BLOCKS = (
    "INSERT INTO blocks (blocker_id, blocked_id) VALUES ({author}, {viewer});",
    "INSERT INTO blocks (blocker_id, blocked_id) VALUES ({viewer}, {author});",
)

# What a column of a table stands for, as (viewer, what has happened): each of several ways must give the same answer.
_VIEWERS = {
    "anonymous": [("NULL", ""), (f"'{_ANONYMOUS}'", "")],
    "stranger": [("{viewer}", "")],
    "requested": [("{viewer}", _FOLLOWS)],
    "follower": [("{viewer}", _FOLLOWS + _ACCEPTED)],
    "on the list": [("{viewer}", _LISTED)],
    "follower on the list": [("{viewer}", _FOLLOWS + _ACCEPTED + _LISTED)],
    "blocked": [("{viewer}", _FOLLOWS + _ACCEPTED + _LISTED + block) for block in _BLOCKS],
    "the author": [("{author}", _LISTED)],
}
_STATES = {
    "author deleted": "UPDATE users SET deleted_at = now() WHERE id = {author}",
    "author deactivated": "UPDATE users SET is_active = false WHERE id = {author}",
    "post deleted": "UPDATE posts SET deleted_at = now() WHERE id = {post}",
    "post archived": "UPDATE posts SET is_archived = true WHERE id = {post}",
    "comment deleted": "UPDATE comments SET deleted_at = now()",
    "story ended": "UPDATE stories SET expires_at = now()",
}
# The author is not in the author's own feed, nor on the author's own list.
_NOT_FOR_THE_AUTHOR = frozenset({"get_user_feed", "get_close_friends_stories"})


def _tables() -> list[list[dict[str, str]]]:
    """The tables of the page, each as its rows by the names of the columns."""
    found = []
    for block in re.findall(r"^\|.*?(?=^[^|]|\Z)", _PAGE, re.DOTALL | re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.strip().splitlines())
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


_PUBLIC, _PRIVATE, _BY_STATE, _CONVERSATIONS = _tables()


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def _base(reader: str) -> str:
    """The reader whose keyset variant this one is, if it is one."""
    return re.sub(r"_(before|after)$", "", reader)


def _sql(text: str, **more: str) -> str:
    return text.format(**{name: f"'{value}'" for name, value in _IDS.items()}, **more)


@pytest.fixture
def signatures(db):
    """The names of the parameters of each reader, without what it returns."""
    query = r"""
        SELECT p.proname, p.proargnames[1:p.pronargs] FROM pg_proc AS p
        WHERE p.pronamespace = 'public'::regnamespace AND p.proname ~ '^(get|search)_' AND p.proretset"""
    return dict(db.execute(query).fetchall())


@pytest.fixture
def world(db):
    db.execute(_sql(_WORLD))
    return db


@pytest.fixture
def shown(world, signatures):
    """Return which readers of a row, keyset variants among them, show what the row is about to a viewer."""

    def ask(row: dict[str, str], viewer: str) -> dict[str, bool]:
        what = row["what"]
        names = _names(row["read with"])
        variants = [name for name in signatures if _base(name) in names]
        assert set(names) <= set(variants), f"no such reader: {names}"
        answers = {}
        for name in variants:
            own = _OF_ITS_OWN.get(_base(name), {}) | _OF_ITS_OWN.get(what, {})
            values = _ARGUMENTS | own
            # Where a keyset begins, or where the argument has no meaning for the visibility: NULL.
            given = [f"{p} => {values.get(p, 'NULL')}" for p in signatures[name]]
            query = f"SELECT EXISTS (SELECT FROM {name}({', '.join(given)}) AS row WHERE {_LOOKS_FOR[what]})"
            answers[name] = world.execute(_sql(query, viewer_id=_sql(viewer))).fetchone()[0]
        return answers

    return ask


@pytest.fixture
def mismatches(world, shown):
    """Compare a cell with what its readers answer once something has happened, which is undone again."""

    def compare(row: dict[str, str], column: str, viewer: str, happened: str, but: frozenset[str] = frozenset()):
        assert row[column] in (_YES, _NEVER)
        with world.transaction(force_rollback=True):
            world.execute(_sql(happened))
            answers = shown(row, viewer)
        return [
            f"{row['what']}, {column}: {name} {'shows it' if answer else 'does not show it'}"
            for name, answer in answers.items()
            if answer != (row[column] == _YES) and _base(name) not in but
        ]

    return compare


@pytest.mark.parametrize(
    ("table", "before"),
    [(_PUBLIC, ""), (_PRIVATE, "UPDATE users SET is_private = true WHERE id = {author};")],
    ids=["public", "private"],
)
def test_each_viewer_is_shown_of_an_account_what_the_table_says(table, before, mismatches):
    wrong = [
        mismatch
        for row in table
        for column in list(row)[2:]
        for viewer, happened in _VIEWERS[column]
        for mismatch in mismatches(row, column, viewer, before + happened)
    ]
    assert wrong == []


def test_each_state_hides_what_the_table_says(mismatches):
    follows = _FOLLOWS + _LISTED
    wrong = [
        mismatch
        for row in _BY_STATE
        for column in list(row)[2:]
        for viewer, but in (("{viewer}", frozenset()), ("{author}", _NOT_FOR_THE_AUTHOR))
        for mismatch in mismatches(row, column, viewer, follows + _STATES[column], but)
    ]
    assert wrong == []


def test_every_reader_that_takes_a_viewer_is_in_a_table(signatures):
    named = {name for table in (_PUBLIC, _PRIVATE, _BY_STATE) for row in table for name in _names(row["read with"])}
    named |= {name for name in _names(" ".join(_CONVERSATIONS[0])) if name in signatures} | {
        "get_conversation_messages"
    }
    assert {_base(name) for name in signatures} == named


# Three took part: the viewer, a sender, and one whom the viewer has blocked, or who has blocked the viewer.
_TALK = """
INSERT INTO conversations (id) VALUES ({post});
INSERT INTO conversation_participants (conversation_id, user_id)
SELECT {post}, unnest(ARRAY[{viewer}, {friend}, {other}]::uuid[]);
INSERT INTO messages (conversation_id, sender_id, content, created_at) VALUES
    ({post}, {other}, 'of a blocked one', now() - interval '4 days'),
    ({post}, {friend}, 'older', now() - interval '3 days'),
    ({post}, {friend}, 'newer', now() - interval '1 day');
INSERT INTO blocks (blocker_id, blocked_id) VALUES ({blocker}, {blocked});
"""
_LEAVES = "UPDATE conversation_participants SET left_at = now() - interval '2 days' WHERE user_id = {viewer};"
_COMES_BACK = "UPDATE conversation_participants SET left_at = NULL, joined_at = now() WHERE user_id = {viewer}"
_MEMBERSHIPS = {
    "takes part": "",
    "takes part, has archived it":
        "INSERT INTO conversation_archives (conversation_id, user_id) VALUES ({post}, {viewer})",
    "takes part, it is archived for all": "UPDATE conversations SET is_archived = true",
    "has left": _LEAVES,
    "has left and come back": _LEAVES + _COMES_BACK,
    "never took part": "DELETE FROM conversation_participants WHERE user_id = {viewer}",
    "anonymous": "",
    "takes part, is deleted": "UPDATE users SET deleted_at = now() WHERE id = {viewer}",
    "takes part, is deactivated": "UPDATE users SET is_active = false WHERE id = {viewer}",
}  # fmt: skip
_LISTS = "SELECT EXISTS (SELECT FROM {reader}({viewer_id}, p_archived => {archived}{more}))"
_SAYS = "SELECT EXISTS (SELECT FROM {reader}({viewer_id}, {post}{more}) AS row WHERE row.content = '{content}')"
_ASKED_OF_A_CONVERSATION = {
    "`get_conversations`": (_LISTS, {"archived": "false"}),
    "`get_conversations`, archived": (_LISTS, {"archived": "true"}),
    "older messages": (_SAYS, {"content": "older"}),
    "newer messages": (_SAYS, {"content": "newer"}),
    "messages of blocked users": (_SAYS, {"content": "of a blocked one"}),
}


@pytest.mark.parametrize("blocker", ["viewer", "other"])
@pytest.mark.parametrize("row", _CONVERSATIONS, ids=[row["viewer"] for row in _CONVERSATIONS])
def test_each_viewer_is_shown_of_a_conversation_what_the_table_says(row, blocker, world):
    blocked = "other" if blocker == "viewer" else "viewer"
    world.execute(_sql(_TALK, blocker=f"'{_IDS[blocker]}'", blocked=f"'{_IDS[blocked]}'"))
    world.execute(_sql(_MEMBERSHIPS[row["viewer"]]))
    viewer = f"'{_ANONYMOUS}'" if row["viewer"] == "anonymous" else "{viewer}"
    answers = {"viewer": row["viewer"]}
    for column, (query, given) in _ASKED_OF_A_CONVERSATION.items():
        name = "get_conversations" if query == _LISTS else "get_conversation_messages"
        variants = {name: "", f"{name}_before": ", p_before => NULL, p_before_id => NULL"}
        found = {
            world.execute(_sql(query, viewer_id=_sql(viewer), reader=reader, more=more, **given)).fetchone()[0]
            for reader, more in variants.items()
        }
        answers[column] = " and ".join(_YES if one else _NEVER for one in found)
    assert answers == row
