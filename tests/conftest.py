"""What every test has: an environment that configures nothing, and whole outputs to compare with."""

import os
import re
from pathlib import Path

import pytest

_CONFIGURES = re.compile(r"DB_\w+|DATABASE_URL|PG[A-Z]+|FOWERGRAM_\w+|MIGRATIONS_DIR|NO_COLOR|GITHUB_ACTIONS")


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="rewrite the recorded outputs with what comes out now")


@pytest.fixture(scope="session")
def _empty_directory(tmp_path_factory):
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch, request, _empty_directory):
    for name in filter(_CONFIGURES.fullmatch, list(os.environ)):
        monkeypatch.delenv(name)
    place = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else _empty_directory
    monkeypatch.setenv("PGPASSFILE", str(place / "no-pgpass"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(place)


@pytest.fixture
def recorded(request):
    """Compare a whole output with the one on file beside the test; ``--update`` rewrites it on purpose."""

    def compare(name: str, output: str) -> None:
        file = Path(request.path).parent / "recorded" / f"{name}.txt"
        if request.config.getoption("--update"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(output, encoding="utf-8")
        assert output == file.read_text(encoding="utf-8")

    return compare
