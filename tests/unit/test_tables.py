"""Tables fit the terminal: the least useful columns go first, names are truncated last; in a pipe nothing is."""

import pytest

from fowergram_db.cli.tables import Row, TableColumn, fitted_lines, plain_lines, shortened, width_of

STATUS = (
    TableColumn(""), TableColumn("version", "right"), TableColumn("name", preferred_width=63), TableColumn("state"),
    TableColumn("applied at (UTC)", drop_order=1), TableColumn("took", "right", drop_order=3),
    TableColumn("undo", drop_order=2),
)  # fmt: skip
NAMES = ("users", "x" * 40, "ผู้ใช้งาน" * 4, "ผู้ใช้งาน" * 200, "表" * 33, "y" * 1000, "", "a\nb\tc", "e\u0301" * 50)


def status(name: str) -> list[Row]:
    return [Row((">", "20240101000000", name, "out_of_order", "2026-11-30 22:00:00", "59 min 59 s", "yes"))]


@pytest.mark.parametrize("width", [60, 61, 79, 80, 100, 120, 200])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(name, width):
    assert max(map(width_of, fitted_lines(STATUS, status(name), width))) <= width


@pytest.mark.parametrize("width", [1, 10, 30, 59])
def test_a_terminal_that_is_too_narrow_for_any_table_gets_one(width):
    assert len(list(fitted_lines(STATUS, status("users"), width))) == 3


def test_columns_are_left_out_before_a_name_is_truncated():
    shown = {width: list(fitted_lines(STATUS, status("n" * 24), width)) for width in (120, 94, 80, 60)}
    headings = {width: lines[0].split() for width, lines in shown.items()}
    assert headings[120] == ["version", "name", "state", "applied", "at", "(UTC)", "took", "undo"]
    assert headings[94] == ["version", "name", "state", "applied", "at", "(UTC)", "undo"]
    assert headings[80] == ["version", "name", "state", "applied", "at", "(UTC)"]
    assert headings[60] == ["version", "name", "state"]
    assert [width for width, lines in shown.items() if "n" * 24 not in lines[2]] == []


def test_a_long_name_does_not_push_everything_out():
    assert "applied at" in next(fitted_lines(STATUS, status("n" * 1000), 140))


def test_the_widest_name_is_truncated_first():
    columns = (TableColumn("a", preferred_width=30), TableColumn("b", preferred_width=30))
    *_, line = fitted_lines(columns, [Row(("x" * 50, "y" * 10))], 40)
    assert line == f"{'x' * 27}…  {'y' * 10}"


def test_figures_of_all_sizes_stay_whole():
    columns = (TableColumn("name", preferred_width=63), TableColumn("rows", "right"))
    figures = ("0", "9,223,372,036,854,775,807", "?", "-1")
    lines = list(fitted_lines(columns, [Row(("t" * 70, figure)) for figure in figures], 60))
    assert [line.endswith(f" {figure}") for line, figure in zip(lines[2:], figures, strict=True)] == [True] * 4


def test_a_pipe_gets_every_column_and_every_letter():
    heading, line = plain_lines(STATUS, status("ผู้ใช้งาน" * 200))
    assert "undo" in heading
    assert "ผู้ใช้งาน" * 200 in line


@pytest.mark.parametrize("text", NAMES)
@pytest.mark.parametrize("width", [1, 2, 7, 30])
def test_a_text_is_truncated_to_the_width_and_never_before_a_combining_mark(text, width):
    cut = shortened(text, width)
    assert width_of(cut) <= max(width, 1)
    if cut != text:
        assert cut.endswith("…")
        assert width_of(text[len(cut) - 1]) > 0
