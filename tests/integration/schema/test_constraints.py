"""What the schema refuses, by the name of the constraint that refuses it."""

import psycopg
import pytest

# One row of each thing that the cases refer to; the letters stand for their ids.
_ROWS = """
INSERT INTO users (id, email, username) VALUES ({a}, 'ann@example.com', 'ann'), ({b}, 'bob@example.com', 'bob');
INSERT INTO follows (follower_id, following_id) VALUES ({a}, {b});
INSERT INTO blocks (blocker_id, blocked_id) VALUES ({a}, {b});
INSERT INTO posts (id, user_id) VALUES ({p}, {a});
INSERT INTO likes (user_id, post_id) VALUES ({b}, {p});
INSERT INTO saved_posts (user_id, post_id) VALUES ({b}, {p});
INSERT INTO comments (id, user_id, post_id, content) VALUES ({c}, {b}, {p}, 'hello');
INSERT INTO comment_likes (user_id, comment_id) VALUES ({a}, {c});
INSERT INTO hashtags (id, name) VALUES ({h}, 'sea');
INSERT INTO post_hashtags (post_id, hashtag_id) VALUES ({p}, {h});
INSERT INTO user_mentions (post_id, mentioned_user_id) VALUES ({p}, {b});
INSERT INTO user_mentions (comment_id, mentioned_user_id) VALUES ({c}, {b});
INSERT INTO stories (id, user_id, media_url) VALUES ({s}, {a}, 'a.jpg');
INSERT INTO story_views (story_id, user_id) VALUES ({s}, {b});
INSERT INTO feeds (user_id, post_id) VALUES ({a}, {p});
INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES ({a}, repeat('a', 64), now());
INSERT INTO email_verifications (user_id, token, expires_at) VALUES ({a}, repeat('c', 64), now());
INSERT INTO password_resets (user_id, token, expires_at) VALUES ({a}, repeat('c', 64), now());
INSERT INTO collections (id, user_id, name) VALUES ({x}, {a}, 'best');
INSERT INTO collection_posts (collection_id, post_id) VALUES ({x}, {p});
INSERT INTO highlights (id, user_id, title) VALUES ({x}, {a}, 'summer');
INSERT INTO highlight_stories (highlight_id, story_id) VALUES ({x}, {s});
INSERT INTO conversations (id) VALUES ({x});
INSERT INTO conversation_participants (conversation_id, user_id) VALUES ({x}, {a});
INSERT INTO conversation_archives (conversation_id, user_id) VALUES ({x}, {a});
INSERT INTO messages (id, conversation_id, sender_id, content) VALUES ({m}, {x}, {a}, 'hello');
INSERT INTO message_reads (message_id, user_id) VALUES ({m}, {b});
INSERT INTO audio_tracks (id, title, url) VALUES ({x}, 'song', 'a.mp3');
INSERT INTO reels (id, user_id, video_url) VALUES ({r}, {a}, 'a.mp4');
INSERT INTO reel_likes (user_id, reel_id) VALUES ({b}, {r});
INSERT INTO reel_comments (id, user_id, reel_id, content) VALUES ({c}, {b}, {r}, 'hello');
INSERT INTO saved_reels (user_id, reel_id) VALUES ({b}, {r});
INSERT INTO live_streams (id, user_id, stream_key) VALUES ({x}, {a}, repeat('a', 64));
INSERT INTO live_stream_viewers (stream_id, user_id) VALUES ({x}, {b});
INSERT INTO igtv_series (id, user_id, title) VALUES ({x}, {a}, 'cooking');
INSERT INTO igtv_videos (id, user_id, title, video_url) VALUES ({v}, {a}, 'soup', 'a.mp4');
INSERT INTO igtv_likes (user_id, video_id) VALUES ({b}, {v});
INSERT INTO products (id, user_id, name, price, sku) VALUES ({x}, {a}, 'shirt', 250, 'S-1');
INSERT INTO post_product_tags (post_id, product_id) VALUES ({p}, {x});
INSERT INTO wishlists (user_id, product_id) VALUES ({b}, {x});
INSERT INTO close_friends (user_id, friend_id) VALUES ({a}, {b});
INSERT INTO music_tracks (id, title, artist) VALUES ({x}, 'song', 'artist');
INSERT INTO story_reactions (story_id, user_id, reaction_type) VALUES ({s}, {b}, 'like');
INSERT INTO story_polls (id, story_id, question, option1, option2) VALUES ({x}, {s}, 'tea?', 'yes', 'no');
INSERT INTO story_poll_votes (poll_id, user_id, option_selected) VALUES ({x}, {b}, 1);
INSERT INTO story_questions (id, story_id, question) VALUES ({q}, {s}, 'why?');
"""
_IDS = {letter: f"'00000000-0000-4000-8000-{ord(letter):012}'" for letter in "abchmpqrsvx"}

