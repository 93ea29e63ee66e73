"""Load the queries of the history that depend on its versions: numbers, or texts with a position."""

from functools import cache

from psycopg import sql

from fowergram_db.database.connection import Connection
from fowergram_db.database.sql import load
from fowergram_db.migrations.version import TextVersion, Version, VersionType, type_of

_COLUMNS = {VersionType.NUMBER: ("version",), VersionType.TEXT: ("version", "position")}


class ChangedMeanwhile(Exception):
    """The table was converted between two reads of it."""


@cache
def load_with_version(name: str, version_type: VersionType) -> str:
    """Return a shipped query for versions of a type.

    It has {version_columns} for the columns that hold a version, {version_values} for the parameters of the same names,
    {position} for the column that orders versions.
    """
    columns = _COLUMNS[version_type]
    parts = {
        "version_columns": sql.SQL(", ").join(map(sql.Identifier, columns)),
        "version_values": sql.SQL(", ").join(map(sql.Placeholder, columns)),
        "position": sql.Identifier(columns[-1]),
    }
    return sql.SQL(load(name)).format(**parts).as_string()


def load_for(name: str, version: Version) -> str:
    """Return a shipped query that records a version."""
    return load_with_version(name, type_of((version,)))


def values_of(version: Version) -> dict[str, object]:
    """Return the query parameters of a version.

    >>> values_of(7), values_of(TextVersion("0011.0012", "1.2"))
    ({'version': 7}, {'version': '1.2', 'position': '0011.0012'})
    """
    match version:
        case TextVersion(position, text):
            return {"version": text, "position": position}
        case number:
            return {"version": number}


def change_to(version_type: VersionType) -> str:
    """Return the statements that make the table's column hold versions of a type. They lock the table.

    The server reports an error if a text is no whole number.
    """
    return load(f"bookkeeping/versions_as_{version_type}")


def set_version_type(connection: Connection, version_type: VersionType) -> None:
    """Change the table in the current transaction."""
    connection.execute(change_to(version_type).encode())
