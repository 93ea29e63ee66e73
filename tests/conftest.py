"""What every test has: an environment that configures nothing, and whole outputs to compare with."""

import gc
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

_CONFIGURES = re.compile(
    r"DB_\w+|DATABASE_URL|PG[A-Z]+|FOWERGRAM_\w+|MIGRATIONS_DIR|(NO|FORCE)_COLOR"
    r"|GITHUB_(ACTIONS|WORKSPACE|STEP_SUMMARY)"
)


def pytest_configure():
    """Let ^C reach what the tests start, and look for rubbish as rarely as the program does.

    A shell ignores SIGINT for its jobs in the background, and every process inherits that. The second saves a tenth of
    the time.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.set_threshold(100_000)


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="rewrite the recorded outputs with what comes out now")
    parser.addoption("--whole", action="store_true", help="run all combinations of a matrix, not a sample of them")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """Look for examples in docstrings in the package alone, not in the tests, where there are none."""
    return [found for found in (yield) if not isinstance(found, DoctestModule)]


def pytest_collection_finish(session):
    """Leave Hypothesis alone where no test uses it: its plugin imports all of it for the summary."""
    if "hypothesis" not in sys.modules and session.config.pluginmanager.has_plugin("hypothesispytest"):
        session.config.pluginmanager.unregister(name="hypothesispytest")


def pytest_collection_modifyitems(config, items):
    """Keep a sample of each matrix: the first of every n combinations, none if every is 0."""
    if config.getoption("--whole"):
        return
    on_old_versions = config.getoption("markexpr") == "old_versions"
    seen, kept, left_out = Counter(), [], []
    for item in items:
        matrix = item.get_closest_marker("matrix")
        old_versions = item.get_closest_marker("old_versions")
        is_whole = matrix is None or (on_old_versions and old_versions and old_versions.kwargs.get("whole"))
        function = item.nodeid.partition("[")[0]
        every = 1 if is_whole else matrix.kwargs["every"]
        is_kept = every > 0 and seen[function] % every == 0
        (kept if is_kept else left_out).append(item)
        seen[function] += 1
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


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
    """Compare a whole output with the one on file next to the test; ``--update`` rewrites it on purpose."""

    def compare(name: str, output: str) -> None:
        file = Path(request.path).parent / "recorded" / f"{name}.txt"
        if request.config.getoption("--update"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(output, encoding="utf-8")
        assert output == file.read_text(encoding="utf-8")

    return compare
