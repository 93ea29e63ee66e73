"""What GitHub Actions receives: annotations relative to the workspace, and the summary as inert Markdown."""

import os

import pytest

from fowergram_db.cli.github import annotations, outcome_as_markdown, relative_to
from fowergram_db.errors import FowergramError, Location

HOSTILE = (
    "a|b", "`x`", "<img src=x onerror=y>", "[a](https://evil.example)", "![a](https://evil.example/a.png)", "# h",
    "x\n\n# h", "```\nx", "@somebody", "https://evil.example", "\u202ex", "\x1b[2J", "ผู้ใช้", "&lt;", "a\\|b",
)  # fmt: skip


@pytest.mark.parametrize(
    ("file", "workspace", "shown"),
    [
        ("/w/m/001.sql", "/w", "m/001.sql"),
        ("/w/m/001.sql", "/w/", "m/001.sql"),
        ("/w/../w/m/001.sql", "/w", "m/001.sql"),
        ("/wx/001.sql", "/w", "/wx/001.sql"),
        ("/w/m/001.sql", "", "/w/m/001.sql"),
        ("../001.sql", "/nowhere", "../001.sql"),
        ("/w/ก/ข ค.sql", "/w", "ก/ข ค.sql"),
    ],
)
def test_a_file_inside_the_workspace_is_relative_to_it(file, workspace, shown):
    assert relative_to(file, workspace) == shown


def test_a_relative_file_is_one_of_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "db").mkdir()
    monkeypatch.chdir(tmp_path / "db")
    assert relative_to("m/001.sql", str(tmp_path)) == "db/m/001.sql"
    assert relative_to("m/001.sql", os.path.realpath(tmp_path)) == "db/m/001.sql"


def test_a_workspace_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert relative_to(str(tmp_path / "real/001.sql"), str(tmp_path / "link")) == "001.sql"


def test_an_annotation_has_one_line_whatever_the_message_holds():
    for text in HOSTILE:
        (line,) = annotations(FowergramError(text, location=Location(f"/w/{text}", 2, 3)), "/w")
        assert line.startswith("::error file=")
        assert "\n" not in line


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_names_as_they_are(text):
    steps = [{"file": text, "direction": "up", "duration_ms": 1250.0}]
    shown = outcome_as_markdown("migrate", text, {"steps": steps, "summary": {"applied": 1, "pending": 0}}, None)
    lines = shown.split("\n")
    assert lines[0] == "### fowergram\\-db migrate: done" or lines[0] == "### fowergram-db migrate: done"
    row = next(line for line in lines if line.endswith("| up | 1.2 s |"))
    assert row.replace("\\|", "").count("|") == 4
    assert "<" not in shown
    assert "](" not in shown
    assert not [c for c in shown if c != "\n" and not c.isprintable()]
    assert "1 applied, 0 pending." in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_an_error_in_a_block_that_it_cannot_leave(text):
    error = FowergramError(text, hint=text)
    error.add_note("Nothing is applied.")
    shown = outcome_as_markdown("migrate", "", {}, error)
    assert shown.startswith("### fowergram-db migrate: failed\n\n")
    fence = shown.split("\n")[2].removesuffix("text")
    assert set(fence) == {"`"}
    assert shown.split("\n").count(fence) == 1
    assert shown.rstrip().endswith("Nothing is applied\\.")


def test_markdown_of_many_steps_is_not_endless():
    steps = [{"file": f"{n:04}_a.sql", "direction": "up", "duration_ms": None} for n in range(1000)]
    shown = outcome_as_markdown("migrate", "", {"steps": steps}, None)
    assert len(shown) < 20_000
    assert "800 more steps" in shown
