"""The SQL of docs/using-the-schema.md runs as it is written there, real ids in place of the names in quotes."""

import re
from pathlib import Path

import pytest

_PAGE = Path(__file__).resolve().parents[3] / "docs/using-the-schema.md"
_FUNCTIONS, _POST, _MEDIA, _STORY, _FOLLOW, _REEL, _HIDE, _ERASE, _PARTITIONS = re.findall(
    r"```sql\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL
)
_SIZES = """
SELECT schemaname, tablename,
       pg_size_pretty(pg_total_relation_size(schemaname||'.'||tablename)) as size
FROM pg_tables
WHERE schemaname = 'public'
ORDER BY pg_total_relation_size(schemaname||'.'||tablename) DESC;
"""


@pytest.fixture
def snippet(db):
    """Run a snippet with ids in place of its placeholders: ``snippet(_MEDIA, post=…)``."""

    def run(text: str, **ids):
        for name, row in ids.items():
            text = text.replace(f"'{name}-uuid'", f"'{row}'")
        return db.execute(text)

    return run


def test_the_functions(snippet, make_user):
    snippet(_FUNCTIONS, user=make_user("user"))


def test_a_post_with_media_counts_for_its_author(snippet, make_user, value, column):
    user = make_user("user")
    (post,) = snippet(_POST, user=user).fetchone()
    snippet(_MEDIA, post=post)
    assert value("SELECT post_count FROM user_stats WHERE user_id = %s", user) == 1
    assert column("SELECT media_type FROM post_media WHERE post_id = %s", post) == ["image"]


def test_a_story_with_music_is_typed_ends_in_a_day_and_counts_for_its_song(snippet, make_user, add, db, value):
    snippet(_STORY, user=make_user("user"), track=add("music_tracks", title="song", artist="artist"))
    story = db.execute("SELECT media_type, audience, expires_at - created_at = interval '24 hours' FROM stories")
    assert story.fetchone() == ("video", "followers", True)
    assert value("SELECT usage_count FROM music_tracks") == 1


def test_a_follow_updates_both_counts(snippet, make_user, value):
    user1, user2 = make_user("user1"), make_user("user2")
    snippet(_FOLLOW, user1=user1, user2=user2)
    assert value("SELECT following_count FROM user_stats WHERE user_id = %s", user1) == 1
    assert value("SELECT follower_count FROM user_stats WHERE user_id = %s", user2) == 1


def test_a_reel_counts_for_its_sound(snippet, make_user, add, value):
    snippet(_REEL, user=make_user("user"), audio=add("audio_tracks", title="song", url="https://storage.com/a.mp3"))
    assert value("SELECT usage_count FROM audio_tracks") == 1


def test_an_account_is_hidden_and_then_erased(snippet, make_user, make_post, value):
    user = make_user("user")
    make_post(user)
    snippet(_HIDE, user=user)
    assert value("SELECT count(*) FROM get_profile(NULL, %s)", user) == 0
    snippet(_ERASE, user=user)
    assert value("SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM posts)") == 0


def test_the_table_sizes(snippet):
    sizes = {table: size for _, table, size in snippet(_SIZES)}
    assert {"users", "user_activities", "search_history", "notifications"} <= set(sizes)


def test_partitions_are_kept_ahead(snippet):
    assert snippet(_PARTITIONS).fetchall() == []
