"""Where statements begin and end for libpg_query, which is PostgreSQL's own lexer and grammar."""

from bisect import bisect_left
from collections.abc import Iterable

from pglast.parser import ParseError, scan, split

Span = tuple[int, int]
_COMMENTS = ("SQL_COMMENT", "C_COMMENT")


class Reference:
    """One text as libpg_query reads it. Raises ParseError where its lexer finds something that is no token."""

    def __init__(self, text: str) -> None:
        self.text = text
        tokens = [token for token in scan(text) if token.name not in _COMMENTS]
        self.starts = [token.start for token in tokens]
        self.ends = [token.end + 1 for token in tokens]
        self.names = [token.name for token in tokens]

    def by_parser(self) -> list[Span]:
        """Return the statements as the grammar splits them. Raises ParseError for a syntax error."""
        return self._trimmed(split(self.text, only_slices=True))

    def by_lexer(self) -> list[Span]:
        """Return the statements as the lexer alone would split them: at each semicolon outside of parentheses."""
        return self._trimmed(split(self.text, with_parser=False, only_slices=True))

    def _trimmed(self, slices: Iterable[slice]) -> list[Span]:
        """Leave comments and white space around the statements out."""
        spans = []
        for piece in slices:
            first = bisect_left(self.starts, piece.start)
            last = bisect_left(self.starts, piece.stop) - 1
            if first <= last:
                spans.append((self.starts[first], self.ends[last]))
        return spans


def is_one_statement(text: str) -> bool | None:
    """Say whether the grammar takes a text for exactly one statement; None where it takes it for none at all."""
    try:
        return len(split(text, only_slices=True)) == 1
    except ParseError:
        return None
