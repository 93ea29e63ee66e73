"""What is found by a part of it, in Thai and with any signs, and in which order."""

import pytest

# Sara am as one character, and as the two that look the same; a tone mark goes before these or between them.
_AM, _NIKHAHIT, _AA, _MAI_THO = "\u0e33", "\u0e4d", "\u0e32", "\u0e49"
_COMPOSED, _DECOMPOSED = f"ทำบุญน{_MAI_THO}{_AM}ตก", f"ทำบุญน{_MAI_THO}{_NIKHAHIT}{_AA}ตก"
_TONE_BETWEEN = f"ทำบุญน{_NIKHAHIT}{_MAI_THO}{_AA}ตก"
_SPELLINGS = (_COMPOSED, _DECOMPOSED, _TONE_BETWEEN)


@pytest.fixture
def found(db):
    """Search posts, users or hashtags, without an account; return the column that is searched."""
    queries = {
        "posts": "SELECT caption FROM search_posts(NULL, %s)",
        "places": "SELECT location FROM search_posts(NULL, %s)",
        "users": "SELECT username FROM search_users(NULL, %s)",
        "names": "SELECT full_name FROM search_users(NULL, %s)",
        "hashtags": "SELECT name FROM search_hashtags(%s)",
    }
    return lambda kind, query: [row[0] for row in db.execute(queries[kind], [query])]


@pytest.fixture
def author(make_user):
    return make_user("author")


@pytest.mark.parametrize("stored", _SPELLINGS, ids=["composed", "decomposed", "tone between"])
@pytest.mark.parametrize("asked", _SPELLINGS, ids=["by composed", "by decomposed", "by tone between"])
def test_thai_is_found_by_a_part_in_every_spelling_of_sara_am(stored, asked, author, make_user, make_post, add, found):
    make_post(author, caption=f"วันนี้ไป{stored}กับเพื่อน", location=f"ตลาด{stored}")
    make_user(f"คน{stored}", email="thai@example.com", full_name=f"สมชาย {stored}")
    add("hashtags", name=f"เที่ยว{stored}")
    for part in (asked, asked[3:], asked[4:-1]):
        assert found("posts", part) == [f"วันนี้ไป{stored}กับเพื่อน"]
        assert found("places", part) == [f"ตลาด{stored}"]
        assert found("users", part) == [f"คน{_COMPOSED}".replace(_AM, _NIKHAHIT + _AA)]
        assert found("names", part) == [f"สมชาย {_COMPOSED}".replace(_AM, _NIKHAHIT + _AA)]
        assert found("hashtags", f"#{part}") == [f"เที่ยว{_COMPOSED}".replace(_AM, _NIKHAHIT + _AA)]
    assert found("posts", "ไม่มี") == []


def test_sara_ae_is_found_when_it_is_typed_as_two_sara_e(author, make_post, found):
    make_post(author, caption="แมวน่ารัก")
    assert found("posts", "เเมว") == ["แมวน่ารัก"]


def test_case_and_width_make_no_difference(author, make_post, found):
    make_post(author, caption="Beautiful SUNSET at Café")
    for query in ("sunset", "SunSet", "ｓｕｎｓｅｔ", "cafe\N{COMBINING ACUTE ACCENT}", " CAFÉ "):
        assert found("posts", query) == ["Beautiful SUNSET at Café"], query


@pytest.mark.parametrize("sign", ["%", "_", "\\", "'", '"', "%%", "\\%", "a%b", "100%_\\"])
def test_signs_of_patterns_are_found_as_themselves(sign, author, make_post, found):
    make_post(author, caption=f"{sign} after")
    make_post(author, caption="something after")
    assert found("posts", sign) == found("posts", f" {sign} af") == [f"{sign} after"]


def test_queries_of_one_or_two_signs_find_what_begins_with_them(author, make_post, add, found):
    make_post(author, caption="ฟ้าใส")
    make_post(author, caption="ท้องฟ้า")
    add("hashtags", name="ฟ้า")
    assert found("posts", "ฟ") == found("posts", "ฟ้") == ["ฟ้าใส"]
    assert found("users", "AU") == ["author"]
    assert found("users", "th") == []
    assert found("hashtags", "#ฟ") == ["ฟ้า"]


@pytest.mark.parametrize("query", ["", "   ", "#", " # ", None])
def test_an_empty_query_finds_nothing(query, author, make_post, add, found):
    make_post(author, caption="a caption #tag")
    add("hashtags", name="tag")
    assert found("hashtags", query) == []
    if query is None or "#" not in query:
        assert found("posts", query) == found("users", query) == []


