"""Pages name files, modules and make targets that exist, and CONTRIBUTING.md names all make targets."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGES = (_ROOT / "CONTRIBUTING.md", _ROOT / "SECURITY.md", *(_ROOT / "docs").rglob("*.md"))
_PATH = re.compile(r"(?<![\w/.:-])(?:fowergram_db|sql|tests|tools|benchmarks|docs|\.ci)/[\w./*-]*[\w*/]")
_MODULE = re.compile(r"python3? -m ((?:tests|tools|benchmarks|fowergram_db)[\w.]*)")


def _code(text: str) -> str:
    """The code of a page, in spans and in blocks."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return "\n".join((*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))))


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*##", (_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_every_file_and_module_that_a_page_names_exists(page):
    code = _code(page.read_text(encoding="utf-8"))
    missing = [path for path in _PATH.findall(code) if not any(_ROOT.glob(path.rstrip("/")))]
    modules = [_ROOT / name.replace(".", "/") for name in _MODULE.findall(code)]
    missing += [str(path) for path in modules if not path.with_suffix(".py").exists() and not path.is_dir()]
    assert missing == []


def test_every_make_target_is_explained_to_contributors():
    code = _code((_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert set(re.findall(r"\bmake ([a-z-]+)", code)) == _targets() - {"install", "clean"}
