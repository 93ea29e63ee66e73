"""Compute where something is in a file; data that is not kept in memory counts. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """COPY data that is too large to be kept in memory: left out of the text at ``at``, read again from the file.

    ``begin`` and ``end`` are its byte offsets in the file, ``lines`` is the number of line ends between them.
    """

    at: int
    begin: int
    end: int
    lines: int


def position(text: str, offset: int, gaps: Iterable[Gap] = ()) -> tuple[int, int]:
    r"""Return the 1-based line and column (in characters) of an offset; the lines of gaps before it count.

    The offset of a gap is where its data begins.

    >>> position("SELECT 1;\n  ผิด", 12), position("COPY t FROM stdin;\n\\.\nx", 22, [Gap(19, 19, 99, 7)])
    ((2, 3), (10, 1))
    """
    left_out = sum(gap.lines for gap in gaps if gap.at < offset)
    return left_out + text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)
