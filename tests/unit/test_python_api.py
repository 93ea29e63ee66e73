"""docs/python-api.md lists every public name, and no other."""

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from fowergram_db import errors, testing

_PAGE = (Path(__file__).parents[2] / "docs/python-api.md").read_text(encoding="utf-8")
_SECTIONS = dict(re.findall(r"^## `([\w.]+)`\n(.*?)(?=^## |\Z)", _PAGE, re.MULTILINE | re.DOTALL))


def _rows(section: str) -> dict[str, str]:
    """The names in the first column, each with the text of its row."""
    cells = re.findall(r"^\| (`[^|]+`) \| (.+) \|$", _SECTIONS[section], re.MULTILINE)
    return {name: text for names, text in cells for name in re.findall(r"`(\w+)`", names)}


@pytest.mark.parametrize("module", ["fowergram_db", "fowergram_db.errors", "fowergram_db.testing"])
def test_the_page_lists_the_public_names_of_a_module(module):
    public = importlib.import_module(module).__all__
    assert sorted(_rows(module)) == sorted(public) == sorted(set(public))
    assert list(public) == sorted(public)


def test_no_other_module_is_public():
    assert set(_SECTIONS) == {"fowergram_db", "fowergram_db.errors", "fowergram_db.testing"}


def test_every_error_is_public():
    own = {name: value for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__}
    assert {name for name, value in own.items() if isinstance(value, type)} == set(errors.__all__)


@pytest.mark.parametrize("kind", [testing.Database, testing.TestDatabases, testing.Server])
def test_the_page_names_each_member_of_what_fixtures_hand_out(kind):
    fields = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    members = fields | {name for name in vars(kind) if not name.startswith("_")}
    assert set(re.findall(r"`(\w+)[`(]", _rows("fowergram_db.testing")[kind.__name__])) >= members