_REFUSED = {
    "users_email_format_check": ["UPDATE users SET email = 'no address'"],
    "users_email_key": ["INSERT INTO users (email, username) VALUES ('ANN@Example.com', 'other')"],
    "users_username_key": ["INSERT INTO users (email, username) VALUES ('other@example.com', 'ANN')"],
    "users_phone_number_key": [
        "UPDATE users SET phone_number = '+66 81 234' || CASE username WHEN 'ann' THEN '5678' ELSE '-5678' END"
    ],
    "users_username_length_check": [
        "UPDATE users SET username = 'ab'",
        "UPDATE users SET username = repeat('a', 31)",
    ],
    "users_username_format_check": ["UPDATE users SET username = 'a name'", "UPDATE users SET username = '@name'"],
    "users_phone_number_check": ["UPDATE users SET phone_number = 'call me'"],
    "users_external_links_check": ["UPDATE users SET external_links = '{{}}'"],
    "users_business_info_check": ["UPDATE users SET business_info = '[]'"],
    "follows_no_self_check": ["INSERT INTO follows (follower_id, following_id) VALUES ({a}, {a})"],
    "follows_follower_id_following_id_key": ["INSERT INTO follows (follower_id, following_id) VALUES ({a}, {b})"],
    "blocks_no_self_check": ["INSERT INTO blocks (blocker_id, blocked_id) VALUES ({a}, {a})"],
    "blocks_blocker_id_blocked_id_key": ["INSERT INTO blocks (blocker_id, blocked_id) VALUES ({a}, {b})"],
    "post_media_media_type_check": [
        "INSERT INTO post_media (post_id, media_url, media_type) VALUES ({p}, 'a.mp3', 'audio')"
    ],
    "post_media_dimensions_check": [
        "INSERT INTO post_media (post_id, media_url, media_type, width) VALUES ({p}, 'a.jpg', 'image', 0)",
        "INSERT INTO post_media (post_id, media_url, media_type, height) VALUES ({p}, 'a.jpg', 'image', 0)",
    ],
    "post_media_file_size_check": [
        "INSERT INTO post_media (post_id, media_url, media_type, file_size) VALUES ({p}, 'a.jpg', 'image', -1)"
    ],
    "post_media_duration_check": [
        "INSERT INTO post_media (post_id, media_url, media_type, duration) VALUES ({p}, 'a.mp4', 'video', -1)"
    ],
    "post_media_display_order_check": [
        "INSERT INTO post_media (post_id, media_url, media_type, display_order) VALUES ({p}, 'a.jpg', 'image', -1)"
    ],
    "likes_post_id_user_id_key": ["INSERT INTO likes (user_id, post_id) VALUES ({b}, {p})"],
    "saved_posts_post_id_user_id_key": ["INSERT INTO saved_posts (user_id, post_id) VALUES ({b}, {p})"],
    "comments_content_check": ["UPDATE comments SET content = ' '"],
    "comments_no_self_parent_check": ["UPDATE comments SET parent_id = id"],
    "comment_likes_comment_id_user_id_key": ["INSERT INTO comment_likes (user_id, comment_id) VALUES ({a}, {c})"],
    "hashtags_name_key": ["INSERT INTO hashtags (name) VALUES ('#SEA')"],
    "hashtags_name_check": ["INSERT INTO hashtags (name) VALUES ('#')", "INSERT INTO hashtags (name) VALUES ('a b')"],
    "hashtags_post_count_check": ["UPDATE hashtags SET post_count = -1"],
    "post_hashtags_post_id_hashtag_id_key": ["INSERT INTO post_hashtags (post_id, hashtag_id) VALUES ({p}, {h})"],
    "user_mentions_one_source_check": [
        "INSERT INTO user_mentions (mentioned_user_id) VALUES ({a})",
        "INSERT INTO user_mentions (post_id, comment_id, mentioned_user_id) VALUES ({p}, {c}, {a})",
    ],
    "user_mentions_post_id_mentioned_user_id_key": [
        "INSERT INTO user_mentions (post_id, mentioned_user_id) VALUES ({p}, {b})"
    ],
    "user_mentions_comment_id_mentioned_user_id_key": [
        "INSERT INTO user_mentions (comment_id, mentioned_user_id) VALUES ({c}, {b})"
    ],
    "stories_media_type_check": ["UPDATE stories SET media_type = 'audio'"],
    "stories_duration_check": ["UPDATE stories SET duration = 0"],
    "stories_view_count_check": ["UPDATE stories SET view_count = -1"],
    "stories_audience_check": ["UPDATE stories SET audience = 'nobody'"],
    "stories_music_start_time_check": ["UPDATE stories SET music_start_time = -1"],
    "story_views_story_id_user_id_key": ["INSERT INTO story_views (story_id, user_id) VALUES ({s}, {b})"],
    "notifications_type_check": ["INSERT INTO notifications (user_id, type) VALUES ({a}, '')"],
    "feeds_post_id_user_id_key": ["INSERT INTO feeds (user_id, post_id) VALUES ({a}, {p})"],
    "refresh_tokens_token_hash_check": [
        "UPDATE refresh_tokens SET token_hash = 'the token itself'",
        "UPDATE refresh_tokens SET token_hash = repeat('g', 64)",
    ],
    "refresh_tokens_token_hash_key": [
        "INSERT INTO refresh_tokens (user_id, token_hash, expires_at) VALUES ({b}, repeat('a', 64), now())"
    ],
    "email_verifications_token_check": ["UPDATE email_verifications SET token = 'the token itself'"],
    "email_verifications_token_key": [
        "INSERT INTO email_verifications (user_id, token, expires_at) VALUES ({b}, repeat('c', 64), now())"
    ],
    "password_resets_token_check": ["UPDATE password_resets SET token = 'the token itself'"],
    "password_resets_token_key": [
        "INSERT INTO password_resets (user_id, token, expires_at) VALUES ({b}, repeat('c', 64), now())"
    ],
    "collections_name_check": ["UPDATE collections SET name = ' '"],
    "collections_posts_count_check": ["UPDATE collections SET posts_count = -1"],
    "collections_user_id_name_key": ["INSERT INTO collections (user_id, name) VALUES ({a}, 'best')"],
    "collection_posts_collection_id_post_id_key": [
        "INSERT INTO collection_posts (collection_id, post_id) VALUES ({x}, {p})"
    ],
    "highlights_title_check": ["UPDATE highlights SET title = ''"],
    "highlights_display_order_check": ["UPDATE highlights SET display_order = -1"],
    "highlights_story_count_check": ["UPDATE highlights SET story_count = -1"],
    "highlight_stories_highlight_id_story_id_key": [
        "INSERT INTO highlight_stories (highlight_id, story_id) VALUES ({x}, {s})"
    ],
    "conversation_participants_conversation_id_user_id_key": [
        "INSERT INTO conversation_participants (conversation_id, user_id) VALUES ({x}, {a})"
    ],
    "conversation_archives_conversation_id_user_id_key": [
        "INSERT INTO conversation_archives (conversation_id, user_id) VALUES ({x}, {a})"
    ],
    "messages_message_type_check": ["UPDATE messages SET message_type = 'smell'"],
    "messages_content_check": [
        "INSERT INTO messages (conversation_id, sender_id) VALUES ({x}, {a})",
        "INSERT INTO messages (conversation_id, sender_id, message_type) VALUES ({x}, {a}, 'image')",
    ],
    "message_reads_message_id_user_id_key": ["INSERT INTO message_reads (message_id, user_id) VALUES ({m}, {b})"],
    "audio_tracks_title_check": ["UPDATE audio_tracks SET title = ''"],
    "audio_tracks_duration_check": ["UPDATE audio_tracks SET duration = -1"],
    "audio_tracks_usage_count_check": ["UPDATE audio_tracks SET usage_count = -1"],
    "reels_duration_check": ["UPDATE reels SET duration = -1"],
    "reels_dimensions_check": ["UPDATE reels SET width = 0", "UPDATE reels SET height = 0"],
    "reels_counts_check": ["UPDATE reels SET view_count = -1", "UPDATE reels SET play_count = -1"],
    "reel_likes_reel_id_user_id_key": ["INSERT INTO reel_likes (user_id, reel_id) VALUES ({b}, {r})"],
    "reel_comments_content_check": ["UPDATE reel_comments SET content = ''"],
    "reel_comments_no_self_parent_check": ["UPDATE reel_comments SET parent_id = id"],
    "saved_reels_reel_id_user_id_key": ["INSERT INTO saved_reels (user_id, reel_id) VALUES ({b}, {r})"],
    "user_activities_activity_type_check": ["INSERT INTO user_activities (user_id, activity_type) VALUES ({a}, '')"],
    "search_history_search_type_check": [
        "INSERT INTO search_history (user_id, search_type, search_term) VALUES ({a}, 'dream', 'sea')"
    ],
    "search_history_search_term_check": [
        "INSERT INTO search_history (user_id, search_type, search_term) VALUES ({a}, 'user', ' ')"
    ],
    "live_streams_status_check": ["UPDATE live_streams SET status = 'paused'"],
    "live_streams_stream_key_key": ["INSERT INTO live_streams (user_id, stream_key) VALUES ({b}, repeat('a', 64))"],
    "live_streams_stream_key_check": ["UPDATE live_streams SET stream_key = 'the secret itself'"],
    "live_streams_counts_check": [
        "UPDATE live_streams SET viewer_count = -1",
        "UPDATE live_streams SET max_viewer_count = 0",
    ],
    "live_streams_times_check": ["UPDATE live_streams SET started_at = now(), ended_at = now() - interval '1 hour'"],
    "live_stream_viewers_stream_id_user_id_key": [
        "INSERT INTO live_stream_viewers (stream_id, user_id) VALUES ({x}, {b})"
    ],
    "live_comments_content_check": ["INSERT INTO live_comments (stream_id, user_id, content) VALUES ({x}, {a}, '')"],
    "igtv_series_title_check": ["UPDATE igtv_series SET title = ''"],
    "igtv_series_video_count_check": ["UPDATE igtv_series SET video_count = -1"],
    "igtv_videos_title_check": ["UPDATE igtv_videos SET title = ''"],
    "igtv_videos_duration_check": ["UPDATE igtv_videos SET duration = -1"],
    "igtv_videos_dimensions_check": ["UPDATE igtv_videos SET width = 0", "UPDATE igtv_videos SET height = 0"],
    "igtv_videos_file_size_check": ["UPDATE igtv_videos SET file_size = -1"],
    "igtv_videos_view_count_check": ["UPDATE igtv_videos SET view_count = -1"],
    "igtv_likes_video_id_user_id_key": ["INSERT INTO igtv_likes (user_id, video_id) VALUES ({b}, {v})"],
    "igtv_comments_content_check": ["INSERT INTO igtv_comments (user_id, video_id, content) VALUES ({a}, {v}, '')"],
    "products_name_check": ["UPDATE products SET name = ''"],
    "products_price_check": ["UPDATE products SET price = -0.01", "UPDATE products SET price = 'NaN'"],
    "products_currency_check": ["UPDATE products SET currency = 'baht'"],
    "products_stock_quantity_check": ["UPDATE products SET stock_quantity = -1"],
    "products_user_id_sku_key": ["INSERT INTO products (user_id, name, price, sku) VALUES ({a}, 'hat', 100, 'S-1')"],
    "post_product_tags_coordinates_check": [
        "UPDATE post_product_tags SET x_coordinate = 1.01",
        "UPDATE post_product_tags SET y_coordinate = -0.01",
        "UPDATE post_product_tags SET y_coordinate = 'NaN'",
    ],
    "post_product_tags_post_id_product_id_key": [
        "INSERT INTO post_product_tags (post_id, product_id) VALUES ({p}, {x})"
    ],
    "wishlists_user_id_product_id_key": ["INSERT INTO wishlists (user_id, product_id) VALUES ({b}, {x})"],
    "close_friends_no_self_check": ["INSERT INTO close_friends (user_id, friend_id) VALUES ({a}, {a})"],
    "close_friends_user_id_friend_id_key": ["INSERT INTO close_friends (user_id, friend_id) VALUES ({a}, {b})"],
    "music_tracks_title_check": ["UPDATE music_tracks SET title = ''"],
    "music_tracks_duration_check": ["UPDATE music_tracks SET duration = -1"],
    "music_tracks_usage_count_check": ["UPDATE music_tracks SET usage_count = -1"],
    "story_reactions_reaction_type_check": ["UPDATE story_reactions SET reaction_type = ''"],
    "story_reactions_story_id_user_id_reaction_type_key": [
        "INSERT INTO story_reactions (story_id, user_id, reaction_type) VALUES ({s}, {b}, 'like')"
    ],
    "story_polls_texts_check": [
        f"UPDATE story_polls SET {column} = ''" for column in ("question", "option1", "option2")
    ],
    "story_polls_votes_check": [
        "UPDATE story_polls SET option1_votes = -1",
        "UPDATE story_polls SET option2_votes = -1",
    ],
    "story_poll_votes_option_selected_check": [
        "UPDATE story_poll_votes SET option_selected = 0",
        "UPDATE story_poll_votes SET option_selected = 3",
    ],
    "story_poll_votes_poll_id_user_id_key": [
        "INSERT INTO story_poll_votes (poll_id, user_id, option_selected) VALUES ({x}, {b}, 2)"
    ],
    "story_questions_question_check": ["UPDATE story_questions SET question = ''"],
    "story_question_responses_response_check": [
        "INSERT INTO story_question_responses (question_id, user_id, response) VALUES ({q}, {b}, '')"
    ],
    "verification_requests_request_type_check": [
        "INSERT INTO verification_requests (user_id, request_type, full_name) VALUES ({a}, '', 'Ann')"
    ],
    "verification_requests_status_check": [
        "INSERT INTO verification_requests (user_id, request_type, full_name, status) VALUES ({a}, 'x', 'Ann', 'lost')"
    ],
}


