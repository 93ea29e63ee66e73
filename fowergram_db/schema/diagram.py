"""Write tables and their foreign keys as an entity diagram in mermaid. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fowergram_db.schema.description import Column, Constraint, Relation
from fowergram_db.schema.wording import display_name, short_type

# What every version of mermaid takes, within quotes and as a bare word. It reads spaces as JavaScript does.
_NO_NAME = re.compile(r"(?:[\s\ufeff]|[^A-Za-z0-9_.\u00c0-\U0010ffff-])+")
_NO_WORD = re.compile(r"[^A-Za-z0-9_\[\]]+")
_NO_BEGINNING = re.compile(r"[0-9\[\]]|[PFU]K(?![A-Z0-9_])", re.ASCII | re.IGNORECASE)
_MODIFIER = re.compile(r"\([^)]*\)| COLLATE .*")
# If more than this number of the tables shown refer to a table, their columns name it: its lines would hide others.
_MOST_LINES = 3


def entity_diagram(relations: Sequence[Relation], shown: Collection[str] | None = None) -> str:
    """Return the diagram of the tables whose identities are ``shown``, of all if none are given.

    It shows the key columns of each table. A table that these refer to is in it as well, as a box without columns, or
    by its name if many of them do. Foreign keys that lead from one table to the same other one share a line.
    """
    tables = [relation for relation in relations if not relation.is_view]
    chosen = [table for table in tables if shown is None or table.identity in shown]
    surroundings = _Surroundings(_names(tables), _hubs(chosen))
    lines = [line for table in chosen for line in _entity(table, surroundings)]
    lines += [line for table in chosen for line in _edges(table, surroundings)]
    return "\n".join(["erDiagram", *(f"    {line}" for line in lines)]) + "\n"


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """The names of all tables, and which of them no line leads to; by identity."""

    names: Mapping[str, str]
    hubs: Collection[str]


def _names(tables: Sequence[Relation]) -> dict[str, str]:
    """Give each table a name that mermaid can read and that no other one has."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for table in tables:
        readable = _NO_NAME.sub("_", display_name(table.schema, table.name))
        name, number = readable, 1
        while name in taken:
            number += 1
            name = f"{readable}_{number}"
        taken.add(name)
        names[table.identity] = name
    return names


def _hubs(chosen: Sequence[Relation]) -> Collection[str]:
    own = {table.identity for table in chosen}
    counts = Counter(referenced for table in chosen for referenced in {key.references for key in table.foreign_keys})
    return {identity for identity, count in counts.items() if count > _MOST_LINES and identity not in own}


def _entity(table: Relation, surroundings: _Surroundings) -> Iterator[str]:
    yield f'"{surroundings.names[table.identity]}" {{'
    for column in table.columns:
        keys = (*table.keys, *(key.columns for key in table.foreign_keys))
        if any(column.name in columns for columns in keys):
            words = (_type(column), _word(column.name), ", ".join(_marks(table, column)))
            note = " ".join(_note(table, column, surroundings))
            yield "    " + " ".join(filter(None, (*words, f'"{note}"' if note else "")))
    yield "}"


def _type(column: Column) -> str:
    """Return one word for a column's type: no length, no schema that all readers know."""
    return _word(_MODIFIER.sub("", short_type(column.type)).removeprefix("public."))


def _word(text: str) -> str:
    """Write a type or a column so that mermaid reads one word, and no mark of a key.

    >>> _word("uuid"), _word("pk"), _word('order "lines"'), _word("2fa"), _word("ชื่อ")
    ('uuid', '_pk', 'order_lines_', '_2fa', '_')
    """
    word = _NO_WORD.sub("_", text)
    return f"_{word}" if _NO_BEGINNING.match(word) else word


def _marks(table: Relation, column: Column) -> Iterator[str]:
    """Yield the kinds of keys that a column is in; UK only if it is one on its own."""
    if column.name in table.primary_key:
        yield "PK"
    if any(column.name in key.columns for key in table.foreign_keys):
        yield "FK"
    if (column.name,) in table.keys and (column.name,) != table.primary_key:
        yield "UK"


def _note(table: Relation, column: Column, surroundings: _Surroundings) -> Iterator[str]:
    """Yield the name of a column that is no word, and what it refers to if no line shows it."""
    if _word(column.name) != column.name:
        yield _NO_NAME.sub("_", column.name)
    referenced = [key.references for key in table.foreign_keys if column.name in key.columns]
    for identity in dict.fromkeys(referenced):
        if identity in surroundings.hubs and identity in surroundings.names:
            yield f"→ {surroundings.names[identity]}"


def _edges(table: Relation, surroundings: _Surroundings) -> Iterator[str]:
    names = surroundings.names
    lines: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in table.foreign_keys:
        if key.references in names and key.references not in surroundings.hubs:
            label = _NO_NAME.sub("_", "-".join(key.columns))
            lines[key.references, _cardinality(table, key)].append(label)
    for (referenced, cardinality), labels in lines.items():
        yield f'"{names[referenced]}" {cardinality} "{names[table.identity]}" : "{", ".join(labels)}"'


def _cardinality(table: Relation, key: Constraint) -> str:
    """Return from how many rows to how many rows a foreign key leads."""
    optional = any(column.nullable for column in table.columns if column.name in key.columns)
    unique = any(set(columns) <= set(key.columns) for columns in table.keys)
    return f"{'|o' if optional else '||'}--{'o|' if unique else 'o{'}"
