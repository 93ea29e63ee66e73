"""Find the statements that would change the history of migrations, or drop it. Pure."""

import re
from collections.abc import Iterator, Sequence

from fowergram_db.lexer import Token, TokenKind, tokens

_SCHEMA, _TABLE = "public", "schema_migrations"
_MODIFIERS = frozenset(("if", "exists", "not", "only", "table", "unlogged"))
_TEMPORARY = frozenset(("temp", "temporary"))
# ALTER TABLE … OWNER TO leaves the history as it is, and so do these.
_HARMLESS_ACTIONS = frozenset(("owner", "replica", "cluster"))
_WRITES = (("insert", "into"), ("merge", "into"), ("delete", "from"), ("update",))
_OF_SCHEMA = re.compile(r"(?i:drop|alter)(?>\s|/\*(?>[^*]|\*(?!/))*+\*/|--[^\n]*+\n)*+(?i:schema|owned)\b")
_OWN_ROLES = frozenset(("current_user", "current_role", "session_user"))


def changes_history(statement: str) -> bool:
    """Return whether a statement creates, alters, writes to, empties or drops the history's table, or its schema.

    >>> changes_history("DROP TABLE IF EXISTS a, public.Schema_Migrations CASCADE")
    True
    >>> [changes_history(text) for text in ("DROP SCHEMA public CASCADE", "TABLE schema_migrations")]
    [True, False]
    >>> changes_history("CREATE TABLE tenant.schema_migrations (version bigint)")
    False
    """
    if _TABLE not in statement.lower() and not _OF_SCHEMA.match(statement):
        return False
    found = tuple(tokens(statement))
    verb, kind = (token.value if token.kind is TokenKind.WORD else "" for token in (*found[:2], _END, _END)[:2])
    match verb, kind:
        case "drop", "schema":
            changes = _SCHEMA in _names(found[2:])
        case "alter", "schema":
            changes = [token.value for token in found[2:4]] == [_SCHEMA, "rename"]
        case "drop", "owned":
            changes = any(token.value in _OWN_ROLES for token in found[2:] if token.kind is TokenKind.WORD)
        case ("drop", "table") | ("truncate", _):
            changes = _TABLE in _names(found[1:])
        case "alter", "table":
            is_harmless = _HARMLESS_ACTIONS.intersection(token.value for token in found[3:9])
            changes = _begins_with_it(found[2:]) and not is_harmless
        case "create", _:
            changes = _is_created(found[1:])
        case "copy", _:
            changes = _begins_with_it(found[1:]) and Token(TokenKind.WORD, "from") in found
        case _:
            changes = any(_is_written(found, at) for at in range(len(found)))
    return changes


_END = Token(TokenKind.OTHER, "")


def _is_created(rest: Sequence[Token]) -> bool:
    words = [token.value for token in rest[:6] if token.kind is TokenKind.WORD]
    if "table" not in words[:2] or _TEMPORARY.intersection(words[:2]):
        return False
    return _begins_with_it(_after_modifiers(rest))


def _is_written(found: Sequence[Token], at: int) -> bool:
    """Return whether a part of a statement, such as a query in WITH, writes to the table."""
    for verb in _WRITES:
        end = at + len(verb)
        if all(t.kind is TokenKind.WORD and t.value == word for t, word in zip(found[at:end], verb, strict=False)):
            return end <= len(found) and _begins_with_it(_after_modifiers(found[end:]))
    return False


def _after_modifiers(rest: Sequence[Token]) -> Sequence[Token]:
    at = 0
    while at < len(rest) and rest[at].kind is TokenKind.WORD and rest[at].value in _MODIFIERS:
        at += 1
    return rest[at:]


def _begins_with_it(rest: Sequence[Token]) -> bool:
    return _names(rest)[:1] == [_TABLE]


def _names(rest: Sequence[Token]) -> list[str]:
    """Return the names in a list of names; without the schema if it is the history's."""
    return list(_read_names(_after_modifiers(rest)))


def _read_names(rest: Sequence[Token]) -> Iterator[str]:
    at = 0
    while at < len(rest) and rest[at].kind in (TokenKind.WORD, TokenKind.NAME):
        parts = [rest[at].value]
        while at + 2 < len(rest) and rest[at + 1] == Token(TokenKind.OTHER, "."):
            at += 2
            parts.append(rest[at].value)
        if len(parts) == 1 or parts[-2] == _SCHEMA:
            yield parts[-1]
        else:
            yield ".".join(parts)
        at += 1
        while at < len(rest) and rest[at] == Token(TokenKind.OTHER, "*"):
            at += 1
        if at >= len(rest) or rest[at] != Token(TokenKind.OTHER, ","):
            return
        at = len(rest) - len(_after_modifiers(rest[at + 1 :]))
