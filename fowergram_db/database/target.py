"""Decide where to connect: options > environment > env file > libpq > embedded, each part on its own.

Pure: everything that is looked at comes in as an argument, so every row of the precedence table is a
test without a server.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, unquote, urlsplit

from fowergram_db.errors import ConfigurationError

PARTS = ("host", "port", "dbname", "user", "password")
DEFAULTS = MappingProxyType({"host": "localhost", "port": "5432", "dbname": "fowergram", "user": "postgres"})
VARIABLES = MappingProxyType({part: f"DB_{part.upper()}" for part in PARTS} | {"dbname": "DB_NAME"})
_LIBPQ = MappingProxyType(
    {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
)
_LIBPQ_PLACES = ("PGHOST", "PGHOSTADDR", "PGSERVICE")
_HIGHEST_PORT = 65535
# What may stand in a URL as it is: names, and addresses of both versions.
_PLAIN_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_USUAL_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%\w+)?")
_NEVER_IN_A_NAME = re.compile(r"[\0-\x1f\x7f-\x9f\ud800-\udfff]|\$\{")
_LONGEST_NAME_BYTES = 63
_CONNECTION_STRING = re.compile(r"pass(?:word|wd)\s*=", re.IGNORECASE)
# libpq reads user:1234/56@host as a server called "user", and would show the rest of the password as a database.
_PASSWORD_TAKEN_FOR_PORT = re.compile(r"postgres(?:ql)?://[^/@?\[]+:[^/@?]*/[^?]*@")
_PART_OF_URL = re.compile(r"://|[^\s:@/]:[^\s@]+@\S")
_WORDS = MappingProxyType({"host": "host", "dbname": "name of the database", "user": "user"})
_WAYS = (
    "Say where: --database-url postgresql://USER@HOST/DATABASE, or DATABASE_URL or DB_HOST, DB_PORT, DB_NAME, "
    "DB_USER, DB_PASSWORD in the environment or in .env, or libpq's PGHOST and PGSERVICE. "
    "For a PostgreSQL of your own that needs no set-up: pip install 'fowergram-db[embedded]'"
)


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedded PostgreSQL; ``data_dir`` None means its default place."""

    data_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One database on one server, decided. Never shows its password or its further parameters.

    ``parameters`` are libpq's other connection parameters, as (keyword, value). ``notes`` are facts that
    help when the connection fails. ``assumed`` tells that nobody configured anything.
    """

    dbname: str
    user: str
    host: str = ""
    port: str = ""
    password: str | None = field(default=None, repr=False)
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    embedded: Embedded | None = None
    notes: tuple[str, ...] = ()
    assumed: bool = False

    def __str__(self) -> str:
        """Name the target for a person.

        >>> str(Target("app", "me", host="db.example", port="5432", password="secret"))
        'database "app" on db.example:5432 as me'
        """
        return f'database "{self.dbname}" on {self.place}'

    @property
    def place(self) -> str:
        """Name the server, and the role, for a person."""
        place = f"{self.host}:{self.port}" if self.host else "the local socket"
        if self.embedded:
            place = "the embedded PostgreSQL"
            place += f" in {self.embedded.data_dir}" if self.embedded.data_dir else ""
        return f"{place} as {self.user}"


@dataclass(frozen=True, slots=True)
class Level:
    """What one level of configuration says: some of the parts, further parameters, or the embedded server."""

    label: str
    parts: Mapping[str, str] = field(repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_url: bool = False
    embedded: Embedded | None = None


def resolve_target(
    options: Mapping[str, str | None],
    environ: Mapping[str, str],
    env_file: Mapping[str, str],
    *,
    libpq: Callable[[str], Mapping[str, str]],
    embedded_available: bool,
) -> Target:
    """Decide the target from all levels of configuration.

    ``options`` holds what the command line gave: the parts by name, and ``database_url``. ``libpq`` answers
    what libpq itself would use (environment, the service file) given the name of a service or "". Raises
    ConfigurationError where a value cannot be understood, or where nothing is configured and there is no
    embedded server.
    """
    levels = tuple(_levels(options, environ, env_file))
    exported = any(environ.get(name) for name in (*_LIBPQ.values(), *_LIBPQ_PLACES))
    if not levels and not exported:
        if not embedded_available:
            raise ConfigurationError("no database is configured", hint=_WAYS)
        return Target(DEFAULTS["dbname"], DEFAULTS["user"], embedded=Embedded(), assumed=True)
    parameters = next((level.parameters for level in levels if level.is_url), {})
    return _combine((*levels, _libpq_level(environ, libpq, parameters.get("service", ""))), parameters)


def url_of(target: Target) -> str:
    """Write a target as a URL, with its password, for libpq and whatever reads URLs as libpq does.

    >>> url_of(Target("a b", "me", host="db.example", port="5432", password="p@ss/word"))
    'postgresql://me:p%40ss%2Fword@db.example:5432/a%20b'
    >>> url_of(Target("app", "me", host="/run/postgresql", port="5432", parameters=(("sslmode", "disable"),)))
    'postgresql://me@/app?host=%2Frun%2Fpostgresql&port=5432&sslmode=disable'
    """
    password = f":{quote(target.password, safe='')}" if target.password else ""
    parameters = [(name, value) for name, value in target.parameters if value]
    place = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    if not target.host or not _PLAIN_HOST.fullmatch(target.host):
        place = ""
        parameters = [("host", target.host), ("port", target.port), *parameters]
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters if value)
    user, dbname = quote(target.user, safe=""), quote(target.dbname, safe="")
    return f"postgresql://{user}{password}@{place}/{dbname}" + (f"?{query}" if query else "")


def _levels(
    options: Mapping[str, str | None], environ: Mapping[str, str], env_file: Mapping[str, str]
) -> Iterator[Level]:
    """Yield the levels above libpq's that say anything, highest first. An empty value says nothing."""
    given = {part: value for part in PARTS if (value := options.get(part))}
    if given:
        yield _checked(Level("the command line", given))
    if url := options.get("database_url"):
        yield _url_level("--database-url", url)
    for suffix, variables in (("", environ), (" in the env file", env_file)):
        given = {part: value for part, name in VARIABLES.items() if (value := variables.get(name))}
        if given:
            yield _checked(Level(f"DB_*{suffix}", given))
        if url := variables.get("DATABASE_URL"):
            yield _url_level(f"DATABASE_URL{suffix}", url)


