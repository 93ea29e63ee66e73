"""What slow queries are ordered by; apart from them, since the command line names it without a server."""

from enum import StrEnum, auto


class SortKey(StrEnum):
    """What the queries shown first have most of."""

    TOTAL = auto()
    MEAN = auto()
    CALLS = auto()
