"""Texts whose characters know where they come from, and what a literal stands for. Pure.

A string within a string, or one that is put together from several, is read as the server reads it in the end; what is
found there is masked at its place in the source.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from fowergram_db.lexer import CONTINUED

MADE = -1
"""The source of a character that is nowhere in the text, as a quote that ``quote_literal`` adds."""
UNKNOWN = "\1"
"""Represents a value that is not in the text, as that of a variable."""

_LINE = rf"(?P<quote>'')|'{CONTINUED.pattern}"
_PLAIN = re.compile(rf"(?P<text>[^']++)|{_LINE}", re.DOTALL)
_ESCAPES = re.compile(
    rf"(?P<text>[^'\\]++)|{_LINE}|(?P<bytes>(?:\\[0-7]{{1,3}}|\\x[0-9a-fA-F]{{1,2}})+)"
    r"|\\u(?P<short>[0-9a-fA-F]{4})|\\U(?P<long>[0-9a-fA-F]{8})|\\(?P<letter>.)",
    re.DOTALL,
)
_BYTE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3}))")
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_UESCAPE = re.compile(r"'\s*+[uU][eE][sS][cC][aA][pP][eE]\s*+'(.)'\Z")
_HIGHEST = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Text:
    """A text; ``starts`` and ``ends`` say where in the source each character is.

    A start of MADE belongs to no source, one below that to the unknown value of that number (see ``unknown_number``).
    ``is_composed``: it was put together from several expressions.
    """

    value: str
    starts: Sequence[int]
    ends: Sequence[int]
    is_composed: bool = False

    def part(self, start: int, end: int) -> "Text":
        """Return a part of the text."""
        return Text(self.value[start:end], self.starts[start:end], self.ends[start:end], self.is_composed)

    def sources(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield where a part of the text is in the source, as (start, end), what is contiguous at once."""
        begin = stop = -1
        for at in range(start, end):
            if self.starts[at] < 0:
                continue
            if self.starts[at] != stop:
                if begin >= 0:
                    yield begin, stop
                begin = self.starts[at]
            stop = self.ends[at]
        if begin >= 0:
            yield begin, stop

    def unknown(self, start: int, end: int) -> Iterator[int]:
        """Yield the numbers of the unknown values in a part of the text."""
        yield from (MADE - 1 - at for at in self.starts[start:end] if at < MADE)


def whole(text: str) -> Text:
    """Return a source as it is."""
    return Text(text, range(len(text)), range(1, len(text) + 1))


def made(text: str) -> Text:
    """Return a text that is nowhere in the source."""
    return Text(text, [MADE] * len(text), [MADE] * len(text))


def unknown_value(number: int) -> Text:
    """Return what stands for the unknown value of a number."""
    return Text(UNKNOWN, [MADE - 1 - number], [MADE])


def joined(parts: Iterable[Text]) -> Text:
    """Return texts one after the other."""
    found = tuple(parts)
    if len(found) == 1:
        return found[0]
    starts = [at for part in found for at in part.starts]
    ends = [at for part in found for at in part.ends]
    return Text("".join(part.value for part in found), starts, ends, is_composed=True)


def quoted(text: Text, quote: str) -> Text:
    """Return a text between quotes, those within it doubled, as ``quote_literal`` does."""
    inner = [
        part for at, character in enumerate(text.value) for part in [text.part(at, at + 1)] * (1 + (character == quote))
    ]
    return joined((made(quote), *inner, made(quote)))


def literal(text: Text, start: int, end: int) -> Text:
    r"""Return what the literal at ``text.value[start:end]`` stands for; its end may be missing.

    >>> [literal(whole(x), 0, len(x)).value for x in ("'it''s'", r"E'it\'s\x21'", "$a$it's$a$", r"U&'\0041!'", "'open")]
    ["it's", "it's!", "it's", 'A!', 'open']
    """
    value = text.value
    if value[start] == "$":
        tag_end = value.index("$", start + 1) + 1
        tag = value[start:tag_end]
        closed = end - len(tag) >= tag_end and value.endswith(tag, start, end)
        return text.part(tag_end, end - len(tag) if closed else end)
    quote = value.index("'", start)
    prefix = value[start:quote].lower()
    units: Iterator[tuple[str, int, int]]
    if prefix == "e":
        units = _units(_ESCAPES, value, quote + 1, end)
    elif prefix == "u&":
        escaped = _UESCAPE.search(value, quote + 1, end)
        units = _unicode(value, quote + 1, escaped.start() + 1 if escaped else end, escaped[1] if escaped else "\\")
    else:
        units = _units(_PLAIN, value, quote + 1, end)
    return _assembled(text, units)


def _assembled(text: Text, units: Iterable[tuple[str, int, int]]) -> Text:
    """Put decoded units together: a unit as long as its source is mapped character by character."""
    values: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for value, start, end in units:
        values.append(value)
        if len(value) == end - start:
            starts.extend(text.starts[start:end])
            ends.extend(text.ends[start:end])
        else:
            starts.extend([text.starts[start]] * len(value))
            ends.extend([text.ends[end - 1]] * len(value))
    return Text("".join(values), starts, ends, text.is_composed)


def _units(pattern: re.Pattern[str], value: str, start: int, end: int) -> Iterator[tuple[str, int, int]]:
    for match in pattern.finditer(value, start, end):
        match match.lastgroup:
            case None:  # the place between the lines of a continued string
                continue
            case "text":
                found = match[0]
            case "quote":
                found = "'"
            case "bytes":
                found = _from_bytes(match[0])
            case "letter":
                found = _LETTERS.get(match["letter"], match["letter"])
            case group:
                found = _character(match[group or 0])
        yield found, match.start(), match.end()


def _from_bytes(escapes: str) -> str:
    numbers = (int(hexadecimal or octal, 16 if hexadecimal else 8) for hexadecimal, octal in _BYTE.findall(escapes))
    return bytes(number & 0xFF for number in numbers).decode(errors="replace")


def _character(hexadecimal: str) -> str:
    number = int(hexadecimal, 16)
    return chr(number) if number <= _HIGHEST else "\N{REPLACEMENT CHARACTER}"


def _unicode(value: str, start: int, end: int, escape: str) -> Iterator[tuple[str, int, int]]:
    mark = re.escape(escape)
    pattern = re.compile(
        rf"{_LINE}|{mark}(?P<short>[0-9a-fA-F]{{4}})|{mark}\+(?P<long>[0-9a-fA-F]{{6}})"
        rf"|{mark}(?P<letter>{mark})|(?P<text>[^'])",
        re.DOTALL,
    )
    return _units(pattern, value, start, end)
