"""Read the expressions that a string is put together from: ``||``, ``format``, ``quote_literal``. Pure."""

import re
from collections.abc import Callable, Iterator
from functools import cached_property

from fowergram_db.redaction.lexemes import Lexeme, LexemeKind
from fowergram_db.redaction.texts import Text, joined, literal, made, quoted, unknown_value

Walk = Callable[[int, int], None]

BUILDERS = frozenset(("concat", "concat_ws", "format", "quote_ident", "quote_literal", "quote_nullable", "replace"))
# What passes its arguments on, all of them or the first one.
_OF_ALL = frozenset(("coalesce", "concat", "greatest", "least"))
_OF_FIRST = frozenset(
    "btrim cast convert_from convert_to decode digest encode initcap left lower ltrim md5 nullif replace reverse right "
    "rtrim sha256 sha512 substr substring trim upper".split()
)
SETTING = "setting "
"""The prefix of a setting's name, among the names of unknown values."""
_EVALUATED = BUILDERS | _OF_ALL | _OF_FIRST
_DEEPEST = 40
# Nested calls could make more than fits into memory: this much is put in, in addition to the text's own characters.
_BUDGET = 20_000
_PLACEHOLDER = re.compile(r"%(?:(?P<number>\d+)\$)?(?:-?\d+|-?\*(?:\d+\$)?)?(?P<kind>[sIL%])")
# What ends a value that is not understood.
_STOPS = frozenset(
    "and as case cascade else end from group if in into is limit loop not or order returning then using when "
    "where".split()
)


