"""Find the password in the options of a role, however it is written. Pure."""

import re

from fowergram_db.redaction.collector import SecretCollector
from fowergram_db.redaction.expressions import Expressions
from fowergram_db.redaction.lexemes import LexemeKind
from fowergram_db.redaction.prose import ROLE_OPTIONS

_BARE = re.compile(r"[^\s;'\"$%:,()\\]+")
_AFTER_STRING = re.compile(r"[\w!?#%&*.~^@+=$/<>-][^'\n]*")
_LIST_OF_ROLE = ROLE_OPTIONS - {"add", "infinity", "limit", "set"} | frozenset(
    ("admin", "connection", "in", "role", "sysid", "user", "valid")
)


def take_role_password(collector: SecretCollector, at: int) -> int:
    """Take all strings up to the role's next option, and return where it begins.

    If there is no string, take what is written instead of one: that is an error, which would show it.
    """
    tokens = collector.expressions.tokens
    begin, has_string = at, False
    while at < len(tokens) and not _ends_option(collector.expressions, at):
        is_variable = at > begin and tokens[at - 1].value == ":" and tokens[at - 1].end == tokens[at].start
        end = None if is_variable else collector.take(at)
        has_string = has_string or is_variable or end is not None
        at = _after_stray_quote(collector, at, end) if end else at + 1
    if not has_string:
        _take_bare_word(collector, begin)
    return at


def _after_stray_quote(collector: SecretCollector, at: int, end: int) -> int:
    """Take what directly follows a string, up to the next quote: in ``'it's x'``, a quote within closed it."""
    tokens = collector.expressions.tokens
    token = tokens[end - 1]
    rest = _AFTER_STRING.match(collector.text.value, token.end) if token.kind is LexemeKind.STRING else None
    if not rest or tokens[at].value[-1] != "'" or _ends_option(collector.expressions, end):
        return end
    collector.add(collector.text.part(*rest.span()))
    while end < len(tokens) and tokens[end].start < rest.end():
        end += 1
    return end


def _ends_option(expressions: Expressions, at: int) -> bool:
    return expressions.is_symbol(at, ";") or expressions.is_word(at, "null", "end", *_LIST_OF_ROLE)


def _take_bare_word(collector: SecretCollector, at: int) -> None:
    expressions, tokens = collector.expressions, collector.expressions.tokens
    while at < len(tokens) and (tokens[at].value in "=:(" or expressions.is_word(at, "to", "is")):
        at += 1
    if at >= len(tokens) or _ends_option(expressions, at):
        return
    token = tokens[at]
    start, end = token.start, token.end
    if token.kind is LexemeKind.NAME:
        start, end = start + 1, max(start + 1, end - 1)
    elif bare := _BARE.match(collector.text.value, start):
        end = bare.end()
    else:
        return
    collector.add(collector.text.part(start, end))
