"""Read what a migration's header says about how to run it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fowergram_db.errors import FileFault, Location, raise_faults
from fowergram_db.migrations.script.modes import DEFAULT, Modes

_LINE = re.compile(r"[ \t]*--[ \t]*fowergram[ \t]*:[ \t]*(.*?)[ \t]*", re.IGNORECASE)
_BLOCK = r"(?i)/\*\s*fowergram\s*:"
_HEADER = re.compile(r"(?>[ \t\r\f\v]*(?>--[^\n]*)?(?>\n|\Z))*+")
_DURATION = r"([0-9]+) *(ms|s|min|h|d)"
_UNIT_MS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_LONGEST_MS = 2**31 - 1
DURATION_HINT = "Write a whole number with its unit: 500ms, 2s, 10min, 1h, 7d; 0 for no limit."
_KNOWN = "no-transaction, lock-timeout=2s, statement-timeout=10min, irreversible: REASON"


@dataclass(frozen=True, slots=True)
class Directives:
    """What the header says; times in ms, None if it says nothing, 0 for no limit.

    ``modes`` are those of a transaction that the file begins by itself, if its BEGIN is left out.
    """

    lock_timeout_ms: int | None = None
    statement_timeout_ms: int | None = None
    irreversible: str = ""
    transactional: bool = True
    modes: Modes = DEFAULT


def parse_directives(file: str, text: str) -> Directives:
    r"""Read the directives among the comment lines above the first statement.

    Raises FileFault for all directives that are unknown, repeated or misspelt.

    >>> parse_directives("1_x.sql", "-- A header.\n-- fowergram: lock-timeout=2s\nSELECT 1;").lock_timeout_ms
    2000
    """
    found: dict[str, int | str | bool] = {}
    faults: list[FileFault] = []
    for number, directive in _header(text):
        place = Location(file, number, 1)
        try:
            name, value = _parse(directive, place)
        except FileFault as fault:
            faults.append(fault)
            continue
        if name in found:
            faults.append(
                FileFault(f"the directive {directive!r} is given twice", hint="Keep one of them.", location=place)
            )
        found[name] = value
    raise_faults(faults)
    return Directives(**found)  # type: ignore[arg-type]  # each name comes with a value of its own type


def is_directive(comment: str) -> bool:
    """Return whether a comment is meant as a directive, wherever it is.

    >>> is_directive("-- fowergram: x"), is_directive("/* Fowergram: x */"), is_directive("-- the fowergram: x")
    (True, True, False)
    """
    return bool(_LINE.fullmatch(comment) or re.match(_BLOCK, comment))


def header_end(text: str) -> int:
    """Return where the header ends: the offset of the first line that is neither empty nor a line comment."""
    return _HEADER.match(text).end()  # type: ignore[union-attr]  # it matches the empty string


def _header(text: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each directive."""
    for number, line in enumerate(text[: header_end(text)].split("\n"), start=1):
        if match := _LINE.fullmatch(line):
            yield number, match[1]


def _parse(directive: str, location: Location) -> tuple[str, int | str | bool]:
    if directive == "no-transaction":
        return "transactional", False
    name, separator, value = directive.partition("=")
    if separator and name in ("lock-timeout", "statement-timeout"):
        return name.replace("-", "_") + "_ms", _milliseconds(value, directive, location)
    name, separator, value = directive.partition(":")
    if separator and name == "irreversible" and value.strip():
        return name, value.strip()
    raise FileFault(f"unknown directive {directive!r}", hint=f"The directives are: {_KNOWN}.", location=location)


def _milliseconds(value: str, directive: str, location: Location) -> int:
    found = milliseconds(value)
    if found is None:
        raise FileFault(f"{directive!r}: {value!r} is not a duration", hint=DURATION_HINT, location=location)
    return found


def milliseconds(duration: str) -> int | None:
    """Read a duration in ms, None if it is none or longer than PostgreSQL allows.

    >>> milliseconds("2s"), milliseconds("0"), milliseconds("2")
    (2000, 0, None)
    """
    match = re.fullmatch(_DURATION, duration)
    if match is None:
        return 0 if duration == "0" else None
    found = int(match[1]) * _UNIT_MS[match[2]]
    return found if found <= _LONGEST_MS else None
