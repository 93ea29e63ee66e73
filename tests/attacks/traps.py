"""Traps for all operators, functions, relations and types that shipped SQL names, as a hostile role would set them."""

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.attacks import shipped

_SCRIPT = Path(__file__).with_name("traps.sql")
ENTERED = "a trap was entered"


@dataclass(frozen=True, slots=True)
class Made:
    """How many traps of each kind there are."""

    operators: int
    functions: int
    relations: int
    types: int


def set_traps(connection: psycopg.Connection, schema: str, entry: str, *, exact: bool = False) -> Made:
    """Set the traps in a schema, as the role of the session; ``entry`` is the PL/pgSQL that each begins with.

    They have the types for which PostgreSQL has no operator or function itself; ``exact``: those of PostgreSQL's own,
    which are reached where the schema comes before pg_catalog in a search_path.
    """
    settings = {
        "symbols": " ".join(shipped.operators()),
        "functions": " ".join(shipped.functions()),
        "relations": " ".join(sorted(_relations())),
        "schema": schema,
        "entry": entry,
        "exact": str(exact),
    }
    for name, value in settings.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", [f"trap.{name}", value])
    connection.execute(_SCRIPT.read_text(encoding="utf-8"))
    row = connection.execute("SELECT pg_catalog.current_setting('trap.made')").fetchone()
    assert row is not None
    return Made(*map(int, str(row[0]).split()))


def entry_in_the_log(role: str) -> str:
    """Return what writes a line into the server's log where a role other than this one enters a trap."""
    return f"IF current_user <> '{role}' THEN RAISE LOG '{ENTERED}'; END IF;"


def _relations() -> set[str]:
    """Return the names of the catalogs that are read, and of the product's tables."""
    found: set[str] = set()
    for path in shipped.files():
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"\bpg_catalog\.(pg_\w+)(?!\w*\()", text))
        found |= set(re.findall(r"\bCREATE (?:TABLE|VIEW) (?:IF NOT EXISTS )?\w+\.(\w+)", text))
    return found
