"""What unit tests have: a directory that costs next to nothing, and files of any name and content in it."""

from itertools import count
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def _directories(tmp_path_factory):
    parent = tmp_path_factory.mktemp("unit")
    return (parent / str(number) for number in count())


@pytest.fixture
def tmp_path(_directories):
    """Make a directory: pytest's own takes several times as long, since it has a name and a link."""
    directory = next(_directories)
    directory.mkdir()
    return directory


@pytest.fixture
def put(tmp_path):
    """Write files by their path below the directory."""

    def write(files: dict[str, str | bytes]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write