def test_an_exact_name_comes_first_then_beginnings_then_the_shortest(make_user, found):
    for name in ("mysea", "seashore", "sea", "seaside_long", "deep", "the_sea_itself"):
        make_user(name, full_name="Sea Lover" if name == "deep" else None)
    assert found("users", "SEA") == ["sea", "seashore", "seaside_long", "deep", "mysea", "the_sea_itself"]


def test_after_an_exact_name_hashtags_are_sorted_by_their_posts(author, make_post, tag, found):
    for name, posts in {"sea": 0, "seaside": 1, "seafood": 3, "deepsea": 2}.items():
        for _ in range(posts):
            tag(make_post(author), name)
    # A tag without posts is there as well.
    tag(make_post(author, is_archived=True), "sea")
    assert found("hashtags", "#Sea") == ["sea", "seafood", "deepsea", "seaside"]


def test_posts_come_newest_first(author, make_post, found):
    for day in (2, 3, 1):
        make_post(author, caption=f"sunset {day}", created_at=f"2026-01-0{day}")
    assert found("posts", "sunset") == ["sunset 3", "sunset 2", "sunset 1"]


# A year of posts of two authors, of whom one is private; each word is in some of them: by its condition, where n is the
# share of the year that has passed since.
_WORDS = {
    "common": "true", "rare": "i % 1999 = 7", "ลอยกระทง": "n > 0.9", "newest": "n < 0.002",
    "ความลับ": "is_private AND i % 50 = 1", "🌊🌊🌊": "i % 1999 = 7", "neither of them": "false",
}  # fmt: skip
# All posts are compared one by one if a word has no letters.
_SCANNED = {"🌊🌊🌊"}


def _add_year(db, posts: int) -> None:
    words = ", ".join(f"CASE WHEN {condition} THEN '{word}' END" for word, condition in _WORDS.items())
    db.execute(f"""
        INSERT INTO posts (user_id, caption, created_at)
        SELECT u.id, concat_ws(' ', i, {words}), now() - n * interval '365 days'
        FROM (SELECT i, i::float8 / {posts} AS n FROM generate_series({posts}, 1, -1) AS i) AS made
        JOIN users AS u ON u.username = CASE WHEN i % 10 = 1 THEN 'secret' ELSE 'author' END""")


def _buffers(db, query: str) -> int:
    for _ in range(2):
        plan = db.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}").fetchone()[0][0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


def _cost_of_two_pages(db, word: str) -> tuple[int, int]:
    before = db.execute("SELECT min(created_at) FROM search_posts(NULL, %s)", [word]).fetchone()[0]
    first = _buffers(db, f"EXECUTE first ('{word}')")
    return first, _buffers(db, f"EXECUTE next ('{word}', '{before.isoformat()}')") if before else 0


@pytest.mark.parametrize("is_analyzed", [False, True], ids=["without statistics", "analyzed"])
@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
def test_a_page_costs_the_same_among_four_times_as_many_posts(db, make_user, is_analyzed, plan):
    """However the posts with the word are spread: 53 weeks are read where it is old, private or in none."""
    make_user("secret", is_private=True)
    make_user("author")
    db.execute(f"SET plan_cache_mode = {plan}")
    costs = []
    for posts in (5_000, 20_000):
        db.execute("DELETE FROM posts")
        _add_year(db, posts)
        db.execute("VACUUM ANALYZE posts" if is_analyzed else "VACUUM posts")
        db.execute("""
            DEALLOCATE ALL; PREPARE first (text) AS SELECT * FROM search_posts(NULL, $1);
            PREPARE next (text, timestamptz) AS SELECT * FROM search_posts_before(NULL, $1, $2, NULL)""")
        costs.append({word: _cost_of_two_pages(db, word) for word in _WORDS if word not in _SCANNED})
    for word, few in costs[0].items():
        for page in (0, 1):
            # What grows: the posts of a week that have the word, and the depth of an index.
            assert costs[1][word][page] < few[page] * 2 + 500, (word, page, few, costs[1][word])


