"""Pages and CI name files, modules and make targets that exist, and CONTRIBUTING.md names all make targets."""

import re
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_PAGES = (_ROOT / "CONTRIBUTING.md", _ROOT / "SECURITY.md", *(_ROOT / "docs").rglob("*.md"))
_CI = tuple(_ROOT / name for name in (".github/workflows/ci.yml", ".ci/run", ".pre-commit-config.yaml"))
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
    assert _missing(_code(page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("file", _CI, ids=lambda file: file.name)
def test_every_file_module_and_target_that_ci_names_exists(file):
    text = file.read_text(encoding="utf-8")
    assert _missing(text) == []
    assert {target for target in re.findall(r"\bmake ([a-z-]+)", text) if target not in _targets()} == set()


def _missing(code: str) -> list[str]:
    missing = [path for path in _PATH.findall(code) if not any(_ROOT.glob(path.rstrip("/")))]
    modules = [_ROOT / name.replace(".", "/") for name in _MODULE.findall(code)]
    missing += [str(path) for path in modules if not path.with_suffix(".py").exists() and not path.is_dir()]
    return missing


def test_every_make_target_is_explained_to_contributors():
    code = _code((_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert set(re.findall(r"\bmake ([a-z-]+)", code)) == _targets() - {"install"}


def test_the_workflow_runs_actions_of_one_commit_and_may_only_read():
    text = _CI[0].read_text(encoding="utf-8")
    actions = re.findall(r"uses: (.*)", text)
    assert len(actions) > 10
    assert [action for action in actions if not re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40} # v[\d.]+", action)] == []
    assert len(set(actions)) == len({action.partition("@")[0] for action in actions})
    assert re.findall(r"^permissions:\n((?:  .*\n)+)", text, re.MULTILINE) == ["  contents: read\n"]
    assert re.findall(r"(\w+): write", text) == ["contents"]
    assert text.count("persist-credentials: false") == text.count("uses: actions/checkout@")


def test_ci_runs_every_target_that_checks_something():
    text = _CI[0].read_text(encoding="utf-8")
    assert {"lint", "coverage", "test-unit", "test-versions", "wheel-test", "sdist-test", "dist"} <= set(
        re.findall(r"\bmake ([a-z-]+)", text)
    )
    assert [int(version) for version in re.search(r"postgresql: \[(.*)\]", text)[1].split(",")] == [*range(13, 19)]


@pytest.mark.parametrize("index", ["docs/README.md", "docs/decisions/README.md"])
def test_an_index_has_every_page_below_it(index):
    text = (_ROOT / index).read_text(encoding="utf-8")
    pages = {page.name for page in (_ROOT / index).parent.glob("*.md")} - {"README.md"}
    assert pages - set(re.findall(r"\]\(([\w.-]+\.md)\)", text)) == set()


def test_every_marker_is_explained_to_contributors():
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = project["tool"]["pytest"]["ini_options"]["markers"]
    code = _code((_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert [marker for marker in (re.match(r"\w+", text)[0] for text in markers) if marker not in code] == []
