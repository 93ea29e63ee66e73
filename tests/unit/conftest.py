"""What tests of directories have: files of any name and content."""

from pathlib import Path

import pytest


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