def test_the_names_found_are_those_that_a_scan_finds_in_their_order(db, make_user, add):
    """Against Python: names of every length, deleted and blocked accounts, full names, and Thai."""
    viewer, blocker = make_user("viewer"), make_user("seablocker")
    add("blocks", blocker_id=blocker, blocked_id=viewer)
    db.execute("SELECT setseed(0.5)")
    db.execute("""
        INSERT INTO users (email, username, full_name, deleted_at, is_active)
        SELECT n || '@example.com',
            concat((ARRAY['sea', 'sets', 'Sea_', 'the.sea', 'ทะเล', 'unit'])[1 + floor(random() * 6)::int],
                CASE WHEN n > 6 THEN (n ^ (1 + floor(random() * 3)))::bigint END),
            (ARRAY['Sea Lover', 'ทะเลใส', 'U', NULL])[1 + floor(random() * 4)::int],
            CASE WHEN random() < 0.1 THEN now() END, random() < 0.9
        FROM generate_series(1, 300) AS n
        ON CONFLICT DO NOTHING""")
    rows = db.execute("""
        SELECT id, search_text(username), coalesce(search_text(full_name), '') FROM users
        WHERE deleted_at IS NULL AND is_active AND username <> 'seablocker'""").fetchall()
    for word in ("sea", "SEA_", "se", "u", "lover", "ทะเล", "the.sea", "%", "sea lover", "9", "none"):
        search = db.execute("SELECT search_text(%s)", [word]).fetchone()[0]
        matches = str.startswith if len(search) < 3 else str.__contains__
        expected = sorted(
            (not name.startswith(search), len(name), name.encode(), account)
            for account, name, full_name in rows
            if matches(name, search) or matches(full_name, search)
        )
        for limit in (5, 20, 1000):
            found = db.execute("SELECT user_id FROM search_users(%s, %s, %s)", [viewer, word, limit]).fetchall()
            assert [account for (account,) in found] == [row[-1] for row in expected[:limit]], (word, limit)


def test_the_posts_found_are_those_that_a_scan_finds(db, make_user, add):
    """Page by page, against the plain query: weeks without posts, times beyond all weeks, words of signs alone."""
    viewer, secret, blocker = make_user("viewer"), make_user("secret", is_private=True), make_user("blocker")
    add("blocks", blocker_id=blocker, blocked_id=viewer)
    make_user("author")
    db.execute("SELECT setseed(0.5)")
    db.execute("""
        INSERT INTO posts (user_id, caption, location, is_archived, created_at)
        SELECT u.id, concat_ws(' ', (ARRAY['sea', 'ทะเล', '🌊🌊🌊', 'a🌊b', '50%', NULL])[1 + floor(random() * 6)::int],
                (ARRAY['sun', 'ฟ้า', '***'])[1 + floor(random() * 3)::int]),
            (ARRAY['Sea side', 'กระบี่', NULL])[1 + floor(random() * 3)::int], random() < 0.1,
            CASE WHEN n % 50 = 0
                THEN (ARRAY['infinity', '-infinity', '1969-12-29', '2999-01-01'])[1 + n / 50 % 4]::timestamptz
                ELSE date_trunc('hour', now()) - power(random(), 3) * 2000 * interval '6 hours' END
        FROM generate_series(1, 800) AS n
        CROSS JOIN LATERAL (
            SELECT id FROM users WHERE username <> 'viewer' AND n > 0 ORDER BY random() LIMIT 1) AS u""")
    for word in (
        "sea",
        "SEA s",
        "ทะเล",
        "ทะเ",
        "🌊🌊🌊",
        "🌊",
        "a🌊b",
        "50%",
        "***",
        "*",
        "ฟ้",
        "se",
        "กระบี่",
        "none",
        "_",
    ):
        plain = db.execute(
            """SELECT id, id FROM posts
            WHERE is_live AND user_id NOT IN (%s, %s)
              AND (search_text(caption) LIKE search_pattern(%s) OR search_text(location) LIKE search_pattern(%s))
            ORDER BY created_at DESC, id DESC""", [secret, blocker, word, word],
        ).fetchall()  # fmt: skip
        found, cursor = [], None
        while page := db.execute(
            """SELECT post_id, make_cursor(created_at, post_id)
            FROM search_posts_before(%s, %s, cursor_at(%s), cursor_id(%s), 17)""", [viewer, word, cursor, cursor],
        ).fetchall():  # fmt: skip
            found += [post for post, _ in page]
            cursor = page[-1][1]
        assert found == [post for post, _ in plain], word


def test_the_trigram_indexes_serve_the_search(db, author):
    db.execute(f"""
        INSERT INTO posts (user_id, caption) SELECT '{author}', md5(n::text) FROM generate_series(1, 20000) AS n;
        INSERT INTO hashtags (name) SELECT md5(n::text) FROM generate_series(1, 20000) AS n;
        INSERT INTO users (email, username)
        SELECT n || '@example.com', left(md5(n::text), 20) FROM generate_series(1, 20000) AS n""")
    db.execute("VACUUM ANALYZE posts, hashtags, users")
    for query, index in {
        f"SELECT * FROM {call}": index
        for word in ("ทะเลใส", "ฟ้", "zz")
        for call, index in {
            f"search_posts(NULL, '{word}')": "posts_search_idx",
            f"search_users(NULL, '{word}')": "users_search_idx",
            f"search_hashtags('{word}')": "hashtags_search_idx",
        }.items()
    }.items():
        plan = "\n".join(row[0] for row in db.execute(f"EXPLAIN {query}"))
        assert index in plan, plan
