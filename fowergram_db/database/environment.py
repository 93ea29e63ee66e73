"""Read the env file and what libpq would use: the two levels of configuration outside the process."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from fowergram_db.database.target import VARIABLES
from fowergram_db.errors import ConfigurationError, Location

DEFAULT_ENV_FILE = Path(".env")
_QUOTED = r"""(?s)[^=]*=\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)')(?:\s+#[^\n]*)?"""
_URL_AS_PATH = re.compile(r"^([a-z][a-z0-9+.-]*:)/(?=[^/])", re.IGNORECASE)
_LARGEST = 1 << 20
_OURS = (*VARIABLES.values(), "DATABASE_URL", "MIGRATIONS_DIR", "FOWERGRAM_")


def read_env_file(path: Path | None) -> Mapping[str, str]:
    """Return the variables of an env file, values taken literally: no ``$`` is expanded.

    ``None`` means ``.env`` in the working directory, if it exists. Raises ConfigurationError for a file
    that was asked for and is not there, cannot be read, or has a line about the database that is no
    assignment.
    """
    file = path or DEFAULT_ENV_FILE
    if path is None and not _is_there(file):
        return {}
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no env file {shown(file)}", hint="Correct --env-file, or leave it out."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(
            f"the env file {shown(file)} cannot be read: {reason}",
            hint="Correct it, or name another with --env-file.",
        ) from error
    if len(content) > _LARGEST:  # a device such as /dev/zero has no end
        raise ConfigurationError(
            f"the env file {shown(file)} is larger than {_LARGEST >> 20} MB", hint="Name the right one with --env-file."
        )
    return _parse(str(file), text)


def shown(path: Path) -> str:
    """Return a path in quotes; what was a URL before it was taken for a path has no password in it.

    >>> shown(Path("a.env")), shown(Path("postgresql://me:secret@host/db"))
    ("'a.env'", "'postgresql://me:******@host/db'")
    """
    text = _URL_AS_PATH.sub(r"\1//", str(path))
    if "://" in text:
        from fowergram_db.redaction.messages import mask_message

        text = mask_message(text)
    return repr(text)


def looks_like_url(path: Path) -> bool:
    """Return whether a path was a URL before it was taken for one."""
    return bool(_URL_AS_PATH.match(str(path)))


def _is_there(file: Path) -> bool:
    """Return whether there is such a file; a directory of that name, or one out of reach, is none."""
    try:
        return file.is_file()
    except OSError:
        return False


def _parse(file: str, text: str) -> Mapping[str, str]:
    import io

    from dotenv.parser import parse_stream

    values = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error and any(name in binding.original.string for name in _OURS):
            raise ConfigurationError(
                "a line of the env file is not NAME=VALUE",
                hint="Quote the whole value, or correct the line.",
                location=Location(file, binding.original.line),
            )
        if binding.key and binding.value:
            values[binding.key] = _literal(binding.original.string) or binding.value
    return values


def _literal(assignment: str) -> str:
    """Return the text between quotes unchanged: the parser would read its backslashes."""
    match = re.fullmatch(_QUOTED, assignment.strip())
    return (match[1] or match[2] or "") if match else ""


def libpq_settings(service: str = "") -> Mapping[str, str]:
    """Return what libpq would use for each keyword: from PG* variables and the service file.

    ``service`` replaces PGSERVICE during the call. A service that does not exist changes
    nothing here; the attempt to connect says so.
    """
    from psycopg.pq import Conninfo

    before = os.environ.get("PGSERVICE")
    if service:
        os.environ["PGSERVICE"] = service
    try:
        return {option.keyword.decode(): os.fsdecode(option.val) for option in Conninfo.get_defaults() if option.val}
    finally:
        if service and before is None:
            del os.environ["PGSERVICE"]
        elif before is not None:
            os.environ["PGSERVICE"] = before
