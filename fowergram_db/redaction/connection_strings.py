"""Find the passwords in URLs, in libpq's connection strings and in commands. Pure."""

import re
from collections.abc import Iterator
from enum import StrEnum, auto

Span = tuple[int, int]

# libpq's keywords that people write (PQconndefaults lists them all), and those of other drivers.
_KEYS = (
    "host|hostaddr|server|port|dbname|database|user|user id|username|password|passfile|sslpassword|connect_timeout|"
    "options|application_name|fallback_application_name|sslmode|sslcert|sslkey|sslrootcert|sslcrl|channel_binding|"
    "target_session_attrs|client_encoding|keepalives|keepalives_idle|keepalives_interval|keepalives_count|replication|"
    "gssencmode|krbsrvname|service|load_balance_hosts|require_auth|sslnegotiation|tcp_user_timeout|passwd|pwd"
)
_VALUE = r"'(?>[^'\\]|\\.|'')*+(?:'|\Z)|(?:\\.|[^\s'\\])(?:\\.|[^\s])*+"
_ANY_PAIR = re.compile(rf"\s*+(\w+)\s*+=\s*+({_VALUE})?[\s;]*+", re.DOTALL)
_PAIR = re.compile(rf"\s*+({_KEYS})\s*+=\s*+({_VALUE})?[\s;]*+", re.IGNORECASE | re.DOTALL)
_FIRST_KEY = re.compile(rf"(?<![\w.])(?:{_KEYS})\s*+=", re.IGNORECASE)
_SECRET_KEY = re.compile(r"(?:ssl)?password|passwd|pwd", re.IGNORECASE)
_NAMED = r"(?:ssl)?(?:password|passwd|passphrase)"
_IN_QUERY = re.compile(rf"[?&]{_NAMED}=([^&\s'\"]+)", re.IGNORECASE)
_VARIABLE = re.compile(
    r"""(?:\b(?:[A-Z0-9_]*(?:PASSWORD|PASSWD|PASSPHRASE)|MYSQL_PWD)|--(?:password|passwd))=('[^']*'?|"[^"]*"?|[^\s'"]+)"""
)
_OF_PROGRAM = re.compile(
    r"\bsshpass\s+-p\s*(\S+)|\bcurl\b[^|;\n]{0,300}?\s(?:-u|--user)[\s=]*[^\s:]+:(\S+)"
    r"|\b(?:mysql|mariadb)\w*\s[^|;\n]{0,300}?(?<=\s)-p(\S+)"
)
_LOOSE = re.compile(rf"\b{_NAMED}=('[^']*'?|\"[^\"]*\"?|[^\s'\"&;,)]+)", re.IGNORECASE)
# The form of .NET's drivers: a value ends at the semicolon.
_BETWEEN_SEMICOLONS = re.compile(r"(?:\A|;)\s*(?:password|passwd|pwd)=([^;'\"\s]+)(?=;)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_OF_SCHEME = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+.-")
_PROGRAMS = ("sshpass", "curl", "mysql", "mariadb")
# One of these is in the name of every value that is a password.
_NAMES = ("passw", "passphrase", "pwd")
_URL_END = re.compile(r"[\s'\"<>`]|\Z")
_PORT = re.compile(r"\d{1,5}(?:[/?,#]|\Z)")
_LOGIN = re.compile(r"://|^\w[+.\w-]*:/[^/]*@|[^\s:@/]:[^\s@]+@\S")
_HOSTS = re.compile(r"[^\s@]*\Z")
PLACEHOLDER = re.compile(
    r"%(?:(?:\d+\$)?[sLI])?|\$\d+|\$\{\w*\}|:'\w*'?|\*+|…|<\w*>?|PASSWORD|\(?(?:\\[Sw]|\.|\[\^[^\]]*\])[*+]\??\)?"
)
"""What stands for a value that is put in later, or for any value, as in a regular expression."""
_OF_SHELL = re.compile(r"\$\w+|\$\{\w+\}|\$\(.*\)?|`.*`?")


class TextKind(StrEnum):
    """How a text is read: as the value of a literal, or as prose, in which a ``password=x`` is one, too."""

    LITERAL = auto()
    PROSE = auto()


def looks_like_login(text: str) -> bool:
    """Return whether a text that should be a name reads as a URL or a connection string, or as a part of one.

    >>> [looks_like_login(name) for name in ("u:secret@h", "postgresql://h", "a password=b", "add password", "me@work")]
    [True, True, True, False, False]
    """
    return bool(_LOGIN.search(text)) or any(True for _ in password_spans(text, TextKind.PROSE))