# What triggers refuse, by the name that they give.
_REFUSED_BY_TRIGGERS = {
    "posts_author_not_deleted_check": ["INSERT INTO posts (user_id) VALUES ({a})"],
    "comments_author_not_deleted_check": [
        "INSERT INTO comments (user_id, post_id, content) VALUES ({b}, {p}, 'a'), ({a}, {p}, 'hello')"
    ],
    "stories_author_not_deleted_check": ["INSERT INTO stories (user_id, media_url) VALUES ({a}, 'a.jpg')"],
    "reels_author_not_deleted_check": ["INSERT INTO reels (user_id, video_url) VALUES ({a}, 'a.mp4')"],
    "reel_comments_author_not_deleted_check": [
        "INSERT INTO reel_comments (user_id, reel_id, content) VALUES ({a}, {r}, 'hello')"
    ],
}
_MISPLACED = {
    "comments_post_id_check": [
        """UPDATE posts SET comments_disabled = true;
        INSERT INTO comments (user_id, post_id, content) VALUES ({b}, {p}, 'hello')"""
    ],
    "comments_parent_id_check": [
        """INSERT INTO posts (id, user_id) VALUES ({q}, {a});
        INSERT INTO comments (user_id, post_id, parent_id, content) VALUES ({b}, {q}, {c}, 'hello')"""
    ],
    "reel_comments_parent_id_check": [
        """INSERT INTO reels (id, user_id, video_url) VALUES ({q}, {a}, 'a.mp4');
        INSERT INTO reel_comments (user_id, reel_id, parent_id, content) VALUES ({b}, {q}, {c}, 'hello')"""
    ],
}


