"""Modules that say "Pure." read no server, disk, clock, environment and no random numbers."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_MODULES = (
    "os sys io time secrets random uuid socket subprocess tempfile shutil threading signal platform locale getpass "
    "psycopg"
).split()
_CALLS = (
    "open input print now today utcnow read_text write_text read_bytes write_bytes exists is_file is_dir iterdir stat "
    "cwd home expanduser resolve getenv"
).split()
# libpq's reading of a connection string, and its quoting: neither needs a server.
_LIBPQ = {"fowergram_db/database/connection_url.py", "fowergram_db/migrations/psql_script.py"}


def impurities(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names if name.name.partition(".")[0] in _MODULES)
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in _MODULES:
                yield module
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in _CALLS:
                yield ast.unparse(node)


def _pure_modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((_ROOT / "fowergram_db").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if re.search(r"\bPure\.", ast.get_docstring(tree) or ""):
            yield path.relative_to(_ROOT).as_posix(), tree


def test_modules_that_are_declared_pure_are_pure():
    pure = dict(_pure_modules())
    assert {"fowergram_db/migrations/plan.py", "fowergram_db/database/managed_databases.py"} <= pure.keys()
    found = {
        path: [each for each in impurities(tree) if path not in _LIBPQ or each.partition(".")[0] != "psycopg"]
        for path, tree in pure.items()
    }
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import secrets",
        "import os.path",
        "from random import randbits",
        "def f():\n    from psycopg import sql",
        "made_at = datetime.now(UTC)",
        "today = date.today()",
        "text = Path(name).read_text(encoding='utf-8')",
        "def f(name):\n    with open(name) as file:\n        return file",
    ],
)
def test_an_impure_line_is_found(text):
    assert len(list(impurities(ast.parse(text)))) == 1
