"""Rules for the whole schema, read from the catalog: a new table that breaks one fails here."""

import pytest

# The tables of the schema, without partitions and the tool's own.
_TABLES = """
    SELECT oid, relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> 'schema_migrations'"""
_FUNCTIONS = """
    SELECT p.* FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')"""

# What triggers make of the others: it can be made again, and has no identity of its own.
_DERIVED = {
    "user_stat_slots", "post_stat_slots", "comment_stat_slots", "reel_stat_slots", "igtv_stat_slots",
    "hashtag_trends", "music_track_trends", "reel_trends",
}  # fmt: skip
# Kept at random: not everyone who is shown or knows such a key may know when it was made.
_AT_RANDOM = {"users", "refresh_tokens", "email_verifications", "password_resets"}


def test_the_tables_are_these(column):
    assert set(column(f"SELECT relname FROM ({_TABLES}) AS t")) == {
        "audio_tracks", "blocks", "close_friends", "collection_posts", "collections", "comment_likes", "comments",
        "conversation_archives", "conversation_participants", "conversations", "email_verifications", "feeds",
        "follows", "hashtags", "highlight_stories", "highlights", "igtv_comments", "igtv_likes", "igtv_series",
        "igtv_videos", "likes", "live_comments", "live_stream_viewers", "live_streams", "message_reads", "messages",
        "music_tracks", "notifications", "password_resets", "post_hashtags", "post_media", "post_product_tags",
        "posts", "products", "reel_comments", "reel_likes", "reel_shares", "reels", "refresh_tokens", "saved_posts",
        "saved_reels", "search_history", "stories", "story_poll_votes", "story_polls", "story_question_responses",
        "story_questions", "story_reactions", "story_views", "user_activities", "user_mentions", "users",
        "verification_requests", "wishlists",
    } | _DERIVED  # fmt: skip


def test_the_views_are_these(column):
    views = column("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v'")
    assert set(views) == {"user_stats", "post_stats", "comment_stats", "reel_stats", "igtv_stats"}


def test_every_table_has_an_id_in_the_order_of_making_and_its_time_of_making(db):
    defaults = db.execute(f"""
        SELECT relname, attname, pg_get_expr(d.adbin, d.adrelid)
        FROM ({_TABLES}) AS t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnotnull
        JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE attname IN ('id', 'created_at')""").fetchall()
    of = {(table, name): default for table, name, default in defaults}
    for table in {table for table, _, _ in defaults}:
        assert of[table, "created_at"] == "now()"
        assert of[table, "id"] == ("gen_random_uuid()" if table in _AT_RANDOM else "uuid_v7()"), table
    assert {table for table, _, _ in defaults} | _DERIVED == set(_names(db))


def _names(db) -> list[str]:
    return [name for (name,) in db.execute(f"SELECT relname FROM ({_TABLES}) AS t")]


def test_every_foreign_key_has_an_index_that_serves_it(column):
    unserved = column("""
        SELECT conrelid::regclass || '.' || conname FROM pg_constraint c
        WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = c.conrelid AND i.indpred IS NULL AND i.indisvalid
              AND (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey)""")
    assert unserved == []


def test_no_index_repeats_the_beginning_of_another(column):
    repeated = column("""
        SELECT a.indexrelid::regclass || ' in ' || b.indexrelid::regclass
        FROM pg_index a JOIN pg_index b ON a.indrelid = b.indrelid AND a.indexrelid <> b.indexrelid
        JOIN pg_class t ON t.oid = a.indrelid
        JOIN pg_class i ON i.oid = a.indexrelid JOIN pg_class j ON j.oid = b.indexrelid
        WHERE t.relnamespace = 'public'::regnamespace AND i.relam = j.relam AND NOT a.indisunique
          AND a.indexprs IS NULL AND b.indexprs IS NULL
          AND coalesce(pg_get_expr(a.indpred, a.indrelid), '') = coalesce(pg_get_expr(b.indpred, b.indrelid), '')
          AND (b.indkey::text || ' ') LIKE (a.indkey::text || ' %')""")
    assert repeated == []


def test_no_index_holds_a_count(column):
    indexed = column(r"""
        SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
        JOIN pg_class t ON t.oid = i.indrelid
        WHERE t.relnamespace = 'public'::regnamespace AND a.attname ~ '(_count|_votes)$'""")
    assert indexed == []


def test_every_constraint_and_index_is_named_by_the_convention(column):
    endings = {"p": "pkey", "u": "key", "f": "fkey", "c": "check"}
    odd = []
    for kind, ending in endings.items():
        odd += column(
            f"""SELECT conname FROM pg_constraint c JOIN ({_TABLES}) AS t ON t.oid = c.conrelid
            WHERE contype::text = %s AND conname !~ ('^' || t.relname || '_([a-z0-9_]+_)?' || %s || '$')""",
            kind, ending,
        )  # fmt: skip
    odd += column(f"""
        SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
        JOIN ({_TABLES}) AS t ON t.oid = x.indrelid
        WHERE i.relname !~ ('^' || t.relname || CASE WHEN x.indisprimary THEN '_pkey$' WHEN x.indisunique
            THEN '_[a-z0-9_]+_key$' ELSE '_[a-z0-9_]+_idx$' END)""")
    assert odd == []


