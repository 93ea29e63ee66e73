"""What docs/th/README.md shows is what happens: its commands run in their order, in a directory of their own."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from fowergram_db.cli.main import run
from fowergram_db.database.connection import connect
from fowergram_db.errors import ExitCode

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/th/README.md").read_text(encoding="utf-8")
# A block of commands, or a file that the page names at the end of the paragraph above its content.
PART = re.compile(r"```sh\n(?P<commands>.*?)```|`(?P<file>migrations/\S+\.sql)`\n\n```sql\n(?P<text>.*?)```", re.DOTALL)
ASSIGNMENT = re.compile(r'(?:export )?([A-Z_]+)=(?:"\$\((.*)\)"|(\S+))(?: |$)')


@pytest.fixture
def call(server, monkeypatch, capsys, tmp_path):
    """Run a line of the page: assignments hold for the rest of the page with ``export``, else for the line."""
    for name, value in {"DB_HOST": server.host, "DB_PORT": server.port, "DB_USER": server.user}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def command(line: str) -> str:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "fowergram-db", line
        exit_code = run(arguments)
        captured = capsys.readouterr()
        assert exit_code == 0, f"{line}: {captured.err}"
        return captured.out

    def call_line(line: str) -> None:
        with monkeypatch.context() as for_this_line:
            place = monkeypatch if line.startswith("export ") else for_this_line
            while match := ASSIGNMENT.match(line):
                place.setenv(match[1], command(match[2]).strip() if match[2] else match[3])
                line = line[match.end() :]
            if shlex.split(line, comments=True):
                command(line)

    return call_line


def installs(line: str) -> bool:
    """Return whether a line is a make target that exists, or installs the package with an extra that exists."""
    if match := re.match(r"make ([\w-]+) ", line):
        return bool(re.search(rf"^{match[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    return re.match(r"pip install ('\.\[embedded\]'|\.) ", line) is not None


def test_the_commands_of_the_page_work_in_their_order(call, server, tmp_path):
    with connect(replace(server, dbname="template1")) as session:
        session.execute("CREATE EXTENSION pg_stat_statements")
    for part in PART.finditer(PAGE):
        if part["file"]:
            with (tmp_path / part["file"]).open("a", encoding="utf-8") as file:
                file.write(part["text"])
        for line in (part["commands"] or "").splitlines():
            if not installs(line):
                call(line)


def test_the_exit_codes_are_all_that_there_are():
    rows = re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE)
    assert [int(code) for row in rows for code in row.split(",")] == sorted(ExitCode)