def _url_level(label: str, url: str) -> Level:
    if url.startswith("embedded:"):
        return Level(label, {"user": DEFAULTS["user"]}, is_url=True, embedded=_embedded(label, url))
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        given = {key: str(value) for key, value in conninfo_to_dict(url).items() if value}
    except (ProgrammingError, UnicodeError) as error:
        # libpq quotes pieces of the URL in its message, and a piece may hold the password.
        reason = str(error).partition('"')[0].strip() or "it cannot be parsed"
        raise ConfigurationError(
            f"{label} is not a PostgreSQL URL: {reason}",
            hint="Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require, with special characters "
            "percent-encoded (@ is %40, / is %2F, % is %25); only libpq's parameters may follow the '?'.",
        ) from None
    if _PASSWORD_TAKEN_FOR_PORT.match(url):
        raise ConfigurationError(
            f"{label}: what stands before the @ reads as a server with a port",
            hint="Percent-encode the special characters of user, password and database (/ is %2F, @ is %40).",
        )
    parts = {part: given.pop(part) for part in PARTS if part in given}
    if address := given.get("hostaddr"):
        parts.setdefault("host", address)
    return _checked(Level(label, parts, given, is_url=True))


def _embedded(label: str, url: str) -> Embedded:
    rest = urlsplit(url)
    path = unquote(rest.path)
    if rest.netloc or rest.query or rest.fragment or (path and not path.startswith("/")):
        raise ConfigurationError(
            f"{label} does not name an embedded server",
            hint="Write embedded: for the default data directory, or embedded:///absolute/directory.",
        )
    return Embedded(Path(path) if path else None)


def _checked(level: Level) -> Level:
    """Refuse what libpq or the server would take for something else. What stands there may hold a password."""
    parts = level.parts
    for port in parts.get("port", "").split(","):
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) <= _HIGHEST_PORT):
            raise ConfigurationError(
                f"{level.label}: the port is not a number from 1 to {_HIGHEST_PORT}",
                hint="Correct it. In a URL, percent-encode the special characters of the password (/ is %2F).",
            )
    _check_names(level)
    if any("\0" in value for value in (*parts.values(), *level.parameters.values())):
        raise ConfigurationError(f"{level.label}: a value contains a NUL character", hint="Remove it.")
    return level


