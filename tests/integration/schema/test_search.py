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


def test_a_common_word_is_searched_for_in_the_newest_posts_and_not_in_the_trigram_index(db, author):
    db.execute(f"""
        INSERT INTO posts (user_id, caption, created_at)
        SELECT '{author}', 'ทะเลสวย no ' || n, timestamptz '2026-01-01' + n * interval '1 minute'
        FROM generate_series(1, 20000) AS n""")
    db.execute("VACUUM ANALYZE posts")
    plan = "\n".join(row[0] for row in db.execute("EXPLAIN SELECT * FROM search_posts(NULL, 'ทะเลสวย')"))
    assert "posts_created_at_idx" in plan, plan


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
