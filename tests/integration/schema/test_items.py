"""What each reader returns for a profile, a comment, a message, a conversation, a highlight, a story and a reel."""

import pytest
from psycopg.rows import dict_row


@pytest.fixture
def rows(db):
    """Run a query; return its rows as dictionaries, times left out."""

    def ask(query: str, *parameters) -> list[dict]:
        with db.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(query, parameters or None).fetchall()
        return [{name: value for name, value in row.items() if not name.endswith("_at")} for row in found]

    return ask


@pytest.fixture
def row(rows):
    """As rows, of the only row."""

    def ask(query: str, *parameters) -> dict:
        (found,) = rows(query, *parameters)
        return found

    return ask


class TestProfile:
    @pytest.fixture
    def author(self, make_user):
        return make_user("author", full_name="An Author", bio="hello", avatar="a.jpg", website="https://example.com")

    @pytest.fixture
    def viewer(self, make_user):
        return make_user("viewer")

    def test_it_has_what_the_account_says_and_its_counts(self, author, viewer, follow, make_post, row):
        follow(viewer, author)
        for archived in (False, False, True):
            make_post(author, is_archived=archived)
        expected = {
            "user_id": author, "username": "author", "full_name": "An Author", "bio": "hello", "avatar": "a.jpg",
            "website": "https://example.com", "is_private": False, "is_verified": False, "post_count": 2,
            "follower_count": 1, "following_count": 0, "is_following": True, "is_requested": False,
            "is_follower": False, "can_see_content": True,
        }  # fmt: skip
        assert row("SELECT * FROM get_profile(%s, %s)", viewer, author) == expected
        assert row("SELECT * FROM get_profile_by_username(%s, 'AUTHOR')", viewer) == expected

    def test_it_says_how_the_two_accounts_are_related(self, author, viewer, follow, change, row):
        def relations() -> list[str]:
            profile = row("SELECT * FROM get_profile(%s, %s)", viewer, author)
            names = ("is_following", "is_requested", "is_follower", "can_see_content")
            return [name for name in names if profile[name]]

        assert relations() == ["can_see_content"]
        change("users", author, is_private=True)
        assert relations() == []
        asked = follow(viewer, author)
        assert relations() == ["is_requested"]
        change("follows", asked, accepted_at="now")
        assert relations() == ["is_following", "can_see_content"]
        follow(author, viewer)
        assert relations() == ["is_following", "is_follower", "can_see_content"]

    def test_a_name_is_found_whatever_its_case_and_that_of_a_deleted_account_not(self, author, change, rows):
        by_name = "SELECT user_id FROM get_profile_by_username(NULL, %s)"
        for name in ("author", "AUTHOR", "ａuthor"):
            assert rows(by_name, name) == [{"user_id": author}]
        change("users", author, deleted_at="now")
        assert rows(by_name, "author") == rows(by_name, "") == rows(by_name, None) == []


class TestComments:
    @pytest.fixture
    def post(self, make_user, make_post):
        return make_post(make_user("author"))

    def test_a_comment_comes_with_its_author_and_counts(self, post, make_user, add, row):
        viewer, writer = make_user("viewer"), make_user("writer", full_name="A Writer")
        comment = add("comments", user_id=writer, post_id=post, content="nice")
        for number in range(3):
            deleted = "now" if number == 2 else None
            reply = {"parent_id": comment, "content": f"reply {number}", "deleted_at": deleted}
            add("comments", user_id=viewer, post_id=post, **reply)
        add("comment_likes", user_id=viewer, comment_id=comment)
        add("comment_likes", user_id=writer, comment_id=comment)
        assert row("SELECT * FROM get_post_comments(%s, %s)", viewer, post) == {
            "comment_id": comment, "post_id": post, "parent_id": None, "user_id": writer, "username": "writer",
            "full_name": "A Writer", "avatar": None, "is_verified": False, "content": "nice", "like_count": 2,
            "reply_count": 2, "is_liked": True,
        }  # fmt: skip
        assert row("SELECT is_liked FROM get_post_comments(NULL, %s)", post) == {"is_liked": False}

    def test_comments_are_newest_first_and_replies_oldest_first(self, post, make_user, add, column):
        writer = make_user("writer")
        first, second = (
            add("comments", user_id=writer, post_id=post, content=content, created_at=at)
            for content, at in (("first", "2026-01-01"), ("second", "2026-01-02"))
        )
        for content, at in (("b", "2026-01-04"), ("a", "2026-01-03")):
            add("comments", user_id=writer, post_id=post, parent_id=first, content=content, created_at=at)
        assert column("SELECT content FROM get_post_comments(NULL, %s)", post) == ["second", "first"]
        assert column("SELECT content FROM get_comment_replies(NULL, %s)", first) == ["a", "b"]
        assert column("SELECT content FROM get_comment_replies(NULL, %s)", second) == []

    def test_replies_to_a_deleted_comment_are_not_shown(self, post, make_user, add, change, column):
        writer = make_user("writer")
        comment = add("comments", user_id=writer, post_id=post, content="nice")
        add("comments", user_id=writer, post_id=post, parent_id=comment, content="a reply")
        change("comments", comment, deleted_at="now")
        assert column("SELECT content FROM get_comment_replies(NULL, %s)", comment) == []