def _check_names(level: Level) -> None:
    parts = level.parts
    for part in ("host", "dbname", "user"):
        if _PART_OF_URL.search(parts.get(part, "")) or (
            part == "host" and "@" in parts.get(part, "").removeprefix("@")
        ):
            raise ConfigurationError(
                f"{level.label}: the {_WORDS[part]} looks like a URL, or like part of one",
                hint="A URL goes into --database-url or DATABASE_URL, the @ of its password written %40.",
            )
        if _CONNECTION_STRING.search(parts.get(part, "")):
            raise ConfigurationError(
                f"{level.label}: the {_WORDS[part]} looks like a connection string",
                hint="A connection string goes into DATABASE_URL as a whole.",
            )
        if _NEVER_IN_A_NAME.search(parts.get(part, "")):
            raise ConfigurationError(
                f"{level.label}: the {_WORDS[part]} holds a control character, bytes that are not UTF-8, or a variable "
                "that was not replaced",
                hint="Correct it: a program that puts ${NAME} in has not done so.",
            )
        if part != "host" and len(parts.get(part, "").encode()) > _LONGEST_NAME_BYTES:
            raise ConfigurationError(
                f"{level.label}: the {_WORDS[part]} is longer than {_LONGEST_NAME_BYTES} bytes",
                hint="PostgreSQL would cut it and mean another one: name it as it is on the server.",
            )
    for host in parts.get("host", "").split(","):
        if not _is_host(host):
            raise ConfigurationError(
                f"{level.label}: the host is neither a name, nor an address, nor a directory", hint="Correct it."
            )


def _is_host(host: str) -> bool:
    """Tell whether libpq can look a host up; Python's own look-up knows no other names."""
    if not host or host.startswith(("/", "@")) or _USUAL_HOST.fullmatch(host):
        return True
    try:
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _libpq_level(environ: Mapping[str, str], libpq: Callable[[str], Mapping[str, str]], service: str) -> Level:
    """Build libpq's own level. Where it names a server, libpq's defaults stand in for the tool's."""
    if not service and not any(environ.get(name) for name in _LIBPQ_PLACES):
        given = {part: value for part, name in _LIBPQ.items() if (value := environ.get(name))}
        return _checked(Level("libpq", given))
    found = libpq(service)
    parts = {"host": found.get("hostaddr", "")} | {part: found[part] for part in PARTS if found.get(part)}
    parts.setdefault("dbname", parts.get("user", DEFAULTS["user"]))
    return _checked(Level("libpq", parts, {"hostaddr": found.get("hostaddr", "")}))


def _combine(levels: tuple[Level, ...], parameters: Mapping[str, str]) -> Target:
    """Take each part from the highest level that has it; the host's level brings its address along."""
    placed = next((level for level in levels if level.embedded or "host" in level.parts), None)
    parts = {part: _first(levels, part) or DEFAULTS[part] for part in ("port", "dbname", "user")}
    if placed and placed.embedded:
        return Target(parts["dbname"], parts["user"], embedded=placed.embedded)
    host = placed.parts["host"] if placed else DEFAULTS["host"]
    password, notes = _password(levels, host)
    address = placed.parameters.get("hostaddr", "") if placed else ""
    return Target(
        parts["dbname"],
        parts["user"],
        host,
        parts["port"],
        password,
        parameters=tuple(sorted((dict(parameters) | {"hostaddr": address}).items())),
        notes=notes,
    )


def _first(levels: tuple[Level, ...], part: str) -> str | None:
    return next((value for level in levels if (value := level.parts.get(part))), None)


def _password(levels: tuple[Level, ...], host: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the highest password that was given for this host, and a note on each that was not.

    The host that a password was given with is the one it would go to if nothing above its level were said.
    """
    notes: list[str] = []
    for at, level in enumerate(levels):
        if not (password := level.parts.get("password")):
            continue
        meant = _first(levels[at:], "host") or (DEFAULTS["host"] if level.is_url else host)
        if meant == host:
            return password, tuple(notes)
        notes.append(f"The password from {level.label} was not used: it was given for {meant}, not for {host}.")
    return None, tuple(notes)
