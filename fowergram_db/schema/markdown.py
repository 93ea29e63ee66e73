"""Write the description of a schema as one document in Markdown. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fowergram_db.schema.description import Description, Function, Relation, Type
from fowergram_db.schema.diagram import entity_diagram
from fowergram_db.schema.entries import Links, function_entry, relation_entry, type_entry
from fowergram_db.schema.markup import code, prose, slugs
from fowergram_db.schema.page_layout import Area, FunctionGroup, PageLayout, arranged, grouped, page_layout_by_schema
from fowergram_db.schema.wording import display_name

# Keys of headings that belong to no object; no identity begins so.
_CONTENTS, _FUNCTIONS, _TYPES = "# Contents", "# Functions", "# Types"


def markdown(description: Description, layout: PageLayout | None = None) -> str:
    """Return the document: contents, then areas with their diagrams and tables, then functions and types.

    Without a layout, each schema is an area. The same description always makes the same text.
    """
    layout = layout or page_layout_by_schema(description)
    plan = _Plan(
        layout, description, arranged(description, layout), grouped(description.functions, layout), description.types
    )
    return "\n\n".join(filter(None, _document(plan, _links(plan)))) + "\n"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the document describes, in its order."""

    layout: PageLayout
    description: Description
    areas: tuple[tuple[Area, tuple[Relation, ...]], ...]
    groups: tuple[tuple[FunctionGroup, tuple[Function, ...]], ...]
    types: tuple[Type, ...]


def _links(plan: _Plan) -> Links:
    headings = list(_headings(plan))
    anchors = slugs([plan.layout.title, *(text for _, text in headings)])[1:]
    relations = plan.description.relations
    return Links(
        anchors={key: anchor for (key, _), anchor in zip(headings, anchors, strict=True)},
        names=dict(headings),
        referring=_by_used((key.references, each.identity) for each in relations for key in each.foreign_keys),
        firing=_by_used((trigger.function, each.identity) for each in relations for trigger in each.triggers),
    )


def _headings(plan: _Plan) -> Iterator[tuple[str, str]]:
    """Yield the key and the text of each heading below the title, in the order of the document."""
    yield _CONTENTS, "Contents"
    for area, relations in plan.areas:
        yield _area_key(area), area.title
        yield from map(_named, relations)
    if plan.groups:
        yield _FUNCTIONS, "Functions"
    for group, functions in plan.groups:
        yield _group_key(group), group.title
        yield from map(_named, functions)
    if plan.types:
        yield _TYPES, "Types"
        yield from map(_named, plan.types)


def _area_key(area: Area) -> str:
    return f"# area {area.title}"


def _group_key(group: FunctionGroup) -> str:
    return f"# group {group.title}"


def _named(thing: Relation | Function | Type) -> tuple[str, str]:
    return thing.identity, display_name(thing.schema, thing.name)


def _by_used(pairs: Iterable[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    """Collect who uses what, themselves left out; each once, in order."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for used, user in pairs:
        if used != user:
            found[used][user] = None
    return {used: tuple(users) for used, users in found.items()}


def _document(plan: _Plan, links: Links) -> Iterator[str]:
    yield f"# {prose(plan.layout.title)}"
    yield from plan.layout.about
    if plan.description.extensions:
        yield f"Extensions: {', '.join(map(code, plan.description.extensions))}."
    yield "## Contents"
    yield "\n".join(_contents(plan, links))
    for area, relations in plan.areas:
        yield from _area(area, relations, plan.description, links)
    if plan.groups:
        yield "## Functions"
    for group, functions in plan.groups:
        yield from _group(group, functions, links)
    if plan.types:
        yield "## Types"
    for kind in plan.types:
        yield _heading(3, kind.identity, links)
        yield from type_entry(kind, links)


def _contents(plan: _Plan, links: Links) -> Iterator[str]:
    for area, relations in plan.areas:
        yield _line(_area_key(area), relations, links)
    for group, functions in plan.groups:
        yield _line(_group_key(group), functions, links)
    if plan.types:
        yield _line(_TYPES, plan.types, links)


def _line(key: str, things: Sequence[Relation | Function | Type], links: Links) -> str:
    title = f"[{prose(links.names[key])}](#{links.anchors[key]})"
    return f"- **{title}**: {links.to_all([each.identity for each in things])}"


def _area(area: Area, relations: Sequence[Relation], description: Description, links: Links) -> Iterator[str]:
    yield f"## {prose(area.title)}"
    yield prose(area.about)
    if shown := [relation.identity for relation in relations if not relation.is_view]:
        yield f"```mermaid\n{entity_diagram(description.relations, shown)}```"
    for relation in relations:
        yield _heading(3, relation.identity, links)
        yield from relation_entry(relation, links)


def _group(group: FunctionGroup, functions: Sequence[Function], links: Links) -> Iterator[str]:
    yield f"### {prose(group.title)}"
    yield prose(group.about)
    for function in functions:
        yield _heading(4, function.identity, links)
        yield from function_entry(function, links)


def _heading(level: int, identity: str, links: Links) -> str:
    return f"{'#' * level} {code(links.names[identity])}"
