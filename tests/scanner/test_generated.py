"""The scanner splits generated scripts as libpg_query does; ``python -m tests.scanner.generated`` makes more."""

import pytest

from .generated import differences


@pytest.mark.parametrize("first", range(0, 2_000, 500))
def test_generated_scripts_are_split_as_by_libpg_query(first):
    assert list(differences(first, 500)) == []
