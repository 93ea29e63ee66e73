"""Who is shown what, beyond the tables of docs/visibility.md: rules that meet, and accounts in between."""

from dataclasses import dataclass
from uuid import UUID

import pytest

# What hides an author from a viewer, wherever the author's things are read.
_HIDES_THE_AUTHOR = {
    "the viewer blocked the author": "INSERT INTO blocks (blocker_id, blocked_id) VALUES (%(viewer)s, %(author)s)",
    "the author blocked the viewer": "INSERT INTO blocks (blocker_id, blocked_id) VALUES (%(author)s, %(viewer)s)",
    "the author was deleted": "UPDATE users SET deleted_at = now() WHERE id = %(author)s",
    "the author is inactive": "UPDATE users SET is_active = false WHERE id = %(author)s",
}


@dataclass(frozen=True)
class Scene:
    """A viewer and an author whose thing a reader shows to the viewer."""

    viewer: UUID
    author: UUID


@pytest.fixture
def people(make_user) -> Scene:
    return Scene(make_user("viewer"), make_user("author"))


@pytest.fixture
def happens(db, people):
    """Run statements in which the viewer and the author have these names."""

    def run(statements: str) -> None:
        for statement in statements.split(";"):
            db.execute(statement, {"viewer": people.viewer, "author": people.author})

    return run


@pytest.fixture
def hidden_after(db, happens):
    """Assert that each of some changes hides what a query showed; every change is undone again."""

    def check(is_shown, changes: dict[str, str]) -> None:
        assert is_shown()
        for name, statements in changes.items():
            with db.transaction(force_rollback=True):
                happens(statements)
                assert not is_shown(), name
        assert is_shown()

    return check


class TestFeed:
    @pytest.fixture
    def is_shown(self, people, follow, make_post, value):
        follow(people.viewer, people.author)
        make_post(people.author)
        return lambda: value("SELECT count(*) FROM get_user_feed(%s)", people.viewer) == 1

    def test_it_skips_a_hidden_newest_post_and_shows_the_next(self, is_shown, make_post, people):
        make_post(people.author, created_at="tomorrow", is_archived=True)
        assert is_shown()

    def test_the_cached_feed_holds_what_the_feed_shows(self, is_shown, hidden_after, people, value):
        assert is_shown()
        hidden_after(lambda: value("SELECT generate_user_feed(%s)", people.viewer) == 1, _HIDES_THE_AUTHOR)


class TestSuggestions:
    @pytest.fixture
    def is_shown(self, people, make_user, follow, value):
        friend = make_user("friend")
        follow(people.viewer, friend)
        follow(friend, people.author)
        return lambda: value("SELECT count(*) FROM get_user_suggestions(%s)", people.viewer) == 1

    def test_they_come_only_from_accounts_that_may_be_seen(self, is_shown, hidden_after):
        friend = "(SELECT id FROM users WHERE username = 'friend')"
        # A follow of a public account is never pending, and private accounts are not suggested.
        private = f"UPDATE users SET is_private = true WHERE id = {friend}"
        pending = "UPDATE follows SET accepted_at = NULL WHERE follower_id = %(viewer)s"
        changes = {
            "a deleted friend": f"UPDATE users SET deleted_at = now() WHERE id = {friend}",
            "an inactive friend": f"UPDATE users SET is_active = false WHERE id = {friend}",
            "a blocked friend": f"INSERT INTO blocks (blocker_id, blocked_id) VALUES (%(viewer)s, {friend})",
            "a pending follow of a friend": f"{private}; {pending}",
            "a private account": "UPDATE users SET is_private = true WHERE id = %(author)s",
        }
        hidden_after(is_shown, changes)

    def test_suggestions_never_contain_the_user(self, people, make_user, follow, column):
        friend = make_user("friend")
        follow(people.viewer, friend)
        follow(friend, people.viewer)
        assert column("SELECT user_id FROM get_user_suggestions(%s)", people.viewer) == []


class TestCloseFriendsStories:
    @pytest.fixture
    def is_shown(self, people, make_story, add, value):
        make_story(people.author, audience="close_friends")
        add("close_friends", user_id=people.author, friend_id=people.viewer)
        return lambda: value("SELECT count(*) FROM get_close_friends_stories(%s)", people.viewer) == 1

    def test_they_are_those_for_close_friends_only(self, is_shown, hidden_after):
        changes = {audience: f"UPDATE stories SET audience = '{audience}'" for audience in ("public", "followers")}
        hidden_after(is_shown, changes)

    def test_they_are_shown_to_the_close_friends_and_not_to_the_owner_of_a_list(self, is_shown, hidden_after):
        turned = "UPDATE close_friends SET user_id = friend_id, friend_id = user_id"
        hidden_after(is_shown, {"turned": turned, "off the list": "DELETE FROM close_friends"})
