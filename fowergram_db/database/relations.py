"""Find the relation that a name in SQL means."""

from typing import NamedTuple

from fowergram_db.database.connection import Connection
from fowergram_db.database.query import fetch_one
from fowergram_db.database.sql import load


class NamedRelation(NamedTuple):
    """A relation that was found by its name; ``qualified`` is schema and name, quoted."""

    oid: int
    qualified: str


def find_relation(connection: Connection, name: str, *, of_script: bool) -> NamedRelation | None:
    """Return what a name means to the current script, else to the role; None if there is no such relation.

    psycopg's errors pass through: the server parses the name.
    """
    values = {"name": name, "of_script": of_script}
    return fetch_one(connection, NamedRelation, load("catalog/relation_named"), values)
