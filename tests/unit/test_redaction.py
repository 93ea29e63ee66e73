"""Passwords: hidden wherever they may stand, and nothing else changed."""

import re

import pytest

from fowergram_db.redaction.messages import mask_passwords, redact, secrets_in


@pytest.mark.parametrize(
    "text",
    [
        "CREATE ROLE a PASSWORD 'sesame'",
        "create role a encrypted password 'sesame'",
        "ALTER ROLE a PASSWORD\n  /* why */ E'ses\\'ame'",
        "ALTER ROLE a PASSWORD -- x\n 'sesame'",
        "ALTER ROLE a PASSWORD $$sesame$$",
        "ALTER ROLE a PASSWORD $x$sesame$x$ VALID UNTIL 'infinity'",
        "ALTER ROLE a PASSWORD 'it''s sesame",
        "CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'x', password 'sesame')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=h password=sesame dbname=d' PUBLICATION p",
        "ALTER ROLE a PASSWORD 'abc'\n  'sesame'",
        "DO $$ BEGIN EXECUTE E'ALTER ROLE a PASSWORD \\'sesame\\''; END $$",
        "ALTER USER MAPPING FOR a SERVER s OPTIONS (SET \"password\" 'sesame', passwd 'sesame')",
        'ALTER ROLE a WITH LOGIN PASSWORD "sesame"',
        "CREATE USER a PASSWORD sesame",
        "CREATE SUBSCRIPTION s CONNECTION 'sslpassword=''sesame'''",
        "postgresql://me:sesame@host:1/db",
        "postgresql://me:se@s/ame@host/db",
        "postgres://:sesame@host/db",
        "EXECUTE 'ALTER ROLE a PASSWORD ''sesame'' VALID UNTIL ''x''';",
    ],
)
def test_the_password_is_hidden_and_the_text_keeps_its_shape(text):
    masked = mask_passwords(text)
    assert "sesame" not in masked
    assert not re.search("(?<!n)ame", masked.lower())
    assert len(masked) == len(text)
    assert [len(line) for line in masked.split("\n")] == [len(line) for line in text.split("\n")]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT password FROM users WHERE name = 'x'",
        "ALTER TABLE users ADD COLUMN hashed_password text DEFAULT 'x'",
        "ALTER ROLE a PASSWORD NULL",
        'password authentication failed for user "x"',
        "postgresql://me@host/db",
    ],
)
def test_what_is_no_password_stays(text):
    assert mask_passwords(text) == text


def test_a_server_that_quotes_the_literal_back_shows_nothing():
    script = "ALTER ROLE a PASSWORD 'it''s sesame' oops"
    said = """syntax error at or near "'it''s sesame'" (it's sesame)"""
    assert "sesame" not in redact(said, secrets_in(script))


@pytest.mark.parametrize(
    "text",
    [
        "password " + "/* x */ " * 5_000 + "is null",
        "password" + "\n" * 25_000 + "x",
        "password" + "\n-- x" * 12_000 + "\nx",
        "/*" * 12_000,
        "password '" * 5_000,
        "://a:" * 5_000 + "@",
        "alter role a " * 5_000 + "password",
        "password $$" * 5_000,
    ],
)
def test_no_text_makes_it_look_twice_for_ever(text):
    assert len(mask_passwords(text)) == len(text)
