"""Decide where to connect: options > environment > env file > libpq > embedded, each part on its own.

Pure: everything that it reads comes in as an argument, so every row of the precedence table is a
test without a server.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, unquote, urlsplit

from fowergram_db.database.connection_url import read_url, without_space_around
from fowergram_db.database.connection_values import check_path, check_values, require_matching_ports
from fowergram_db.errors import ConfigurationError

PARTS = ("host", "port", "dbname", "user", "password")
DEFAULTS = MappingProxyType({"host": "localhost", "port": "5432", "dbname": "fowergram", "user": "postgres"})
VARIABLES = MappingProxyType({part: f"DB_{part.upper()}" for part in PARTS} | {"dbname": "DB_NAME"})
_LIBPQ = MappingProxyType(
    {"host": "PGHOST", "port": "PGPORT", "dbname": "PGDATABASE", "user": "PGUSER", "password": "PGPASSWORD"}
)
_LIBPQ_PLACES = ("PGHOST", "PGHOSTADDR", "PGSERVICE")
# What may be in a URL as it is: names, and addresses of both versions.
_PLAIN_HOST = r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+"
_HINT = (
    "Name the database: --database-url postgresql://USER@HOST/DATABASE, or DATABASE_URL or DB_HOST, DB_PORT, DB_NAME, "
    "DB_USER, DB_PASSWORD in the environment or in .env, or libpq's PGHOST and PGSERVICE. "
    "For a local PostgreSQL server without any set-up: pip install 'fowergram-db[embedded]'"
)


@dataclass(frozen=True, slots=True)
class Embedded:
    """The embedded PostgreSQL; ``data_dir`` None means its default place."""

    data_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One database on one server, decided. Never shows its password or its further parameters.

    ``parameters`` are libpq's other connection parameters, as (keyword, value). ``notes`` are facts that
    help when the connection fails. ``assumed`` says that nothing was configured.
    ``also_named`` are the databases that lower levels of the configuration name: the tool may connect to one of them to
    create this one, if no database that every server has lets it in.
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
    also_named: tuple[str, ...] = field(default=(), repr=False)

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
class ConfigurationLevel:
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
    ConfigurationError if a value cannot be understood, or if nothing is configured and there is no
    embedded server.
    """
    levels = tuple(_levels(options, environ, env_file))
    exported = any(environ.get(name) for name in (*_LIBPQ.values(), *_LIBPQ_PLACES))
    if not levels and not exported:
        if not embedded_available:
            raise ConfigurationError("no database is configured", hint=_HINT)
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
    if not target.host or not re.fullmatch(_PLAIN_HOST, target.host):
        place = ""
        parameters = [("host", target.host), ("port", target.port), *parameters]
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters if value)
    user, dbname = quote(target.user, safe=""), quote(target.dbname, safe="")
    return f"postgresql://{user}{password}@{place}/{dbname}" + (f"?{query}" if query else "")


def _levels(
    options: Mapping[str, str | None], environ: Mapping[str, str], env_file: Mapping[str, str]
) -> Iterator[ConfigurationLevel]:
    """Yield the levels above libpq's that say anything, highest first. An empty value says nothing."""
    given = {part: value for part in PARTS if (value := options.get(part))}
    if given:
        yield _checked(ConfigurationLevel("the command line", given))
    if url := without_space_around(options.get("database_url") or ""):
        yield _url_level("--database-url", url)
    for suffix, variables in (("", environ), (" in the env file", env_file)):
        given = {part: value for part, name in VARIABLES.items() if (value := variables.get(name))}
        if given:
            yield _checked(ConfigurationLevel(f"DB_*{suffix}", given))
        if url := without_space_around(variables.get("DATABASE_URL") or ""):
            yield _url_level(f"DATABASE_URL{suffix}", url)


def _url_level(label: str, url: str) -> ConfigurationLevel:
    if url.startswith("embedded:"):
        return ConfigurationLevel(label, {"user": DEFAULTS["user"]}, is_url=True, embedded=_embedded(label, url))
    given = read_url(label, url)
    parts = {part: given.pop(part) for part in PARTS if part in given}
    if address := given.get("hostaddr"):
        parts.setdefault("host", address)
    return _checked(ConfigurationLevel(label, parts, given, is_url=True))


def _embedded(label: str, url: str) -> Embedded:
    rest = urlsplit(url)
    path = unquote(rest.path)
    if rest.netloc or rest.query or rest.fragment or (path and not path.startswith("/")):
        raise ConfigurationError(
            f"{label} does not name an embedded server",
            hint="Write embedded: for the default data directory, or embedded:///absolute/directory.",
        )
    check_path(f"{label}: the directory", path)
    return Embedded(Path(path) if path else None)


def _checked(level: ConfigurationLevel) -> ConfigurationLevel:
    check_values(level.label, level.parts, level.parameters)
    return level


def _libpq_level(
    environ: Mapping[str, str], libpq: Callable[[str], Mapping[str, str]], service: str
) -> ConfigurationLevel:
    """Build libpq's own level. If it names a server, libpq's defaults replace the tool's."""
    if not service and not any(environ.get(name) for name in _LIBPQ_PLACES):
        given = {part: value for part, name in _LIBPQ.items() if (value := environ.get(name))}
        return _checked(ConfigurationLevel("libpq", given))
    found = libpq(service)
    parts = {"host": found.get("hostaddr", "")} | {part: found[part] for part in PARTS if found.get(part)}
    parts.setdefault("dbname", parts.get("user", DEFAULTS["user"]))
    return _checked(ConfigurationLevel("libpq", parts, {"hostaddr": found.get("hostaddr", "")}))


def _combine(levels: tuple[ConfigurationLevel, ...], parameters: Mapping[str, str]) -> Target:
    """Take each part from the highest level that names it; the address comes from the level of the host."""
    placed = next((level for level in levels if level.embedded or "host" in level.parts), None)
    parts = {part: _first(levels, part) or DEFAULTS[part] for part in ("port", "dbname", "user")}
    named = dict.fromkeys(name for level in levels if (name := level.parts.get("dbname")) and name != parts["dbname"])
    if placed and placed.embedded:
        return Target(parts["dbname"], parts["user"], embedded=placed.embedded, also_named=tuple(named))
    host = placed.parts["host"] if placed else DEFAULTS["host"]
    require_matching_ports(host, parts["port"])
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
        also_named=tuple(named),
    )


def _first(levels: tuple[ConfigurationLevel, ...], part: str) -> str | None:
    return next((value for level in levels if (value := level.parts.get(part))), None)


def _password(levels: tuple[ConfigurationLevel, ...], host: str) -> tuple[str | None, tuple[str, ...]]:
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
