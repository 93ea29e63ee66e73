"""Short ways to put rows in, to get values out, and to run statements at the same time."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from psycopg import sql

from fowergram_db.database.connection import connect


@pytest.fixture
def value(db):
    """Run a query and return the first column of its first row."""

    def ask(query: str, *parameters):
        return db.execute(query, parameters or None).fetchone()[0]

    return ask


@pytest.fixture
def column(db):
    """Run a query and return its first column as a list."""

    def ask(query: str, *parameters) -> list:
        return [row[0] for row in db.execute(query, parameters or None)]

    return ask


@pytest.fixture
def add(db):
    """Insert one row and return its id: ``add("posts", user_id=author)``."""

    def add_row(table: str, **columns) -> UUID:
        query = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
        )
        return db.execute(query, list(columns.values())).fetchone()[0]

    return add_row


@pytest.fixture
def change(db):
    """Update the row with this id: ``change("posts", post, is_archived=True)``."""

    def change_row(table: str, row: UUID, **columns) -> None:
        assignments = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns]
        query = sql.SQL("UPDATE {} SET {} WHERE id = %s").format(sql.Identifier(table), sql.SQL(", ").join(assignments))
        db.execute(query, [*columns.values(), row])

    return change_row


@pytest.fixture
def make_user(add):
    """Insert a user of this name."""

    def make(name: str, **columns) -> UUID:
        return add("users", **{"email": f"{name}@example.com", "username": name} | columns)

    return make


@pytest.fixture
def follow(add):
    """Let one user follow another; pending where the account is private, as in the app."""

    def make(follower: UUID, following: UUID, **columns) -> UUID:
        return add("follows", follower_id=follower, following_id=following, **columns)

    return make


@pytest.fixture
def make_post(add):
    """Insert a post of this author."""

    def make(author: UUID, **columns) -> UUID:
        return add("posts", user_id=author, **columns)

    return make


@pytest.fixture
def make_story(add):
    """Insert a story of this author."""

    def make(author: UUID, **columns) -> UUID:
        return add("stories", **{"user_id": author, "media_url": "https://example.com/story.jpg"} | columns)

    return make


@pytest.fixture
def tag(add, column):
    """Tag a post with a hashtag and return the hashtag's id."""

    def make(post: UUID, name: str) -> UUID:
        known = column("SELECT id FROM hashtags WHERE name = %s", name)
        hashtag = known[0] if known else add("hashtags", name=name)
        add("post_hashtags", post_id=post, hashtag_id=hashtag)
        return hashtag

    return make


@pytest.fixture
def other(target):
    """Another session, which does not wait for long."""
    with connect(target) as session:
        session.execute("SET lock_timeout = '5s'")
        yield session


@pytest.fixture
def later(other):
    """Run a statement in the other session and do not wait for it."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda query, *parameters: pool.submit(other.execute, query, parameters or None)


@pytest.fixture
def until_it_waits(value, other):
    """Wait until the other session waits for a lock; fail if its statement ends before."""

    def until(statement) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
        while value(query, other.info.backend_pid) == 0:
            assert not statement.done(), statement.result()

    return until
