"""Read from the catalog what people have made in a database; nothing is written."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.rows import dict_row

from fowergram_db.database.connection import Connection
from fowergram_db.database.sql import load
from fowergram_db.schema.description import (
    Argument,
    Column,
    Constraint,
    Description,
    Function,
    Index,
    Namespace,
    Relation,
    Trigger,
    Type,
)
from fowergram_db.schema.snapshot import BOOKKEEPING, catalog_snapshot

_COMPOSITE = "composite type"

Row = dict[str, Any]


def describe(connection: Connection) -> Description:
    """Read all schemas but the system's, in a read-only snapshot; the session must be outside a transaction.

    Left out are what extensions own, partitions, and the tool's own bookkeeping. The order is that of the names, by
    code point, so that it is the same on every server. Raises DatabaseError if the catalog cannot be read.
    """
    with catalog_snapshot(connection):
        relations = _read(connection, "relations", {"left_out": [BOOKKEEPING]})
        parts = _Parts(connection, [relation["oid"] for relation in relations])
        composites = [_composite(row, parts) for row in relations if row["kind"] == _COMPOSITE]
        types = [*composites, *(Type(**row) for row in _read(connection, "types"))]
        functions = [_function(row) for row in _read(connection, "functions")]
        return Description(
            namespaces=tuple(sorted((Namespace(**row) for row in _read(connection, "namespaces")), key=_by_name)),
            extensions=tuple(sorted(row["name"] for row in _read(connection, "extensions"))),
            relations=tuple(
                sorted((_relation(row, parts) for row in relations if row["kind"] != _COMPOSITE), key=_by_schema)
            ),
            types=tuple(sorted(types, key=_by_schema)),
            functions=tuple(sorted(functions, key=_by_schema)),
        )


class _Parts:
    """The columns, constraints, indexes and triggers of relations, by the relations' OIDs."""

    def __init__(self, connection: Connection, relations: Sequence[int]) -> None:
        parameters = {"relations": list(relations)}
        queries = ("columns", "constraints", "indexes", "triggers")
        self._rows = {query: _by_relation(_read(connection, query, parameters)) for query in queries}

    def of(self, relation: int, query: str) -> Sequence[Row]:
        return self._rows[query][relation]


def _read(connection: Connection, query: str, parameters: Mapping[str, object] | None = None) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(load(f"catalog/schema_{query}"), parameters)
        return [{name: _frozen(value) for name, value in row.items()} for row in cursor]


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _by_relation(rows: Sequence[Row]) -> Mapping[int, list[Row]]:
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row.pop("relation")].append(row)
    return grouped


def _relation(row: Row, parts: _Parts) -> Relation:
    oid = row["oid"]
    facts = {name: value for name, value in row.items() if name != "oid"}
    return Relation(
        **facts,
        columns=_columns(oid, parts),
        constraints=tuple(sorted((Constraint(**each) for each in parts.of(oid, "constraints")), key=_by_name)),
        indexes=tuple(sorted((Index(**each) for each in parts.of(oid, "indexes")), key=_by_name)),
        triggers=tuple(sorted((_trigger(each) for each in parts.of(oid, "triggers")), key=_by_name)),
    )


def _columns(oid: int, parts: _Parts) -> tuple[Column, ...]:
    return tuple(Column(**each) for each in parts.of(oid, "columns"))


def _composite(row: Row, parts: _Parts) -> Type:
    facts = {name: row[name] for name in ("identity", "schema", "name", "kind", "comment")}
    return Type(**facts, columns=_columns(row["oid"], parts))


def _trigger(row: Row) -> Trigger:
    """Extract the condition and the arguments from the command: the catalog itself has them in a form of its own."""
    facts = {name: value for name, value in row.items() if name != "definition"}
    called = row["function"].removesuffix("()")
    before, _, arguments = row["definition"].rpartition(f" EXECUTE FUNCTION {called}(")
    _, _, condition = before.partition(f" FOR EACH {row['level'].upper()} WHEN (")
    return Trigger(**facts, condition=condition.removesuffix(")"), arguments=arguments.removesuffix(")"))


def _function(row: Row) -> Function:
    arguments = tuple(Argument(**argument) for argument in row["arguments"])
    return Function(**row | {"arguments": arguments})


def _by_name(named: Namespace | Constraint | Index | Trigger) -> str:
    return named.name


def _by_schema(named: Relation | Type | Function) -> tuple[str, str, str]:
    return (named.schema, named.name, named.identity)
