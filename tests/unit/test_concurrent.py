"""What a statement builds, rebuilds, drops or detaches concurrently."""

import pytest

from fowergram_db.migrations.script.concurrent import (
    Detachment,
    IndexBuild,
    Rebuild,
    index_built,
    index_dropped,
    partition_detached,
    rebuilt,
)


@pytest.mark.parametrize(
    ("statement", "name", "relation"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "i", "t"),
        (
            "create unique index concurrently If Not Exists MyIndex on Only Public.T (a)",
            "myindex",
            "public.t",
        ),
        ('CREATE INDEX CONCURRENTLY "My ""i""" ON "S"."my.t" (a)', 'My "i"', '"S"."my.t"'),
        ("CREATE/**/INDEX -- x\n CONCURRENTLY /* a /* b */ */ i ON s /* c */ . t(a)", "i", "s.t"),
        ("CREATE INDEX CONCURRENTLY i ON ONLY (s.t) (a)", "i", "s.t"),
        ("CREATE INDEX CONCURRENTLY ดัชนีÀ ON ตาราง (a)", "ดัชนีÀ", '"ตาราง"'),
        (f"CREATE INDEX CONCURRENTLY {'i' * 70} ON t (a)", "i" * 63, "t"),
        (f"CREATE INDEX CONCURRENTLY x{'ก' * 30} ON t (a)", "x" + "ก" * 20, "t"),
        ('CREATE INDEX CONCURRENTLY "on" ON t (a)', "on", "t"),
        ('CREATE INDEX CONCURRENTLY i ON "only" (a)', "i", "only"),
        ("CREATE INDEX CONCURRENTLY i ON a$b (a)", "i", '"a$b"'),
    ],
)
def test_name_and_table_are_read_as_the_server_reads_them(statement, name, relation):
    assert index_built(statement) == IndexBuild(name, relation)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX i ON t (a)",
        'CREATE INDEX "concurrently" ON t (a)',
        'CREATE INDEX CONCURRENTLY U&"i" ON t (a)',
        'CREATE INDEX CONCURRENTLY i ON U&"t" (a)',
        "DROP INDEX CONCURRENTLY i",
        "SELECT 'CREATE INDEX CONCURRENTLY i ON t (a)'",
        "CREATE INDEX CONCURRENTLY",
        "",
    ],
)
def test_no_index_is_read_where_none_is_named(statement):
    assert index_built(statement) is None


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("DROP INDEX CONCURRENTLY i", "i"),
        ('drop index concurrently if exists "S" . I cascade', '"S".i'),
        ("DROP INDEX i", ""),
        ('DROP INDEX "concurrently"', ""),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", ""),
    ],
)
def test_the_index_that_is_dropped_is_read(statement, index):
    assert index_dropped(statement) == index


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("REINDEX INDEX CONCURRENTLY i", Rebuild("index", "i")),
        ('reindex (concurrently, tablespace "new)") table "S" . T', Rebuild("table", '"S".t')),
        ("REINDEX (VERBOSE) SCHEMA CONCURRENTLY s", Rebuild("schema", "s")),
        ("REINDEX DATABASE CONCURRENTLY d", Rebuild("database", "")),
        ("REINDEX (CONCURRENTLY) DATABASE", Rebuild("database", "")),
        ('REINDEX TABLE "concurrently"', Rebuild("table", "concurrently")),
        ('REINDEX TABLE U&"t"', None),
        ("REINDEX (VERBOSE", None),
        ("REINDEX", None),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", None),
    ],
)
def test_the_object_that_reindex_rebuilds_is_read(statement, expected):
    assert rebuilt(statement) == expected


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("ALTER TABLE p DETACH PARTITION c CONCURRENTLY", Detachment("p", "c")),
        (
            'alter table if exists only "S".p * detach /* x */ partition "S"."c 1" concurrently',
            Detachment('"S".p', '"S"."c 1"'),
        ),
        ('ALTER TABLE "only" DETACH PARTITION "concurrently" CONCURRENTLY', Detachment("only", "concurrently")),
        ("ALTER TABLE p DETACH PARTITION c", None),
        ("ALTER TABLE p DETACH PARTITION c FINALIZE", None),
        ("ALTER TABLE p ATTACH PARTITION c FOR VALUES IN (1)", None),
        ('ALTER TABLE p DETACH PARTITION U&"c" CONCURRENTLY', None),
        ("ALTER TABLE", None),
    ],
)
def test_the_partition_that_is_detached_is_read(statement, expected):
    assert partition_detached(statement) == expected
