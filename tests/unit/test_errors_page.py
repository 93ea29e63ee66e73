"""docs/errors.md shows every error, with its code and exit code, and no other."""

import re
from pathlib import Path

from fowergram_db.cli import explanations
from fowergram_db.errors import FowergramError

_PAGE = (Path(__file__).parents[2] / "docs/errors.md").read_text(encoding="utf-8")


def _children(parent: type[FowergramError]) -> list[type[FowergramError]]:
    """The errors of the package that inherit from one directly, by name; errors that tests define do not count."""
    ours = (child for child in parent.__subclasses__() if child.__module__.startswith("fowergram_db."))
    return sorted(ours, key=lambda child: child.__name__)


def _drawn(parent: type[FowergramError], indent: str = "") -> list[str]:
    lines = []
    for child in (children := _children(parent)):
        is_last = child is children[-1]
        lines.append(f"{indent}{'└── ' if is_last else '├── '}{child.__name__}")
        lines += _drawn(child, f"{indent}{'    ' if is_last else '│   '}")
    return lines


def _all(parent: type[FowergramError]) -> set[type[FowergramError]]:
    return {parent}.union(*map(_all, _children(parent)))


def test_the_diagram_shows_the_tree_of_errors():
    assert explanations.Unexpected in _children(FowergramError)  # the errors of the command line are known, too
    (picture,) = re.findall(r"```\n(.*?)\n```", _PAGE, re.DOTALL)
    assert picture.split("\n") == ["FowergramError", *_drawn(FowergramError)]


def test_each_error_has_one_row_with_its_code_and_exit_code():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\d+) \| [^|]+ \| [^|]+ \|$", _PAGE, re.MULTILINE)
    expected = {(error.__name__, error.code, str(int(error.exit_code))) for error in _all(FowergramError)}
    assert len(rows) == len(set(rows))
    assert set(rows) == expected - {("FowergramError", "failed", "1")}
    assert len(rows) == len(re.findall(r"^\| `", _PAGE, re.MULTILINE))
