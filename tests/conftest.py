"""What every test has: an environment that configures nothing, and whole outputs to compare with."""

import os
import re
from pathlib import Path

import pytest

_CONFIGURES = re.compile(r"DB_\w+|DATABASE_URL|PG[A-Z]+|FOWERGRAM_\w+|MIGRATIONS_DIR|NO_COLOR|GITHUB_ACTIONS")


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="rewrite the recorded outputs with what comes out now")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch, tmp_path):
    for name in filter(_CONFIGURES.fullmatch, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "no-pgpass"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)


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
