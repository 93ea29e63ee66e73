"""Write one table, view, type or function in Markdown, with links to what is related to it. Pure."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fowergram_db.schema.description import Argument, Column, Constraint, Function, Relation, Trigger, Type
from fowergram_db.schema.markup import code, code_block, code_in_cell, prose, table
from fowergram_db.schema.wording import display_name, short_type

_WIDEST_SIGNATURE = 100
_COLUMNS = "column | type | null | default | comment"
_PLAIN_COLUMNS = "column | type | comment"
_RULES = "key, check or index | definition"
_TRIGGERS = "trigger | fires | calls"
_KINDS = ("primary key", "unique", "exclusion", "foreign key", "check")
_COMES_OUT = ("out", "table")
_ELEMENT = re.compile(r"(?:SETOF )?(.*?)(?:\[\])*")


@dataclass(frozen=True, slots=True)
class Links:
    """Where each object is described, its name, and the tables related to it; all by identity."""

    anchors: Mapping[str, str]
    names: Mapping[str, str]
    referring: Mapping[str, Sequence[str]]
    firing: Mapping[str, Sequence[str]]

    def to(self, identity: str, write: Callable[[str], str] = code) -> str:
        """Return the name of an object, as a link if the document describes it."""
        name = write(self.names.get(identity, identity))
        return f"[{name}](#{self.anchors[identity]})" if identity in self.anchors else name

    def to_all(self, identities: Sequence[str]) -> str:
        """Return the names of several objects, as links."""
        return ", ".join(map(self.to, identities))

    def of_type(self, text: str, write: Callable[[str], str] = code_in_cell) -> str:
        """Return a type as it is written, as a link if people have made it."""
        element = _ELEMENT.fullmatch(text)
        anchor = self.anchors.get(element[1]) if element else None
        shown = write(short_type(text))
        return f"[{shown}](#{anchor})" if anchor else shown


def relation_entry(relation: Relation, links: Links) -> Iterator[str]:
    """Yield the paragraphs and tables that describe a table or view, without its heading; some may be empty."""
    yield prose(relation.comment)
    yield " ".join(_facts(relation, links))
    if relation.columns:
        yield _plain_columns(relation.columns, links) if relation.is_view else _columns(relation, links)
    if rules := list(_rules(relation, links)):
        yield table(_RULES, rules)
    if relation.triggers:
        yield table(_TRIGGERS, _triggers(relation.triggers, links))
    if referring := links.referring.get(relation.identity):
        yield f"Referred to by {links.to_all(referring)}."


def _facts(relation: Relation, links: Links) -> Iterator[str]:
    if relation.kind != "table":
        yield f"A {relation.kind}."
    if relation.partition_key:
        yield f"Partitioned by {code(relation.partition_key)}."
    if relation.inherits:
        yield f"Inherits from {links.to_all(relation.inherits)}."


def _plain_columns(columns: Sequence[Column], links: Links) -> str:
    rows = ((code_in_cell(each.name), links.of_type(each.type), prose(each.comment)) for each in columns)
    return table(_PLAIN_COLUMNS, rows)


def _columns(relation: Relation, links: Links) -> str:
    rows = (
        (
            code_in_cell(column.name),
            links.of_type(column.type),
            "yes" if column.nullable else "",
            code_in_cell(column.default),
            ": ".join(_about(column, relation, links)),
        )
        for column in relation.columns
    )
    return table(_COLUMNS, rows)


def _about(column: Column, relation: Relation, links: Links) -> Iterator[str]:
    """Yield what a column refers to, and its comment."""
    for key in relation.foreign_keys:
        if key.columns == (column.name,):
            yield f"→ {links.to(key.references, code_in_cell)}"
    if column.comment:
        yield prose(column.comment)


def _rules(relation: Relation, links: Links) -> Iterator[tuple[str, str]]:
    """Yield a row for each key, check and index."""
    for constraint in sorted(relation.constraints, key=lambda each: _KINDS.index(each.kind)):
        is_reference = constraint.kind == "foreign key"
        definition = _reference(constraint, links) if is_reference else code_in_cell(constraint.definition)
        yield _rule(constraint.name, definition, constraint.comment)
    for index in relation.indexes:
        definition = code_in_cell(f"{'UNIQUE ' if index.is_unique else ''}INDEX {index.definition}")
        yield _rule(index.name, definition if index.is_valid else f"{definition}, not valid", index.comment)


def _reference(key: Constraint, links: Links) -> str:
    there = f"{links.to(key.references, code_in_cell)} {code_in_cell(_listed(key.referenced_columns))}"
    rules = f" {code_in_cell(key.rules)}" if key.rules else ""
    return f"{code_in_cell(f'FOREIGN KEY {_listed(key.columns)}')} → {there}{rules}"


def _listed(columns: Sequence[str]) -> str:
    return f"({', '.join(columns)})"


def _rule(name: str, definition: str, comment: str) -> tuple[str, str]:
    return code_in_cell(name), "<br>".join(filter(None, (definition, prose(comment))))


def _triggers(triggers: Sequence[Trigger], links: Links) -> Iterator[tuple[str, ...]]:
    """Yield a row for each call, with all triggers that make it: one job often takes several of them."""
    calls: dict[tuple[str, str], list[Trigger]] = defaultdict(list)
    for trigger in triggers:
        calls[trigger.function, trigger.arguments].append(trigger)
    for (function, arguments), together in calls.items():
        comments = dict.fromkeys(prose(trigger.comment) for trigger in together if trigger.comment)
        called = links.to(function, code_in_cell) + (f" {code_in_cell(f'({arguments})')}" if arguments else "")
        yield (
            "<br>".join(code_in_cell(trigger.name) for trigger in together),
            "<br>".join(map(_fires, together)),
            "<br>".join((called, *comments)),
        )


def _fires(trigger: Trigger) -> str:
    condition = f" WHEN ({trigger.condition})" if trigger.condition else ""
    when = code_in_cell(f"{trigger.timing} {' OR '.join(trigger.events)}{condition}")
    return f"{when}, per {trigger.level}" + ("" if trigger.is_enabled else ", disabled")


def type_entry(kind: Type, links: Links) -> Iterator[str]:
    """Yield the paragraphs that describe a type, without its heading; some may be empty."""
    article = "An" if kind.kind[0] in "aeiou" else "A"
    labels = f": {', '.join(map(code, kind.labels))}" if kind.labels else ""
    definition = f": {code(kind.definition)}" if kind.definition else ""
    yield prose(kind.comment)
    yield f"{article} {kind.kind}{labels}{definition}."
    if kind.columns:
        yield _plain_columns(kind.columns, links)


def function_entry(function: Function, links: Links) -> Iterator[str]:
    """Yield the paragraphs that describe a function, without its heading; some may be empty."""
    yield prose(function.comment)
    yield code_block("\n".join(_signature(function)))
    result = links.of_type(function.result, code)
    if result.startswith("["):
        yield f"Returns {result}."
    if firing := links.firing.get(function.identity):
        yield f"Called by triggers of {links.to_all(firing)}."


def _signature(function: Function) -> Iterator[str]:
    """Yield what goes in, what comes out and how it runs, as CREATE would say it."""
    given = [_argument(each) for each in function.arguments if each.mode not in _COMES_OUT]
    head = _written(f"{function.kind.upper()} {display_name(function.schema, function.name)}", given)
    if columns := [_argument(each) for each in function.arguments if each.mode == "table"]:
        yield from (head, _written("RETURNS TABLE ", columns))
    else:
        yield f"{head} RETURNS {short_type(function.result)}" if function.result else head
    if out := [_argument(each) for each in function.arguments if each.mode == "out"]:
        yield _written("OUT ", out)
    if function.kind != "aggregate":
        yield " ".join(_traits(function))


def _traits(function: Function) -> Iterator[str]:
    yield f"LANGUAGE {function.language}"
    if function.kind != "procedure":
        yield from (function.volatility.upper(), f"PARALLEL {function.parallel.upper()}")
    if function.is_strict:
        yield "STRICT"
    if function.is_security_definer:
        yield "SECURITY DEFINER"


def _argument(argument: Argument) -> str:
    mode = argument.mode.upper() if argument.mode in ("inout", "variadic") else ""
    default = f"DEFAULT {argument.default}" if argument.default else ""
    return " ".join(filter(None, (mode, argument.name, short_type(argument.type), default)))


def _written(name: str, parts: Sequence[str]) -> str:
    line = f"{name}({', '.join(parts)})"
    return line if len(line) <= _WIDEST_SIGNATURE else f"{name}(\n    " + ",\n    ".join(parts) + "\n)"
