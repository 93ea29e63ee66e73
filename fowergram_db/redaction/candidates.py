"""Choose the parts of a text that may hold a secret, before any of it is read. Pure."""

import re
from collections.abc import Iterator

from fowergram_db.redaction.lexemes import statement_spans

HINTS = re.compile(
    r"pass(?:word|wd|phrase|file)|pwd|secret|token|api_?key|access_key|private_key|credentials|identified|://|crypt"
    r"|curl\s|sshpass|mysql|mariadb|(?:create|alter)\s+(?:role|user|group)",
    re.IGNORECASE,
)
# One of these is in all that is worth reading: a word of the hints, or what may put such a word together. To look for
# words takes a fraction of the time that a pattern takes, and most of a long script has none.
_WORDS = (
    *("pass", "pwd", "secret", "token", "apikey", "api_key", "access_key", "private_key", "credentials", "identified"),
    *("://", "crypt", "curl", "mysql", "mariadb", "quote_literal", "quote_nullable"),
)
_ROLES = tuple(re.compile(rf"{verb}\s+(?:role|user|group)") for verb in ("create", "alter"))
_EXECUTES = re.compile(r"execute\s+[^\s(]+\s*\(")
_LONG = 100_000


def parts_worth_reading(text: str) -> Iterator[tuple[int, int]]:
    """Yield the parts to read, as (start, end): of a long text, the statements alone that may have a secret."""
    if len(text) <= _LONG:
        yield 0, len(text)
        return
    for start, end in statement_spans(text):
        statement = text[start:end].lower()
        if is_worth_reading(statement) or _EXECUTES.search(statement):
            yield start, end


def is_worth_reading(lowered: str) -> bool:
    """Return whether a text in lower case may have a secret.

    >>> [is_worth_reading(text) for text in ("select 'a'", "alter  user a", "select * from user", "'https://a'")]
    [False, True, False, True]
    """
    return any(word in lowered for word in _WORDS) or any(role.search(lowered) for role in _ROLES)