def matching(tokens: list[Lexeme]) -> dict[int, int]:
    """Return where each parenthesis closes, by index; one without an end closes at the end of the text."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token.value == "(" and token.kind is LexemeKind.OTHER:
            opened.append(at)
        elif token.value == ")" and token.kind is LexemeKind.OTHER and opened:
            found[opened.pop()] = at
    return found | dict.fromkeys(opened, len(tokens))


class Expressions:
    """The expressions of one text; ``walk`` looks for secrets in what is no part of a string that is put together.

    ``names`` are those of unknown values, by their number; ``variables`` what some variables hold.
    """

    def __init__(
        self, text: Text, tokens: list[Lexeme], names: list[str], variables: dict[str, Text], walk: Walk
    ) -> None:
        self._text = text
        self.tokens = tokens
        self._closing = matching(tokens)
        self._names = names
        self._variables = variables
        self._walk = walk
        self._depth = 0
        self._budget = _BUDGET + 4 * len(text.value)

    def begins(self, at: int) -> bool:
        """Return whether a string begins at a token."""
        token = self.tokens[at]
        return token.kind is LexemeKind.STRING or (token.value in BUILDERS and self.is_symbol(at + 1, "("))

    def is_symbol(self, at: int, value: str) -> bool:
        """Return whether the token at a place is this character, and no quoted name."""
        return at < len(self.tokens) and self.tokens[at].value == value and self.tokens[at].kind is LexemeKind.OTHER

    def is_word(self, at: int, *values: str) -> bool:
        """Return whether the token at a place is one of these words."""
        return (
            0 <= at < len(self.tokens) and self.tokens[at].kind is LexemeKind.WORD and self.tokens[at].value in values
        )

    def closing(self, at: int) -> int:
        """Return where the parenthesis at a place closes."""
        return self._closing[at]

    def opening_of(self, closing: int) -> int | None:
        """Return where the parenthesis opens that closes at a place, None if none does."""
        return self._openings.get(closing)

    def opening(self, at: int) -> int | None:
        """Return where the parenthesis of the list of names around a token opens, None if it is in no such list."""
        at -= 1
        while at >= 0 and not self.is_symbol(at, "("):
            if not (self.is_symbol(at, ",") or self.tokens[at].kind in (LexemeKind.WORD, LexemeKind.NAME)):
                return None
            at -= 1
        return at if at >= 0 else None

    @cached_property
    def _openings(self) -> dict[int, int]:
        return {closing: opening for opening, closing in self._closing.items()}

    def is_cast(self, at: int) -> bool:
        """Return whether a token may be part of a cast that follows a string."""
        return self.tokens[at].kind is LexemeKind.WORD or self.is_symbol(at, ":") or self.is_symbol(at, ".")

    def read(self, at: int) -> tuple[Text, int]:
        """Return the value of the expression that begins at a token, and the index after it."""
        parts = []
        while True:
            part, at = self._term(at)
            parts.append(part)
            at = self._after_casts(at)
            if not (self.is_symbol(at, "|") and self.is_symbol(at + 1, "|") and at + 2 < len(self.tokens)):
                return joined(parts), min(at, len(self.tokens))  # a parenthesis without an end closes there
            at += 2

    def arguments(self, opening: int) -> list[tuple[int, int]]:
        """Return the arguments between the parenthesis at a place and its end, as (start, end) of tokens."""
        end = self._closing[opening]
        found, begin, at = [], opening + 1, opening + 1
        while at < end:
            if self.is_symbol(at, ","):
                found.append((begin, at))
                begin = at + 1
            at = self._closing[at] if self.is_symbol(at, "(") else at
            at += 1
        return [*found, (begin, end)] if end > opening + 1 else []

    def _after_casts(self, at: int) -> int:
        while self.is_symbol(at, ":") and self.is_symbol(at + 1, ":"):
            at += 3
            while self.is_symbol(at, "."):
                at += 2
            if self.is_symbol(at, "("):
                at = self._closing[at] + 1
        return at

    def _term(self, at: int) -> tuple[Text, int]:
        token = self.tokens[at]
        if token.kind is LexemeKind.STRING:
            return literal(self._text, token.start, token.end), at + 1
        if token.kind is LexemeKind.OTHER and token.value[0].isdigit():
            return self._text.part(token.start, token.end), at + 1
        if self.is_word(at, "pg_catalog") and self.is_symbol(at + 1, ".") and at + 2 < len(self.tokens):
            return self._term(at + 2)
        if self._depth < _DEEPEST:
            self._depth += 1
            try:
                return self._compound(at)
            finally:
                self._depth -= 1
        return unknown_value(0), at + 1

    def _compound(self, at: int) -> tuple[Text, int]:
        token = self.tokens[at]
        if self.is_symbol(at + 1, "(") and token.kind is LexemeKind.WORD and token.value in _EVALUATED:
            return self._call(token.value, at + 1), self._closing[at + 1] + 1
        if self.is_symbol(at, "("):
            return self._nested(at), self._closing[at] + 1
        if self.is_word(at, "case"):
            return self._case(at)
        if (
            token.kind is LexemeKind.WORD
            and at + 1 < len(self.tokens)
            and self.tokens[at + 1].kind is LexemeKind.STRING
        ):
            return self._term(at + 1)  # of a type that is named
        return self._not_understood(at)

    def _nested(self, opening: int) -> Text:
        """Return the value between parentheses; of a query, a literal that it selects."""
        at = opening + 1 + self.is_word(opening + 1, "select")
        return self._argument(at, self._closing[opening])

    def _call(self, function: str, opening: int) -> Text:
        values = [self._argument(*argument) for argument in self.arguments(opening)]
        match function:
            case "format":
                return _formatted(self._spend, values)
            case "concat_ws":
                return joined(part for value in values[1:] for part in (value, values[0]))
            case "quote_literal" | "quote_nullable":
                return quoted(joined(values), "'")
            case "replace" if len(values) > 2:  # noqa: PLR2004 - its arguments
                return _replaced(self._spend, *values[:3])
            case "quote_ident":
                return quoted(joined(values), '"')
            case _:
                return joined(values if function in _OF_ALL else values[:1])

    def _spend(self, length: int) -> bool:
        self._budget -= length
        return self._budget > 0

    def _argument(self, start: int, end: int) -> Text:
        start += self.is_word(start, "variadic")
        if start >= end:
            return made("")
        value, behind = self.read(start)
        self._walk(behind, end)
        return value

    def _case(self, at: int) -> tuple[Text, int]:
        """Return all that a CASE may come to, one value after the other."""
        values, begin, at = [], at + 1, at + 1
        while at < len(self.tokens) and not self.is_word(at, "end") and not self.is_symbol(at, ";"):
            if self.is_word(at, "then", "else") and at + 1 < len(self.tokens):
                self._walk(begin, at)
                value, at = self.read(at + 1)
                values.append(value)
                begin = at
            else:
                at += 1
        return joined(values), min(at + 1, len(self.tokens))

    def _not_understood(self, at: int) -> tuple[Text, int]:
        end = at + 1
        while end < len(self.tokens) and not self._stops(end):
            end = self._closing[end] + 1 if self.is_symbol(end, "(") else end + 1
        end = min(end, len(self.tokens))
        if end == at + 1 and self.tokens[at].value in self._variables:
            return self._variables[self.tokens[at].value], end
        self._walk(at + 1, end)
        self._names.append(self._name(at, end))
        return unknown_value(len(self._names) - 1), end

    def _name(self, at: int, end: int) -> str:
        """Return what a value is called that is not understood: the variable, or ``SETTING`` and the setting's name."""
        if self.is_word(at, "current_setting") and self.is_symbol(at + 1, "(") and at + 2 < end and self.begins(at + 2):
            return SETTING + self.read(at + 2)[0].value
        is_part = self.is_symbol(at + 1, "[") or (self.is_symbol(at + 1, "-") and self.is_symbol(at + 2, ">"))
        return self.tokens[at if is_part else end - 1].value

    def _stops(self, at: int) -> bool:
        token = self.tokens[at]
        if token.kind is LexemeKind.WORD:
            return token.value in _STOPS
        chained = self.is_symbol(at, "|") and self.is_symbol(at + 1, "|")
        cast = self.is_symbol(at, ":") and self.is_symbol(at + 1, ":")
        return chained or cast or (token.kind is LexemeKind.OTHER and token.value in ",;)")


def _replaced(spend: Callable[[int], bool], text: Text, old: Text, new: Text) -> Text:
    parts: list[Text] = []
    at = 0
    while old.value and spend(len(new.value)) and (found := text.value.find(old.value, at)) >= 0:
        parts += text.part(at, found), new
        at = found + len(old.value)
    return joined((*parts, text.part(at, len(text.value))))


def _formatted(spend: Callable[[int], bool], values: list[Text]) -> Text:
    """Do what ``format`` does; a missing argument stays empty."""
    if not values:
        return made("")
    pattern, arguments = values[0], values[1:]
    return joined(_pieces(spend, pattern, arguments))


def _pieces(spend: Callable[[int], bool], pattern: Text, arguments: list[Text]) -> Iterator[Text]:
    at, number = 0, 0
    for match in _PLACEHOLDER.finditer(pattern.value):
        yield pattern.part(at, match.start())
        at = match.end()
        if match["kind"] == "%":
            yield made("%")
            continue
        number = int(match["number"]) if match["number"] else number + 1
        if number > len(arguments) or not spend(len(arguments[number - 1].value)):
            yield pattern.part(match.start(), match.end())
            continue
        argument = arguments[number - 1]
        match match["kind"]:
            case "L":
                yield quoted(argument, "'")
            case "I":
                yield quoted(argument, '"')
            case _:
                yield argument
    yield pattern.part(at, len(pattern.value))
