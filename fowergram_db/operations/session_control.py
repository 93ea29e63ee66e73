"""Recognize the statements that control transactions and sessions, and decide whether their time counts. Pure."""

from fowergram_db.lexer import TokenKind, tokens

# The first word of a statement decides: none of these takes a query or calls a function of the statement's text.
_FIRST_WORDS = frozenset(
    (
        *("abort", "begin", "close", "commit", "deallocate", "discard", "end", "lock", "release", "reset"),
        *("rollback", "savepoint", "set", "start", "unlisten"),
    )
)
_SLOW_MEAN_MS = 10.0
_LARGE_TOTAL_MS = 1000.0
_LARGE_SHARE = 0.01


def controls_session(query: str) -> bool:
    """Return whether a statement only begins or ends a transaction, sets, locks, or frees something.

    >>> controls_session("/* app */ COMMIT"), controls_session("SET LOCAL work_mem = $1"), controls_session("SELECT 1")
    (True, True, False)
    """
    first = next(tokens(query), None)
    return first is not None and first.kind is TokenKind.WORD and first.value in _FIRST_WORDS


def is_slow(calls: int, total_ms: float, all_ms: float) -> bool:
    """Return whether the calls of such a statement took long, as LOCK TABLE does when it waits for a migration.

    Each took 10 ms on average, or all of them took a second and 1 % of the database's time, ``all_ms``.

    >>> is_slow(100, 20.0, 30.0), is_slow(100, 1000.0, 10**9), is_slow(10**6, 40_000.0, 100_000.0)
    (False, True, True)
    """
    is_large = total_ms >= _LARGE_TOTAL_MS and total_ms >= _LARGE_SHARE * all_ms
    return is_large or total_ms >= _SLOW_MEAN_MS * calls
