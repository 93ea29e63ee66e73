"""Find the values that a variable, an argument or a column gets. Pure.

All take the index of the token that is its name, and return that of the value's first token.
"""

from collections.abc import Iterator

from fowergram_db.redaction.expressions import Expressions
from fowergram_db.redaction.lexemes import LexemeKind

# How many tokens at most are between a declaration's name and its value.
_DECLARATION = 14
# After these words, an assignment is to something else.
_BEGIN_ANOTHER = frozenset(("begin", "else", "loop", "then"))


def assigned_value(expressions: Expressions, at: int) -> int | None:
    """Return where the value begins that is assigned to a name, also in the name's declaration."""
    is_symbol = expressions.is_symbol
    if is_symbol(at + 1, "=") and is_symbol(at + 2, ">"):
        return at + 3
    for value in range(at + 1, min(at + _DECLARATION, len(expressions.tokens))):
        token = expressions.tokens[value]
        if is_symbol(value, ":") and is_symbol(value + 1, "="):
            return value + 2
        is_of_type = token.kind is LexemeKind.WORD and token.value not in _BEGIN_ANOTHER
        if not (is_of_type or token.value in ".[]()" or token.value.isdigit()):
            break
    return None


def default_value(expressions: Expressions, at: int) -> int | None:
    """Return where a value begins that a variable has by itself, or gets by the other sign of assignment."""
    is_word, is_symbol = expressions.is_word, expressions.is_symbol
    if is_word(at - 1, "foreach"):
        return next((value for value in (at + 3, at + 5) if is_word(value - 1, "array")), None)
    begins = at == 0 or is_symbol(at - 1, ";") or is_word(at - 1, "begin", "then", "else", "loop", "declare")
    if begins and is_symbol(at + 1, "="):
        return at + 2
    for value in range(at + 1, min(at + _DECLARATION, len(expressions.tokens))):
        if is_word(value, "default") or (begins and is_symbol(value, "=")):
            return value + 1
        if is_symbol(value, ";") or is_symbol(value, ","):
            break
    return None


def elements(expressions: Expressions, at: int) -> Iterator[int]:
    """Yield where the strings begin of the array that begins at a token; nothing if none does."""
    if expressions.is_word(at, "array") and expressions.is_symbol(at + 1, "["):
        at += 2
        while at < len(expressions.tokens) and not expressions.is_symbol(at, "]"):
            if expressions.begins(at):
                yield at
            at += 1


def passed_setting(expressions: Expressions, at: int) -> tuple[str, int] | None:
    """Return the name of the setting that SET or ``set_config`` sets at a token, and where its value begins."""
    is_word, is_symbol = expressions.is_word, expressions.is_symbol
    if is_word(at, "set_config") and is_symbol(at + 1, "("):
        arguments = expressions.arguments(at + 1)
        if len(arguments) > 1 and expressions.begins(arguments[0][0]):
            return expressions.read(arguments[0][0])[0].value, arguments[1][0]
    if is_word(at, "set"):
        at += 1 + is_word(at + 1, "local", "session")
        name = ""
        while at < len(expressions.tokens) and not (is_symbol(at, "=") or is_word(at, "to") or is_symbol(at, ";")):
            name += expressions.tokens[at].value
            at += 1
        return name, at + 1
    return None


def selected_values(expressions: Expressions, at: int) -> Iterator[int]:
    """Yield where the values begin that a query gives a name to.

    That is ``'x' AS name``, ``'x' INTO STRICT name``, and ``(VALUES ('x'), ('y')) alias (name)``.
    """
    before = at - 1 - expressions.is_word(at - 1, "strict")
    if expressions.is_word(before, "as", "into"):
        string = before - 1
        while string > 0 and expressions.tokens[string].kind is not LexemeKind.STRING and expressions.is_cast(string):
            string -= 1
        yield string
        return
    opening = expressions.opening(at)
    names = expressions.arguments(opening) if opening is not None else []
    position = next((number for number, (start, end) in enumerate(names) if (start, end) == (at, at + 1)), None)
    if position is None or opening is None:
        return
    alias = opening - 1 - (expressions.is_word(opening - 2, "as"))
    rows = expressions.opening_of(alias - 1)
    at = rows + 2 if rows is not None and expressions.is_word(rows + 1, "values") else len(expressions.tokens)
    while expressions.is_symbol(at, "("):
        columns = expressions.arguments(at)
        if position < len(columns):
            yield columns[position][0]
        at = expressions.closing(at) + 1
        at += expressions.is_symbol(at, ",")
