"""Find secrets in prose, as in a server's messages and in comments. Pure.

There, quotes and words have no rules: what counts is the text around the word.
"""

import re
from collections.abc import Iterator

from fowergram_db.redaction.connection_strings import PLACEHOLDER, TextKind, password_spans

ROLE_OPTIONS = frozenset(
    "add bypassrls createdb createrole encrypted infinity inherit limit login nobypassrls nocreatedb nocreaterole "
    "noinherit nologin noreplication nosuperuser replication set superuser unencrypted with".split()
)
"""What may come before PASSWORD in a list of options."""

_WORD = re.compile(r"(?<![\w.])(?:ssl)?(?:password|passwd|passphrase)\b\"?", re.IGNORECASE)
_BETWEEN = re.compile(r"(?>[\s(]++|/\*(?>[^*]++|\*(?!/))*+\*/|--[^\n]*+\n)*+")
_QUOTES = re.compile(r"([eEnNbBxX]|[uU]&)?(?:('+)|(\$\w*\$))")
_ROLE = re.compile(r"\b(?:create|alter)\s+(?:role|user|group|server)\b[^;]*\Z", re.IGNORECASE)
_BEFORE = re.compile(r"(?:([\w]+)\s*|[(,]\s*\"?)\Z")
# After a quote that closes a string: the string ends in PASSWORD, and SQL continues.
_GOES_ON = re.compile(r"\s*(?:\|\||[),;]\s*(?:\Z|[);]))")
_WINDOW = 400


def prose_spans(text: str) -> Iterator[tuple[int, int]]:
    r"""Yield where secrets are in a text that is no SQL, but may contain some, as (start, end).

    >>> text = 'the password \'policy\' of the SQL statement "ALTER ROLE me PASSWORD \'secret\'"'
    >>> [text[start:end] for start, end in prose_spans(text)]
    ['secret']
    """
    yield from password_spans(text, TextKind.PROSE)
    for word in _WORD.finditer(text):
        between = _BETWEEN.match(text, word.end())
        opening = _QUOTES.match(text, between.end() if between else word.end())
        before = text[max(0, word.start() - _WINDOW) : word.start()]
        if opening and _reads_as_clause(word[0], before):
            yield from _quoted_part(text, opening, is_certain=bool(_ROLE.search(before)))


def _reads_as_clause(word: str, before: str) -> bool:
    last = _BEFORE.search(before)
    is_option = last is not None and (last[1] is None or last[1].lower() in ROLE_OPTIONS)
    return is_option or word.isupper() or bool(_ROLE.search(before))


def _quoted_part(text: str, opening: re.Match[str], *, is_certain: bool) -> Iterator[tuple[int, int]]:
    """Yield what is between quotes; each string around them doubles their number."""
    begin, closing = opening.end(), opening[2] or opening[3]
    if opening[2] and len(closing) % 2:
        begin, closing = opening.start(2) + 1, "'"
    elif opening[2] and not text[begin : begin + 1].strip(" \t\n;,)"):
        return  # an empty string
    end = text.find(closing, begin)
    while closing == "'" and text.startswith("''", end):
        end = text.find(closing, end + 2)
    if end < 0 and is_certain:
        end = len(text)
    if _GOES_ON.match(text, begin):
        return
    if end > begin and not PLACEHOLDER.fullmatch(text, begin, end):
        yield begin, end
