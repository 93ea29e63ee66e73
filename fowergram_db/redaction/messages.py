"""Mask the secrets of SQL, of queries and of messages, before they are shown. Pure.

A masked text keeps its length and its lines, so that positions in it stay true.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from fowergram_db.lexer import fold
from fowergram_db.redaction.connection_strings import TextKind, password_spans
from fowergram_db.redaction.found import Secret
from fowergram_db.redaction.lexemes import lexemes
from fowergram_db.redaction.prose import prose_spans
from fowergram_db.redaction.statements import secrets_of

Span = tuple[int, int]

_NOT_A_LINE_END = re.compile(r"[^\n]")
# What PostgreSQL writes before the text of a statement, in messages and in CONTEXT.
_STATEMENT = re.compile(
    r"""(?:SQL|PL/pgSQL)\ (?:statement|expression|assignment)\ "(?P<quoted>.*?)"?(?=\n(?:PL/pgSQL|SQL)\b|\Z)
    |(?:statement|query|command)(?:\ \w+)?:\s(?P<bare>.*)
    |\b(?P<sql>(?:execute\s|format\s*\(|do\s+(?:language\s+\w+\s+)?\$).*)""",
    re.DOTALL | re.VERBOSE | re.IGNORECASE,
)
_BEGINS_QUERY = re.compile(
    r"\s*(?:--|/\*|\(|(?:alter|analyze|begin|call|close|cluster|comment|commit|copy|create|deallocate|declare|delete|do"
    r"|drop|end|execute|explain|fetch|grant|insert|listen|lock|merge|notify|prepare|refresh|reindex|release|reset|revoke"
    r"|rollback|savepoint|select|set|show|start|table|truncate|update|vacuum|values|with)\b)",
    re.IGNORECASE,
)
# Prose begins with a capital at most.
_IS_QUERY = re.compile(rf"(?=\s*[A-Z]{{2,}}\s)(?i:{_BEGINS_QUERY.pattern})")
_LONG_IDENTIFIER = 63
_DISTINCT = 8
_SHORTEST_BARE = 4
# Passwords of development that are also words of messages: only between quotes are they one.
_WORDS_OF_MESSAGES = frozenset(
    "admin alter application array boolean cannot column constraint create current data database default delete detail "
    "does error exist exists false function grant group guest index insert integer into line login missing must name "
    "near null owner password permission postgres public query read readonly relation role root schema select "
    "sequence server statement syntax table test text transaction trigger true type unique update user value values "
    "view with write".split()
)


def secrets_in(text: str, data: Iterable[Span] = ()) -> list[Secret]:
    """Return the secrets of a script; ``data`` is where its COPY data is, which is no SQL."""
    return list(_secrets_in(text, tuple(data)))


@lru_cache(maxsize=4)  # a migration that waits for locks fails again and again
def _secrets_in(text: str, data: tuple[Span, ...]) -> tuple[Secret, ...]:
    found: list[Secret] = []
    at = 0
    for start, end in (*data, (len(text), len(text))):
        found += [_moved(secret, at) for secret in secrets_of(text[at:start])]
        part = text[start:end]
        found += [Secret(part[a:b], ((start + a, start + b),), 0) for a, b in password_spans(part, TextKind.LITERAL)]
        at = end
    return tuple(found)


def _moved(secret: Secret, by: int) -> Secret:
    return secret._replace(spans=tuple((start + by, end + by) for start, end in secret.spans)) if by else secret


def mask_sql(text: str, data: Iterable[Span] = ()) -> str:
    """Overwrite the secrets of a script, as ``secrets_in`` finds them.

    >>> mask_sql("ALTER ROLE me PASSWORD 'secret' VALID UNTIL 'infinity'")
    "ALTER ROLE me PASSWORD '******' VALID UNTIL 'infinity'"
    """
    return masked(text, (span for secret in secrets_in(text, data) for span in secret.spans))


def mask_query(text: str) -> str:
    """Overwrite the secrets of a query that may be truncated at either end.

    >>> mask_query("cret'' ; '; ALTER ROLE me PASSWORD 'secre")
    "cret'' ; '; ALTER ROLE me PASSWORD '*****"
    """
    return masked(text, _spans_of_query(text))


def _spans_of_query(text: str) -> list[Span]:
    spans = [span for secret in secrets_of(text) for span in secret.spans]
    if lexemes(text).is_cut or not _BEGINS_QUERY.match(text):
        spans += prose_spans(text)
    return spans


def mask_message(text: str, repeated: Sequence[str] = ()) -> str:
    """Overwrite the secrets in a message, and these wherever they are repeated (see ``forms``).

    >>> mask_message('password authentication failed for user "me"')
    'password authentication failed for user "me"'
    >>> mask_message("cannot connect to postgresql://me:secret@host/db")
    'cannot connect to postgresql://me:******@host/db'
    """
    spans = _spans_of_query(text) if _IS_QUERY.match(text) else _spans_of_prose(text)
    return masked(text, (*spans, *repetitions(text, repeated)))


def _spans_of_prose(text: str) -> list[Span]:
    spans = list(prose_spans(text))
    for statement in _STATEMENT.finditer(text):
        group = statement.lastgroup or ""
        at = statement.start(group)
        spans += [span for secret in secrets_of(statement[group]) for span in _moved(secret, at).spans]
    return spans


def masked(text: str, spans: Iterable[Span]) -> str:
    """Overwrite parts of a text, and leave its line ends."""
    parts: list[str] = []
    at = 0
    for start, end in sorted(spans):
        begin = max(at, start)
        if begin < end:
            parts += text[at:begin], _NOT_A_LINE_END.sub("*", text[begin:end])
            at = end
    return "".join((*parts, text[at:]))


def forms(secrets: Iterable[Secret], text: str) -> tuple[str, ...]:
    """Return in which forms a server may repeat the secrets of a text, the longest first."""
    found = set()
    for secret in secrets:
        written = {text[start:end] for start, end in secret.spans}
        values = {secret.value, *secret.value.splitlines(), *(written if len(written) == 1 else ())}
        values |= {fold(value) for value in values}  # for what is written without quotes
        values |= {value.replace("'", "''") for value in values}
        values |= {value.encode()[:_LONG_IDENTIFIER].decode(errors="ignore") for value in values}
        found |= values
    return tuple(sorted(filter(str.strip, found), key=len, reverse=True))


def repetitions(text: str, secrets: Iterable[str]) -> Iterator[Span]:
    """Yield where secrets are repeated in a text, words that happen to be the same left out (see ``forms``)."""
    for secret in secrets:
        at = text.find(secret)
        while at >= 0:
            end = at + len(secret)
            if _is_repeated(text, at, end):
                yield at, end
            at = text.find(secret, end)


def _is_repeated(text: str, start: int, end: int) -> bool:
    """Distinguish a secret from a word that happens to be the same: a short one must be alone or between quotes."""
    secret, before, after = text[start:end], text[start - 1 : start], text[end : end + 1]
    if before == after == "'":
        return True
    if len(secret) < _SHORTEST_BARE:
        return False
    if secret.lower() in _WORDS_OF_MESSAGES:
        return before == after == '"' and len(text) > 0
    if len(secret) >= _DISTINCT and not secret.isalpha():
        return True
    return not (_is_of_word(before) and _is_of_word(secret[0])) and not (_is_of_word(after) and _is_of_word(secret[-1]))


def _is_of_word(character: str) -> bool:
    return character.isalnum() or character == "_"
