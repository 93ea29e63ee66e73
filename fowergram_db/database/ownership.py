"""Whose objects the tool uses: those of the current role, of roles it is a member of, and of superusers.

In a shared database a table, a type or a function may have been put where the tool looks for its own, and even a read
of it can run the code of the role that owns it, with the rights of the tool's user. See decision 19.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Protocol, TypeVar

from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.query import fetch_all
from fowergram_db.database.sql import load
from fowergram_db.errors import UntrustedOwner


class _HasOwner(Protocol):
    @property
    def untrusted(self) -> object: ...


_Owned = TypeVar("_Owned", bound=_HasOwner)


class Trusted(StrEnum):
    """Which roles are asked for: all that are trusted, or the few that are found quickly and mostly are enough."""

    ALL = "ownership/trusted_roles"
    SURELY = "ownership/surely_trusted_roles"


@dataclass(frozen=True, slots=True)
class Untrusted:
    """An object of an untrusted role, and what uses it: itself if a query names it.

    Each is a type and an identity, as pg_identify_object writes them.
    """

    type: str
    identity: str
    owner: str
    user_type: str
    user: str

    def __str__(self) -> str:
        """Say whose it is.

        >>> str(Untrusted("type", "evil.t", "mallory", "table", "public.schema_migrations"))
        'the table public.schema_migrations uses the type evil.t, which belongs to "mallory"'
        """
        if (self.type, self.identity) == (self.user_type, self.user):
            return f'{self.identity} belongs to "{self.owner}"'
        return f'the {self.user_type} {self.user} uses the {self.type} {self.identity}, which belongs to "{self.owner}"'


@dataclass(frozen=True, slots=True)
class CatalogRelation:
    """A relation as the catalog describes it: ``kind`` is pg_class.relkind, ``types`` those of the ``columns``.

    A type outside pg_catalog has its schema before it. ``computed`` columns are generated, ``required`` are those that
    every INSERT has to fill. ``untrusted`` is the first thing in it that an untrusted role owns. All else that a use of
    it could run belongs to roles that are ``trusted``.
    """

    oid: int
    schema: str
    name: str
    kind: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    computed: tuple[str, ...]
    required: tuple[str, ...]
    comment: str
    untrusted: Untrusted | None
    trusted: Trusted = Trusted.SURELY

    def __post_init__(self) -> None:
        for name in ("columns", "types", "computed", "required"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        found: object = self.untrusted
        if isinstance(found, list):
            object.__setattr__(self, "untrusted", Untrusted(*found))

    def __str__(self) -> str:
        """Name it with its schema."""
        return f"{self.schema}.{self.name}"


@cache
def load_with_ownership(name: str, trusted: Trusted = Trusted.ALL, relation: str = "ownership/named") -> sql.Composed:
    """Return a shipped query with {trusted_roles} and {untrusted} replaced by the queries of these names.

    {relation} is replaced by the query that ``relation`` names.
    """
    trusted_roles = sql.SQL(load(trusted))
    untrusted = sql.SQL(load("ownership/untrusted")).format(trusted_roles=trusted_roles)
    parts = {"trusted_roles": trusted_roles, "untrusted": untrusted, "relation": sql.SQL(load(relation))}
    return sql.SQL(load(name)).format(**parts)


def fetch_with_ownership(
    connection: Connection,
    row: type[_Owned],
    name: str,
    values: Mapping[str, object] | None = None,
    relation: str = "ownership/named",
) -> tuple[list[_Owned], Trusted]:
    """Return the rows of a shipped query, and which roles it was asked with.

    That is all that are trusted only if a row of the quick answer has something untrusted: the planner takes several
    times as long for all of them.
    """
    rows = fetch_all(connection, row, load_with_ownership(name, Trusted.SURELY, relation), values)
    if not any(each.untrusted for each in rows):
        return rows, Trusted.SURELY
    return fetch_all(connection, row, load_with_ownership(name, relation=relation), values), Trusted.ALL


def find_relations(
    connection: Connection, names: Sequence[str], schema: str | None = None
) -> tuple[CatalogRelation, ...]:
    """Return the relations of these names, in one schema or in any but the system's; those in public come first.

    Reads the catalog alone, in one round trip, two if a role owns something by whose membership it is trusted. So it
    runs nothing that others own. psycopg's errors pass through.
    """
    return query_relations(connection, "ownership/named", {"names": list(names), "schema": schema})


def query_relations(connection: Connection, query: str, values: Mapping[str, object]) -> tuple[CatalogRelation, ...]:
    """Return the relations that a shipped query finds, as ``find_relations`` does."""
    found, trusted = fetch_with_ownership(connection, CatalogRelation, "ownership/relations", values, query)
    return tuple(replace(each, trusted=trusted) for each in found)


def untrusted_writers(connection: Connection, schema: str, table: str) -> tuple[str, ...]:
    """Return the names of the roles that may write rows of a table and are not trusted; one is PUBLIC. One round trip.

    psycopg's errors pass through.
    """
    rows = connection.execute(load_with_ownership("ownership/writers"), {"schema": schema, "name": table})
    return tuple(str(name) for (name,) in rows)


def require_trusted(connection: Connection, name: str, found: Untrusted | None, kind: type[UntrustedOwner]) -> None:
    """Raise an error of this kind if a use of the object of this name would run what an untrusted role owns."""
    if found is None:
        return
    what = str(found) if str(found).startswith(name) else f"{name} is not safe to use: {found}"
    me = connection.info.user
    raise kind(
        f'{what}, and fowergram-db, as role "{me}", uses only objects of this role, of roles that it is a member of, '
        "and of superusers",
        hint=f"Connect as that role (--user {found.owner}), or as a member of it. If the object should not exist, "
        f"drop the {found.type} {found.identity}.",
    )
