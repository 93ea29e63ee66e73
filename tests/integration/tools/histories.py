"""The histories of tools that the tests cannot run: tables as in ``tests.other_tools``, with a row a migration."""

import re
from pathlib import PurePath

from tests.integration.tools.example import Example
from tests.other_tools import TABLES


def history_of(example: Example) -> str:
    """Return the SQL that makes the table of the example's tool, with an entry for each of its migrations."""
    table = next(table for table in TABLES if table.tool == example.tool.lower())
    name = f'"{table.schema}"."{table.table}"'
    names = [_name(next(path for path in each.files if _does(path))) for each in example.migrations]
    rows = [_row(example.tool, place, name) for place, name in enumerate(names, start=1)]
    if example.tool in ("golang-migrate", "tern"):  # these keep the newest alone
        rows = rows[-1:]
    inserts = "".join(f"INSERT INTO {name} VALUES ({row});" for row in rows)
    start = f"INSERT INTO {name} VALUES ({table.start});" if table.start else ""
    return f'CREATE SCHEMA IF NOT EXISTS "{table.schema}"; CREATE TABLE {name} ({table.definition}); {start}{inserts}'


def _does(path: str) -> bool:
    """Say whether a file is the one that does the migration."""
    name = PurePath(path).name
    return name.endswith(".sql") and "down" not in name and not name.startswith("U")


def _name(path: str) -> str:
    """Return the name of a migration: that of its file, or else that of its folder."""
    pure = PurePath(path)
    return pure.parent.name if pure.name in ("up.sql", "migration.sql") else pure.name


def _row(tool: str, place: int, name: str) -> str:
    """Return the values of an entry as the tool writes it."""
    # Only diesel has hyphens within its numbers; elsewhere a hyphen may follow the number.
    digits = name.partition("_")[0].replace("-", "") if tool == "diesel" else re.split("[_-]", name)[0]
    rows = {
        "golang-migrate": "{number}, false",
        "tern": "{number}",
        "sqlx": "{number}, '{title}', {moment}, true, '', 1",
        "goose": "{place} + 1, {number}, true, {moment}",
        "Flyway": "{place}, '{dotted}', '{title}', 'SQL', '{name}', 5, 'x', {moment}, 1, true",
        "diesel": "'{written}', {moment}",
        "Prisma": "'{place}', 'x', {moment}, '{name}', NULL, NULL, {moment}, 1",
        "supabase": "'{written}', '{{}}', '{title}'",
    }
    return rows[tool].format(
        place=place,
        name=name,
        number=int(digits) if digits.isdecimal() else "",
        written=digits,
        dotted=name[1:].partition("__")[0].replace("_", "."),
        title=name.removesuffix(".sql").removesuffix(".up").partition("_")[2],
        moment=f"'2024-05-01 10:00:{place:02}'",
    )
