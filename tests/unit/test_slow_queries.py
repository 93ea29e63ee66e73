"""What of slow-queries needs no server: the layout of a text, and what to do about a missing extension."""

import pytest

from fowergram_db.operations.pg_stat_statements import Extension
from fowergram_db.operations.slow_queries import (
    LONGEST_FORMATTED,
    _not_created,
    readable,
)


def test_a_query_is_laid_out_clause_by_clause():
    text = readable("SELECT a, b FROM t JOIN u ON u.id = t.id WHERE a = $1 AND b > $2 ORDER BY a")
    assert [line.split()[0] for line in text.splitlines()] == ["SELECT", "b", "FROM", "JOIN", "WHERE", "AND", "ORDER"]


@pytest.mark.parametrize("query", ["select 'a;  b' as \"Mixed Case\"", "SELECT /* why */ $1", "Begin", ""])
def test_words_and_literals_stay_as_they_were_typed(query):
    assert readable(query) == query


def test_a_long_query_is_left_as_it_is():
    query = "SELECT a, b FROM t WHERE id IN (" + ", ".join(["$1"] * LONGEST_FORMATTED) + ")"
    assert readable(query) == query


def test_a_query_too_deep_to_parse_is_left_as_it_is():
    query = "SELECT " + "(" * 1500 + "1" + ")" * 1500
    assert "".join(readable(query).split()) == "".join(query.split())


@pytest.mark.parametrize("query", ["SELECT '\x1b]0;owned\x07'", "SELECT '\x9b2J'", "SELECT 1 --\x7f\r2"])
def test_nothing_in_a_query_can_command_the_terminal(query):
    assert all(char.isprintable() or char == "\n" for char in readable(query))


def test_lines_and_tabs_of_a_long_query_survive():
    query = "SELECT\r\n\t1" + " + 1" * LONGEST_FORMATTED
    assert readable(query) == query.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("available", "preloaded", "steps"),
    [
        (True, True, ["CREATE EXTENSION"]),
        (True, False, ["shared_preload_libraries", "restart", "CREATE EXTENSION"]),
        (False, False, ["Install", "shared_preload_libraries", "restart", "CREATE EXTENSION"]),
    ],
)
def test_a_missing_extension_is_answered_with_every_step_in_order(available, preloaded, steps):
    error = _not_created("shop", Extension(schema=None, has_info=False, available=available, preloaded=preloaded))
    assert '"shop"' in error.message
    places = [error.hint.index(step) for step in steps]
    assert places == sorted(places)
    assert ("Install" in error.hint, "restart" in error.hint) == (not available, not preloaded)
