"""Lay out tables: one line per row on a terminal, and complete rows for a pipe."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fowergram_db.printable import inert, on_one_line, without_brackets

_GAP = "  "
_ELLIPSIS = "…"
_LEAST = 8


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table: its heading, the alignment of its cells, and what happens on a narrow terminal.

    First, columns are left out, the one with the highest ``drop_order`` first; 0 means never. Then cells are truncated,
    first those of columns with a ``preferred_width``, in terminal columns. Beyond that width, such a column gives way
    before another column is left out.
    """

    heading: str
    justify: str = "left"
    drop_order: int = 0
    preferred_width: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; ``style`` is a hint for terminals and never the only sign of anything."""

    cells: tuple[str, ...]
    style: str = ""


def plain_lines(columns: Sequence[TableColumn], rows: Sequence[Row]) -> Iterator[str]:
    """Yield the heading and the rows, every cell as wide as it is."""
    lines = [tuple(column.heading for column in columns), *(tuple(map(on_one_line, row.cells)) for row in rows)]
    widths = [max(map(width_of, cells)) for cells in zip(*lines, strict=True)]
    for line in lines:
        yield inert(_joined(columns, line, widths).rstrip())


def fitted_lines(columns: Sequence[TableColumn], rows: Sequence[Row], width: int) -> Iterator[str]:
    """Yield the heading, a rule and the rows, none of them wider than a terminal of ``width``, if that can be.

    >>> owner, rows = TableColumn("owner", drop_order=1), TableColumn("rows", "right")
    >>> columns = TableColumn("name", preferred_width=63), owner, rows
    >>> for line in fitted_lines(columns, [Row(("a" * 30, "somebody", "7"))], 30): print(line)
    name                      rows
    ──────────────────────────────
    aaaaaaaaaaaaaaaaaaaaaaa…     7
    """
    cells = [tuple(without_brackets(on_one_line(cell)) for cell in row.cells) for row in rows]
    widths = [max(map(width_of, (column.heading, *(line[at] for line in cells)))) for at, column in enumerate(columns)]
    shown = _shown(columns, widths, width)
    _shrink(columns, widths, shown, width)
    chosen = [columns[at] for at in shown]
    wide = [widths[at] for at in shown]
    yield _joined(chosen, [column.heading for column in chosen], wide)
    yield "─" * (sum(wide) + len(_GAP) * (len(wide) - 1))
    for line in cells:
        yield _joined(chosen, [shortened(line[at], widths[at]) for at in shown], wide)


def _shown(columns: Sequence[TableColumn], widths: Sequence[int], width: int) -> list[int]:
    """Return which columns there is room for."""
    shown = list(range(len(columns)))
    while _needed(columns, widths, shown) > width:
        least = max(shown, key=lambda at: columns[at].drop_order)
        if not columns[least].drop_order:
            break
        shown.remove(least)
    return shown


def _needed(columns: Sequence[TableColumn], widths: Sequence[int], shown: Sequence[int]) -> int:
    preferred_width = (min(widths[at], columns[at].preferred_width or widths[at]) for at in shown)
    return sum(preferred_width) + len(_GAP) * (len(shown) - 1)


def _shrink(columns: Sequence[TableColumn], widths: list[int], shown: Sequence[int], width: int) -> None:
    """Shrink the widest columns that have a preferred width until all fit, then any column."""
    for shrinkable in ([at for at in shown if columns[at].preferred_width], list(shown)):
        while shrinkable and (excess := sum(widths[at] for at in shown) + len(_GAP) * (len(shown) - 1) - width) > 0:
            widest, *others = sorted(shrinkable, key=lambda at: widths[at], reverse=True)
            next_width = max([_LEAST, *(widths[at] for at in others if widths[at] < widths[widest])])
            if widths[widest] <= _LEAST:
                break
            widths[widest] = max(_LEAST, min(next_width, widths[widest] - 1), widths[widest] - excess)


def _joined(columns: Sequence[TableColumn], cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = []
    for cell, width, column in zip(cells, widths, columns, strict=True):
        blank = " " * (width - width_of(cell))
        padded.append(blank + cell if column.justify == "right" else cell + blank)
    return _GAP.join(padded)


def shortened(text: str, width: int) -> str:
    """Truncate a text to ``width`` terminal columns, with an ellipsis. Combining characters stay with their letter.

    >>> shortened("users", 5), shortened("accounts", 5), shortened("ผู้ใช้งาน", 4), shortened("表表表", 4)
    ('users', 'acco…', 'ผู้ใช้…', '表…')
    """
    if width_of(text) <= width:
        return text
    taken = 0
    for at, character in enumerate(text):
        taken += width_of(character)
        if taken > width - len(_ELLIPSIS):
            return text[:at] + _ELLIPSIS
    return text


def width_of(text: str) -> int:
    """Return how many columns a text takes: Thai vowels above and below take none.

    >>> width_of("users"), width_of("ผู้ใช้"), width_of("表")
    (5, 3, 2)
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
