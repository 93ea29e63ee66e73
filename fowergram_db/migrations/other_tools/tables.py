"""Recognise the tables in which other migration tools keep their histories, by their names and columns.

A table is a history by its shape. Under the name that its tool gives it, the columns that matter are enough; under
another name (many tools can be configured), all columns and their types have to be those of the tool.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from fowergram_db.database.ownership import CatalogRelation
from fowergram_db.migrations.other_tools.shapes import LIKE_MIGRATIONS, RAILS_TABLE, SHAPES, TYPES, Shape

OWN_PLACE = ("public", "schema_migrations")
_OWN_COLUMNS = frozenset(("filename", "checksum", "state", "tool_version"))
_TABLE_KINDS = ("r", "p")


class FoundTable(NamedTuple):
    """A table that is the history of a tool."""

    tool: str
    shape: Shape
    relation: CatalogRelation

    @property
    def is_in_our_place(self) -> bool:
        """Return whether it has the name of our table."""
        return (self.relation.schema, self.relation.name) == OWN_PLACE

    def column(self, name: str) -> str:
        """Return the name of a column as the table writes it; "" if it has none, or if a time has another type."""
        found = next((c for c in self.relation.columns if c.lower() == name), "")
        if name == self.shape.moment and found and self._type_of(found) not in TYPES["d"]:
            return ""
        return found

    @property
    def is_unmistakable(self) -> bool:
        """Return whether shape and name are enough, without a check of an entry."""
        name, shape = self.relation.name.lower(), self.shape
        if not shape.entries or shape.is_proven_by_entries:
            return not shape.entries
        return bool(re.fullmatch(shape.names or "^$", name) or re.fullmatch(LIKE_MIGRATIONS, name))

    def may_have(self, newest: str) -> bool:
        """Return whether this may be the newest entry of such a history."""
        return self.is_unmistakable or bool(re.fullmatch(self.shape.entries, newest))

    def _type_of(self, column: str) -> str:
        return self.relation.types[self.relation.columns.index(column)]


def recognised(relations: Sequence[CatalogRelation]) -> Iterator[FoundTable]:
    """Yield each of the relations that is a history, with its tool."""
    rails = {relation.schema for relation in relations if relation.name == RAILS_TABLE}
    for relation in relations:
        if relation.kind not in _TABLE_KINDS or frozenset(relation.columns) >= _OWN_COLUMNS:
            continue
        shape = next((shape for shape in SHAPES if _fits(shape, relation)), None)
        if shape is not None:
            yield FoundTable(_tool_of(shape, relation, rails), shape, relation)


@cache
def search_parameters() -> dict[str, object]:
    """Return the parameters for other_tools/candidates.sql, which finds what ``recognised`` accepts."""
    names = {RAILS_TABLE, *(n for s in SHAPES for n in (s.names, s.alike) if re.fullmatch(r"\w+", n))}
    marks: list[str] = []
    few: list[str] = []
    one: list[str] = []
    for shape in SHAPES:
        count = len(shape.columns.split()) if shape.exact else _FEW + 1
        (one if count == 1 else few if count <= _FEW else marks).extend(shape.marks.split())
    return {
        "names": sorted(names),
        "patterns": ["%migrat%", "%schema%version%", "%phinxlog"],
        "marks": sorted(set(marks)),
        "marks_of_few": sorted(set(few)),
        "marks_of_one": sorted(set(one)),
    }


_FEW = 4


def kept_by(found: Iterable[FoundTable]) -> tuple[str, ...]:
    """Return the tables that these tools keep, as "schema.name": their histories, and others that may be there."""
    return tuple(
        dict.fromkeys(
            f"{table.relation.schema}.{name}"
            for table in found
            for name in (table.relation.name, *table.shape.beside.split())
        )
    )


def _tool_of(shape: Shape, relation: CatalogRelation, rails: set[str]) -> str:
    if shape.tool == "dbmate" and relation.schema in rails:
        return "rails"
    if shape.tool == "golang-migrate" and relation.schema == "hdb_catalog":
        return "hasura"
    return shape.tool


def _fits(shape: Shape, relation: CatalogRelation) -> bool:
    columns = {name.lower(): kind for name, kind in zip(relation.columns, relation.types, strict=True)}
    name = relation.name.lower()
    if shape.names and re.fullmatch(shape.names, name) and _needed(shape) <= columns.keys():
        return True
    if not (shape.alike and re.fullmatch(shape.alike, name)):
        return False
    wanted = dict(part.replace("?", "").split(":") for part in shape.columns.split())
    if not (columns.keys() == wanted.keys() if shape.exact else columns.keys() >= wanted.keys()):
        return False
    return all(not kind or columns[column].rpartition(".")[2] in TYPES[kind] for column, kind in wanted.items())


@cache
def _needed(shape: Shape) -> frozenset[str]:
    return frozenset(part.partition(":")[0] for part in shape.columns.split() if "?" not in part)
