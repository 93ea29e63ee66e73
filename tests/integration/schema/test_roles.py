"""The optional roles: what docs/roles.md says that each may, and that setting up and undoing leave the same schema."""

import re
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from fowergram_db.database.sql import sql_root
from fowergram_db.schema.fingerprint import fingerprint

_PAGE = Path(__file__).resolve().parents[3] / "docs/roles.md"
_ROLES = ("fowergram_owner", "fowergram_app", "fowergram_readonly", "fowergram_analyst")
_READERS = r"""
    SELECT p.oid::regproc::text || '(' || repeat('NULL, ', p.pronargs - p.pronargdefaults - 1)
        || CASE WHEN p.pronargs > p.pronargdefaults THEN 'NULL' ELSE '' END || ')'
    FROM pg_proc AS p
    WHERE p.pronamespace = 'public'::regnamespace AND p.proretset
      AND p.proname ~ '^(get|search|visible|reachable)_|^stories_for$'"""
# These read nothing but names and counts of hashtags.
_OF_HASHTAGS = "^(get_trending|search)_hashtags"
_ID = "'00000000-0000-4000-8000-000000000001'"
# One statement for each line of the table.
_STATEMENTS = {
    "migrate, create and drop": ["CREATE TABLE new_thing ()", "DROP TABLE search_history", "TRUNCATE likes"],
    "insert, update and delete rows": [
        f"INSERT INTO posts (user_id) VALUES ({_ID})",
        "UPDATE users SET bio = 'hello'",
        "DELETE FROM posts",
        f"INSERT INTO notifications (user_id, type) VALUES ({_ID}, 'like')",
    ],
    "write counts and trends (`…_stat_slots`, `…_trends`)": [
        "UPDATE post_stat_slots SET like_count = 7",
        "DELETE FROM user_stat_slots",
        "UPDATE hashtag_trends SET score = 7",
    ],
    "count accounts, posts, likes, follows, views and sales": [
        "SELECT count(*), count(u.last_active_at), max(u.username) FROM users AS u",
        "SELECT date_trunc('week', p.created_at), count(*) FROM posts AS p GROUP BY 1",
        "SELECT l.user_id, l.post_id FROM likes AS l",
        "SELECT f.accepted_at IS NULL FROM follows AS f",
        "SELECT s.view_count, s.audience FROM stories AS s",
        "SELECT p.price, p.category FROM products AS p",
        "SELECT * FROM post_stats",
        "SELECT * FROM user_stats",
        "SELECT h.name, h.post_count, t.score FROM hashtags AS h JOIN hashtag_trends AS t ON t.hashtag_id = h.id",
    ],
    "read messages, searches, saved posts, views of stories, blocks, close friends, notifications": [
        "SELECT content FROM messages",
        "SELECT count(*) FROM messages",
        "SELECT id FROM messages",
        "SELECT sender_id, conversation_id FROM messages",
        "SELECT read_at FROM message_reads",
        "SELECT user_id FROM conversation_participants",
        "SELECT group_name FROM conversations",
        "SELECT search_term FROM search_history",
        "SELECT post_id FROM saved_posts",
        "SELECT user_id FROM story_views",
        "SELECT blocked_id FROM blocks",
        "SELECT friend_id FROM close_friends",
        "SELECT message FROM notifications",
        "SELECT metadata FROM user_activities",
        "SELECT response FROM story_question_responses",
        "SELECT option_selected FROM story_poll_votes",
        "SELECT document_urls FROM verification_requests",
        "SELECT product_id FROM wishlists",
        f"SELECT * FROM get_conversations({_ID})",
    ],
    "read e-mail addresses, phone numbers, birthdays, captions, comments, media": [
        "SELECT email FROM users",
        "SELECT phone_number FROM users",
        "SELECT date_of_birth FROM users",
        "SELECT full_name, gender, two_factor_enabled FROM users",
        "SELECT business_info FROM users",
        "SELECT caption FROM posts",
        "SELECT location FROM posts",
        "SELECT content FROM comments",
        "SELECT media_url FROM post_media",
        "SELECT media_url FROM stories",
        "SELECT rtmp_url FROM live_streams",
        "SELECT caption FROM reels",
        "SELECT content FROM live_comments",
        "SELECT p FROM posts AS p",
    ],
    "read `users.hashed_password`, hashes of tokens, `live_streams.stream_key`": [
        "SELECT hashed_password FROM users",
        "SELECT * FROM users",
        "SELECT token_hash FROM refresh_tokens",
        "SELECT token FROM password_resets",
        "SELECT token FROM email_verifications",
        "SELECT stream_key FROM live_streams",
    ],
    "`maintain_partitions()`, `recount()`, `rebase_trends()`": [
        "SELECT * FROM maintain_partitions()",
        "SELECT * FROM recount()",
        "SELECT rebase_trends()",
    ],
    "`cleanup_expired_stories()`, `generate_user_feed()`": [
        "SELECT cleanup_expired_stories()",
        f"SELECT generate_user_feed({_ID})",
    ],
    "write `schema_migrations`": ["DELETE FROM schema_migrations"],
}


