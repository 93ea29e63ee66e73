"""Version 7 keys in the order of their making, version 4 where the time of making is private."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise


def _made_at(key) -> datetime:
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC)


def test_keys_are_of_version_7_and_contain_their_time(column):
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    keys = column("SELECT uuid_v7() FROM generate_series(1, 1000)")
    assert {(key.version, key.variant) for key in keys} == {(7, "specified in RFC 4122")}
    assert all(before <= _made_at(key) <= datetime.now(UTC) + timedelta(milliseconds=1) for key in keys)


def test_no_two_are_the_same_and_those_of_one_session_come_in_order(column):
    keys = column("SELECT uuid_v7() FROM generate_series(1, 100000)")
    assert len(set(keys)) == 100_000
    in_order = sum(one < other for one, other in pairwise(keys))
    assert in_order >= 0.99 * len(keys)


def test_the_keys_of_accounts_and_tokens_contain_no_time(db):
    rows = db.execute(r"""
        SELECT table_name, column_default FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'id' AND table_name <> 'schema_migrations'
          AND table_name !~ '_\d{4}_\d{2}$'""").fetchall()
    silent = {table for table, default in rows if re.search(r"gen_random_uuid\(\)", default)}
    assert silent == {"users", "refresh_tokens", "email_verifications", "password_resets"}
    assert all("uuid_v7()" in default for table, default in rows if table not in silent)
