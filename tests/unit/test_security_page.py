"""What docs/security.md names is there: the files, and the tests."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs/security.md"


def test_every_file_that_the_page_links_to_exists():
    links = re.findall(r"\]\(([^)#]+)", _PAGE.read_text(encoding="utf-8"))
    assert len(links) > 30
    assert [link for link in links if not (_PAGE.parent / link).exists()] == []


def test_every_test_that_the_page_names_exists():
    named = re.findall(r"`(test_\w+)`", _PAGE.read_text(encoding="utf-8"))
    defined = {
        name
        for file in (_ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 15
    assert [name for name in named if name not in defined] == []
