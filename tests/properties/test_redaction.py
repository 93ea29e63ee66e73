"""Secrets of any characters, in any place, are hidden; nothing of the shipped SQL is, and no text takes long."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowergram_db.redaction.messages import mask_message, mask_query, mask_sql, secrets_in
from tests.properties.test_secrets import shape

_TEXTS = st.text(st.sampled_from("aZ0'\"\\$%|/-*;:@ \n()ก&!"), max_size=8)

_SECRETS = st.builds("{}sesame{}".format, _TEXTS, _TEXTS)

_GAPS = st.lists(
    st.sampled_from([" ", "\n", "\t", "/* x */", "/* /* it's */ \" $$ */", "-- it's PASSWORD\n", "--\n"]), max_size=3
).map(lambda parts: " " + "".join(parts) + " ")


def plain(value):
    return "'" + value.replace("'", "''") + "'"


def escape(value):
    return "E'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def unicode(value):
    return "U&'" + value.replace("'", "''").replace("\\", "\\\\") + "'"


def continued(value):
    return plain(value[:3]) + " -- it's\n " + plain(value[3:])


def dollar(value):
    tag = next(tag for tag in ("$$", "$a$", "$b$", "$c$") if tag not in value and not (value + tag).count(tag) > 1)
    return f"{tag}{value}{tag}" if not value.endswith("$") else plain(value)


_LITERALS = st.sampled_from([plain, escape, unicode, dollar])

_STATEMENTS = st.sampled_from(
    [
        "ALTER ROLE a PASSWORD{gap}{literal}",
        "CREATE ROLE \"it's\" LOGIN ENCRYPTED PASSWORD{gap}{literal}{gap}VALID UNTIL 'infinity'",
        "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'u', password{gap}{literal})",
        "SELECT set_config('app.password',{gap}{literal}, false)",
        "SELECT format('ALTER ROLE %I PASSWORD %L',{gap}'x',{gap}{literal})",
        "SELECT 'ALTER ROLE x PASSWORD '{gap}||{gap}quote_literal({literal})",
        "DO $o$ DECLARE pw text :={gap}{literal}; BEGIN EXECUTE format('ALTER ROLE x PASSWORD %L', pw); END $o$",
    ]
)


@given(_SECRETS, _LITERALS, _GAPS, _STATEMENTS)
def test_a_secret_of_any_characters_in_any_literal_is_hidden(secret, literal, gap, statement):
    text = statement.format(gap=gap, literal=literal(secret))
    masked = mask_sql(text)
    assert "sesame" not in masked
    assert shape(masked) == shape(text)
    assert secret in [found.value for found in secrets_in(text)]


@given(_SECRETS, _LITERALS, _LITERALS, _LITERALS)
def test_a_secret_in_strings_within_strings_is_hidden(secret, inner, middle, outer):
    text = f"DO {outer('BEGIN EXECUTE ' + middle('ALTER ROLE a PASSWORD ' + inner(secret)) + '; END')}; SELECT 'x'"
    masked = mask_sql(text)
    assert "sesame" not in masked
    assert shape(masked) == shape(text)
    assert masked.endswith("; SELECT 'x'")


@given(_SECRETS)
def test_a_secret_in_a_continued_string_is_hidden(secret):
    assert "ame" not in mask_sql(f"ALTER ROLE b PASSWORD {continued(secret)}")[20:]


@given(st.text(st.sampled_from("aPASSWORD'\"\\$%|/-*;:@ \n()ก&!=?"), max_size=60))
def test_a_masked_text_keeps_its_shape_whatever_it_is(text):
    for mask in (mask_sql, mask_query, mask_message):
        assert shape(mask(text)) == shape(text)


_PIECES = st.sampled_from(
    [
        *(
            "CREATE ROLE a ",
            "ALTER USER b ",
            "PASSWORD ",
            "'x y'",
            "'it''s z'",
            "$$q$$",
            "; ",
            "(",
            ")",
            "||",
            ", ",
            ":v ",
        ),
        *("SET a.password = ", "set_config('a.secret', ", "format('ALTER ROLE me PASSWORD %L', ", "EXECUTE ", "p := "),
        *(
            "USING $1",
            "PREPARE q AS ",
            "crypt('pw', ",
            "new_value => ",
            "OPTIONS (password ",
            "DO $x$ BEGIN ",
            "END $x$",
        ),
    ]
)


@given(st.lists(_PIECES, max_size=14).map("".join), st.integers(0, 3))
def test_sql_that_is_truncated_anywhere_is_read(text, missing):
    mask_sql(text[: len(text) - missing])


@pytest.mark.parametrize(
    "text",
    [
        "ALTER USER b PASSWORD :v format('A",
        "p := format('ALTER ROLE me PASSWORD %L', ('it''s z'OPTIONS (password ; ",
    ],
)
def test_sql_that_ends_within_a_parenthesis_is_read(text):
    assert "it''s" not in mask_sql(text)
    mask_message(f'syntax error at end of input in "{text}')


@pytest.mark.parametrize("path", sorted((Path(__file__).parents[2] / "sql").rglob("*.sql")), ids=lambda path: path.stem)
def test_shipped_sql_has_no_secret(path):
    text = path.read_text(encoding="utf-8")
    assert mask_sql(text) == mask_query(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "password " + "/* x */ " * 2_000 + "is null",
        "password" + "\n" * 12_000 + "x",
        "password" + "\n-- x" * 6_000 + "\nx",
        "/*" * 6_000 + " password",
        "password '" * 2_000,
        "://a:" * 2_000 + "@",
        "alter role a " * 2_000 + "password",
        "password $$" * 2_000,
        "password := " * 2_000,
        "password (" * 2_000,
        "format(" * 1_000 + "'password %L'",
        "'password' || (" * 1_000,
        "case when " * 1_000 + "password 'x'",
        "host=" * 5_000 + "password=",
        "host=a " * 2_000 + "password=b",
        "'" * 10_000 + "password",
        "q := 'password';" + "q := q || q || q;" * 100,
        "SELECT " + "replace(" * 30 + "'password'" + ", 's', 'password s s s s s s s s s s s s s')" * 30,
        "SELECT " + "format('%1$s%1$s%1$s%1$s password', " * 30 + "'x'" + ")" * 30,
    ],
)
def test_no_text_takes_long(text):
    assert len(mask_sql(text)) == len(mask_query(text)) == len(mask_message(text)) == len(text)


def test_a_secret_is_found_in_a_long_script():
    lines = "INSERT INTO t VALUES ('a;b', E'it\\';s', $$;$$, \"a;b\", U&'x') /* ; ' */; -- it's\n" * 2_000
    script = f"{lines}ALTER ROLE a PASSWORD 'sesame';\n{lines}-- ALTER ROLE b PASSWORD 'sesame'\nSELECT e'sesame';"
    assert mask_sql(script) == script.replace("PASSWORD 'sesame'", "PASSWORD '******'")
