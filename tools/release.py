"""See that a wheel is released with what was tested.

``python -m tools.release constraints`` prints the exact version of each package that the tool needs and that is
installed in this environment: the tests ran with these. ``python -m tools.release check WHEEL PYTHON`` compares a
wheel, and the environment of a Python in which it was installed, with that: the requirements of
pyproject.toml, the same versions, no conflict, and a permissive licence for each. Neither asks a registry.
"""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_NAME = "fowergram-db"
_EXTRA = "embedded"
_PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
# psycopg is a shared library under the LGPL: it may be used by a program of any licence, and replaced in it.
PERMISSIVE = re.compile(r"MIT|BSD|Apache|ISC|PostgreSQL|PSF|Python|Unlicense|0BSD", re.IGNORECASE)
LESSER = {"psycopg", "psycopg-binary"}


def needed(name: str = _NAME, extras: Iterable[str] = (_EXTRA,)) -> Mapping[str, Distribution]:
    """Return every package that a package needs here, by canonical name; the package itself is left out."""
    found: dict[str, Distribution] = {}
    waiting = [(name, frozenset(extras))]
    while waiting:
        at, wanted = waiting.pop()
        for text in distribution(at).requires or ():
            requirement = Requirement(text)
            known = canonicalize_name(requirement.name)
            applies = any(not requirement.marker or requirement.marker.evaluate({"extra": e}) for e in (*wanted, ""))
            if applies and known not in found:
                found[known] = distribution(known)
                waiting.append((known, frozenset(requirement.extras)))
    return dict(sorted(found.items()))


def constraints() -> Iterator[str]:
    """Yield a line for pip's --constraint for each package that is needed."""
    yield from (f"{name}=={package.version}" for name, package in needed().items())


def faults(wheel: Path, python: str) -> Iterator[str]:
    """Yield what is wrong with a wheel, and with where it was installed."""
    yield from _differing_requirements(wheel)
    yield from _differing_versions(python)
    yield from (
        f"{name}: {licence or 'no licence'}" for name, licence in licences() if not _is_permissive(name, licence)
    )
    conflicts = subprocess.run([python, "-m", "pip", "check"], check=False, capture_output=True, text=True)
    if conflicts.returncode:
        yield conflicts.stdout.strip()


def declared() -> tuple[set[str], str]:
    """Return what pyproject.toml says that the tool and its extra need, and of Python."""
    project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
    own = (f"{text}; extra == '{_EXTRA}'" for text in project["optional-dependencies"][_EXTRA])
    return {_normal(text) for text in (*project["dependencies"], *own)}, project["requires-python"]


def _differing_requirements(wheel: Path) -> Iterator[str]:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        said = Parser().parsestr(opened.read(name).decode())
    wanted, python = declared()
    # Those of test and dev, which the wheel carries too, are for the checkout.
    found = {_normal(text) for text in said.get_all("Requires-Dist", ()) if not re.search("extra == .(test|dev)", text)}
    yield from (f"only in the wheel: {text}" for text in sorted(found - wanted))
    yield from (f"not in the wheel: {text}" for text in sorted(wanted - found))
    if said["Requires-Python"] != python:
        yield f"the wheel is for Python {said['Requires-Python']}, the project for {python}"


def _normal(text: str) -> str:
    requirement = Requirement(text)
    requirement.name = canonicalize_name(requirement.name)
    return str(requirement)


def _differing_versions(python: str) -> Iterator[str]:
    listed = subprocess.check_output([python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"])
    installed: dict[str, str] = {
        canonicalize_name(package["name"]): package["version"] for package in json.loads(listed)
    }
    for name, package in needed().items():
        if installed.get(name) != package.version:
            yield f"{name}: tested {package.version}, installed with the wheel {installed.get(name)}"
    yield from (
        f"{name}: not tested" for name in sorted({*installed} - {*needed(), _NAME, "pip", "setuptools", "wheel"})
    )


def licences() -> Iterator[tuple[str, str]]:
    """Yield each package that is needed with what it says of its licence."""
    for name, package in needed().items():
        said = package.metadata
        classifiers = [text for text in said.get_all("Classifier") or () if text.startswith("License ::")]
        yield (
            name,
            "; ".join(
                filter(
                    None, (*(said.get_all("License-Expression") or ()), *classifiers, *(said.get_all("License") or ()))
                )
            ),
        )


def _is_permissive(name: str, licence: str) -> bool:
    return bool(PERMISSIVE.search(licence)) or (name in LESSER and "LGPL" in licence.replace("Lesser General", "LGPL"))


if __name__ == "__main__":
    if sys.argv[1:] == ["constraints"]:
        sys.stdout.write("".join(f"{line}\n" for line in constraints()))
    else:
        _, wheel_name, interpreter = sys.argv[1:]
        wrong = list(faults(Path(wheel_name), interpreter))
        sys.exit("\n".join(wrong) if wrong else 0)