@pytest.fixture
def filled(db):
    db.execute(_ROWS.format(**_IDS))
    return db


def test_each_rule_is_refused_by_the_constraint_of_its_name(filled):
    for constraint, statements in _REFUSED.items():
        for statement in statements:
            with pytest.raises(psycopg.errors.IntegrityError) as caught, filled.transaction():
                filled.execute(statement.format(**_IDS))
            assert caught.value.diag.constraint_name == constraint, statement


def test_rules_across_rows_are_refused_by_a_name_too(filled):
    deleted = "UPDATE users SET deleted_at = now() WHERE id = {a}; "
    cases = {name: [deleted + one for one in statements] for name, statements in _REFUSED_BY_TRIGGERS.items()}
    for constraint, statements in (cases | _MISPLACED).items():
        for statement in statements:
            with pytest.raises(psycopg.errors.CheckViolation) as caught, filled.transaction():
                filled.execute(statement.format(**_IDS))
            assert caught.value.diag.constraint_name == constraint, statement
            assert caught.value.diag.table_name == constraint.split("_author_not")[0].split("_p")[0]


def test_every_check_and_every_unique_key_has_a_case(column):
    rules = column("""
        SELECT conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        WHERE c.connamespace = 'public'::regnamespace AND c.contype IN ('c', 'u') AND NOT t.relispartition
          AND t.relname <> 'schema_migrations'
        UNION
        SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
        WHERE i.relnamespace = 'public'::regnamespace AND x.indisunique AND NOT x.indisprimary
          AND NOT t.relispartition AND t.relname <> 'schema_migrations'""")
    # It contains the primary key, and exists for the lock of what it contains.
    assert set(rules) - {"users_visibility_key"} == set(_REFUSED)


