"""What the readers cost: buffers and server time of each, and of the naive query of some, on the same server."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

_NAIVE = Path(__file__).with_name("naive")
_ROUNDS = 9
# Slow ones are measured less often.
_SLOW_MS = 500.0
# How many times fewer buffers than the naive feed, and from how many follows on.
_FEWER, _FOR_FOLLOWS = 20, 500


@dataclass(frozen=True, slots=True)
class Cost:
    """What one query costs if all its pages are in memory: pages read, and median time in the server."""

    buffers: int
    ms: float
    plan: str


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader with its arguments, its naive query if there is one, and its limits."""

    name: str
    query: str
    naive: str = ""
    most_buffers: int | None = None
    most_ms: float | None = None
    fewer_than_naive: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A reader, what it costs, and what its naive query costs."""

    reader: Reader
    cost: Cost
    naive: Cost | None

    @property
    def failures(self) -> list[str]:
        """The limits that it exceeds."""
        reader, found = self.reader, []
        if reader.most_buffers is not None and self.cost.buffers > reader.most_buffers:
            found.append(f"{reader.name}: {self.cost.buffers} buffers, more than {reader.most_buffers}")
        if reader.most_ms is not None and self.cost.ms > reader.most_ms:
            found.append(f"{reader.name}: {self.cost.ms:.2f} ms, more than {reader.most_ms}")
        if reader.fewer_than_naive and self.naive and self.naive.buffers < reader.fewer_than_naive * self.cost.buffers:
            found.append(f"{reader.name}: not {reader.fewer_than_naive} times fewer buffers than the naive shape")
        return found


def readers(session: psycopg.Connection) -> list[Reader]:
    """Return what is measured, with the ids of the data set."""
    ids = _ids(session)
    return [*_feeds(session, ids), *_among_blocks(ids), *_others(ids)]


def measured(session: psycopg.Connection, reader: Reader) -> Measured:
    """Measure a reader and its naive query."""
    naive = _cost(session, reader.naive) if reader.naive else None
    return Measured(reader, _cost(session, reader.query), naive)


def unequal_feeds(session: psycopg.Connection) -> tuple[int, list[str]]:
    """Compare the feed with the naive one, row for row, for two hundred viewers of every kind."""
    viewers = session.execute("""
        SELECT dataset.user_id(dataset.viewer(kind, 1 + copy * 3))::text
        FROM generate_series(0, 19) AS kind, generate_series(0, 2) AS copy
        UNION ALL
        SELECT dataset.user_id(1 + n * dataset.users() / 140)::text FROM generate_series(0, 139) AS n""").fetchall()
    wrong = []
    for (viewer,) in viewers:
        fast = session.execute(f"SELECT * FROM get_user_feed('{viewer}', 20, 0)".encode()).fetchall()
        if fast != session.execute(naive("feed", viewer=viewer).encode()).fetchall():
            wrong.append(viewer)
    return len(viewers), wrong


def naive(name: str, **ids: str) -> str:
    """Return a naive query with ids in place of their names."""
    text = (_NAIVE / f"{name}.sql").read_text(encoding="utf-8")
    for key, value in ids.items():
        text = text.replace("{" + key + "}", f"'{value}'")
    return text


def _feeds(session: psycopg.Connection, ids: dict[str, str]) -> Iterator[Reader]:
    kinds = {0: ("50 follows", 50), 1: ("500 follows", 500), 2: ("2,000 follows", 2000),
             3: ("200 hyperactive", 200), 4: ("200 dormant", 200)}  # fmt: skip
    for kind, (name, follows) in kinds.items():
        viewer, least = ids[f"viewer{kind}"], _FEWER if follows >= _FOR_FOLLOWS else None
        bound = 6 * follows + 600
        query = f"SELECT * FROM get_user_feed('{viewer}', 20, 0)"
        yield Reader(f"feed, {name}", query, naive("feed", viewer=viewer), bound, None, least)
        at, post = session.execute(
            f"SELECT created_at::text, post_id::text FROM get_user_feed('{viewer}', 1, 179)".encode()
        ).fetchone() or ("infinity", "ffffffff-ffff-ffff-ffff-ffffffffffff")
        query = f"SELECT * FROM get_user_feed_before('{viewer}', '{at}', '{post}')"
        yield Reader(f"feed, {name}, tenth page by keyset", query, "", bound)
        yield Reader(f"feed, {name}, tenth page by offset", f"SELECT * FROM get_user_feed('{viewer}', 20, 180)")


def _among_blocks(ids: dict[str, str]) -> Iterator[Reader]:
    """Yield readers for a viewer whom half of all accounts have blocked, and for one who has blocked a fifth."""
    post = ids["post"]
    for name, viewer in ("blocked by half", ids["blocked"]), ("has blocked a fifth", ids["blocking"]):
        feed = f"SELECT * FROM get_user_feed('{viewer}', 20, 0)"
        yield Reader(f"feed, 50 follows, {name}", feed, naive("feed", viewer=viewer), 1000)
        followee = f"SELECT f.following_id FROM follows AS f WHERE f.follower_id = '{viewer}' LIMIT 1"
        yield Reader(f"profile, {name}", f"SELECT * FROM get_profile('{viewer}', ({followee}))", "", 100, 2.0)
        yield Reader(f"comments, {name}", f"SELECT * FROM get_post_comments('{viewer}', '{post}')", "", 1000, 2.0)
        yield Reader(f"suggestions, {name}", f"SELECT * FROM get_user_suggestions('{viewer}')", "", None, 20.0)


def _others(ids: dict[str, str]) -> list[Reader]:
    viewer, widest, star, post = ids["viewer1"], ids["widest"], ids["celebrity"], ids["post"]
    friend, talk = ids["viewer0"], ids["conversation"]
    return [
        Reader("suggestions, widest account", f"SELECT * FROM get_user_suggestions('{widest}')",
               naive("suggestions", viewer=widest), None, 20.0),
        Reader("trending hashtags", "SELECT * FROM get_trending_hashtags()", naive("trending_hashtags"), None, 2.0),
        Reader("trending songs", "SELECT * FROM get_trending_music_tracks()", "", None, 2.0),
        Reader("trending reels", f"SELECT * FROM get_trending_reels('{viewer}')", "", None, 2.0),
        Reader("stories of close friends", f"SELECT * FROM get_close_friends_stories('{friend}')", "", None, 2.0),
        Reader("profile of a celebrity", f"SELECT * FROM get_profile('{viewer}', '{star}')",
               naive("profile", celebrity=star), None, 2.0),
        Reader("comments, a page of thousands", f"SELECT * FROM get_post_comments('{viewer}', '{post}')",
               naive("comments", post=post), None, 2.0),
        Reader("a post", f"SELECT * FROM get_post('{viewer}', '{post}')"),
        Reader("posts of one account", f"SELECT * FROM get_user_posts('{viewer}', '{star}')"),
        Reader("stories of one account", f"SELECT * FROM get_user_stories('{viewer}', '{star}')"),
        Reader("conversations of one user", f"SELECT * FROM get_conversations('{friend}')"),
        Reader("messages of a conversation", f"SELECT * FROM get_conversation_messages('{friend}', '{talk}')"),
        *_searches(ids),
        Reader("search for a hashtag", "SELECT * FROM search_hashtags('#ทะเล77')"),
    ]  # fmt: skip


def _searches(ids: dict[str, str]) -> Iterator[Reader]:
    """Yield searches for words whose posts are spread in every way that the data set has, and their next pages."""
    viewer = ids["viewer1"]
    words = {
        "a rare word": "ดอกลำดวน", "a common word": "น้ำใส", "a word of the oldest posts": "ลอยกระทง",
        "a word of new posts": "breaking", "a word of private authors": "ความลับ", "a word that no post has": "zzzqqq",
    }  # fmt: skip
    for name, word in words.items():
        yield Reader(f"search, {name}", f"SELECT * FROM search_posts('{viewer}', '{word}')", "", None, 50.0)
        last = f"SELECT %s FROM search_posts('{viewer}', '{word}') ORDER BY created_at, post_id LIMIT 1"
        key = f"({last % 'created_at'}), ({last % 'post_id'})"
        yield Reader(f"search, {name}, both pages", f"SELECT * FROM search_posts_before('{viewer}', '{word}', {key})")
    hidden = f"SELECT * FROM search_posts('{ids['blocked']}', 'hidden')"
    yield Reader("search, a word of blocked authors", hidden, "", None, 50.0)
    for name, query in ("a name", "user777"), ("a beginning of all names", "user"), ("a common name", "สมชาย"):
        yield Reader(f"search for {name}", f"SELECT * FROM search_users('{viewer}', '{query}')", "", None, 50.0)


def _ids(session: psycopg.Connection) -> dict[str, str]:
    row = session.execute("""
        SELECT
            (SELECT f.follower_id::text FROM follows AS f WHERE f.accepted_at IS NOT NULL
             GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1) AS widest,
            (SELECT f.following_id::text FROM follows AS f JOIN users AS u ON u.id = f.following_id AND u.is_public
             GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1) AS celebrity,
            (SELECT c.post_id::text FROM comments AS c JOIN visible_posts(NULL) AS p ON p.post_id = c.post_id
             GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1) AS post,
            (SELECT p.conversation_id::text FROM conversation_participants AS p
             JOIN messages AS m ON m.conversation_id = p.conversation_id
             WHERE p.user_id = dataset.user_id(dataset.viewer(0, 1)) GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1)
                AS conversation""")
    found = dict(zip([column.name for column in row.description or ()], row.fetchone() or (), strict=True))
    kinds = session.execute("SELECT k, dataset.user_id(dataset.viewer(k, 1))::text FROM generate_series(0, 4) AS k")
    blocks = session.execute("""
        SELECT name, dataset.user_id(dataset.viewer(0, copy))::text
        FROM (VALUES ('blocked', 4), ('blocking', 7)) AS v (name, copy)""")
    return found | {f"viewer{kind}": viewer for kind, viewer in kinds} | dict(blocks.fetchall())


def _cost(session: psycopg.Connection, query: str) -> Cost:
    """Run a query until its pages are in memory, then again and again."""
    first = _explained(session, query)
    again = [_explained(session, query) for _ in range(2 if first["Execution Time"] > _SLOW_MS else _ROUNDS)]
    plan = again[-1]["Plan"]
    text = session.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {query}".encode()).fetchall()
    return Cost(
        plan["Shared Hit Blocks"] + plan["Shared Read Blocks"],
        statistics.median(one["Execution Time"] for one in again),
        "\n".join(line for (line,) in text),
    )


def _explained(session: psycopg.Connection, query: str) -> dict[str, Any]:
    row = session.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {query}".encode()).fetchone()
    return row[0][0] if row else {}