def _script(name: str) -> str:
    return (sql_root() / f"roles/{name}.sql").read_text(encoding="utf-8")


@pytest.fixture
def with_roles(db, admin):
    """A database that has the roles; tests of several workers share the names, and so take turns."""
    with _turn(admin):
        db.execute(_script("create"))
        db.execute(f"INSERT INTO users (id, email, username) VALUES ({_ID}, 'ann@example.com', 'ann')")
        yield db
        db.rollback()
        db.execute("RESET ROLE")
        db.execute(_script("drop"))


@contextmanager
def _turn(admin):
    admin.execute("SELECT pg_advisory_lock(4711)")
    try:
        yield
    finally:
        admin.execute("SELECT pg_advisory_unlock(4711)")


@pytest.fixture
def may(with_roles):
    """Say whether a role may run a statement; it is undone."""

    def ask(role: str, statement: str) -> bool:
        try:
            with with_roles.transaction(force_rollback=True):
                with_roles.execute(f"SET LOCAL ROLE {role}")
                with_roles.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    return ask


def _table() -> dict[str, dict[str, str]]:
    lines = [line for line in _PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: dict(zip(_ROLES, row[1:], strict=True)) for row in rows[3:]}


def test_each_role_has_the_rights_that_the_table_shows(may, column):
    table = _table()
    readers = [call for call in column(_READERS) if not re.match(_OF_HASHTAGS, call)]
    statements = _STATEMENTS | {
        "call the readers (`get_…`, `search_…`)": [f"SELECT * FROM {call}" for call in readers]
        + ["SELECT u.*, api.users_posts(u), api.users_stories(u) FROM api.users AS u", "SELECT * FROM api.post_media"]
    }
    assert set(statements) == set(table)
    wrong = [
        f"{role}: {statement}"
        for line, of_line in statements.items()
        for role in _ROLES
        for statement in of_line
        if may(role, statement) != (table[line][role] == "yes")
    ]
    assert wrong == []


@pytest.mark.usefixtures("with_roles")
def test_what_analysts_read_is_on_record(column, recorded):
    """A new table or column changes the record: a person has to decide whether it is private."""
    read = """
        SELECT c.relname || ': ' || string_agg(a.attname, ', ' ORDER BY a.attnum)
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE has_column_privilege('fowergram_analyst', c.oid, a.attnum, 'SELECT') AND NOT c.relispartition
          AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relnamespace::regnamespace::text !~ '^(pg_|information_)'
        GROUP BY c.oid, c.relname ORDER BY c.relname"""
    recorded("analyst", "\n".join(column(read)) + "\n")


