"""The scanner splits PostgreSQL's own regression files as libpg_query does."""

import pytest

from .regress import Unavailable, compare, regress_files


@pytest.fixture(scope="module")
def files():
    try:
        return regress_files()
    except Unavailable as reason:
        pytest.skip(f"PostgreSQL's regression files are not to be had: {reason}")


def test_every_file_of_the_regression_suite_is_split_as_by_libpg_query(files):
    results = [compare(path) for path in files]
    assert {result.name: result.different for result in results if result.different} == {}
    confirmed = sum((result.confirmed for result in results), start=type(results[0].confirmed)())
    assert len(results) > 200
    assert confirmed["file"] + confirmed["statement"] > 40_000
    # Numbers with letters after them and invalid escapes, on purpose: the lexer finds no token in them.
    assert confirmed["no token"] < 20
