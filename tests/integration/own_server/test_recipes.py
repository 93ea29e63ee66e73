"""What docs/test-databases.md and docs/python-api.md show is what happens."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fowergram_db.database.target import url_of

TEXT = (Path(__file__).resolve().parents[3] / "docs/test-databases.md").read_text(encoding="utf-8")
# The first line of a file, which names it, is no heading.
DOCUMENT = re.sub(r"^# (?=\w+\.py$)", "@", TEXT, flags=re.MULTILINE)
PYTHON_API = (Path(__file__).resolve().parents[3] / "docs/python-api.md").read_text(encoding="utf-8")
GO_PACKAGES = Path("/usr/share/gocode")


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    return re.search(rf"^#+ {title}\n(.*?)(?=^#+ |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)[1]


def blocks(title: str, language: str) -> list[str]:
    """The code blocks of a section that are in a language."""
    return re.findall(rf"```{language}\n(.*?)```", section(title), re.DOTALL)


@pytest.fixture
def variables(server, monkeypatch):
    """The environment of a user who has configured where the tests run."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    url = url_of(server)
    return os.environ | {"TEST_DATABASE_URL": url, "DATABASE_URL": url}


def passed(command, place, variables):
    done = subprocess.run(command, cwd=place, env=variables, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write(place: Path, title: str) -> None:
    """Write the files that a recipe consists of: the first line of each names it."""
    for block in blocks(title, "python"):
        match = re.match(r"@(\w+\.py)\n", block)
        (place / (match[1] if match else "test_it.py")).write_text(
            block[match.end() if match else 0 :], encoding="utf-8"
        )


PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


@pytest.mark.parametrize("title", ["pytest", "SQLAlchemy"])
def test_python(tmp_path, variables, title):
    write(tmp_path, title)
    assert "1 passed" in passed([*PYTEST, tmp_path], tmp_path, variables)


def test_the_python_api(tmp_path, variables):
    command, fixtures = re.findall(r"```python\n(.*?)```", PYTHON_API, re.DOTALL)
    (tmp_path / "test_it.py").write_text(fixtures, encoding="utf-8")
    assert "1 passed" in passed([*PYTEST, "-W", "error", tmp_path], tmp_path, variables)
    assert "'pending'" in passed([sys.executable, "-c", f"{command}\nprint(summary)"], tmp_path, variables)


@pytest.mark.matrix(every=0)
def test_django(tmp_path, variables):
    write(tmp_path, "Django")
    database = "{'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'set_by_the_fixture'}}"
    (tmp_path / "settings.py").write_text(f"DATABASES = {database}\nUSE_TZ = True\n", encoding="utf-8")
    more = {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(tmp_path)}
    assert "1 passed" in passed([*PYTEST, tmp_path], tmp_path, variables | more)


def test_shell(tmp_path, variables):
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    (script,) = blocks("Shell", "sh")
    assert re.search(r"^ +0$", passed(["sh", "-eu", "-c", script], tmp_path, variables), re.MULTILINE)


def test_go(tmp_path, variables):
    if shutil.which("go") is None or not (GO_PACKAGES / "src/github.com/jackc/pgx/v4").exists():
        pytest.skip("Go, or its package pgx, is not installed (Debian: golang-go golang-github-jackc-pgx-v4-dev)")
    (program,) = blocks("Go", "go")
    place = tmp_path / "src/feed"
    place.mkdir(parents=True)
    (place / "feed_test.go").write_text(program, encoding="utf-8")
    more = {"GO111MODULE": "off", "GOPATH": f"{tmp_path}:{GO_PACKAGES}", "GOCACHE": str(tmp_path / "cache")}
    assert "--- PASS: TestNoPostsYet" in passed(["go", "test", "-v", "feed"], place, variables | more)


def test_the_commands_of_the_page(server, variables, tmp_path):
    there = {"DATABASE_URL": url_of(replace(server, dbname="fowergram_test"))}
    commands = [
        line
        for title in ("Reset one database", "One database for each process")
        for block in blocks(title, "sh")
        for line in block.splitlines()
    ]
    assert len(commands) == 5
    for line in commands:
        passed(["sh", "-eu", "-c", line.partition("  #")[0]], tmp_path, variables | there)
