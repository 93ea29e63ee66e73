"""Load the SQL that the tool ships: queries by name, and the folder of the product's migrations."""

from functools import cache
from pathlib import Path

SCRIPTS = ("migrations", "upgrade")
"""The folders of shipped SQL that people run; the others hold the tool's own queries."""
_HEADER = "-- Purpose: "
_names: dict[str, str] = {}
_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def sql_root() -> Path:
    """Return the folder of shipped SQL: inside the package if installed, next to it in a checkout."""
    installed = _PACKAGE / "sql"
    return installed if installed.is_dir() else _PACKAGE.parent / "sql"


def shipped_migrations() -> Path:
    """Return the folder that holds the product's own migrations."""
    return sql_root() / "migrations"


def is_installed(directory: Path) -> bool:
    """Return whether a folder is inside the installed package, where no user file belongs."""
    return directory.resolve().is_relative_to(_PACKAGE)


@cache
def load(name: str) -> str:
    """Return the text of one shipped query, ``load("catalog/server")`` for ``sql/catalog/server.sql``."""
    text = (sql_root() / f"{name}.sql").read_text(encoding="utf-8")
    _names[text.partition("\n")[0]] = name
    return text


def name_of(text: str) -> str:
    """Return the name of the shipped query that a text is, by the first line of its header; "" if it is none.

    Of a text that begins with something else, it is the last one in it: checks go before a query.
    """
    at = 0 if text.startswith(_HEADER) else text.rfind(_HEADER)
    return _names.get(text[at:].partition("\n")[0], "") if at >= 0 else ""
