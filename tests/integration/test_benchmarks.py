"""The benchmark's data set, small: it loads, it is the same for the same seed, and the feed is the naive one."""

from dataclasses import replace

import pytest
from psycopg import sql

from benchmarks.dataset import Scale, load
from benchmarks.readers import measured, readers, unequal_feeds

_POSTS = 20_000
_WHOLE = """
SELECT md5(string_agg(p.id::text || p.user_id || coalesce(p.caption, '') || p.is_live, ',' ORDER BY p.id))
FROM posts AS p"""


def _url(target) -> str:
    account = f"{target.user}:{target.password}" if target.password else target.user
    where = f"host={target.host}&port={target.port}" if target.host.startswith("/") else ""
    at = "" if where else f"{target.host}:{target.port}"
    return f"postgresql://{account}@{at}/{target.dbname}" + (f"?{where}" if where else "")


@pytest.mark.matrix(every=0)
def test_the_data_set_has_every_kind_of_viewer_and_their_feeds_are_the_naive_ones(empty_db, target):
    load(_url(target), Scale(_POSTS, seed=7), lambda _line: None)
    compared, wrong = unequal_feeds(empty_db)
    assert (compared, wrong) == (200, [])
    assert empty_db.execute("SELECT count(*) FROM recount()").fetchone() == (0,)
    every = readers(empty_db)
    assert len(every) > 25
    assert all(measured(empty_db, reader).cost.buffers > 0 for reader in every[::6])


@pytest.mark.matrix(every=0)
def test_the_same_seed_makes_the_same_posts_and_another_other_ones(empty_db, target, admin):
    found = []
    for seed in (1, 1, 2):
        name = sql.Identifier(target.dbname)
        empty_db.close()
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        admin.execute(sql.SQL("CREATE DATABASE {}").format(name))
        load(_url(target), Scale(200, seed), lambda _line: None)
        from fowergram_db.database.connection import connect

        with connect(replace(target)) as session:
            found.append(session.execute(_WHOLE).fetchone())
    assert found[0] == found[1] != found[2]
