"""The order and the headings of a description's parts: knowledge that no catalog has."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fowergram_db.schema.description import Description, Function, Relation

_ELSE = "Everything else"
_TRIGGER_FUNCTIONS = "Trigger functions"
_OTHER_FUNCTIONS = "Other functions"


@dataclass(frozen=True, slots=True)
class Area:
    """Tables and views that belong together, by their identities, in the order of the document."""

    title: str
    relations: tuple[str, ...]
    about: str = ""


@dataclass(frozen=True, slots=True)
class FunctionGroup:
    """Functions that belong together: those whose whole name the pattern matches."""

    title: str
    pattern: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class PageLayout:
    """The headings of a document; functions that no group takes come last, those of triggers on their own."""

    title: str
    areas: tuple[Area, ...]
    groups: tuple[FunctionGroup, ...] = ()
    about: tuple[str, ...] = ()


def page_layout_by_schema(description: Description) -> PageLayout:
    """Return what suits any database: an area for each schema that has tables or views."""
    areas = (
        Area(
            namespace.name,
            tuple(each.identity for each in description.relations if each.schema == namespace.name),
            namespace.comment,
        )
        for namespace in description.namespaces
    )
    return PageLayout("Database schema", tuple(area for area in areas if area.relations))


def misplaced(description: Description, layout: PageLayout) -> tuple[str, ...]:
    """Say what is wrong with the areas: tables that are in none, in two, or not in the database at all."""
    placed = [identity for area in layout.areas for identity in area.relations]
    there = {relation.identity for relation in description.relations}
    return (
        *(f"{identity} is in no area" for identity in sorted(there.difference(placed))),
        *(f"{identity} is in more than one area" for identity in sorted(set(placed)) if placed.count(identity) > 1),
        *(f"{identity} is in an area, but not in the database" for identity in sorted(set(placed) - there)),
    )


def arranged(description: Description, layout: PageLayout) -> tuple[tuple[Area, tuple[Relation, ...]], ...]:
    """Return the areas with their tables; what is in no area comes last, in one of its own."""
    known = {relation.identity: relation for relation in description.relations}
    placed = {identity for area in layout.areas for identity in area.relations}
    rest = tuple(identity for identity in known if identity not in placed)
    areas = (*layout.areas, Area(_ELSE, rest)) if rest else layout.areas
    return tuple((area, tuple(known[each] for each in area.relations if each in known)) for area in areas)


def grouped(
    functions: Sequence[Function], layout: PageLayout
) -> tuple[tuple[FunctionGroup, tuple[Function, ...]], ...]:
    """Return the groups that have functions, with them."""
    titles = {function.identity: _title_of(function, layout) for function in functions}
    groups = (*layout.groups, FunctionGroup(_TRIGGER_FUNCTIONS, ""), FunctionGroup(_OTHER_FUNCTIONS, ""))
    return tuple(_filled(groups, functions, titles))


def _title_of(function: Function, layout: PageLayout) -> str:
    if function.result == "trigger":
        return _TRIGGER_FUNCTIONS
    matching = (group.title for group in layout.groups if re.fullmatch(group.pattern, function.name))
    return next(matching, _OTHER_FUNCTIONS)


def _filled(
    groups: Sequence[FunctionGroup], functions: Sequence[Function], titles: dict[str, str]
) -> Iterator[tuple[FunctionGroup, tuple[Function, ...]]]:
    for group in groups:
        members = tuple(function for function in functions if titles[function.identity] == group.title)
        if members:
            yield group, members
