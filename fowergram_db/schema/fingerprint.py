"""The schema of one database as comparable rows, and the difference of two.

Two fingerprints compare within one major version only: another version writes the same thing otherwise.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, NamedTuple

from fowergram_db.database.connection import Connection
from fowergram_db.database.sql import load
from fowergram_db.schema.snapshot import BOOKKEEPING, catalog_snapshot

_RIGHTS = ("owner of ", "grants on ", "grants by default ")
_WIDEST_VALUE = 60
# Both sides of a long text are shown from a little before their first difference.
_BEFORE = 15


class Item(NamedTuple):
    """One object or right. ``definition`` is JSON; ``part_of`` is the identity of what it hangs on, or ""."""

    identity: str
    definition: str
    part_of: str = ""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The schema of one database, in order of identity."""

    items: tuple[Item, ...] = ()

    def without_rights(self) -> "Fingerprint":
        """Leave out owners and grants: in a database that another role built they always differ."""
        return Fingerprint(tuple(item for item in self.items if not item.identity.startswith(_RIGHTS)))


class DifferenceKind(StrEnum):
    """In which way two schemas differ at one place; in the order in which they are listed."""

    MISSING = auto()
    DIFFERENT = auto()
    UNEXPECTED = auto()


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that is not as expected. ``expected`` and ``found`` are definitions, as JSON, or None."""

    kind: DifferenceKind
    what: str
    expected: str | None = None
    found: str | None = None

    @property
    def changes(self) -> tuple[tuple[str, str, str], ...]:
        """Return what differs within the object: (fact, expected, found), "" if a side has no such fact."""
        if self.expected is None or self.found is None:
            return ()
        before, after = _facts(self.expected), _facts(self.found)
        names = sorted(name for name in before | after if before.get(name) != after.get(name))
        return tuple((name, _text(before.get(name)), _text(after.get(name))) for name in names)

    def __str__(self) -> str:
        """Say it in a line.

        >>> str(Difference(DifferenceKind.DIFFERENT, "column public.a.b", '{"type": "text"}', '{"type": "integer"}'))
        'different column public.a.b: type "text" expected, "integer" found'
        >>> str(Difference(DifferenceKind.MISSING, "table public.a", "{}"))
        'missing table public.a'
        """
        details = "; ".join(
            f"{name} {before} expected, {after} found"
            for name, before, after in ((name, *_truncate(*sides)) for name, *sides in self.changes)
        )
        return f"{self.kind} {self.what}" + (f": {details}" if details else "")


def fingerprint(
    connection: Connection, *, relations: Collection[str] = (), schemas: Collection[str] = ()
) -> Fingerprint:
    """Read the schema of a database, in a read-only snapshot of its own; the session must be outside a transaction.

    The history is left out with all that depends on it, and so are further ``relations`` ("schema.name", unquoted) and
    whole ``schemas``. Raises LockTimeout if a view is locked for too long.
    """
    parameters = {"relations": [BOOKKEEPING, *relations], "schemas": list(schemas)}
    with catalog_snapshot(connection):
        rows = [
            *connection.execute(load("catalog/fingerprint_relations"), parameters),
            *connection.execute(load("catalog/fingerprint_objects"), parameters),
        ]
    return Fingerprint(tuple(sorted(item for row in rows for item in _items(*row))))


def _items(identity: Any, part_of: Any, definition: Any, owner: Any, grants: Any) -> Iterator[Item]:  # noqa: ANN401
    """Yield a row's object and, each as an item of its own, its owner and its grants."""
    yield Item(identity, definition, part_of)
    if owner is not None:
        yield Item(f"owner of {identity}", json.dumps({"role": owner}), identity)
    if grants is not None:
        yield Item(f"grants on {identity}", json.dumps({"grants": grants}), identity)


def differences(expected: Fingerprint, found: Fingerprint) -> tuple[Difference, ...]:
    """Compare two schemas: what is missing first, then what is different, then what is unexpected.

    What is part of a missing or unexpected object is not listed again.
    """
    before = {item.identity: item for item in expected.items}
    after = {item.identity: item for item in found.items}
    listed = [
        *_only_in(before, after, DifferenceKind.MISSING),
        *(
            Difference(DifferenceKind.DIFFERENT, name, item.definition, after[name].definition)
            for name, item in before.items()
            if name in after and after[name].definition != item.definition
        ),
        *_only_in(after, before, DifferenceKind.UNEXPECTED),
    ]
    return tuple(listed)


def _only_in(ours: Mapping[str, Item], theirs: Mapping[str, Item], kind: DifferenceKind) -> Iterator[Difference]:
    alone = {name: item for name, item in ours.items() if name not in theirs}
    for name, item in sorted(alone.items(), key=lambda pair: (not _is_whole(pair[1]), pair[0])):
        if item.part_of in alone:
            continue
        sides = (item.definition, None) if kind is DifferenceKind.MISSING else (None, item.definition)
        yield Difference(kind, name, *sides)


def _is_whole(item: Item) -> bool:
    return not item.part_of


def _facts(definition: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(definition)
    return facts


def _text(value: object) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False)


def _truncate(before: str, after: str) -> tuple[str, str]:
    """Truncate two long texts to the part around their first difference.

    >>> _truncate("a" * 70 + "b", "a" * 70 + "c")
    ('…aaaaaaaaaaaaaaab', '…aaaaaaaaaaaaaaac')
    """
    if max(len(before), len(after)) <= _WIDEST_VALUE:
        return before, after
    same = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    start = max(0, same - _BEFORE)
    return _window(before, start), _window(after, start)


def _window(text: str, start: int) -> str:
    shown = text[start : start + _WIDEST_VALUE]
    return f"{'…' if start else ''}{shown}{'…' if start + _WIDEST_VALUE < len(text) else ''}"
