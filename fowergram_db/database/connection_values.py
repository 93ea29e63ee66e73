"""Refuse hosts, ports, databases and users that are not what was meant, before any of them is used. Pure.

A wrong name is not found on a server, and `migrate` would create the database. No value is repeated in an error: it may
hold a password.
"""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from fowergram_db.errors import ConfigurationError

_WORDS = MappingProxyType({"host": "host", "dbname": "name of the database", "user": "user"})
_HIGHEST_PORT = 65535
_LONGEST_NAME_BYTES = 63
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_USUAL_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%\w+)?")
_HOST_WITH_PORT = re.compile(r"[^:/@\[\]]+:\d+|\[.*\]:\d+")
_CONTROL = re.compile(r"[\0-\x1f\x7f-\x9f\ud800-\udfff]")
# The zero width space, marks of direction and of byte order; those that join letters are needed to write Persian.
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]")
# A line end as a quoted string writes it, which docker and .env files leave as it is.
_WRITTEN_LINE_END = re.compile(r"^\\[nrt]|(?:\\[nrt]?)+$")
# ${X}, $(X), $X, {{X}}, {X}, #{X}, <X>, [X], %X%, `X`, @@X@@: variables of shells, Kubernetes, Jinja, Python, Ruby,
# Windows, and what a person is to fill in.
_TEMPLATE = re.compile(
    r"\$[{(]|(?:^|\W)\$\w|\$[A-Z_]{2}|\{\{|\}\}|\{[\w.]*\}|<[\w %=.-]+>|%[A-Za-z_]\w*%|^\[\D.*\]$"
    r"|`|@@?\w+@@?$|^__[A-Z_]+__$"
)
# What JavaScript writes for a variable that is not set.
_NOT_SET = frozenset(("undefined", "null", "[object Object]"))
# The same of other languages, as the name of a database: Python, Go, YAML and JSON.
_UNSET = frozenset(("none", "nil", "null", "nan", "true", "false", "undefined"))
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_JOINERS = "\u200c\u200d"
_QUOTED = re.compile(r"^(['\"]).*\1$", re.DOTALL)
_PART_OF_URL = re.compile(r"://|[^\s:@/]:[^\s@]+@\S|[?&][a-z_]+=")
_CONNECTION_STRING = re.compile(r"pass(?:word|wd)\s*=", re.IGNORECASE)
_REPLACE = (
    "Write the value itself: the program that should have inserted it did not, and fowergram-db replaces no variables."
)
_FAULTS = (
    (_CONNECTION_STRING, "looks like a connection string", "A connection string goes into DATABASE_URL as a whole."),
    (_CONTROL, "contains a control character, or bytes that are not UTF-8", "Correct it: it may contain a line end."),
    (_WRITTEN_LINE_END, "begins or ends with a backslash", "Remove it: a backslash is a part of the value."),
    (re.compile(r"^\s|\s$"), "begins or ends with white space", "Remove the white space."),
    (_INVISIBLE, "contains an invisible character", "Type the value again by hand."),
    (_TEMPLATE, "contains a variable that was not replaced", _REPLACE),
    (_QUOTED, "is in quotes", "Remove the quotes: docker's --env-file keeps them as a part of the value."),
)


def check_values(label: str, parts: Mapping[str, str], parameters: Mapping[str, str]) -> None:
    """Raise ConfigurationError for what libpq or the server would take for something else.

    ``parts`` has any of host, port, dbname, user and password; ``label`` says in the error where they come from.
    """
    _check_ports(label, parts.get("port", ""))
    for part, word in _WORDS.items():
        if value := parts.get(part):
            _check_name(f"{label}: the {word}", part, value)
    for host in parts.get("host", "").split(","):
        _check_host(f"{label}: the host", host)
    if any("\0" in value for value in (*parts.values(), *parameters.values())):
        raise ConfigurationError(f"{label}: a value contains a NUL character", hint="Remove it.")


def require_creatable(name: str, port: str) -> None:
    """Raise ConfigurationError if a database is missing, and its name is legal, but most likely a mistake.

    Such a name is a path, a part of a URL, or a word that another program writes for a missing value. ``port`` is that
    of the server.
    """
    if fault := doubt_about(name, port):
        quoted = name.replace('"', '""')
        raise ConfigurationError(
            f'database "{name}" does not exist, and is not created: its name {fault}',
            hint="Correct the name (DB_NAME, --dbname or the end of the URL). If the name is right, create "
            f'the database yourself, then run the command again: CREATE DATABASE "{quoted}";',
        )


