"""What unit tests have: a directory that costs next to nothing, and files of any name and content in it."""

import os
import tempfile
from itertools import count
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def _directories():
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as parent:
        yield (Path(parent, str(number)) for number in count())


@pytest.fixture
def tmp_path(_directories):
    """Make a directory in memory where there is one: pytest's own has a name, a link, and stays for two more runs."""
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