def test_a_deleted_account_frees_its_email_and_username(make_user, change):
    change("users", make_user("ann"), deleted_at="now")
    make_user("Ann")


def test_an_email_and_a_username_are_taken_whatever_their_case(make_user):
    make_user("ann")
    for columns, constraint in [
        ({"email": "ANN@EXAMPLE.COM", "username": "other"}, "users_email_key"),
        ({"email": "other@example.com", "username": "ANN"}, "users_username_key"),
    ]:
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            make_user("x", **columns)
        assert caught.value.diag.constraint_name == constraint


def test_restoring_an_account_whose_name_was_taken_is_refused(make_user, change):
    old = make_user("ann")
    change("users", old, deleted_at="now")
    make_user("ann")
    with pytest.raises(psycopg.errors.UniqueViolation):
        change("users", old, deleted_at=None)


def test_thai_names_and_hashtags_that_look_the_same_are_the_same(db, make_user, add, column):
    composed, decomposed = "น\N{THAI CHARACTER SARA AM}ตก", "น\N{THAI CHARACTER NIKHAHIT}\N{THAI CHARACTER SARA AA}ตก"
    make_user(composed)
    with pytest.raises(psycopg.errors.UniqueViolation):
        make_user("other", username=decomposed)
    add("hashtags", name=f"#{composed}")
    with pytest.raises(psycopg.errors.UniqueViolation):
        add("hashtags", name=decomposed)
    db.execute("INSERT INTO hashtags (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", [decomposed])
    assert len(column("SELECT name FROM hashtags")) == 1


