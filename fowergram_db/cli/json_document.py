"""JSON as this tool prints it: the document of a command on stdout, and the parts that other output shares."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fowergram_db.printable import ascii_json, in_json

FORMAT = 1


def document_text(
    command: str,
    target: Mapping[str, Any] | None,
    data: Mapping[str, Any],
    error: Mapping[str, Any] | None,
    encoding: str,
) -> str:
    """Return the document of a command; ``data`` is the command's own part, ``error`` None if it has succeeded."""
    common = {"format": FORMAT, "command": command, "ok": error is None, "target": target, "migrations_dir": None}
    return json_text({**common, "error": error, **data}, encoding)


def json_text(value: Mapping[str, Any], encoding: str) -> str:
    """Return an object on one line. Nothing in it can begin a line of its own, or a command for a CI runner."""
    text = in_json(json.dumps(value, ensure_ascii=False, default=_as_text))
    return text if encoding.lower() in ("utf-8", "utf8") else ascii_json(text)


def target_data(host: str, port: str, database: str, user: str) -> dict[str, Any]:
    """Return what names a database; the port is a number, unless it is another text.

    >>> target_data("/tmp", "5432", "app", "me")
    {'host': '/tmp', 'port': 5432, 'database': 'app', 'user': 'me'}
    """
    return {"host": host, "port": int(port) if port.isdigit() else port, "database": database, "user": user}


def _as_text(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(type(value).__name__)
