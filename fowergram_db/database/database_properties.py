"""What migrations give to the database that they run in, and no copy of it has: settings and grants of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.sql import load
from fowergram_db.database.stored_settings import change, split_setting

# A production mark among them must not come to a database that is made for a while.
_MARKS = "fowergram."


@dataclass(frozen=True, slots=True)
class DatabaseProperties:
    """Settings as (role or None for all, name, value), grants as (grantee or None for PUBLIC, privilege, grantable)."""

    settings: tuple[tuple[str | None, str, str], ...] = ()
    grants: tuple[tuple[str | None, str, bool], ...] = ()

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return bool(self.settings or self.grants)

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` and JSON have made of it."""
        return cls(tuple(map(tuple, facts["settings"])), tuple(map(tuple, facts["grants"])))


Asked = tuple[psycopg.Cursor[Any], psycopg.Cursor[Any]]


def ask_properties(admin: Connection, oid: int) -> Asked:
    """Ask for the settings and grants of a database: two queries, for ``properties_of``.

    psycopg's errors pass through.
    """
    settings, grants = load("catalog/database_settings"), load("catalog/database_grants")
    return admin.execute(settings, {"oid": oid}), admin.execute(grants, {"oid": oid})


def properties_of(asked: Asked, owner: str, stored: Iterable[str]) -> DatabaseProperties:
    """Return what migrations gave a database that was created with the settings ``stored``, and closed."""
    before = frozenset(stored)
    settings = (
        (role, *split_setting(setting))
        for role, setting in asked[0].fetchall()
        if not setting.lower().startswith(_MARKS) and (role is not None or setting not in before)
    )
    return DatabaseProperties(tuple(settings), tuple(grant for grant in asked[1].fetchall() if grant[0] != owner))


def set_properties(admin: Connection, dbname: str, properties: DatabaseProperties) -> None:
    """Give a database what migrations gave another one, in a transaction; psycopg's errors pass through.

    What this role may not store for another one was not stored by migrations, and is left out.
    """
    set_for_roles(admin, dbname, properties.settings)
    set_for_all_roles(admin, dbname, properties)


def set_for_roles(
    admin: Connection, dbname: str, settings: Iterable[tuple[str | None, str, str]]
) -> tuple[tuple[str, str], ...]:
    """Store those settings that are of one role; return role and name of each that this role cannot store.

    Every role may store its own settings with any database, so they may hold anything. To be called in a transaction;
    psycopg's other errors pass through.
    """
    left_out = []
    for role, name, value in settings:
        if role is None:
            continue
        try:
            with admin.transaction():
                set_setting(admin, dbname, role, name, value)
        except (psycopg.errors.ProgrammingError, psycopg.errors.DataError, UnicodeEncodeError):
            left_out.append((role, name))
    return tuple(left_out)


def set_for_all_roles(admin: Connection, dbname: str, properties: DatabaseProperties) -> None:
    """Give a database the settings for all roles, and the grants; psycopg's errors pass through."""
    for role, name, value in properties.settings:
        if role is None:
            set_setting(admin, dbname, None, name, value)
    for grant in properties.grants:
        grant_privilege(admin, dbname, *grant)


def set_setting(admin: Connection, dbname: str, role: str | None, name: str, value: str) -> None:
    """Store a setting with a database, for one role there or for all."""
    whose: sql.Composable = sql.SQL("DATABASE {}").format(sql.Identifier(dbname))
    if role:
        whose = sql.SQL("ROLE {} IN {}").format(sql.Identifier(role), whose)
    admin.execute(sql.SQL("ALTER {} {}").format(whose, change(name, value)))


def grant_privilege(admin: Connection, dbname: str, grantee: str | None, privilege: str, grantable: bool) -> None:  # noqa: FBT001 - a row of the catalog
    """Grant a privilege on a database."""
    admin.execute(
        sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
            sql.SQL(privilege),  # a word of the catalog
            sql.Identifier(dbname),
            sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC"),
            sql.SQL(" WITH GRANT OPTION" if grantable else ""),
        )
    )