def test_a_message_keeps_existing_when_what_it_shares_is_gone(db, make_user, make_post, add, value):
    sender, conversation = make_user("sender"), add("conversations", is_group=False)
    post = make_post(make_user("author"))
    add("messages", conversation_id=conversation, sender_id=sender, message_type="post_share", shared_post_id=post)
    db.execute("DELETE FROM posts")
    assert value("SELECT shared_post_id FROM messages") is None


def test_updated_at_moves_with_every_update(make_user, make_post, change, value):
    post = make_post(make_user("author"), created_at="yesterday", updated_at="yesterday")
    change("posts", post, caption="edited")
    assert value("SELECT updated_at > created_at FROM posts")


def test_a_count_does_not_move_updated_at_of_a_hashtag(make_user, make_post, add, db, value):
    hashtag = add("hashtags", name="sea", updated_at="yesterday")
    add("post_hashtags", post_id=make_post(make_user("author")), hashtag_id=hashtag)
    assert value("SELECT post_count = 1 AND updated_at < now() FROM hashtags")
    db.execute("UPDATE hashtags SET name = 'ocean'")
    assert value("SELECT updated_at > now() - interval '1 hour' FROM hashtags")


@pytest.mark.parametrize(
    "number", ["+66 81 234 5678", "+66-81-234-5678", "+66812345678", "+66 (81) 234 5678", "+6681-2345678"]
)
def test_a_phone_number_belongs_to_one_account(number, make_user):
    make_user("one", phone_number="+66 81 2345678")
    with pytest.raises(psycopg.errors.UniqueViolation, match="users_phone_number_key"):
        make_user("two", phone_number=number)