def doubt_about(name: str, port: str = "") -> str:
    """Return why a name looks like a mistake, "" if it does not.

    >>> doubt_about("n7/x"), doubt_about("5432", "5432"), doubt_about("app_dev-2", "5432")
    ("contains '/'", 'is that of a host or a port', '')
    """
    if odd := next(filter(_is_odd, name), ""):
        return "contains a space" if odd == " " else f"contains {odd!r}"
    if name.startswith(("-", ".")) or name.endswith("."):
        return "begins or ends as an option or a path does"
    if name.casefold() in _UNSET:
        return "is what a program writes for a value that is not set"
    if name in (port, "localhost") or _ADDRESS.fullmatch(name):
        return "is that of a host or a port"
    return ""


def _is_odd(character: str) -> bool:
    """Return whether a character is none of a usual name: no letter, mark or digit of any script, and none of _-.$."""
    if character.isascii():
        return not (character.isalnum() or character in "_-.$")
    return unicodedata.category(character)[0] not in "LMN" and character not in _JOINERS


def check_path(what: str, path: str) -> None:
    """Raise ConfigurationError for a path with a control character, or a variable that was not replaced."""
    for pattern, fault, hint in _FAULTS:
        if pattern in (_CONTROL, _TEMPLATE) and pattern.search(path):
            raise ConfigurationError(f"{what} {fault}", hint=hint)


def require_matching_ports(host: str, port: str) -> None:
    """Raise ConfigurationError if there are several ports, and not one for each host."""
    hosts, ports = host.count(",") + 1, port.count(",") + 1
    if ports not in (1, hosts):
        raise ConfigurationError(
            f"there are {ports} ports for {hosts} host{'' if hosts == 1 else 's'}",
            hint="Give one port for all hosts, or one for each, in the same order.",
        )


def _check_ports(label: str, ports: str) -> None:
    if "://" in ports:
        raise ConfigurationError(
            f"{label}: the port looks like a URL",
            hint="If a service is called db, Kubernetes sets DB_PORT to tcp://… in every pod: set DB_PORT to the "
            "number in the pod, or enableServiceLinks: false.",
        )
    for port in ports.split(","):
        if port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) <= _HIGHEST_PORT):
            raise ConfigurationError(
                f"{label}: the port is not a number from 1 to {_HIGHEST_PORT}",
                hint="Correct it. In a URL, percent-encode the special characters of the password (/ is %2F).",
            )


def _check_name(what: str, part: str, value: str) -> None:
    if _PART_OF_URL.search(value) or (part == "host" and "@" in value.removeprefix("@")):
        raise ConfigurationError(
            f"{what} looks like a URL, or like part of one",
            hint="A URL goes into --database-url or DATABASE_URL; write an @ in its password as %40.",
        )
    for pattern, fault, hint in _FAULTS:
        if pattern.search(value):
            raise ConfigurationError(f"{what} {fault}", hint=hint)
    if value in _NOT_SET:
        raise ConfigurationError(f"{what} is the text that a program writes for a value that is not set", hint=_REPLACE)
    if part != "host" and len(value.encode()) > _LONGEST_NAME_BYTES:
        raise ConfigurationError(
            f"{what} is longer than {_LONGEST_NAME_BYTES} bytes",
            hint="PostgreSQL would truncate it to another name: give the name that it has on the server.",
        )


def _check_host(what: str, host: str) -> None:
    if _HOST_WITH_PORT.fullmatch(host):
        raise ConfigurationError(
            f"{what} contains a port", hint="The port goes into --port or DB_PORT; an IPv6 address needs no brackets."
        )
    if not host or host.startswith(("/", "@")) or _USUAL_HOST.fullmatch(host):
        return
    try:
        # libpq can look it up; Python's own look-up knows no other names.
        host.encode("idna")
    except UnicodeError:
        raise ConfigurationError(
            f"{what} is neither a name, nor an address, nor a directory", hint="Correct it."
        ) from None
