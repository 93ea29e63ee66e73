"""Read a URL as libpq does, and name what libpq does not know. Pure."""

import re
from urllib.parse import unquote_plus

from fowergram_db.errors import ConfigurationError

# str.strip() leaves the byte order mark and the zero width space, which are as invisible.
_AROUND = "\ufeff\u200b"
_SCHEME = re.compile(r"((?:jdbc:)?[A-Za-z][A-Za-z0-9.-]*)(\+[A-Za-z0-9_.+-]+)?://", re.IGNORECASE)
_OURS = ("postgresql", "postgres")
# libpq reads user:1234/56@host as a server called "user", and would show the rest of the password as a database.
_PASSWORD_TAKEN_FOR_PORT = re.compile(r"[a-z]+://[^/@?\[]+:[^/@?]*/[^?]*@")
_PATH = re.compile(r"[a-z]+://(?:[^/@]*@)?[^/?]*(?:/([^?]*))?(?:\?(.*))?", re.DOTALL)
_NOT_IN_A_PATH = re.compile(r"[/#&=;?]")
_NAME_OF_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,40}")
_URL_FORM = (
    "Write postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require, with special characters "
    "percent-encoded (@ is %40, / is %2F, % is %25); only libpq's parameters may follow the '?'."
)
# The names of other drivers and tools, in lower case, and libpq's way to say the same.
_REPLACEMENTS = (
    ("schema currentschema search_path searchpath", "Write options=-csearch_path%3DNAME instead."),
    (
        "pgbouncer preparethreshold statement_cache_size prepared_statement_cache_size binary_parameters",
        "Leave it out: fowergram-db works through PgBouncer without it.",
    ),
    (
        "connection_limit pool_timeout pool pool_size max_overflow pool_max_conns pool_min_conns idle_timeout",
        "Leave it out: it is a setting of a client's connection pool.",
    ),
    ("statement_timeout", "Leave it out, and use --statement-timeout."),
    ("lock_timeout", "Leave it out, and use --lock-timeout."),
    ("ssl sslaccept tls use_ssl usessl", "Write sslmode=require, or sslmode=verify-full, instead."),
    ("sslidentity", "Write sslcert=FILE&sslkey=FILE instead."),
    ("connecttimeout timeout logintimeout socket_timeout", "Write connect_timeout=SECONDS instead."),
    ("applicationname app_name", "Write application_name=NAME instead."),
    ("timezone tz", "Write options=-cTimeZone%3DNAME instead."),
    ("charset encoding", "Leave it out: fowergram-db always uses the client encoding UTF-8."),
    ("username pwd", "Write USER:PASSWORD@ before the host instead."),
    ("database db", "Write /DATABASE after the host instead."),
)


def without_space_around(url: str) -> str:
    r"""Return a URL without the white space around it, which a file or a copy may contain.

    >>> without_space_around(" postgresql://h/db\r\n")
    'postgresql://h/db'
    """
    before = ""
    while before != url:
        before, url = url, url.strip().strip(_AROUND)
    return url


def read_url(label: str, url: str) -> dict[str, str]:
    """Return what a URL, or a connection string of libpq, says, by libpq's keywords; what is empty is left out.

    ``label`` says in errors where it comes from. Raises ConfigurationError, which never repeats a value, for another
    scheme, a parameter that libpq does not know, and whatever would lead to another server or database than is meant.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    url = _with_scheme_of_libpq(label, url)
    if is_url := "://" in url:
        _check_parameters(label, url)
    try:
        given = {key: str(value) for key, value in conninfo_to_dict(url).items() if value}
    except (ProgrammingError, UnicodeError) as error:
        # libpq quotes pieces of the URL in its message, and a piece may hold the password.
        reason = str(error).partition('"')[0].strip() or "it cannot be parsed"
        raise ConfigurationError(f"{label} is not a PostgreSQL URL: {reason}", hint=_URL_FORM) from None
    if is_url:
        _check_path(label, url)
    return given


def _with_scheme_of_libpq(label: str, url: str) -> str:
    """Return a URL as libpq requires it: in lower case, and without the driver that SQLAlchemy names."""
    found = _SCHEME.match(url)
    if not found:
        if url[:1] in "'\"":
            raise ConfigurationError(f"{label} is not a PostgreSQL URL: it is in quotes", hint="Remove the quotes.")
        if "=" not in url:
            raise ConfigurationError(
                f"{label} is not a PostgreSQL URL: it does not begin with postgresql://", hint=_URL_FORM
            )
        return url
    scheme = found[1].lower()
    if scheme not in _OURS:
        raise ConfigurationError(
            f"{label}: the scheme {scheme}:// is not supported",
            hint="Write postgresql://USER@HOST:PORT/DATABASE; postgres:// is the same, and a +driver is ignored."
            + (" Remove jdbc: from a JDBC URL." if scheme.startswith("jdbc:") else ""),
        )
    return f"{scheme}://{url[found.end() :]}"


def _check_parameters(label: str, url: str) -> None:
    """Refuse a parameter that libpq does not know, by its name; but not if a password may hold that '?'."""
    match = _PATH.match(url)
    query = match[2] if match else None
    if not query or "@" in query:
        return
    from psycopg.pq import Conninfo

    # libpq reads ssl=true as sslmode=require, as JDBC does.
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        name = unquote_plus(name)
        if name in known or (name, value) == ("ssl", "true") or not _NAME_OF_PARAMETER.fullmatch(name):
            continue
        raise ConfigurationError(
            f"{label}: libpq has no parameter {name!r}",
            hint=_replacement(name, known),
        )


def _replacement(name: str, known: set[str]) -> str:
    if name.lower() in known:
        return f"Write it in lower case: {name.lower()}."
    otherwise = f"Leave it out. If it is a parameter of the server, write options=-c{name}%3DVALUE instead."
    return next((way for names, way in _REPLACEMENTS if name.lower() in names.split()), otherwise)


def _check_path(label: str, url: str) -> None:
    if _PASSWORD_TAKEN_FOR_PORT.match(url):
        raise ConfigurationError(
            f"{label}: the text before the @ looks like a host with a port",
            hint="Percent-encode the special characters of user, password and database (/ is %2F, @ is %40).",
        )
    match = _PATH.match(url)
    found = _NOT_IN_A_PATH.search(match[1]) if match and match[1] else None
    if found:
        encoded = f"%{ord(found[0]):02X}"
        raise ConfigurationError(
            f"{label}: there is a {found[0]} in, or after, the name of the database",
            hint=f"Remove it. If it is a part of the name, write {encoded}. Parameters begin with '?'.",
        )