def test_a_phone_number_is_free_again_once_its_account_is_deleted(make_user, change, value):
    change("users", make_user("one", phone_number="+66812345678"), deleted_at="now")
    make_user("two", phone_number="+66812345678")
    make_user("three")
    make_user("four")
    assert value("SELECT count(*) FROM users") == 4


def test_a_follow_of_a_public_account_cannot_be_made_pending(make_user, follow, change, value):
    row = follow(make_user("fan"), make_user("star"))
    change("follows", row, accepted_at=None)
    assert value("SELECT accepted_at IS NOT NULL FROM follows")
    assert value("SELECT sum(follower_count) FROM user_stats") == 1


@pytest.mark.parametrize(
    "table", ["post_hashtags", "stories", "reel_likes", "reel_comments", "reel_shares", "saved_reels"]
)
def test_what_is_dated_ahead_counts_for_the_trends_as_of_now(table, make_user, make_post, add, change, value):
    user, ahead = make_user("author"), "2099-01-01"
    reel = add("reels", user_id=user, video_url="a.mp4")
    keys = {
        "post_hashtags": {"post_id": make_post(user), "hashtag_id": add("hashtags", name="sea")},
        "stories": {"user_id": user, "media_url": "a.jpg"},
        "reel_comments": {"user_id": user, "reel_id": reel, "content": "nice"},
    }.get(table, {"user_id": user, "reel_id": reel})
    row = add(table, **keys, created_at=ahead)
    assert value(f"SELECT created_at <= now() FROM {table}")
    change(table, row, created_at=ahead)
    assert value(f"SELECT created_at <= now() FROM {table}")
    assert value("SELECT count(*) FROM recount()") == 0
