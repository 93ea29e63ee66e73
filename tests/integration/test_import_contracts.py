"""The import contracts of pyproject.toml fail when an import breaks them: tests add one to a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture
def add(tmp_path):
    """Add a line to modules of a copy of the package, and return what the linter says of it and its exit code."""
    ignored = shutil.ignore_patterns("__pycache__", "sql")
    shutil.copytree(ROOT / "fowergram_db", tmp_path / "fowergram_db", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def lint(lines: dict[str, str]) -> tuple[int, str]:
        for name, line in lines.items():
            with (tmp_path / "fowergram_db" / name).open("a", encoding="utf-8") as module:
                module.write(f"\n{line}\n")
        done = subprocess.run(
            [sys.executable, "-c", LINT, "--no-cache"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    return lint


def broken(output: str) -> list[str]:
    return re.findall(r"^(.+) BROKEN(?: \(\d+ ignored imports\))?$", output, re.MULTILINE)


def test_the_package_keeps_every_contract(add):
    assert add({})[0] == 0


@pytest.mark.parametrize("module", ["__init__", "testdb", "status_table", "main", "options"])
def test_rich_in_a_module_of_cli_that_is_no_renderer_breaks_a_contract(add, module):
    exit_code, output = add({f"cli/{module}.py": "import rich.table"})
    assert exit_code == 1
    assert "Of the command line, only the renderer uses Rich" in broken(output)


@pytest.mark.parametrize("module", ["plan", "status", "files/sections", "script/scanner"])
def test_psycopg_in_a_pure_module_breaks_a_contract(add, module):
    exit_code, output = add({f"migrations/{module}.py": "from psycopg import sql"})
    assert (exit_code, broken(output)) == (1, ["Only modules that query a server use psycopg"])


@pytest.mark.parametrize(
    ("one", "other"),
    [("cli.figures", "cli.versions"), ("testdb.owner", "testdb.server"), ("migrations.script", "migrations.version")],
)
def test_two_modules_that_import_each_other_break_a_contract(add, one, other):
    files = [f"{each.replace('.', '/')}{'/__init__' if each.endswith('script') else ''}.py" for each in (one, other)]
    exit_code, output = add({files[0]: f"import fowergram_db.{other}", files[1]: f"import fowergram_db.{one}"})
    assert exit_code == 1
    assert "No modules import each other, nor do packages" in broken(output)


def test_a_late_import_from_the_same_layer_or_from_one_above_breaks_a_contract(add):
    late = "def late():\n    import fowergram_db."
    exit_code, output = add(
        {
            "cli/figures.py": f"{late}cli.versions",
            "database/state.py": f"{late}database.heartbeat",
            "migrations/history_sql.py": f"{late}migrations.history_row",
            "schema/markup.py": f"{late}schema.snapshot",
            "testdb/template.py": f"{late}testdb.template_lifecycle",
        }
    )
    assert exit_code == 1
    found = {name.partition(":")[0] for name in broken(output)}
    assert {f"Within {package}" for package in ("cli", "database", "migrations", "schema", "testdb")} <= found


def test_a_module_without_a_layer_breaks_a_contract(add):
    packages = ("cli", "database", "migrations", "migrations/other_tools", "schema", "testdb")
    exit_code, output = add({f"{package}/new.py": '"""New."""' for package in packages})
    assert exit_code == 1
    found = {name.partition(":")[0] for name in broken(output)}
    assert found == {f"Within {package.rpartition('/')[2]}" for package in packages}