def password_spans(text: str, reading: TextKind) -> Iterator[Span]:
    """Yield where passwords are, as (start, end), in no order and perhaps twice.

    >>> text = "see postgresql://me:secret@host/db and https://host:80/a@b"
    >>> [text[start:end] for start, end in password_spans(text, TextKind.PROSE)]
    ['secret']
    """
    for start, end in _candidates(text, reading):
        if text[start] in "'\"":
            closed = end - 1 if end - start > 1 and text[end - 1] == text[start] else end
            start, end = start + 1, closed  # noqa: PLW2901 - without its quotes
        if not PLACEHOLDER.fullmatch(text, start, end):
            yield start, end


def _candidates(text: str, reading: TextKind) -> Iterator[Span]:
    for start, end in _schemes(text):
        yield from _url_password(text, start, end)
    # Most of a long text has none of these: to look for words takes a fraction of the time that a pattern takes, and to
    # look for one character next to none.
    if "-" in text and any(program in text for program in _PROGRAMS):
        for match in _OF_PROGRAM.finditer(text):
            yield match.span(match.lastindex or 0)
    if "=" not in text or not any(name in text.lower() for name in _NAMES):
        return
    yield from _conninfo_passwords(text)
    for pattern in (_IN_QUERY, _BETWEEN_SEMICOLONS, *([_LOOSE] if reading is TextKind.PROSE else [])):
        yield from (match.span(1) for match in pattern.finditer(text))
    for match in _VARIABLE.finditer(text):
        if not _OF_SHELL.fullmatch(match[1].strip("\"'")):
            yield match.span(1)


def _schemes(text: str) -> Iterator[Span]:
    """Yield where the schemes of URLs begin, and where the colon after each is."""
    colon = text.find("://")
    while colon >= 0:
        start = colon
        while start > 0 and text[start - 1] in _OF_SCHEME:
            start -= 1
        if scheme := _SCHEME.search(text, start, colon):
            yield scheme.start(), colon
        colon = text.find("://", colon + 1)


def _url_password(text: str, start: int, colon: int) -> Iterator[Span]:
    begin = colon + len("://")
    if not text[start:colon].lower().startswith("postgres"):
        yield from _between_colon_and_at(text, begin, _first(text, begin, _url_end(text, begin), "/?#"))
        return
    end = _url_end(text, begin)
    if not text[:start].strip():
        # A literal that is one URL: its password may hold spaces and quotes.
        at = text.rfind("@")
        if at >= end and _HOSTS.match(text, at + 1) and ":" in text[begin:end]:
            end = len(text)
    # libpq takes a slash for the end of the host; people write it in passwords anyway.
    path_end = _first(text, begin, end, "?")
    if text.rfind("@", begin, path_end) >= 0:
        yield from _between_colon_and_at(text, begin, path_end)
    elif not _PORT.match(text, text.find(":", begin, end) + 1, end):
        yield from _between_colon_and_at(text, begin, end)


def _url_end(text: str, begin: int) -> int:
    end = _URL_END.search(text, begin)
    return end.start() if end else len(text)


def _first(text: str, begin: int, end: int, characters: str) -> int:
    return min((at for character in characters if (at := text.find(character, begin, end)) >= 0), default=end)


def _between_colon_and_at(text: str, begin: int, end: int) -> Iterator[Span]:
    colon, at = text.find(":", begin, end), text.rfind("@", begin, end)
    if 0 <= colon < at - 1 and _first(text, begin, end, "/?#[") > colon and text.find("@", begin, colon) < 0:
        yield colon + 1, at


def _conninfo_passwords(text: str) -> Iterator[Span]:
    """Yield the passwords of a text that is a connection string, or has at least two of its pairs in a row."""
    whole, at = _pairs(_ANY_PAIR, text, 0)
    if at == len(text):
        is_hstore = all((pair[2] or "").startswith(">") for pair in whole)  # a=>1, password=>x
        yield from () if is_hstore else _secret_values(whole)
        return
    at = 0
    while first := _FIRST_KEY.search(text, at):
        pairs, at = _pairs(_PAIR, text, first.start())
        at = max(at, first.end())
        if len(pairs) > 1:
            yield from _secret_values(pairs)


def _pairs(pattern: re.Pattern[str], text: str, at: int) -> tuple[list[re.Match[str]], int]:
    pairs = []
    while pair := pattern.match(text, at):
        pairs.append(pair)
        at = pair.end()
    return pairs, at


def _secret_values(pairs: list[re.Match[str]]) -> Iterator[Span]:
    yield from (pair.span(2) for pair in pairs if pair[2] and _SECRET_KEY.fullmatch(pair[1]))
