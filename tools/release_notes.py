"""Print what the changelog says of a version, for the release of a tag.

`python -m tools.release_notes v0.1.0` prints the section of that version; the exit code is 1 if there is none, or if
the version of the package is another one.
"""

import re
import sys
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def release_notes(tag: str, changelog: str, version: str) -> str:
    r"""Return the section of a tag's version; raise ValueError if there is none, or the package has another version.

    >>> release_notes("v1.2.0", "## [1.2.0] - 2030-01-31\n\n- New: x\n\n## [1.1.0] - 2029-12-01\n", "1.2.0")
    '- New: x'
    """
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, and the package has version {version}")
    section = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}\n(.*?)(?=^## |\Z)",
        changelog,
        re.MULTILINE | re.DOTALL,
    )
    if section is None or not section[1].strip():
        raise ValueError(f"CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD` with changes")
    return section[1].strip()


def main(tag: str) -> None:
    """Print the section; end with an error if the tag does not fit."""
    version = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        sys.stdout.write(release_notes(tag, (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version) + "\n")
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
