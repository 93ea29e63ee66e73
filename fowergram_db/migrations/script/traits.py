"""Find the statements that need special treatment, by their first words. Pure."""

import re
from collections.abc import Sequence
from enum import StrEnum, auto
from itertools import pairwise

from fowergram_db.lexer import Token, TokenKind, tokens


class Trait(StrEnum):
    """What distinguishes a statement from those that can simply be sent.

    CONCURRENT statements begin transactions of their own, in which they wait for those of other sessions.
    """

    ENDS_TRANSACTION = auto()
    COPIES_FROM_CLIENT = auto()
    COPIES_TO_CLIENT = auto()
    NEEDS_NO_TRANSACTION = auto()
    CONCURRENT = auto()


_TRANSACTION_WORDS = frozenset(("ABORT", "BEGIN", "COMMIT", "END", "ROLLBACK"))
_TRANSACTION_PAIRS = frozenset((("START", "TRANSACTION"), ("PREPARE", "TRANSACTION")))
# The statements for which PostgreSQL calls PreventInTransactionBlock(), whatever the database holds.
_NEVER_IN_TRANSACTION = frozenset(
    (
        ("ALTER", "SYSTEM"),
        ("CREATE", "DATABASE"),
        ("CREATE", "TABLESPACE"),
        ("DISCARD", "ALL"),
        ("DROP", "DATABASE"),
        ("DROP", "TABLESPACE"),
    )
)
_INERT = frozenset(
    (
        *((verb, kind) for verb in ("CREATE", "DROP") for kind in ("INDEX", "SEQUENCE", "TABLE", "TRIGGER", "TYPE")),
        ("COMMENT", "ON"),
        ("CREATE", "UNIQUE"),
    )
)
# CREATE TABLE … AS is a query; … PARTITION OF reads the rows of a default partition; and the server computes
# what it can of the expressions of … PARTITION BY, by the functions that they call. AS IDENTITY and AS ENUM do not.
# What is created in pg_temp stays in the session, and U&"…" may be any name.
_RUNS_CODE = re.compile(r"\b(?:as(?!\s+(?:identity|enum)\b)|of|partition|pg_temp\w*)\b|\bu&\"", re.IGNORECASE)
_WHOLE = frozenset(("schema", "database", "system"))
_FALSE = frozenset(("false", "off", "0"))
_FIRST_WORDS = frozenset((*_TRANSACTION_WORDS, *(first for first, _ in (*_TRANSACTION_PAIRS, *_NEVER_IN_TRANSACTION))))
TRAIT_WORDS = _FIRST_WORDS | {"REINDEX", "VACUUM"}
"""The words that a statement with a trait (other than those of COPY) begins with."""


def traits_of(words: Sequence[str], statement: str) -> frozenset[Trait]:
    """Return the traits of a statement, except those of COPY; ``words`` are its first words, in upper case.

    >>> sorted(traits_of(("DROP", "INDEX", "CONCURRENTLY"), "DROP INDEX CONCURRENTLY i"))
    [<Trait.CONCURRENT: 'concurrent'>, <Trait.NEEDS_NO_TRANSACTION: 'needs_no_transaction'>]
    """
    if _ends_transaction(words):
        return frozenset((Trait.ENDS_TRANSACTION,))
    if _is_concurrent(words, statement):
        return frozenset((Trait.CONCURRENT, Trait.NEEDS_NO_TRANSACTION))
    if _needs_no_transaction(words, statement):
        return frozenset((Trait.NEEDS_NO_TRANSACTION,))
    return frozenset()


def is_inert(words: Sequence[str], statement: str) -> bool:
    """Return whether a statement certainly only defines or drops an object, and runs no code but the server's own.

    It changes nothing in the session. An index runs its expressions, but the server reverts what they SET
    (index_build() in its source).
    """
    return tuple(words[:2]) in _INERT and not _RUNS_CODE.search(statement)


def _ends_transaction(words: Sequence[str]) -> bool:
    """Return whether a statement would end or begin the transaction; ROLLBACK TO SAVEPOINT does not."""
    if words[0] == "ROLLBACK" and "TO" in words[1:3]:
        return False
    return words[0] in _TRANSACTION_WORDS or tuple(words[:2]) in _TRANSACTION_PAIRS


def _is_concurrent(words: Sequence[str], statement: str) -> bool:
    rest = [word for word in words if word != "UNIQUE"][:3]
    if rest in (["CREATE", "INDEX", "CONCURRENTLY"], ["DROP", "INDEX", "CONCURRENTLY"]):
        return True
    if words[0] == "REINDEX":
        return _reindex(statement)[1]
    return list(words[:2]) == ["ALTER", "TABLE"] and _detaches_concurrently(statement)


def _needs_no_transaction(words: Sequence[str], statement: str) -> bool:
    if words[0] == "VACUUM" or tuple(words[:2]) in _NEVER_IN_TRANSACTION:
        return True
    if words[0] == "REINDEX":
        return _reindex(statement)[0] in _WHOLE
    return list(words[:2]) == ["ALTER", "DATABASE"] and _moves_database(statement)


def _reindex(statement: str) -> tuple[str, bool]:
    """Return the kind of object that is rebuilt, and whether concurrently: by an option, or by the word after it."""
    found = [*tokens(statement)][1:]
    concurrent = False
    if found and found[0].value == "(":
        close = next((number for number, token in enumerate(found) if token.value == ")"), len(found))
        options, found = found[1 : close + 1], found[close + 1 :]
        for option, value in pairwise(options):
            concurrent |= _is_word(option, "concurrently") and value.value not in _FALSE
    kind = found[0].value if found else ""
    return kind, concurrent or (len(found) > 1 and _is_word(found[1], "concurrently"))


def _detaches_concurrently(statement: str) -> bool:
    """Return whether ALTER TABLE says DETACH PARTITION name CONCURRENTLY."""
    if "detach" not in statement.lower():
        return False
    found = [*tokens(statement)]
    for number, (first, second) in enumerate(pairwise(found)):
        if _is_word(first, "detach") and _is_word(second, "partition"):
            name_end = number + 3
            while name_end < len(found) and found[name_end].value == ".":
                name_end += 2
            return name_end < len(found) and _is_word(found[name_end], "concurrently")
    return False


def _moves_database(statement: str) -> bool:
    """Return whether ALTER DATABASE name says SET TABLESPACE."""
    return [token.value for token in tokens(statement)][3:5] == ["set", "tablespace"]


def _is_word(token: Token, word: str) -> bool:
    return token.kind is TokenKind.WORD and token.value == word
