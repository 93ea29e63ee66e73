"""Name and order migrations by versions: numbers or, if those are not enough, texts with a position.

A directory has versions of one kind. They are numbers if each is a different whole number that a bigint holds,
and if its tool runs them in the order of these; in any other directory all are texts. See decision 27.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from itertools import pairwise

from fowergram_db.errors import UnknownVersion

GREATEST_NUMBER = 2**63 - 1
"""The greatest number that a bigint holds."""
_MOST_DIGITS = len(str(GREATEST_NUMBER))
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_DIGITS = re.compile(r"[0-9][0-9-]*")
_PARTS = re.compile(r"[0-9]+(?:[._][0-9]+)*")
_MOST_LISTED = 20


class VersionType(StrEnum):
    """What the versions of a directory or of a history are."""

    NUMBER = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True, order=True)
class TextVersion:
    """A version that is a text. Of two in one directory, the one with the lower position runs first.

    Positions compare as bytes, as ``COLLATE "C"`` does. ``number`` is the number in the name, if it has one.

    >>> TextVersion(natural("9"), "9") < TextVersion(natural("10"), "10")
    True
    """

    position: str
    text: str
    number: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """Return the text."""
        return self.text


Version = int | TextVersion


def type_of(versions: Iterable[Version]) -> VersionType:
    """Return the type of versions, which all have the same one; NUMBER if there are none."""
    first = next(iter(versions), 0)
    return VersionType.NUMBER if isinstance(first, int) else VersionType.TEXT


def order_of(version: Version) -> tuple[int, str]:
    """Return the sort key of a version among those of one directory.

    >>> order_of(2) < order_of(10), order_of(TextVersion("10", "")) < order_of(TextVersion("2", ""))
    (True, True)
    """
    return (version, "") if isinstance(version, int) else (0, version.position)


def natural(digits: str) -> str:
    """Return a text that sorts among results of this function as the numbers do: the number of digits, and the digits.

    >>> sorted(["10", "9", "0", "007", "99999999999999999999"], key=natural)
    ['0', '007', '9', '10', '99999999999999999999']
    """
    significant = digits.lstrip("0") or "0"
    return f"{len(significant):03}{significant}"


def dotted(version: str) -> str:
    """Return a text that sorts versions by the numbers that are their parts; zeros at the end make no difference.

    >>> sorted(["2", "1.10", "1.2", "1"], key=dotted), dotted("1.0") == dotted("01")
    (['1', '1.2', '1.10', '2'], True)
    """
    parts = [natural(part) for part in re.split("[._]", version)]
    while len(parts) > 1 and parts[-1] == natural("0"):
        parts.pop()
    return ".".join(parts)


def numbered(digits: str) -> TextVersion:
    """Return the version of a text of digits, of any length.

    >>> str(numbered("007")), numbered("007").number
    ('7', 7)
    """
    significant = digits.lstrip("0") or "0"
    return TextVersion(natural(significant), significant, number_of(significant))


def number_of(digits: str) -> int | None:
    """Return the number of a text of digits; None if a bigint cannot hold it, or if it is no number."""
    significant = digits.lstrip("0") or "0"
    is_short = len(significant) <= _MOST_DIGITS and significant.isascii() and significant.isdecimal()
    number = int(significant) if is_short else GREATEST_NUMBER + 1
    return number if number <= GREATEST_NUMBER else None


def is_below(version: Version, other: str) -> bool:
    """Return whether a version of a directory comes before another, which may have dots and may not be in it.

    >>> is_below(9, "10"), is_below(TextVersion(dotted("1.2"), "1.2"), "1.1")
    (True, False)
    """
    position = natural(str(version)) if isinstance(version, int) else version.position
    return bool(_PARTS.fullmatch(other)) and position < dotted(other)


def as_numbers(versions: Sequence[TextVersion]) -> tuple[int, ...] | None:
    """Return versions, which are in order, as numbers; None if one has no number, or the order would change.

    >>> as_numbers((numbered("1"), numbered("20"))), as_numbers((numbered("1"), numbered("9" * 20)))
    ((1, 20), None)
    """
    numbers = tuple(version.number for version in versions if version.number is not None)
    is_same_order = all(one < other for one, other in pairwise(numbers))
    return numbers if len(numbers) == len(versions) and is_same_order else None


def as_data(version: Version) -> int | str:
    """Return a version for JSON: a number if it is one that a bigint holds, else a text.

    >>> as_data(3), as_data(TextVersion("", "20240101")), as_data(TextVersion("", "1.2")), as_data(numbered("9" * 19))
    (3, 20240101, '1.2', '9999999999999999999')
    """
    if isinstance(version, int):
        return version
    number = number_of(version.text) if _NUMBER.fullmatch(version.text) else None
    return version.text if number is None else number


def require_version(wanted: int | str | TextVersion, versions: Iterable[Version]) -> Version:
    """Return the version that is meant. Raises UnknownVersion, which lists all versions, if it is none of them."""
    known = sorted(versions, key=order_of)
    found = find_version(wanted, known)
    if found is None:
        raise UnknownVersion(f"no migration has version {wanted}", hint=listed(known))
    return found


def find_version(wanted: int | str | TextVersion, versions: Iterable[Version]) -> Version | None:
    """Return the version that a person, or another tool, means: by its text, else by its number.

    None if there is none. Raises UnknownVersion if several versions have that number.

    >>> versions = (numbered("1"), TextVersion(dotted("1.2"), "1.2"))
    >>> str(find_version("1_2", versions)), str(find_version("001.0", versions)), find_version("3", versions)
    ('1.2', '1', None)
    """
    known = tuple(versions)
    text = str(wanted)
    if exact := [version for version in known if version == wanted or str(version) == text]:
        return exact[0]
    number = number_of(text.replace("-", "")) if _DIGITS.fullmatch(text) else None
    position = dotted(text) if _PARTS.fullmatch(text) else ""
    found = tuple(version for version in known if _is_meant(version, number, position))
    if len(found) > 1:
        raise UnknownVersion(
            f"{text} is the number of several migrations", hint=f"Name one of them: {', '.join(map(str, found))}."
        )
    return next(iter(found), None)


def _is_meant(version: Version, number: int | None, position: str) -> bool:
    if isinstance(version, int):
        return version == number or natural(str(version)) == position
    return version.position == position or (number is not None and version.number == number)


def listed(versions: Iterable[Version]) -> str:
    """Return a sentence that lists the versions; if there are many, the first of them and the last.

    >>> listed((1, 2))
    'The versions are 1, 2.'
    """
    known = tuple(versions)
    more = f", … {known[-1]}" if len(known) > _MOST_LISTED else ""
    return f"The versions are {', '.join(map(str, known[:_MOST_LISTED]))}{more}."
