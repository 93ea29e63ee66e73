"""Put variables of psql in the place of a script's secrets. Pure.

psql replaces ``:'name'`` by the variable's value as a literal, outside of strings, comments and dollar quotes.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from fowergram_db.redaction.connection_strings import TextKind, password_spans
from fowergram_db.redaction.lexemes import Lexeme, LexemeKind, lexemes
from fowergram_db.redaction.messages import forms, masked, repetitions, secrets_in
from fowergram_db.redaction.statements import secrets_of
from fowergram_db.redaction.texts import literal, whole

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Change:
    """A part of a script to be replaced; ``variable`` is the name of the variable that takes its place.

    ``is_valid``: the script does the same afterwards, for instance if a comment is masked.
    """

    start: int
    end: int
    text: str
    variable: str = ""
    is_valid: bool = True


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of several scripts: the same secret has the same name in all of them."""

    names: dict[str, str] = field(default_factory=dict, repr=False)
    known: set[str] = field(default_factory=set, repr=False)

    def learn(self, text: str, data: Iterable[Span] = ()) -> None:
        """Note the secrets of a script, so that they are found where a script repeats them, too."""
        self.known.update(forms(secrets_in(text, data), text))

    def changes(self, text: str, data: Iterable[Span] = ()) -> list[Change]:
        r"""Return what to replace in a script, in order; ``data`` is where its COPY data is, which is only masked.

        >>> [change.text for change in Variables().changes("ALTER ROLE a PASSWORD 'x'; ALTER ROLE b PASSWORD E'\\x78'")]
        [":'secret_1'", ":'secret_1'"]
        """
        found: list[Change] = []
        at = 0
        for start, end in (*data, (len(text), len(text))):
            found += self._of_statements(text[at:start], at)
            spans = list(password_spans(text[start:end], TextKind.LITERAL))
            found += [_masking(text, (start + a, start + b), is_valid=False) for a, b in spans]
            at = end
        return _without_overlaps(found)

    def _of_statements(self, text: str, offset: int) -> Iterator[Change]:
        places = [(span, secret.level) for secret in secrets_of(text) for span in secret.spans]
        repeated = [(span, 1) for span in repetitions(text, self.known)]
        if not (places or repeated):
            return
        tokens, comments, _ = lexemes(text)
        strings = [token for token in tokens if token.kind is LexemeKind.STRING]
        # A name or a number that happens to be the same stays.
        quoted = [(span, _) for span, _ in repeated if _around(strings, span) or _in_any(comments, span)]
        for span, level in sorted((*places, *quoted)):
            string = _around(strings, span)
            if string is None or (string.value.startswith("$") and level > 0):
                change = _masking(text, span, is_valid=_in_any(comments, span))
            else:
                value = literal(whole(text), string.start, string.end).value
                name = self.names.setdefault(value, f"secret_{len(self.names) + 1}")
                change = Change(string.start, string.end, f":'{name}'", name)
            yield replace(change, start=change.start + offset, end=change.end + offset)


def changed(text: str, start: int, end: int, changes: Sequence[Change]) -> str:
    """Return a part of a script with what is to be replaced in it."""
    parts: list[str] = []
    at = start
    for change in changes:
        if start <= change.start and change.end <= end:
            parts += text[at : change.start], change.text
            at = change.end
    return "".join((*parts, text[at:end]))


def masked_data(parts: Iterable[str], on_masked: Callable[[], object]) -> Iterator[str]:
    """Mask the passwords in COPY data that comes in parts, whole lines at a time; call ``on_masked`` if one is."""
    held = ""
    for part in parts:
        lines, line_end, held = (held + part).rpartition("\n")
        yield _masked(lines + line_end, on_masked)
    yield _masked(held, on_masked)


def _masked(text: str, on_masked: Callable[[], object]) -> str:
    shown = masked(text, password_spans(text, TextKind.LITERAL))
    if shown != text:
        on_masked()
    return shown


def _masking(text: str, span: Span, *, is_valid: bool) -> Change:
    start, end = span
    return Change(start, end, masked(text[start:end], [(0, end - start)]), is_valid=is_valid)


def _around(strings: Sequence[Lexeme], span: Span) -> Lexeme | None:
    number = bisect_right(strings, span[0], key=lambda string: string.start) - 1
    return strings[number] if number >= 0 and span[1] <= strings[number].end else None


def _in_any(comments: Sequence[Span], span: Span) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in comments)


def _without_overlaps(changes: Iterable[Change]) -> list[Change]:
    """Keep the first of those that meet: a string as a whole before a part of it."""
    kept: list[Change] = []
    for change in sorted(changes, key=lambda change: (change.start, -change.end)):
        if not kept or change.start >= kept[-1].end:
            kept.append(change)
    return kept
