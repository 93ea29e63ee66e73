"""Settings that are stored with a database: what a session in it begins with, and another database is to have too."""

from collections.abc import Iterable
from contextlib import suppress

import psycopg
from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.setting_lists import split_list

_LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces")
# Where a production mark may be: a database that is made for a while must never carry one.
_MARKS = ("fowergram.", "temp_tablespaces=")


def of_scripts(stored: Iterable[str] | None) -> tuple[str, ...]:
    """Return, of settings as the catalog stores them, those that can change what a script does.

    >>> of_scripts(["search_path=app, public", "fowergram.environment=production", "temp_tablespaces=fast"])
    ('search_path=app, public',)
    """
    return tuple(each for each in stored or () if not each.lower().startswith(_MARKS))


def split_setting(stored: str) -> tuple[str, str]:
    """Return name and value of a setting as the catalog stores it.

    >>> split_setting("my.url=a=b")
    ('my.url', 'a=b')
    """
    name, _, value = stored.partition("=")
    return name, value


def change(name: str, value: str) -> sql.Composed:
    """Return what follows ALTER DATABASE or ALTER ROLE; a list is given name by name.

    >>> print(change("search_path", '"$user", public').as_string())
    SET "search_path" TO '$user', 'public'
    >>> print(change("my.list", "x, y").as_string())
    SET "my"."list" TO 'x, y'
    """
    # One literal for a whole list would become one quoted name of it.
    values = split_list(value) or ("",) if name.lower() in _LISTS else (value,)
    listed = sql.SQL(", ").join(map(sql.Literal, values))
    return sql.SQL("SET {} TO {}").format(sql.Identifier(*name.split(".")), listed)


def store(admin: Connection, dbname: str, settings: Iterable[str]) -> None:
    """Store settings, as the catalog has them, with a database; the last of one name counts.

    What the role may not set, and what the server does not know any more, is left out. psycopg's other errors pass
    through.
    """
    for setting in settings:
        statement = sql.SQL("ALTER DATABASE {} {}").format(sql.Identifier(dbname), change(*split_setting(setting)))
        with suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject):
            admin.execute(statement)
