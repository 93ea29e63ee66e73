"""Read one row of the history. A value that the tool cannot have written is an error that names row and column.

Other roles may write to the table: a column can hold any value of its type, and NULL if a constraint was dropped.
So every value arrives as text and is checked here, before it is used or printed.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn

import psycopg
from psycopg import pq
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.types.datetime import TimestamptzBinaryLoader

from fowergram_db.errors import HistoryInconsistent

_LONGEST = 1000
_MOST_SHOWN = 40
_LARGEST_INTEGER = 2**31 - 1
_LARGEST_OID = 2**32 - 1
_LONGEST_DURATION_MS = 1e12
_BACKEND_START = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}\+00)?"


class LenientText(Loader):
    """Read a text even if it is not UTF-8, which is possible in a database whose encoding is SQL_ASCII."""

    def load(self, data: Buffer) -> str:
        """Return the text, with escapes for the bytes that are no characters."""
        return bytes(data).decode("utf-8", "backslashreplace")


class LenientBinaryText(LenientText):
    """The same for results in binary format."""

    format = pq.Format.BINARY


class LenientMoment(TimestamptzBinaryLoader):
    """Read a time; None if it is outside the calendar, such as 'infinity'."""

    def load(self, data: Buffer) -> datetime | None:  # type: ignore[override]  # a column may be NULL anyway
        """Return the time."""
        try:
            return super().load(data)
        except (psycopg.DataError, ValueError, OverflowError):
            return None


class HistoryRow:
    """One row as the server wrote it: each column's text, or None for NULL. Every method raises HistoryInconsistent."""

    def __init__(self, cells: Mapping[str, str | None]) -> None:
        self._cells = cells

    def whole_number(self, column: str, least: int | None = None) -> int:
        """Return a column of a type that holds whole numbers, at least ``least``."""
        text = self._present(column)
        number = int(text)
        if least is not None and number < least:
            self.refuse(column, text)
        return number

    def text(self, column: str, *, may_be_empty: bool = True) -> str:
        """Return a text that is not too long for a file name or a checksum."""
        text = self._present(column)
        if len(text) > _LONGEST or not (text or may_be_empty):
            self.refuse(column, text)
        return text

    def word(self, column: str, words: tuple[str, ...]) -> str:
        """Return one of these words."""
        text = self._present(column)
        if text not in words:
            self.refuse(column, text)
        return text

    def duration_ms(self, column: str) -> float:
        """Return a length of time in ms."""
        text = self._present(column)
        if not is_duration(duration := float(text)):
            self.refuse(column, text)
        return duration

    def moment(self, column: str) -> datetime | None:
        """Return a time, with its zone; None if it is NULL."""
        text = self._cells[column]
        return datetime.fromisoformat(text) if text else None

    def flag(self, column: str) -> bool:
        """Return a truth value."""
        return self._cells[column] == "true"

    def progress(self, column: str) -> dict[str, Any] | None:
        """Return the progress of a no-transaction migration, an object of the right shape; None if it is NULL."""
        text = self._cells[column]
        if text is None or text == "null":
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            self.refuse(column, text)
        fault = "" if isinstance(found, dict) else "no object"
        if fault := fault or _fault_of(found):
            self.refuse(column, text, fault)
        assert isinstance(found, dict)  # noqa: S101 - for mypy
        return found

    def _present(self, column: str) -> str:
        text = self._cells[column]
        if text is None:
            self.refuse(column, None)
        return text

    def refuse(self, column: str, value: str | None, fault: str = "") -> NoReturn:
        """Raise the error for a value that the tool cannot have written."""
        row, version = self._cells["id"], self._cells["version"]
        where = f"id = {row}" if row else "id IS NULL"
        because = f" ({fault})" if fault else ""
        raise HistoryInconsistent(
            f"the row with {where} of public.schema_migrations (version {version or 'NULL'}) cannot be read: "
            f"its {column} is {shown(value)}{because}",
            hint=f"The row was edited by hand: read it in psql. Correct {column}, or delete the row if its migration "
            "is not applied.",
        )


def text_or_null(cell: object) -> str | None:
    """Return a cell of a row that has only texts."""
    return None if cell is None else str(cell)


def shown(value: str | None) -> str:
    r"""Show a value of any length and content on one line.

    >>> shown(None), shown("NaN"), shown("a\n\x1b[2J"), len(shown("x" * 10_000_000))
    ('NULL', 'NaN', "'a\\n\\x1b[2J'", 43)
    """
    if value is None:
        return "NULL"
    start = value[:_MOST_SHOWN]
    is_plain = bool(re.fullmatch(r"[+-]?[0-9A-Za-z.+-]+", start)) and len(value) <= _MOST_SHOWN
    return start if is_plain else ascii(start) + ("…" if len(value) > _MOST_SHOWN else "")


def is_duration(value: object) -> bool:
    """Return whether a value is a length of time in ms that a migration can have taken.

    >>> [is_duration(value) for value in (0.0, 1500, float("nan"), float("inf"), -1.0, 10**400, True, "1")]
    [True, True, False, False, False, False, False, False]
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _LONGEST_DURATION_MS


def _fault_of(progress: Mapping[str, object]) -> str:
    """Return what in an object is not as the tool writes it, "" if nothing is wrong.

    >>> _fault_of({"direction": "up", "done": [], "total": 1}), _fault_of({"direction": "up", "done": []})
    ('', 'total is missing')
    >>> _fault_of({"direction": "up", "done": [1], "total": 1}), _fault_of({"odd": 1})
    ('its done is not a value that fowergram-db writes', 'direction is missing')
    """
    missing = next((name for name in ("direction", "done", "total") if name not in progress), "")
    if missing:
        return f"{missing} is missing"
    for name, value in progress.items():
        check = _CHECKS.get(name)
        if check is None or not check(value):
            return f"its {shown(name)} is not a value that fowergram-db writes"
    return ""


def _is_whole(value: object, most: int = _LARGEST_INTEGER) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_short(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _is_direction(value: object) -> bool:
    return value in ("up", "down")


def _is_list_of_hashes(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_short, value))


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_backend_start(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(_BACKEND_START, value) is not None


def _is_list_of_oids(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(_is_whole(oid, _LARGEST_OID) for oid in value))


_CHECKS: dict[str, Callable[[object], bool]] = {
    "direction": _is_direction,
    "done": _is_list_of_hashes,
    "total": _is_whole,
    "label": _is_short,
    "line": _is_whole,
    "running": _is_flag,
    "application": _is_short,
    "pid": _is_whole,
    "since": _is_backend_start,
    "elapsed_ms": is_duration,
    "invalid": _is_list_of_oids,
}
