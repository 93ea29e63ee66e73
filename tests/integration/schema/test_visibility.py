"""Who is shown what: every rule, asked of every reader that shows something of a user."""

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
_NOT_AN_ACCEPTED_FOLLOWER = """
    UPDATE users SET is_private = true WHERE id = %(author)s;
    UPDATE follows SET accepted_at = NULL WHERE following_id = %(author)s"""
_PRIVATE_AND_NOT_FOLLOWED = """
    UPDATE users SET is_private = true WHERE id = %(author)s;
    DELETE FROM follows WHERE follower_id = %(viewer)s AND following_id = %(author)s"""
_PRIVATE = "UPDATE users SET is_private = true WHERE id = %(author)s"


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

    def test_it_hides_authors_who_may_not_be_seen(self, is_shown, hidden_after):
        private = {"pending": _NOT_AN_ACCEPTED_FOLLOWER, "private, not followed": _PRIVATE_AND_NOT_FOLLOWED}
        hidden_after(is_shown, _HIDES_THE_AUTHOR | private)

    def test_it_hides_deleted_and_archived_posts(self, is_shown, hidden_after):
        changes = {"deleted": "UPDATE posts SET deleted_at = now()", "archived": "UPDATE posts SET is_archived = true"}
        hidden_after(is_shown, changes)

    def test_it_shows_a_private_author_to_accepted_followers(self, is_shown, happens):
        happens(_PRIVATE)
        assert is_shown()

    def test_it_hides_who_is_not_followed(self, is_shown, hidden_after):
        hidden_after(is_shown, {"unfollowed": "DELETE FROM follows"})

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

    def test_they_hide_accounts_that_may_not_be_seen(self, is_shown, hidden_after):
        hidden_after(is_shown, _HIDES_THE_AUTHOR | {"private": _PRIVATE})

    def test_they_hide_accounts_that_are_followed_or_asked(self, is_shown, hidden_after):
        following = "INSERT INTO follows (follower_id, following_id) VALUES (%(viewer)s, %(author)s)"
        asked = f"{following}; UPDATE follows SET accepted_at = NULL WHERE follower_id = %(viewer)s"
        hidden_after(is_shown, {"followed": following, "asked": asked})

    def test_they_come_only_from_accounts_that_may_be_seen(self, is_shown, hidden_after):
        friend = "(SELECT id FROM users WHERE username = 'friend')"
        changes = {
            "a deleted friend": f"UPDATE users SET deleted_at = now() WHERE id = {friend}",
            "an inactive friend": f"UPDATE users SET is_active = false WHERE id = {friend}",
            "a blocked friend": f"INSERT INTO blocks (blocker_id, blocked_id) VALUES (%(viewer)s, {friend})",
            "a pending follow of a friend": "UPDATE follows SET accepted_at = NULL WHERE follower_id = %(viewer)s",
            "a pending follow by a friend": "UPDATE follows SET accepted_at = NULL WHERE following_id = %(author)s",
        }
        hidden_after(is_shown, changes)

    def test_they_never_hold_the_user(self, people, make_user, follow, column):
        friend = make_user("friend")
        follow(people.viewer, friend)
        follow(friend, people.viewer)
        assert column("SELECT user_id FROM get_user_suggestions(%s)", people.viewer) == []


class TestStories:
    @pytest.fixture
    def can_see(self, value):
        return lambda viewer: value("SELECT count(*) FROM visible_stories(%s)", viewer) == 1

    @pytest.fixture
    def is_shown(self, people, follow, make_story, can_see):
        follow(people.viewer, people.author)
        make_story(people.author)
        return lambda: can_see(people.viewer)

    def test_they_are_hidden_with_their_author(self, is_shown, hidden_after):
        private = {"pending": _NOT_AN_ACCEPTED_FOLLOWER, "private, not followed": _PRIVATE_AND_NOT_FOLLOWED}
        hidden_after(is_shown, _HIDES_THE_AUTHOR | private)

    def test_they_are_hidden_once_expired(self, is_shown, hidden_after):
        hidden_after(is_shown, {"expired": "UPDATE stories SET expires_at = now()"})

    def test_each_audience_sees_its_own(self, people, make_user, make_story, follow, add, can_see, change):
        follower, asking, friend = people.viewer, make_user("asking"), make_user("friend")
        stranger, author = make_user("stranger"), people.author
        story = make_story(author)
        follow(follower, author)
        change("follows", follow(asking, author), accepted_at=None)
        add("close_friends", user_id=author, friend_id=friend)
        sees = {
            "public": {author, follower, asking, friend, stranger, None},
            "followers": {author, follower},
            "close_friends": {author, friend},
        }
        for audience, expected in sees.items():
            change("stories", story, audience=audience)
            everybody = (author, follower, asking, friend, stranger, None)
            assert {viewer for viewer in everybody if can_see(viewer)} == expected, audience

    def test_being_on_the_list_does_not_open_a_private_account(self, people, make_story, add, can_see, change):
        make_story(people.author, audience="close_friends")
        add("close_friends", user_id=people.author, friend_id=people.viewer)
        change("users", people.author, is_private=True)
        assert not can_see(people.viewer)


class TestCloseFriendsStories:
    @pytest.fixture
    def is_shown(self, people, make_story, add, value):
        make_story(people.author, audience="close_friends")
        add("close_friends", user_id=people.author, friend_id=people.viewer)
        return lambda: value("SELECT count(*) FROM get_close_friends_stories(%s)", people.viewer) == 1

    def test_they_are_hidden_with_their_author(self, is_shown, hidden_after):
        hidden_after(is_shown, _HIDES_THE_AUTHOR | {"private": _PRIVATE})

    def test_they_are_hidden_once_expired(self, is_shown, hidden_after):
        hidden_after(is_shown, {"expired": "UPDATE stories SET expires_at = now()"})

    def test_they_are_those_for_close_friends_only(self, is_shown, hidden_after):
        changes = {audience: f"UPDATE stories SET audience = '{audience}'" for audience in ("public", "followers")}
        hidden_after(is_shown, changes)

    def test_they_are_for_who_is_on_the_list_not_for_who_keeps_it(self, is_shown, hidden_after):
        turned = "UPDATE close_friends SET user_id = friend_id, friend_id = user_id"
        hidden_after(is_shown, {"turned": turned, "off the list": "DELETE FROM close_friends"})


class TestTrending:
    """Nobody's blocks matter here: what trends is what anybody may see."""

    _HIDES = {name: change for name, change in _HIDES_THE_AUTHOR.items() if "blocked" not in name} | {
        "private": _PRIVATE
    }

    def test_hashtags_come_from_live_posts_of_visible_accounts(self, people, make_post, tag, value, hidden_after):
        tag(make_post(people.author), "sea")
        changes = self._HIDES | {
            "deleted": "UPDATE posts SET deleted_at = now()",
            "archived": "UPDATE posts SET is_archived = true",
        }
        hidden_after(lambda: value("SELECT count(*) FROM get_trending_hashtags()") == 1, changes)


def test_an_unknown_viewer_sees_public_accounts_only(make_user, column):
    public = make_user("public")
    make_user("private", is_private=True)
    for viewer in ("NULL", "gen_random_uuid()"):
        assert column(f"SELECT user_id FROM visible_users({viewer})") == [public]


def test_the_owner_of_a_private_account_sees_it(make_user, column):
    owner = make_user("owner", is_private=True)
    assert column("SELECT user_id FROM visible_users(%s)", owner) == [owner]