class TestConversations:
    @pytest.fixture
    def people(self, make_user):
        return [make_user(name, full_name=name.title()) for name in ("ann", "bob", "cat")]

    @pytest.fixture
    def talk(self, people, add):
        talk = add("conversations", is_group=True, group_name="friends", created_by=people[0])
        for person, joined in zip(people, ("2026-01-01", "2026-01-03", "2026-01-02"), strict=True):
            add("conversation_participants", conversation_id=talk, user_id=person, joined_at=joined)
        return talk

    @pytest.fixture
    def say(self, talk, add):
        return lambda who, text, **more: add("messages", conversation_id=talk, sender_id=who, content=text, **more)

    def test_a_conversation_lists_the_others_and_its_newest_message(self, people, talk, say, row):
        ann, bob, cat = people
        say(ann, "hello", created_at="2026-02-01")
        newest = say(bob, "bye", created_at="2026-02-02")
        found = row("SELECT * FROM get_conversations(%s)", ann)
        others = [(one["user_id"], one["username"], one["full_name"]) for one in found.pop("participants")]
        assert others == [(str(cat), "cat", "Cat"), (str(bob), "bob", "Bob")]
        assert found == {
            "conversation_id": talk, "is_group": True, "group_name": "friends", "group_image_url": None,
            "last_message_id": newest, "last_message": "bye", "last_message_type": "text", "last_sender_id": bob,
            "is_read": False,
        }  # fmt: skip

    @pytest.mark.usefixtures("talk")
    def test_one_without_messages_counts_as_read(self, people, row):
        found = row("SELECT * FROM get_conversations(%s)", people[0])
        assert (found["last_message_id"], found["is_read"]) == (None, True)

    @pytest.mark.usefixtures("talk")
    def test_a_user_who_left_is_not_among_the_participants(self, db, people, row):
        db.execute("UPDATE conversation_participants SET left_at = now() WHERE user_id = %s", [people[1]])
        found = row("SELECT * FROM get_conversations(%s)", people[0])
        assert [one["username"] for one in found["participants"]] == ["cat"]

    def test_messages_are_newest_first_and_own_ones_are_read(self, people, talk, say, add, rows):
        ann, bob, _ = people
        say(ann, "one", created_at="2026-02-01")
        read = say(bob, "two", created_at="2026-02-02")
        say(bob, "three", created_at="2026-02-03")
        say(bob, "taken back", created_at="2026-02-04", deleted_at="now")
        add("message_reads", message_id=read, user_id=ann)
        found = rows("SELECT content, username, is_read FROM get_conversation_messages(%s, %s)", ann, talk)
        assert [tuple(one.values()) for one in found] == [
            ("three", "bob", False), ("two", "bob", True), ("one", "ann", True),
        ]  # fmt: skip

    def test_the_latest_conversation_comes_first(self, people, talk, say, add, column):
        ann = people[0]
        quiet, loud = add("conversations", created_at="2026-01-01"), add("conversations", created_at="2026-01-02")
        for one in (quiet, loud):
            add("conversation_participants", conversation_id=one, user_id=ann)
        add("messages", conversation_id=loud, sender_id=ann, content="hello", created_at="2026-03-01")
        say(ann, "older", created_at="2026-02-01")
        assert column("SELECT conversation_id FROM get_conversations(%s)", ann) == [loud, talk, quiet]


class TestStoriesAndHighlights:
    def test_highlights_are_in_their_order_with_their_stories_oldest_first(
        self, make_user, make_story, add, rows, column
    ):
        author = make_user("author")
        second, first = (add("highlights", user_id=author, title=t, display_order=n) for t, n in (("b", 1), ("a", 0)))
        new = make_story(author, created_at="2026-02-02", expires_at="2026-02-03")
        old = make_story(author, created_at="2026-02-01", expires_at="2026-02-02")
        for story in (new, old):
            add("highlight_stories", highlight_id=first, story_id=story)
        assert rows("SELECT highlight_id, title, story_count FROM get_user_highlights(NULL, %s)", author) == [
            {"highlight_id": first, "title": "a", "story_count": 2},
            {"highlight_id": second, "title": "b", "story_count": 0},
        ]
        assert column("SELECT story_id FROM get_highlight_stories(NULL, %s)", first) == [old, new]

    def test_stories_are_oldest_first_and_marked_for_who_viewed_them(self, make_user, make_story, add, db):
        author, viewer = make_user("author"), make_user("viewer")
        new, old = make_story(author), make_story(author, created_at="yesterday", expires_at="tomorrow")
        add("story_views", story_id=old, user_id=viewer)
        query = "SELECT story_id, is_viewed FROM get_user_stories(%s, %s)"
        assert db.execute(query, [viewer, author]).fetchall() == [(old, True), (new, False)]
        assert db.execute(query, [author, author]).fetchall() == [(old, False), (new, False)]


class TestReels:
    def test_a_reel_comes_with_its_author_counts_and_what_the_viewer_did(self, make_user, add, row):
        author, viewer = make_user("author", is_verified=True), make_user("viewer")
        sound = add("audio_tracks", title="a sound", url="a.mp3")
        reel = add("reels", user_id=author, video_url="a.mp4", caption="look", audio_track_id=sound, duration=15)
        for user in (author, viewer):
            add("reel_likes", user_id=user, reel_id=reel)
        add("reel_comments", user_id=viewer, reel_id=reel, content="nice")
        add("reel_comments", user_id=viewer, reel_id=reel, content="gone", deleted_at="now")
        add("reel_shares", user_id=viewer, reel_id=reel)
        add("saved_reels", user_id=author, reel_id=reel)
        found = row("SELECT * FROM get_trending_reels(%s)", viewer)
        assert found.pop("score") > 0
        assert found == {
            "reel_id": reel, "user_id": author, "username": "author", "full_name": None, "avatar": None,
            "is_verified": True, "video_url": "a.mp4", "thumbnail_url": None, "caption": "look",
            "audio_track_id": sound, "duration": 15, "width": 1080, "height": 1920, "view_count": 0, "play_count": 0,
            "like_count": 2, "comment_count": 1, "share_count": 1, "save_count": 1, "is_liked": True,
            "is_saved": False,
        }  # fmt: skip