def test_foreign_keys_and_unique_keys_name_their_columns(column):
    odd = column(f"""
        SELECT conname FROM pg_constraint c JOIN ({_TABLES}) AS t ON t.oid = c.conrelid
        WHERE contype IN ('f', 'u') AND conname NOT LIKE (t.relname || '_' || (
            SELECT string_agg(attname, '_' ORDER BY position)
            FROM unnest(conkey) WITH ORDINALITY AS k (attnum, position)
            JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum) || '_%')""")
    assert odd == []


def test_every_table_and_every_function_is_commented(column):
    assert column(f"SELECT relname FROM ({_TABLES}) AS t WHERE obj_description(oid, 'pg_class') IS NULL") == []
    assert column(f"SELECT proname FROM ({_FUNCTIONS}) AS p WHERE obj_description(oid, 'pg_proc') IS NULL") == []


def test_readers_are_stable_and_parallel_safe_and_can_be_inlined(db):
    readers = db.execute(f"""
        SELECT proname, provolatile::text, proparallel::text, lanname::text, prosecdef, proconfig
        FROM ({_FUNCTIONS}) AS p JOIN pg_language l ON l.oid = p.prolang
        WHERE proname ~ '^(get|visible|search)_.*s?$' AND proname NOT IN ('search_text', 'search_pattern')
        OR proname ~ '_(counts|users|details|for)$|^reachable_user$' AND proname !~ '^(keep|move)_'""").fetchall()
    assert len(readers) == 45
    assert {reader[1:] for reader in readers} == {("s", "s", "sql", False, None)}


@pytest.mark.parametrize(
    "call",
    [
        "get_user_feed(gen_random_uuid())",
        "get_user_suggestions(gen_random_uuid())",
        "get_close_friends_stories(gen_random_uuid())",
        "get_trending_hashtags()",
        "get_trending_music_tracks()",
    ],
)
def test_the_planner_inlines_the_function(call, column):
    call = call.replace("gen_random_uuid()", "'00000000-0000-4000-8000-000000000000'")
    assert not [line for line in column(f"EXPLAIN SELECT * FROM {call}") if "Function Scan" in line]


def test_functions_that_run_as_their_owner_set_a_search_path_and_are_closed_to_public(column):
    loose = column(f"""
        SELECT proname FROM ({_FUNCTIONS}) AS p
        WHERE prosecdef AND (proconfig IS NULL OR proacl IS NULL OR proacl::text LIKE '{{=X%')""")
    assert loose == []
    assert column(f"SELECT count(*) FROM ({_FUNCTIONS}) AS p WHERE prosecdef") != [0]


def test_there_are_partial_composite_and_trigram_indexes(value):
    indexes = "SELECT count(*) FROM pg_indexes WHERE schemaname = 'public' AND indexdef ~ %s"
    assert value(indexes, "gin_trgm_ops") == 3
    assert value(indexes, " WHERE ") > 5
    assert value(indexes, r"btree \([^)]+,[^)]+\)") > 20


def test_thai_text_is_found_by_a_part_of_it_through_the_index(db, add, column):
    hashtag = add("hashtags", name="กินข้าวกับปลา")
    query = "SELECT id FROM hashtags WHERE name LIKE '%ข้าวกับ%'"
    db.execute("SET enable_seqscan = off")
    assert column(query) == [hashtag]
    assert "hashtags_search_idx" in "".join(column(f"EXPLAIN {query}"))


def test_functions_that_are_no_readers_take_everything_from_the_catalog_first(db):
    # A procedure that commits may not set a search_path; those that there are use no operator.
    exposed = db.execute(f"""
        SELECT proname FROM ({_FUNCTIONS}) AS p
        WHERE proconfig IS NULL AND prokind <> 'p'
          AND NOT (prolang = (SELECT oid FROM pg_language WHERE lanname = 'sql')
            AND (provolatile <> 'v' OR proname = 'uuid_v7'))""")
    assert exposed.fetchall() == []
    db.execute("""CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE plpgsql
        AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$""")
    db.execute("SELECT maintain_partitions(9)")
    db.execute("INSERT INTO users (email, username) VALUES ('a@example.com', 'somebody')")


def test_no_function_joins_the_old_rows_of_a_statement_with_the_new_ones(column):
    """Neither has an index, so a plan that was made for one row compares all with all."""
    joined = column(f"""
        SELECT proname FROM ({_FUNCTIONS}) AS p
        WHERE prosrc ~* 'JOIN (old|new)_rows' OR prosrc ~* 'FROM (old|new)_rows( AS \\w+)?, *(old|new)_rows'""")
    assert joined == []