def test_analysts_reach_no_partition_and_no_statistics_of_what_they_may_not_read(may, with_roles):
    with_roles.execute("ANALYZE users, messages, user_activities")
    (partition,) = with_roles.execute("SELECT min(inhrelid::regclass::text) FROM pg_inherits").fetchone()
    assert not may("fowergram_analyst", f"SELECT * FROM {partition}")
    with with_roles.transaction(force_rollback=True):
        with_roles.execute("SET LOCAL ROLE fowergram_analyst")
        seen = with_roles.execute("SELECT tablename, attname FROM pg_stats WHERE schemaname = 'public'").fetchall()
    assert ("users", "username") in seen
    assert not {("users", "email"), ("users", "date_of_birth")} & set(seen)
    assert not any(table in ("messages", "search_history", "blocks") for table, _ in seen)


def test_what_the_app_writes_is_counted_though_it_may_not_write_the_counts(with_roles, value):
    with_roles.execute("SET ROLE fowergram_app")
    (post,) = with_roles.execute(f"INSERT INTO posts (user_id) VALUES ({_ID}) RETURNING id").fetchone()
    with_roles.execute(f"INSERT INTO likes (user_id, post_id) VALUES ({_ID}, %s)", [post])
    with_roles.execute("INSERT INTO hashtags (name) VALUES ('sea')")
    with_roles.execute("INSERT INTO post_hashtags (post_id, hashtag_id) SELECT %s, id FROM hashtags", [post])
    assert value("SELECT like_count FROM post_stats") == value("SELECT post_count FROM user_stats") == 1
    assert value("SELECT name FROM get_trending_hashtags()") == "sea"


def test_a_second_run_changes_nothing(with_roles, value):
    rights = """
        SELECT md5(string_agg(c.relname || c.relacl::text || pg_get_userbyid(c.relowner)
            || coalesce((SELECT string_agg(a.attname || a.attacl::text, ',' ORDER BY a.attnum) FROM pg_attribute AS a
                WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL), ''), ',' ORDER BY c.relname))
        FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relacl IS NOT NULL"""
    before = value(rights)
    with_roles.execute(_script("create"))
    assert value(rights) == before


def test_undoing_it_leaves_the_schema_as_it_was(db, admin):
    before = fingerprint(db)
    with _turn(admin):
        db.execute(_script("create"))
        db.execute(_script("drop"))
    assert fingerprint(db) == before
    assert db.execute("SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s)", [list(_ROLES)]).fetchone() == (0,)


def test_an_owner_who_may_create_roles_needs_no_superuser(empty_db, admin, role, target):
    from dataclasses import replace

    from fowergram_db.database.connection import connect
    from fowergram_db.database.sql import shipped_migrations
    from fowergram_db.migrations.files.directory import read_migrations
    from fowergram_db.migrations.migrate import migrate
    from fowergram_db.migrations.run import UpgradeTarget

    admin.execute(f"ALTER ROLE {role} CREATEROLE")
    admin.execute(f"ALTER DATABASE {target.dbname} OWNER TO {role}")
    empty_db.execute(f"ALTER SCHEMA public OWNER TO {role}")
    owner = replace(target, user=role, password="plain password")
    migrate(owner, read_migrations(shipped_migrations()), UpgradeTarget(), lambda _event: None)
    with _turn(admin), connect(owner) as session:
        session.execute(_script("create"))
        assert session.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'users'").fetchone() == (
            "fowergram_owner",
        )
        assert session.execute("SELECT * FROM maintain_partitions(8)").rowcount == 4
        session.execute(_script("drop"))
        empty_db.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")


def test_the_log_ins_of_the_page_can_be_made(with_roles):
    (block,) = re.findall(r"```sql\n(.*?)```", _PAGE.read_text(encoding="utf-8"), re.DOTALL)
    with with_roles.transaction(force_rollback=True):
        with_roles.execute(block)
        for login in ("fowergram_grafana", "fowergram_oncall"):
            with_roles.execute(f"SET LOCAL SESSION AUTHORIZATION {login}")
            with_roles.execute("SELECT * FROM get_trending_hashtags()")
            with_roles.execute("RESET SESSION AUTHORIZATION")
