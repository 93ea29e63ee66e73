"""Traps for all that shipped SQL names (operators, functions, relations, types …), as a hostile role sets them."""

import re
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

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
    casts: int


def set_traps(connection: psycopg.Connection, schema: str, entry: str, *, exact: bool = False) -> Made:
    """Set the traps in a schema, as the role of the session; ``entry`` is the PL/pgSQL that each begins with.

    They have the types for which PostgreSQL has no operator or function itself; ``exact``: those of PostgreSQL's own,
    which are reached where the schema comes before pg_catalog in a search_path.
    """
    connection.execute(script(schema, entry, exact=exact))
    row = connection.execute("SELECT pg_catalog.current_setting('trap.made')").fetchone()
    assert row is not None
    return Made(*map(int, str(row[0]).split()))


def script(schema: str, entry: str, *, exact: bool = False) -> str:
    """Return the statements that set the traps; see ``set_traps``."""
    settings = {
        "symbols": " ".join(shipped.operators()),
        "functions": " ".join(shipped.functions()),
        "relations": " ".join(sorted(_catalogs() | (set() if schema == "public" else _tables()))),
        "schema": schema,
        "entry": entry,
        "exact": str(exact),
    }
    set_config = sql.SQL("SELECT pg_catalog.set_config({}, {}, false);\n")
    calls = (set_config.format(f"trap.{name}", value).as_string(None) for name, value in settings.items())
    return "".join(calls) + _SCRIPT.read_text(encoding="utf-8")


def entry_in_the_log(role: str) -> str:
    """Return what writes a line into the server's log where a role other than this one enters a trap."""
    return f"IF current_user <> '{role}' THEN RAISE LOG '{ENTERED}'; END IF;"


def _catalogs() -> set[str]:
    """Return the names of the catalogs that are read."""
    return _named_in_files(r"\bpg_catalog\.(pg_\w+)(?!\w*\()")


def _tables() -> set[str]:
    """Return the names of the product's tables and views."""
    return _named_in_files(r"\bCREATE (?:TABLE|VIEW) (?:IF NOT EXISTS )?\w+\.(\w+)")


def _named_in_files(pattern: str) -> set[str]:
    return {name for path in shipped.files() for name in re.findall(pattern, path.read_text(encoding="utf-8"))}
