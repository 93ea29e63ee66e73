"""What a schema is made of, as plain data: tables, views, types and functions, with their comments.

An ``identity`` is a name as SQL writes it, with its schema, and quoted if it must be: ``public.users``,
``shop."Order"``, ``public.feed(uuid,integer)``. The parts refer to each other by their identities.
A text without content is "".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or an attribute of a composite type; ``default`` is also ``GENERATED ALWAYS AS …``."""

    name: str
    type: str
    nullable: bool
    default: str
    comment: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """A primary key, unique, exclusion, check or foreign key, as ``kind`` says.

    Of a foreign key, ``references`` is the identity of the table, and ``rules`` is what follows the referenced columns,
    such as ``ON DELETE CASCADE``.
    """

    name: str
    kind: str
    definition: str
    columns: tuple[str, ...]
    references: str
    referenced_columns: tuple[str, ...]
    rules: str
    comment: str


@dataclass(frozen=True, slots=True)
class Index:
    """An index that no constraint has made; ``columns`` are those that it makes a key, if it does."""

    name: str
    is_unique: bool
    is_valid: bool
    definition: str
    columns: tuple[str, ...]
    comment: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger: when it fires, and the function that it calls with these arguments, written as in SQL."""

    name: str
    timing: str
    events: tuple[str, ...]
    level: str
    condition: str
    function: str
    arguments: str
    is_enabled: bool
    comment: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, foreign table, view or materialized view; partitions are part of their table."""

    identity: str
    schema: str
    name: str
    kind: str
    comment: str
    partition_key: str = ""
    inherits: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    @property
    def is_view(self) -> bool:
        """Return whether the rows are those of other tables."""
        return self.kind in ("view", "materialized view")

    @property
    def foreign_keys(self) -> tuple[Constraint, ...]:
        """The references to other tables, or to this one."""
        return tuple(constraint for constraint in self.constraints if constraint.kind == "foreign key")

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return next((each.columns for each in self.constraints if each.kind == "primary key"), ())

    @property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Each set of columns that identifies a row, the primary key first."""
        unique = (each.columns for each in self.constraints if each.kind == "unique")
        found = (self.primary_key, *unique, *(index.columns for index in self.indexes))
        return tuple(columns for columns in found if columns)


@dataclass(frozen=True, slots=True)
class Type:
    """An enum with its ``labels``, a composite type with its ``columns``, a domain, a range or a base type."""

    identity: str
    schema: str
    name: str
    kind: str
    comment: str
    definition: str = ""
    labels: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    """What goes into a function or comes out of it; ``mode`` is in, inout, variadic, out or table."""

    name: str
    mode: str
    type: str
    default: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function, procedure, aggregate or window function; ``result`` as in RETURNS."""

    identity: str
    schema: str
    name: str
    kind: str
    arguments: tuple[Argument, ...]
    result: str
    language: str
    volatility: str
    parallel: str
    is_strict: bool
    is_security_definer: bool
    comment: str


@dataclass(frozen=True, slots=True)
class Namespace:
    """A schema itself, without what is in it."""

    name: str
    comment: str


@dataclass(frozen=True, slots=True)
class Description:
    """All that people have made in one database, each part in order of its name."""

    namespaces: tuple[Namespace, ...] = ()
    extensions: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    types: tuple[Type, ...] = ()
    functions: tuple[Function, ...] = ()
